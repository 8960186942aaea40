"""Exams that were not made alike are named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marrowmap.course.protocol import compare_protocols
from marrowmap.errors import InputError
from marrowmap.ingest.analyzed import read_analyzed
from tests.course import analyzed_folders as made

DAYS = ("2020-01-10", "2020-06-10")
USUAL = {
    "scanner": "Maker A",
    "field_strength_t": 1.5,
    "sequence": "fluid",
    "echo_time_ms": 60.0,
    "voxel_mm": [1, 1, 4],
}


def _notes(tmp_path, *protocols: dict[str, Any] | None):
    exams = []
    for day, protocol in zip(DAYS, protocols, strict=True):
        folder = made.write_hip_exam(tmp_path / day, day, 40, age=None)
        if protocol is not None:
            series = json.loads((folder / "measurements.json").read_text())["rows"][0]["evidence"]["series_uid"]
            (folder / "manifest.json").write_text(json.dumps({"series": [{"series": series, **protocol}]}))
        exams += read_analyzed(folder)
    return compare_protocols(exams)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scanner": "Maker B"}, "scanner Maker A and Maker B"),
        ({"field_strength_t": 3.0}, "field strength 1.5 and 3 T"),
        ({"sequence": "Dixon water"}, "sequence fluid and Dixon water"),
        ({"echo_time_ms": 80.0}, "echo time 60 and 80 ms"),
        ({"voxel_mm": [1, 1, 3]}, "longest voxel side 4 and 3 mm"),
    ],
)
def test_a_change_of_protocol_is_named(tmp_path, change, words):
    left, right = _notes(tmp_path, USUAL, {**USUAL, **change})
    assert words in left
    assert left.startswith("left hip, 2020-01-10 and 2020-06-10")
    assert right.startswith("right hip")


def test_exams_made_alike_are_not(tmp_path):
    assert _notes(tmp_path, USUAL, {**USUAL, "scanner": "MAKER A", "echo_time_ms": 62.0}) == ()


def test_what_is_not_known_is_said_where_another_exam_says_it(tmp_path):
    left, _ = _notes(tmp_path, USUAL, None)
    assert "how the exam of 2020-06-10 was made is not known" in left


def test_nothing_known_of_any_is_left_to_the_limits(tmp_path):
    assert _notes(tmp_path, None, None) == ()


def test_a_manifest_that_holds_something_else_is_refused(tmp_path):
    folder = made.write_hip_exam(tmp_path / "one", "2020-01-10", 40)
    (folder / "manifest.json").write_text('{"series": 3}')
    with pytest.raises(InputError, match="'series' is no list"):
        read_analyzed(folder)
