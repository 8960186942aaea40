"""Gemmel's design from protocol to report: AC1 is defined where kappa is not."""

from __future__ import annotations

import json

import pytest

from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.findings import true_findings
from marrowmap.values import Side
from marrowmap.workflow.study import open_study
from marrowmap.workflow.study_demo import MODALITIES
from marrowmap.workflow.study_demo import draw_episodes
from marrowmap.workflow.study_demo import run_study_demo
from marrowmap.workflow.study_report import summarize_study

PRESENT = ("mr.diffuse_edema", "mr.intertrochanteric_demarcation", "scan.diffuse_hyperemia", "scan.homogeneous_uptake")
ABSENT = ("mr.effusion", "mr.subchondral_band", "mr.double_line", "scan.cold_area", "dx.crescent", "dx.head_collapse")


def take(_out, _episode, progress):
    """Give a truth as the phantom's is, without the minutes of laying out twelve bodies."""
    progress("laying out the body", 0.5)
    return "", dict.fromkeys(PRESENT, "present") | dict.fromkeys(ABSENT, "absent") | {
        "transient_osteoporosis": "present"
    }


def test_twelve_episodes_are_of_ten_people():
    episodes = draw_episodes(1)
    assert len(episodes) == 12
    assert len({episode.person for episode in episodes}) == 10
    assert len({(episode.person, episode.side) for episode in episodes}) == 12


def test_the_design_runs_to_its_report_and_ac1_is_defined_where_kappa_is_not(tmp_path):
    told = []
    page = run_study_demo(tmp_path / "demo", take=take, progress=lambda step, share: told.append((step, share)))
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert ("episode 12 of 12: laying out the body", pytest.approx(0.85 * 11.5 / 12)) in told
    assert page.is_file()
    results = json.loads((page.parent / "report.json").read_text())
    assert results["locked"]
    assert results["answers"] >= 3 * (36 + 12 + 18)
    items = results["agreement"]["items"]
    assert {name.partition(".")[0] for name in items} == {"dx", "scan", "mr", "dx+scan+mr"}
    for row in items.values():
        assert (row["cases"], row["people"]) == (12, 10)
    alike = [row for row in items.values() if len(row["categories"]) == 1]
    assert alike
    for row in alike:
        assert row["fleiss_kappa"] is None
        assert row["gwet_ac1"] == 1
        assert 0 < row["gwet_ac1_low"] < 1
    for name, row in items.items():
        if not name.endswith("transient_osteoporosis"):
            assert row["gwet_ac1"] is not None, name
    study = open_study(tmp_path / "demo" / "study")
    # Also a report that is written again says whose answers these are.
    assert any("answers are of virtual readers" in note for note in summarize_study(study)["notes"])
    assert study.store.locked
    assert study.store.require_intact() == results["answers"]
    study.store.close()


@pytest.mark.slow
def test_findings_without_images_are_those_of_the_whole_exam(tmp_path):
    write_virtual_exam("toh", tmp_path / "exam", seed=3, modalities=tuple(MODALITIES.values()), side=Side.RIGHT)
    whole = json.loads((tmp_path / "exam" / "truth.json").read_text())["findings"]
    expected = {(row["modality"], row["sign"]): row["state"] for row in whole if row["side"] == "right"}
    found = {(row["modality"], row["sign"]): row["state"] for row in true_findings("toh", 3, Side.RIGHT)}
    assert found == expected
