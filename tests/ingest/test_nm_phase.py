from datetime import datetime

import pytest

from marrowmap.ingest import Phase
from marrowmap.ingest import read_exam
from marrowmap.ingest.nm_phase import phase_in_text
from tests.ingest.nm_files import INJECTED
from tests.ingest.nm_files import camera
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import only
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import read


@pytest.mark.parametrize(
    ("at", "phase", "words"),
    [
        (datetime(2026, 1, 5, 9, 4), Phase.BLOOD_POOL, "4.0 min after the injection"),
        (datetime(2026, 1, 5, 9, 40), Phase.UNKNOWN, "neither flow"),
        (datetime(2026, 1, 5, 12, 0), Phase.DELAYED, "3.0 h after the injection"),
    ],
)
def test_static_views_are_recognized_by_when_they_begin(tmp_path, at, phase, words):
    scan = only(planar(tmp_path, camera=camera(at=at)))
    assert scan.source.phase is phase
    assert words in scan.source.phase_reason


def test_timing_overrules_the_description(tmp_path):
    scan = only(planar(tmp_path, camera=camera(description="blood pool")))
    assert scan.source.phase is Phase.DELAYED
    assert scan.source.phase_reason.endswith("although described as blood pool")


def test_a_description_serves_where_no_time_is_known(tmp_path):
    scan = only(planar(tmp_path, camera=camera(description="BLOOD POOL pelvis"), injection=None))
    assert scan.source.phase is Phase.BLOOD_POOL
    assert "by its description alone, (0018,1072)" in scan.source.phase_reason
    scan = only(planar(tmp_path, injection=None))
    assert (scan.source.phase, "no description" in scan.source.phase_reason) == (Phase.UNKNOWN, True)


def test_the_flow_stands_for_an_injection_not_stated(tmp_path):
    dynamic(tmp_path, injection=None)
    planar(tmp_path, injection=None)
    flow, pool, delayed = read_exam([tmp_path]).scans
    assert [s.source.phase for s in (flow, pool, delayed)] == [Phase.FLOW, Phase.BLOOD_POOL, Phase.DELAYED]
    assert flow.source.phase_reason.startswith("12 frames of 2 s")
    assert "after the flow began" in delayed.source.phase_reason


def test_an_injection_stated_once_counts_for_all(tmp_path):
    dynamic(tmp_path)
    planar(tmp_path, injection=None)
    assert read_exam([tmp_path]).scans[2].source.phase_reason == "begins 3.0 h after the injection"


def test_a_dynamic_hours_later_is_no_flow(tmp_path):
    late = read(dynamic(tmp_path, camera=camera(2, datetime(2026, 1, 5, 12, 0)))).scans[0]
    assert late.source.phase is Phase.DELAYED
    assert late.source.started_at > INJECTED


def test_a_phase_that_nothing_tells_can_be_said(tmp_path):
    scan = only(planar(tmp_path, injection=None), phase=Phase.DELAYED)
    assert scan.source.phase is Phase.DELAYED
    assert scan.source.phase_reason.startswith("--phase, as (0018,1072)")
    assert scan.source.said == ("phase delayed by --phase",)


@pytest.mark.parametrize(
    ("at", "phase"),
    [(datetime(2026, 1, 5, 9, 4), Phase.BLOOD_POOL), (datetime(2026, 1, 5, 9, 40), Phase.UNKNOWN)],
)
def test_a_said_phase_does_not_overrule_the_time(tmp_path, at, phase):
    scan = only(planar(tmp_path, camera=camera(at=at)), phase=Phase.DELAYED)
    assert (scan.source.phase, scan.source.said) == (phase, ())
    assert ("--phase does not overrule" in scan.source.phase_reason) == (phase is Phase.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("3 PHASE FLOW", Phase.FLOW),
        ("bone 3h delayed", Phase.DELAYED),
        ("flow and pool", Phase.UNKNOWN),
        ("bone scan", Phase.UNKNOWN),
    ],
)
def test_words_of_the_phases(text, phase):
    assert phase_in_text(text) is phase
