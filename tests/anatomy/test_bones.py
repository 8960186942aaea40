"""Hips and knees are looked for together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marrowmap.anatomy import bones
from marrowmap.anatomy import find_bones
from marrowmap.anatomy.label_witness import LabelWitness
from marrowmap.anatomy.networks import JointPlace
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.ingest import read_exam
from marrowmap.values import Joint
from marrowmap.values import Side
from tests.anatomy.conftest import make_series


@pytest.mark.slow
def test_nothing_in_noise():
    rng = np.random.default_rng(3)
    grid = Grid((64, 64, 20), np.diag([2.5, 2.5, 4.0, 1.0]))
    noise = make_series(Volume(grid, rng.gamma(2.0, 100.0, grid.shape).astype(np.float32)))
    assert not any(frame.trusted for frame in find_bones([noise]))


def test_nothing_in_a_constant_image():
    grid = Grid((32, 32, 8), np.diag([2.5, 2.5, 4.0, 1.0]))
    assert find_bones([make_series(Volume(grid, np.full(grid.shape, 7.0, np.float32)))]) == ()


@pytest.mark.parametrize(("trusted", "joints"), [(True, {Joint.KNEE}), (False, {Joint.KNEE, Joint.HIP})])
def test_only_a_trusted_knee_ends_the_search_in_a_narrow_view(monkeypatch, left_frames, left_volume, trusted, joints):
    knee = replace(left_frames[0], joint=Joint.KNEE, trusted=trusted)
    place = JointPlace(Joint.KNEE, Side.LEFT, left_volume.grid.center, 1.0)
    monkeypatch.setattr(bones, "_look_for_knee", lambda *_: (place, LabelWitness((), {})))
    monkeypatch.setattr(bones, "find_knees", lambda *_: (knee,))
    monkeypatch.setattr(bones, "find_hips", lambda *_: tuple(left_frames))
    assert {frame.joint for frame in find_bones([make_series(left_volume)])} == joints


def test_a_real_knee(shared_data: Path):
    folder = shared_data / "knee-mese-t2" / "dicom"
    frames = find_bones(read_exam([folder]).series[:1])
    assert {frame.joint for frame in frames} == {Joint.KNEE}
    assert {frame.bone for frame in frames} == {"femur", "tibia", "fibula", "patella"}
    assert len({frame.side for frame in frames}) == 1
    femur, tibia = (next(f for f in frames if f.bone == bone) for bone in ("femur", "tibia"))
    assert femur.trusted
    assert femur.fit_rms_mm < 1.0
    # The joint line of this knee runs through the middle of the view; the femur lies above the tibia.
    assert femur.vertices[:, 2].mean() > tibia.vertices[:, 2].mean() + 40
