"""What a course adds to the findings."""

from __future__ import annotations

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.findings import bone_change_rows
from marrowmap.course.review import review_course
from marrowmap.ingest.analyzed import read_analyzed
from tests.course import analyzed_folders as made


def _rows(tmp_path, values):
    exams = []
    for number, value in enumerate(values):
        day = f"202{number}-01-10"
        exams += read_analyzed(made.write_folder(tmp_path / day, made.bmd(day, "left", value), age=None))
    review = review_course(build_course(exams))
    return review, bone_change_rows(review)


def test_certainty_of_a_change_is_that_after_correction_for_all_comparisons(tmp_path):
    review, rows = _rows(tmp_path, (1.0, 1.01, 0.90))
    last = next(change for change in review.changes if change.end.year == 2022 and "first" in change.against)
    assert [row["state"] for row in rows] == ["absent", "present"]
    assert rows[1]["certainty"] == pytest.approx(1 - last.adjusted_p, abs=1e-6)
    assert last.adjusted_p >= 2 * last.p  # three comparisons were made, one with a larger change


def test_absence_is_less_certain_toward_the_limit(tmp_path):
    _, rows = _rows(tmp_path, (1.0, 1.0, 0.955))
    assert [row["state"] for row in rows] == ["absent", "absent"]
    assert rows[0]["certainty"] == 1.0
    assert 0.5 < rows[1]["certainty"] < 0.6
