"""Recovery: what the curve says, how sure, and where it cannot be told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.likelihood import Observation
from marrowmap.course.likelihood import Shape
from marrowmap.course.recovery import fit_recovery
from marrowmap.course.review import review_course
from marrowmap.ingest.analyzed import read_analyzed
from tests.course import analyzed_folders as made


def _falling(months, *, top=60.0, tau=1.5, residual=0.0, limit=0.2, relative=0.03):
    seen = []
    for t in months:
        value = residual + (top - residual) * math.exp(-t / tau)
        seen.append(
            Observation(t, limit, limit / 2, True)
            if value < limit
            else Observation(t, value, max(relative * value, limit / 2))
        )
    return seen


def test_an_exact_fall_is_found_again():
    fit = fit_recovery(_falling((0, 1, 2, 4, 7)), 1.0)
    assert fit.half_life.value == pytest.approx(1.5 * math.log(2), rel=0.01)
    assert fit.time_to_normal.value == pytest.approx(1.5 * math.log(60), rel=0.02)
    assert fit.time_to_normal.low < 1.5 * math.log(60) < fit.time_to_normal.high
    assert fit.residual.low == 0.0
    assert fit.shape is Shape.EXPONENTIAL


def test_an_incomplete_recovery_never_reaches_normal():
    fit = fit_recovery(_falling((0, 1, 3, 6, 10), residual=12.0), 1.0)
    assert math.isinf(fit.time_to_normal.value)
    assert fit.residual.low < 12.0 < fit.residual.high
    assert fit.residual.low > 10.0


def test_what_has_only_begun_to_fall_has_no_upper_bound():
    fit = fit_recovery(_falling((0, 0.5, 1.0), tau=4.0), 1.0)
    assert math.isinf(fit.time_to_normal.high)
    assert fit.time_to_normal.low < 4.0 * math.log(60)


def test_a_limit_of_detection_is_not_taken_for_a_value():
    # The last exam sees nothing: it bounds the fall, it does not say how far below it is.
    seen = _falling((0, 2, 4, 14))
    fit = fit_recovery(seen, 1.0)
    taken = fit_recovery([*seen[:3], Observation(14, 0.2, 0.1)], 1.0)
    assert seen[-1].below
    assert fit.residual.value < taken.residual.value
    assert fit.time_to_normal.value == pytest.approx(1.5 * math.log(60), rel=0.05)


def test_two_exams_assume_full_recovery_and_say_so():
    fit = fit_recovery(_falling((0, 2)), 1.0)
    assert fit.residual_fixed
    assert any("recovery is taken as complete" in note for note in fit.notes)
    assert math.isinf(fit.time_to_normal.high)
    assert fit.time_to_normal.value == pytest.approx(1.5 * math.log(60), rel=0.02)


def test_one_exam_is_no_course():
    assert fit_recovery(_falling((0,)), 1.0) is None


def test_a_plateau_then_a_fall_is_logistic():
    months = np.array([0, 1, 2, 3, 4, 5, 6, 8])
    values = 60 / (1 + np.exp((months - 4) / 0.6))
    fit = fit_recovery(
        [Observation(float(t), float(v), max(0.03 * v, 0.1)) for t, v in zip(months, values, strict=True)], 1.0
    )
    assert fit.shape is Shape.LOGISTIC
    assert fit.half_life.value == pytest.approx(4.0, abs=0.1)
    assert fit.time_to_normal.value == pytest.approx(4 + 0.6 * math.log(59), rel=0.03)


def test_a_curve_that_misses_widens_its_errors_and_says_so():
    fit = fit_recovery([Observation(t, v, 1.0) for t, v in ((0, 60.0), (1, 20.0), (2, 45.0), (3, 10.0))], 1.0)
    assert fit.misfit_p < 0.001
    assert fit.scale > 2
    assert any("misses the measurements" in note for note in fit.notes)


def test_more_error_makes_the_interval_wider():
    narrow, wide = (fit_recovery(_falling((0, 1, 2, 4, 7), relative=r), 1.0) for r in (0.03, 0.12))
    assert wide.time_to_normal.high - wide.time_to_normal.low > 1.5 * (
        narrow.time_to_normal.high - narrow.time_to_normal.low
    )


def _bone_recovery(tmp_path, before):
    exams = []
    for number, (day, volume) in enumerate((("2020-01-10", 60), ("2020-05-10", 30), ("2020-12-10", 0))):
        exams += read_analyzed(made.write_hip_exam(tmp_path / f"mr{number}", day, volume, age=None))
    rows = made.bmd(before, "left", 1.1)
    for day, value in (("2020-01-12", 0.8), ("2020-05-12", 0.9), ("2020-12-08", 1.05)):
        rows += made.bmd(day, "left", value)
    exams += read_analyzed(made.write_folder(tmp_path / "dxa", rows, age=None))
    review = review_course(build_course(exams))
    return review.recovery_of(review.course.episodes[0], "bmd")


def test_a_bone_density_shortly_before_the_first_exam_is_no_baseline(tmp_path):
    # Onset is unknown: bone may have been lost already.
    found = _bone_recovery(tmp_path / "years", "2017-01-10")
    assert found.baseline == 1.1
    assert _bone_recovery(tmp_path / "weeks", "2019-12-10") is None
