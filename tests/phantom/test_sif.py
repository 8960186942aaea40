from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom import draw_exam
from marrowmap.phantom.sif import DEEPEST_MM
from marrowmap.phantom.sif import sample_sif
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip
from tests.phantom.conftest import still_hip


def test_an_old_person_has_a_shallow_line_and_no_band():
    drawn = [(person, lesion) for person, lesion in _drawn(60)]
    lines = [lesion.fracture_line for _, lesion in drawn]
    assert all(person.age_years >= 58 for person, _ in drawn)
    assert np.mean([person.sex == "F" for person, _ in drawn]) == pytest.approx(0.7, abs=0.16)
    assert all(line is not None and line.filling == "bone" for line in lines)
    assert all(line.depth_mm <= max(DEEPEST_MM, line.thickness_mm / 2 + 1.2) for line in lines)
    assert all(lesion.necrosis is None for _, lesion in drawn)
    assert np.mean([line.depression_mm > 0 for line in lines]) == pytest.approx(0.3, abs=0.15)
    ratio = [line.depth_mm / 46 for line in lines]
    assert np.median(ratio) < 0.22 * 0.6


def _drawn(count):
    for seed in range(count):
        person, lesions, _ = draw_exam("sif", seed)
        yield person, next(lesion for lesion in lesions.values() if lesion.amount > 0)


def test_edema_lies_mostly_in_the_head_around_the_line():
    person, lesions, _ = draw_exam("sif", 3)
    side = next(side for side in Side if lesions[side].amount > 0)
    painted = paint_hip(person, side, lesions[side])
    truth, bone = painted.truth, painted.bone()
    edema = truth.membership * truth.marrow
    head = np.linalg.norm(bone, axis=-1) < 1.1 * painted.hip.radius
    assert edema[head].sum() > 0.75 * edema.sum()
    near = (truth.line == 0) & (truth.marrow > 0.99) & (truth.membership > 0.8) & head
    dark = truth.line > 0.6
    assert dark.sum() > 10
    assert np.median(painted.stir[dark]) < 0.7 * np.median(painted.stir[near])
    assert np.median(painted.t1[dark]) < 0.7 * np.median(painted.t1[near])


def test_sides_mirror_each_other():
    one, two = (sample_sif(still_hip(side), np.random.default_rng(2)) for side in Side)
    assert np.allclose(one.blobs[0].center, two.blobs[0].center, atol=1e-5)
    assert np.allclose(one.fracture_line.toward, two.fracture_line.toward, atol=1e-6)
