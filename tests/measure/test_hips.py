"""Hips on painted bone: what lies in view, and what is refused where the bone is not sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.ingest.exam import Sequence
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.hips import _with_fit_error
from marrowmap.measure.hips import measure_hips
from marrowmap.measure.hips import share_in_view
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import make_series
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip
from tests.anatomy.conftest import true_frames
from tests.measure.ball import ball_femur


@pytest.fixture(scope="module")
def painted():
    """A hip whose fat is not suppressed: enough where nothing is measured."""
    pose = pose_hip(Side.LEFT)
    volume = paint_hip(pose, coronal_grid(pose))
    frames = true_frames(pose, volume)
    return make_series(volume, sequence=Sequence.FLUID_FAT_SUPPRESSED), frames


def femur_of(frames: list[BoneFrame]) -> BoneFrame:
    return next(frame for frame in frames if frame.bone == "femur")


def measure(series, frames) -> tuple[HipMeasurement, int]:
    told = []
    (hip,), rows = measure_hips(
        frames, series, None, date="2026-01-05", k=DEFAULT_K, progress=lambda step, share: told.append(share)
    )
    assert told[-1] == 1.0
    return hip, len(rows)


def box(femur: BoneFrame, above_mm: float, spacing_mm: float = 3.0) -> Grid:
    """A box around the whole femur, cut off at a height above the head's center."""
    low, high = femur.vertices.min(axis=0) - 5, femur.vertices.max(axis=0) + 5
    low[2] = max(low[2], femur.head_center_mm[2] + above_mm)
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = low
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 1
    return Grid(tuple(int(n) for n in shape), affine, femur.frame_of_reference_uid)


def test_all_of_a_bone_lies_in_a_box_around_it(painted):
    seen = share_in_view(femur_of(painted[1]), box(femur_of(painted[1]), -1000))
    assert seen
    assert all(share == pytest.approx(1.0) for share in seen.values())


def test_half_a_head_lies_above_its_center(painted):
    seen = share_in_view(femur_of(painted[1]), box(femur_of(painted[1]), 0.0))
    assert seen["femoral_head"] == pytest.approx(0.55, abs=0.12)
    assert seen["femoral_shaft"] == seen["lesser_trochanter"] == 0.0


def test_nothing_lies_in_a_box_elsewhere(painted):
    femur = femur_of(painted[1])
    away = box(femur, 0.0)
    affine = np.array(away.affine)
    affine[:3, 3] += 1000
    assert set(share_in_view(femur, Grid(away.shape, affine)).values()) == {0.0}


def test_an_unsure_bone_is_an_obstacle(painted):
    series, frames = painted
    doubted = [replace(frame, trusted=False, reason="edges are 9 mm away") for frame in frames]
    hip, rows = measure(series, doubted)
    assert rows == 0
    assert hip.obstacle == "the bone could not be fitted well enough to measure on: edges are 9 mm away"
    assert hip.edema is hip.boundary is hip.effusion is None


def test_a_head_out_of_view_is_an_obstacle(painted):
    series, frames = painted
    femur, up = femur_of(frames), np.array([0.0, 0.0, 115.0])
    moved = replace(
        femur,
        head_center_mm=femur.head_center_mm + up,
        vertices=femur.vertices + up,
        landmarks={name: point + up for name, point in femur.landmarks.items()},
        trusted=True,
    )
    hip, rows = measure(series, [moved])
    assert rows == 0
    assert "% of the femoral head lies within the images" in hip.obstacle


def test_a_hip_is_measured_against_its_own_spared_marrow(painted):
    series, frames = painted
    hip, rows = measure(series, [replace(frame, trusted=True) for frame in frames])
    assert hip.obstacle == ""
    assert rows > 10
    assert hip.edema is not None
    assert 0 <= hip.edema_fraction["femoral_head"].value < 10
    assert hip.evidence is not None


def test_the_acetabulum_is_measured_where_its_bone_is_sure(painted):
    series, frames = painted
    sure = [replace(frame, trusted=True) for frame in frames]
    doubted = [replace(frame, trusted=frame.bone == "femur", reason="edges are 9 mm away") for frame in sure]
    (seen,), rows = measure_hips(sure, series, None, date="", k=DEFAULT_K, progress=lambda step, share: None)
    (unseen,), fewer = measure_hips(doubted, series, None, date="", k=DEFAULT_K, progress=lambda step, share: None)
    of_socket = {row.name: row for row in rows if row.region == "acetabulum"}
    assert set(of_socket) == {"edema_volume", "edema_closed_volume", "edema_fraction"}
    assert of_socket["edema_volume"].quantity.value == 0
    assert of_socket["edema_volume"].evidence.mask_sha256 == seen.acetabulum.closed.sha256
    assert seen.medial_head is not None
    assert unseen.acetabulum is None
    assert "9 mm away" in unseen.acetabulum_obstacle
    assert not [row for row in fewer if row.region == "acetabulum"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("edema_fraction", Quantity(0.0, "%", 0.0, 0.0), (0.0, 0.0)),
        ("edema_volume", Quantity(0.0, "mL", 0.0, 0.0), (0.0, 0.0)),
        ("edema_volume", Quantity(0.0, "mL", 0.0, 2.0), (0.0, 2.0)),
        ("edema_fraction", Quantity(99.0, "%", 98.0, 100.0), (93.1, 100.0)),
        ("edema_volume", Quantity(10.0, "mL"), (9.4, 10.6)),
    ],
)
def test_the_bone_s_error_widens_what_there_is(name, given, expected):
    evidence = Evidence("1.2", ())
    row = Measurement(name, Joint.HIP, Side.LEFT, "femoral_head", given, "MR", "test", "", evidence)
    widened = _with_fit_error(row, replace(ball_femur(), fit_rms_mm=0.3)).quantity
    assert (widened.low, widened.high) == pytest.approx(expected, abs=0.1)
