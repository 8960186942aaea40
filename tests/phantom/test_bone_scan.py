from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_reconstruction import Osem
from marrowmap.image.spect_reconstruction import reconstruct
from marrowmap.image.spect_reconstruction import scatter_from_windows
from marrowmap.phantom import draw_exam
from marrowmap.phantom.bone_scan import BoneScan
from marrowmap.phantom.bone_scan import SpectScan
from marrowmap.phantom.bone_scan import frames
from marrowmap.phantom.bone_scan import low_dose_ct
from marrowmap.phantom.bone_scan import planar_series
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.bone_scan import spect_series
from marrowmap.phantom.bone_scan import suv_at
from marrowmap.phantom.bone_scan import suv_per_count
from marrowmap.phantom.ct import ct_grid
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.soft_tissue import REACH_MM
from marrowmap.values import Side
from tests.phantom.bone_scans import scanned

SMALL = BoneScan(
    flow=frames(0.0, 30, 2.0, 64, 9.6),
    pool=frames(300.0, 1, 240.0, 64, 9.6),
    delayed=frames(10800.0, 1, 300.0, 128, 4.8),
    spect=SpectScan(views=30, seconds=40.0, matrix=64, pixel_mm=7.0),
)


@pytest.fixture(scope="module")
def person_and_activity():
    person, _, activity = scanned("toh", 6, Side.LEFT)
    return person, activity


def test_timing_is_the_guidelines():
    person, _, _ = draw_exam("toh", 6, Side.LEFT)
    for seed in range(20):
        scan = sample_bone_scan(person, np.random.default_rng(seed))
        assert 30 <= len(scan.flow.start_s) <= 60
        assert scan.flow.duration_s[0] in {1.0, 2.0}
        assert scan.flow.matrix * scan.flow.pixel_mm == pytest.approx(614.4)
        assert 60 <= scan.pool.start_s[0] <= 600
        assert 180 <= scan.pool.duration_s[0] <= 300
        assert 2 * 3600 <= scan.delayed.start_s[0] <= 5 * 3600
        assert 300 <= scan.injected_mbq <= 740
        assert 60 <= scan.spect.views <= 120
    assert scan == sample_bone_scan(person, np.random.default_rng(19))
    assert low_dose_ct(np.random.default_rng(0)).noise_hu > 25
    grid = ct_grid(low_dose_ct(np.random.default_rng(0)), person)
    ends = grid.to_world([(0, 0, 0), np.array(grid.shape) - 1])[:, 2] - person.origin[2]
    # The CT covers what the camera sees, and the virtual body covers the CT.
    assert ends.min() < -200
    assert ends.max() > 175
    assert ends.min() > REACH_MM[0, 2]
    assert ends.max() < REACH_MM[1, 2]


def test_two_heads_turn_half_a_circle_each():
    scan = SpectScan(start_s=100.0, views=6, seconds=10.0)
    assert np.allclose(scan.angles_deg, [180, 240, 300, 0, 60, 120])
    assert np.allclose(scan.view_start_s, [100, 110, 120, 100, 110, 120])
    assert scan.middle_s == 115


def test_three_phases_look_as_they_should(person_and_activity):
    person, activity = person_and_activity
    flow = planar_series(person, activity, SMALL, SMALL.flow)
    assert flow.counts.shape == (30, 2, 64, 64)
    whole = flow.counts.sum(axis=(1, 2, 3))
    assert whole[:3].max() < 0.01 * whole.max()
    assert whole.argmax() > 4
    delayed = planar_series(person, activity, SMALL, SMALL.delayed)
    for view in range(2):
        rates = {}
        for side, hip in person.hips.items():
            row, column = np.rint(delayed.pixel_of(hip.center, view)).astype(int)
            rates[side] = delayed.counts[0, view, row - 2 : row + 3, column - 2 : column + 3].sum()
        # The ill hip is on the left, in front and from behind.
        assert rates[Side.LEFT] > 1.3 * rates[Side.RIGHT]
    row, column = delayed.pixel_of(np.array([delayed.axis_x_mm + 48.0, 0, delayed.detector.center_z_mm]), 0)
    assert (row, column) == (pytest.approx(63.5), pytest.approx(73.5))


def test_counts_are_clinical(person_and_activity):
    person, activity = person_and_activity
    delayed = planar_series(person, activity, SMALL, SMALL.delayed)
    # The guideline wants some hundred thousand counts in a spot view.
    assert 1.5e5 < delayed.counts[0, 0].sum() < 2e6


def test_reconstruction_gives_the_uptake_back_in_its_place(person_and_activity):
    person, activity = person_and_activity
    # Without urine, which outshines all else.
    dry = replace(activity, shares={**activity.shares, Pool.URINE: np.zeros(activity.grid.shape, np.float32)})
    series = spect_series(person, dry, SMALL)
    assert series.counts.shape == (30, 64, 64)
    mu = resample(Volume(dry.grid, dry.attenuation, "1/mm"), series.grid).array.transpose(2, 1, 0)
    orbit = Orbit(series.angles_deg, series.radius_mm, series.scan.pixel_mm)
    image = reconstruct(
        series.counts, orbit, Osem(4, 6), attenuation=mu, scatter=scatter_from_windows(series.lower_window)
    )
    found = Volume(series.grid, image.transpose(2, 1, 0) * np.float32(suv_per_count(SMALL)), "g/mL")
    true = Volume(dry.grid, suv_at(dry, SMALL, SMALL.spect.middle_s), "g/mL")
    for side in Side:
        center, radius = person.hips[side].center, person.hips[side].radius

        def mean(volume, center=center, radius=radius):
            away = np.linalg.norm(volume.grid.points() - center, axis=-1)
            return float(volume.array[away < 0.6 * radius].mean())

        assert mean(found) == pytest.approx(mean(true), rel=0.1)
    # The hot head's center of uptake lies where the model has it, within a quarter of a voxel.
    center, radius = person.hips[Side.LEFT].center, person.hips[Side.LEFT].radius
    middles = []
    for volume in (found, true):
        points = volume.grid.points()
        near = np.linalg.norm(points - center, axis=-1) < 1.3 * radius
        middles.append((points[near] * volume.array[near][:, None]).sum(axis=0) / volume.array[near].sum())
    assert np.abs(middles[0] - middles[1]).max() < 1.7
