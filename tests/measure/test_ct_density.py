from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.ct_density import CtCalibration
from marrowmap.measure.ct_density import declared_calibration
from marrowmap.measure.ct_density import measure_ct
from marrowmap.measure.ct_density import soft_tissue_hu
from marrowmap.measure.ct_density import usual_calibration
from marrowmap.values import Joint
from marrowmap.values import Side

CALIBRATION = CtCalibration(0.8, 0.01, (1.0, 1.0, 1.0), "a test's")
FAT, MUSCLE = -100, 55


def femur(side):
    shape = side_shape("femur", side)
    center, radius = head_sphere(shape.mean)
    return BoneFrame(
        *("femur", Joint.HIP, side, "ct", "f", center, float(radius), axes(shape.mean), landmarks(shape.mean)),
        *(shape.mean, shape.faces, 0.3, True, ""),
    )


def ct_with(frame, bone_hu, lowest=-130.0):
    """Even bone in fat and muscle: marrow is taken for fat, so mineral is 0.8 times what bone has above it."""
    step = 1.5
    low, high = frame.vertices.min(axis=0) - 15, frame.vertices.max(axis=0) + 15
    low[2] = lowest
    shape = np.ceil((high - low) / step).astype(int)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, "f")
    image = np.where(np.arange(shape[0])[:, None, None] % 2 == 0, FAT, MUSCLE) * np.ones(grid.shape)
    image[voxelize(frame.vertices, frame.faces, grid).array] = bone_hu
    volume = Volume(grid, image.astype(np.float32), "HU")
    where = ("ct", "s", 1, "", "CT", "2026-01-05", volume, Sequence.CT, "", None, "")
    return Series(*where, files=(Path("ct"),))


@pytest.mark.parametrize("side", list(Side))
def test_even_bone_has_the_mineral_of_its_volume(side):
    frame = femur(side)
    found = measure_ct(frame, None, ct_with(frame, 150), CALIBRATION, "2026-01-05")
    # 250 HU above marrow are 200 mg/mL; the neck is some 25 mm thick.
    neck = found.regions["femoral_neck"]
    assert neck.bmc_g / neck.area_cm2 == pytest.approx(0.2 * 2.4, rel=0.15)
    # The picture holds the whole bone that the CT shows.
    grid = ct_with(frame, 150).volume.grid
    shown = voxelize(frame.vertices, frame.faces, grid).array
    view = found.plane.grid
    above_bottom = frame.vertices[:, 2].min() < -130
    assert above_bottom
    assert float(found.plane.array.sum()) * view.pixel_area_mm2 / 100 == pytest.approx(
        0.2 * float(shown.sum()) * grid.voxel_volume_ml, rel=0.25
    )


def test_both_sides_are_mirrored_and_less_mineral_is_less_density():
    both = [
        measure_ct(femur(side), None, ct_with(femur(side), hu), CALIBRATION, "")
        for side, hu in ((Side.LEFT, 150), (Side.RIGHT, 150), (Side.LEFT, 100))
    ]
    left, right, lost = (hip.regions for hip in both)
    for name in left:
        assert right[name].bmd == pytest.approx(left[name].bmd, rel=0.02)
        assert lost[name].bmd / left[name].bmd == pytest.approx(0.8, abs=0.01)


def test_regions_below_the_ct_are_left_out():
    frame = femur(Side.LEFT)
    found = measure_ct(frame, None, ct_with(frame, 150, lowest=-50.0), CALIBRATION, "")
    assert "total_hip" not in found.regions
    assert "femoral_neck" in found.regions


def test_edema_lies_within_the_interval_and_says_so():
    frame = femur(Side.LEFT)
    found = measure_ct(frame, None, ct_with(frame, 150), usual_calibration(), "")
    low, high = found.regions["femoral_neck"].interval()
    # Were the marrow edema, much of the 250 HU would be none of bone.
    assert low < 0.75
    assert high < 1.4
    assert "not comparable" in found.method
    assert "marrow" in found.method


def test_a_declared_slope_narrows_the_interval_and_must_be_one():
    assert declared_calibration(0.84).relative_sd < usual_calibration().relative_sd
    with pytest.raises(UsageError, match="no CT's"):
        declared_calibration(84.0)


def test_own_fat_and_muscle_are_found_and_needed():
    frame = femur(Side.LEFT)
    ct = ct_with(frame, 150)
    fat, muscle = soft_tissue_hu(ct.volume.array)
    assert fat == pytest.approx(FAT, abs=2)
    assert muscle == pytest.approx(MUSCLE, abs=2)
    with pytest.raises(InputError, match="too little fat"):
        soft_tissue_hu(np.full((20, 20, 20), 50, np.float32))
