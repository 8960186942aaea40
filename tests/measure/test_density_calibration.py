"""Two machines made comparable, against a published example and simulated people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.measure.density_calibration import calibrate
from marrowmap.measure.density_calibration import compare_methods
from marrowmap.values import Side
from tests.measure.density_records import record
from tests.measure.published import PEFR_MINI
from tests.measure.published import PEFR_WRIGHT


def test_bland_and_altmans_worked_example():
    """Lancet 1986: mean -2.1, SD 38.8 L/min, limits -79.7 and 75.5; interval of the bias -22.0 to 17.8."""
    agreement = compare_methods(PEFR_MINI[0], PEFR_WRIGHT[0])
    assert round(agreement.bias[0], 1) == -2.1
    assert round(agreement.sd, 1) == 38.8
    # The paper takes 2 SD; 1.96 is what holds 95 %.
    ours = np.array([agreement.lower[0], agreement.upper[0]])
    assert (ours - agreement.bias[0]) * 2 / 1.96 + agreement.bias[0] == pytest.approx([-79.7, 75.5], abs=0.1)
    assert agreement.bias[1:] == pytest.approx((-22.0, 17.8), abs=0.1)


def scanned(n: int, seed: int) -> list:
    rng = np.random.default_rng(seed)
    true = rng.normal(0.9, 0.12, n)
    a, b = true + rng.normal(0, 0.015, n), 0.05 + 1.15 * true + rng.normal(0, 0.015, n)
    pairs = [record(person=str(k), bmd=float(x), machine="A") for k, x in enumerate(a)]
    return pairs + [record(person=str(k), bmd=float(y), machine="B") for k, y in enumerate(b)]


def test_a_stable_person_stays_within_the_limit_between_machines():
    rng = np.random.default_rng(1)
    held = []
    for seed in range(120):
        (calibration,) = calibrate(scanned(30, seed), "a", "B")
        true = rng.normal(0.9, 0.1, 20)
        x, y = true + rng.normal(0, 0.015, 20), 0.05 + 1.15 * true + rng.normal(0, 0.015, 20)
        for first, later in zip(x, y, strict=True):
            expected, error, df = calibration.predict(float(first))
            held.append(abs(later - expected) <= stats.t.ppf(0.975, df) * error)
    assert 0.93 <= np.mean(held) <= 0.97


def test_the_line_and_its_interval():
    (calibration,) = calibrate(scanned(200, 7), "A", "B")
    assert calibration.slope[1] < 1.15 < calibration.slope[2]
    assert calibration.agreement.n == 200
    assert calibration.notes == ()
    (few,) = calibrate(scanned(12, 7), "A", "B")
    assert "ISCD asks for 30" in few.notes[0]


def test_what_is_no_calibration():
    with pytest.raises(InputError, match="two different machines"):
        calibrate(scanned(30, 1), "A", " a")
    with pytest.raises(InputError, match="at most 5 scanned on both"):
        calibrate(scanned(5, 1), "A", "B")
    with pytest.raises(InputError, match="at most 0"):
        calibrate(scanned(30, 1), "A", "C")
    same = [record(person=str(k), bmd=0.9, machine=machine) for k in range(30) for machine in "AB"]
    with pytest.raises(InputError, match="same BMD"):
        calibrate(same, "A", "B")


def test_both_hips_of_a_person_are_not_two_people():
    left = scanned(15, 4)
    right = [replace(one, side=Side.RIGHT, bmd=one.bmd + 0.01 * (k % 3)) for k, one in enumerate(left)]
    (calibration,) = calibrate([*left, *right], "A", "B")
    assert calibration.agreement.n == 30
    assert "15 people: ISCD asks for 30" in calibration.notes[0]
    assert "30 pairs of 15 people" in calibration.notes[1]
    few = [one for one in (*left, *right) if int(one.person) < 5]
    with pytest.raises(InputError, match="at most 5 scanned on both"):
        calibrate(few, "A", "B")


def test_a_computed_column_and_nameless_people_are_refused():
    one = [record(person=str(k), bmd=0.7 + 0.01 * k, machine="A") for k in range(30)]
    with pytest.raises(InputError, match="computed, not measured"):
        calibrate([*one, *(replace(r, machine="B", bmd=2 * r.bmd) for r in one)], "A", "B")
    with pytest.raises(InputError, match="no person"):
        calibrate([replace(r, person="") for r in scanned(30, 1)], "A", "B")
