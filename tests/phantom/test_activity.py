from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.uptake import Factors
from marrowmap.phantom.uptake import Pattern
from marrowmap.phantom.uptake import Uptake
from marrowmap.values import Side
from tests.phantom.bone_scans import coarse_scene
from tests.phantom.bone_scans import scanned


@pytest.fixture(scope="module")
def hot():
    uptake = Uptake(Pattern.HOMOGENEOUS, Factors(2.5, 3.0, 4.0))
    return scanned("toh", 6, Side.LEFT, uptake)


def _head(person, activity, side, pool):
    away = np.linalg.norm(activity.grid.points() - person.hips[side].center, axis=-1)
    return float(activity.shares[pool][away < 0.7 * person.hips[side].radius].mean())


def test_well_bone_takes_up_what_people_do(hot):
    person, _, activity = hot
    # 2.18, SD 0.32 (Xiong 2015).
    assert 1.4 < _head(person, activity, Side.RIGHT, Pool.BONE) < 3.1
    assert (activity.shares[Pool.BONE] >= 0).all()
    assert 0 < activity.shares[Pool.ARTERY].sum() < 0.02 * activity.grid.shape[0] ** 3
    assert activity.shares[Pool.URINE].max() == pytest.approx(1)


@pytest.mark.parametrize(("pool", "times"), [(Pool.CAPILLARY, 2.5), (Pool.EXTRACELLULAR, 3.0), (Pool.BONE, 4.0)])
def test_a_lesion_raises_each_pool_as_it_says(hot, pool, times):
    person, _, activity = hot
    ratio = _head(person, activity, Side.LEFT, pool) / _head(person, activity, Side.RIGHT, pool)
    assert ratio == pytest.approx(times, rel=0.12)


def test_only_the_ill_hip_changes_and_seeds_repeat(hot):
    person, lesions, activity = hot
    well = build_activity(coarse_scene(person, lesions), {}, 6)
    again = build_activity(coarse_scene(person, lesions), {Side.LEFT: activity.hips[Side.LEFT].uptake}, 6)
    changed = np.abs(activity.shares[Pool.BONE] - well.shares[Pool.BONE]) > 1e-4
    where = activity.grid.points()[changed]
    assert len(where)
    assert np.linalg.norm(where - person.hips[Side.LEFT].center, axis=1).max() < 110
    assert np.array_equal(again.shares[Pool.BONE], activity.shares[Pool.BONE])


def test_bone_attenuates_more_than_muscle_and_air_not(hot):
    _, _, activity = hot
    assert activity.attenuation.min() == pytest.approx(0, abs=1e-4)
    assert np.median(activity.attenuation[activity.attenuation > 0.01]) == pytest.approx(0.0157, abs=0.001)
    assert 0.02 < activity.attenuation.max() < 0.04
