"""What is doubtful is told of, but neither drawn nor measured on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.measure import hips
from marrowmap.measure.hip import HipMeasurement
from marrowmap.values import Joint
from marrowmap.workflow import bones
from marrowmap.workflow.analyze import _readings
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import locate_bones
from tests.anatomy.conftest import left_frames  # noqa: F401
from tests.anatomy.conftest import left_pose  # noqa: F401
from tests.anatomy.conftest import left_volume  # noqa: F401
from tests.anatomy.conftest import make_series


@pytest.fixture
def frames(left_frames: list[BoneFrame]) -> tuple[BoneFrame, BoneFrame]:  # noqa: F811
    """A trusted femur and a doubtful hip bone."""
    return replace(left_frames[0], trusted=True), replace(left_frames[1], trusted=False, reason="drawn; too dim")


def test_only_trusted_bones_are_carried_into_the_images(frames, left_volume: Volume):  # noqa: F811
    series = make_series(left_volume)
    (reading,) = _readings([series], frames, (), series)
    assert [bone.frame.bone for bone in reading.bones] == ["femur"]


def test_a_doubtful_hip_bone_bounds_no_capsule(monkeypatch, frames, left_volume: Volume):  # noqa: F811
    given = []

    def take(side, fluid, _t1, _femora, hip_bone, *_, **__):
        given.append(hip_bone)
        return HipMeasurement(side, "", fluid, None), []

    monkeypatch.setattr(hips, "_measure_hip", take)
    for hip_bone in (frames[1], replace(frames[1], trusted=True)):
        hips.measure_hips(
            (frames[0], hip_bone), make_series(left_volume), None, date="", k=3.0, progress=lambda _step, _share: None
        )
    assert given[0] is None
    assert given[1] is not None


def point_at_hips(monkeypatch, take):
    """Let `take` lay the frames of hips pointed at."""
    monkeypatch.setitem(bones.JOINT_STARTS, Joint.HIP, replace(bones.JOINT_STARTS[Joint.HIP], from_points=take))


def test_points_the_image_does_not_support_are_refused(monkeypatch, frames, left_volume: Volume):  # noqa: F811
    doubtful = tuple(replace(frame, trusted=False, reason="three points; no edges") for frame in frames)
    point_at_hips(monkeypatch, lambda *_: doubtful)
    center = left_volume.grid.center
    hint = BoneHint(points=[center, center, center])
    with pytest.raises(InputError, match=r"\(left: no edges\): check that --points"):
        locate_bones([make_series(left_volume)], hint)


def test_points_are_fitted_in_the_series_that_shows_them(monkeypatch, frames, left_volume: Volume):  # noqa: F811
    shown = []

    def take(_points, series, _side):
        shown.append(series)
        return frames

    point_at_hips(monkeypatch, take)
    near = make_series(left_volume)
    box = left_volume.grid
    affine = box.affine.copy()
    affine[:3, 3] += 900.0
    elsewhere = make_series(Volume(type(box)(box.shape, affine, "1.9"), left_volume.array))
    locate_bones([elsewhere, near], BoneHint(points=[box.center] * 3))
    assert shown == [near]
