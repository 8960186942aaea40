"""Why a neck was not looked at, on painted hips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.image_pair import share_in_view
from marrowmap.measure.neck import blur_along_neck_mm
from marrowmap.measure.neck import measure_neck
from marrowmap.measure.neck import neck_surface


def test_a_well_neck_is_read_and_shows_nothing(well_head):
    neck = measure_neck(well_head.femur, well_head.t1, well_head.fluid, date="2026-01-05")
    assert neck.obstacle == ""
    assert neck.line is None
    assert neck.snr > 10
    assert 0.6 < neck.blur_mm < 3.2
    assert neck.evidence.series_uid == well_head.t1.uid
    assert neck.evidence.mask_sha256 is None


def test_without_one_of_both_images_nothing_is_said(well_head):
    for t1, fluid, missing in ((None, well_head.fluid, "no T1"), (well_head.t1, None, "no fat-suppressed")):
        neck = measure_neck(well_head.femur, t1, fluid, date="")
        assert missing in neck.obstacle
        assert neck.line is None


def test_a_badly_fitted_bone_is_not_searched(well_head):
    lost = replace(well_head.femur, trusted=False, reason="edges disagree")
    assert "edges disagree" in measure_neck(lost, well_head.t1, well_head.fluid, date="").obstacle


def test_a_neck_out_of_view_is_not_searched(well_head):
    volume = well_head.t1.volume
    half = volume.array[:, :, : volume.grid.shape[2] // 2]
    cut = replace(
        well_head.t1, volume=Volume(Grid(half.shape, volume.grid.affine, volume.grid.frame_of_reference_uid), half)
    )
    assert share_in_view(neck_surface(well_head.femur), cut.volume.grid) < 0.9
    assert "of the femoral neck lies within" in measure_neck(well_head.femur, cut, well_head.fluid, date="").obstacle


def test_slices_far_apart_are_not_searched(well_head):
    volume = well_head.t1.volume
    affine = np.array(volume.grid.affine)
    affine[:3, 2] *= 2
    grid = Grid((*volume.grid.shape[:2], (volume.grid.shape[2] + 1) // 2), affine, volume.grid.frame_of_reference_uid)
    coarse = replace(well_head.t1, volume=Volume(grid, np.ascontiguousarray(volume.array[:, :, ::2])))
    assert "6.0 mm apart" in measure_neck(well_head.femur, coarse, well_head.fluid, date="").obstacle


def test_blur_is_what_a_voxel_measures_along_the_neck(well_head):
    along = well_head.femur.axes[:, 0]
    across = np.linalg.svd(along[None])[2][1:]
    affine = np.eye(4)
    affine[:3, :3] = np.stack([0.6 * across[0], 0.7 * across[1], 4.0 * along], axis=1)
    assert blur_along_neck_mm(well_head.femur, Grid((5, 5, 5), affine, "1.9")) == pytest.approx(4.0)
