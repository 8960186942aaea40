from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Mass
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.mr import tissue_signal
from marrowmap.phantom.replaced import NONE
from marrowmap.phantom.replaced import muscle_signal
from marrowmap.phantom.replaced import replaced_marrow
from marrowmap.values import Side
from tests.phantom.conftest import bone_scene

SIDE = Side.LEFT


def _replaced(tissue: str, radius_mm: float, field_t: float = 1.5):
    person, lesions, _ = draw_exam("normal", 6)
    lesions[SIDE] = Lesion(masses=(Mass((((24.0, 0.0, 0.0), radius_mm),), tissue),))
    built = bone_scene(person, lesions, SIDE)
    return replaced_marrow(built, SIDE, slice_grid(Acquisition(), person), field_t)


def test_a_ball_of_tumor_has_its_volume_and_ratio():
    found = _replaced("tumor", 9.0)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 9**3 / 1000, rel=0.25)
    assert found.ratio == pytest.approx(tissue_signal("tumor", Contrast.T1, 1.5) / muscle_signal(1.5), rel=0.05)


def test_small_or_bright_is_not_replaced():
    assert _replaced("joint_fluid", 3.0) == NONE
    assert _replaced("red_marrow", 9.0) == NONE


def test_muscle_is_brighter_than_tumor_and_darker_than_edema():
    for field_t in (1.5, 3.0):
        tumor, edema = (tissue_signal(tissue, Contrast.T1, field_t) for tissue in ("tumor", "edema"))
        assert tumor < muscle_signal(field_t) < edema
