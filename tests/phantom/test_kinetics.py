from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.kinetics import HALF_LIFE_S
from marrowmap.phantom.kinetics import Kinetics
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.kinetics import blood_curve
from marrowmap.phantom.kinetics import decay
from marrowmap.phantom.kinetics import frame_means
from marrowmap.phantom.kinetics import pool_curves
from marrowmap.phantom.kinetics import sample_kinetics

HOUR = 3600.0


def test_first_pass_holds_what_cardiac_output_says():
    times = np.arange(0, 45, 0.05)
    bolus = blood_curve(Kinetics(transit_s=1e9), times)
    assert np.trapezoid(bolus, times) == pytest.approx(780, rel=0.02)
    assert 14 < times[bolus.argmax()] < 18


def test_uptake_and_clearance_are_those_of_people():
    curves = pool_curves(Kinetics(), np.array([2, 3, 4, 5]) * HOUR)
    # 8.9, 9.6, 10.9, 11.3 in pelvis and vertebrae (facts.md 4.2).
    assert np.allclose(curves[Pool.BONE], np.array([8.9, 9.6, 10.9, 11.3]) / 9.6, rtol=0.1)
    # 6 % in the circulation at 4 h (EANM 2016), blood being 7 % of the body.
    assert curves[Pool.ARTERY][2] * 0.07 == pytest.approx(0.06, abs=0.005)


def test_order_of_arrival():
    times = np.arange(0, 60, 0.25)
    curves = pool_curves(Kinetics(), times)
    peaks = [times[curves[pool].argmax()] for pool in (Pool.ARTERY, Pool.CAPILLARY, Pool.VEIN)]
    assert peaks == sorted(peaks)
    assert peaks[0] < peaks[2]
    assert all((curve[times < 4] < 0.05).all() for curve in curves.values())
    assert (np.diff(curves[Pool.EXTRACELLULAR]) >= -1e-9).all()


def test_frames_are_means_with_decay():
    assert float(decay(HALF_LIFE_S)) == pytest.approx(0.5)
    start, each = np.arange(0, 60, 2.0), np.full(30, 2.0)
    frames = frame_means(Kinetics(), start, each)
    times = np.arange(0, 60, 0.01)
    fine = pool_curves(Kinetics(), times)[Pool.CAPILLARY]
    assert frames[Pool.CAPILLARY].shape == (30,)
    assert frames[Pool.CAPILLARY].sum() * 2 == pytest.approx(np.trapezoid(fine, times), rel=0.01)
    late = frame_means(Kinetics(), [HALF_LIFE_S], [1.0])[Pool.BONE]
    assert late[0] == pytest.approx(0.5 * pool_curves(Kinetics(), HALF_LIFE_S)[Pool.BONE], rel=0.01)


def test_people_differ_and_seeds_repeat():
    drawn = [sample_kinetics(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
