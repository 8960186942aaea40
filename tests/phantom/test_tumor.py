from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom import draw_exam
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import tissue_signal
from marrowmap.phantom.tumor import BREAK_FREQUENCY
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip


def _drawn(seed):
    person, lesions, _ = draw_exam("tumor", seed)
    side = next(side for side in Side if lesions[side].masses)
    return person, side, lesions[side]


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_it_is_darker_than_muscle_on_t1_and_bright_where_fluid_is(field):
    assert tissue_signal("tumor", Contrast.T1, field) < tissue_signal("muscle", Contrast.T1, field)
    for contrast in (Contrast.STIR, Contrast.PD_FAT_SATURATED):
        assert tissue_signal("tumor", contrast, field) > 1.4 * tissue_signal("muscle", contrast, field)


def test_masses_are_of_all_shapes_and_sizes():
    lesions = [_drawn(seed)[2] for seed in range(80)]
    radii = [lesion.masses[0].balls[0][1] for lesion in lesions]
    assert min(radii) >= 6
    assert max(radii) > 12
    assert 0.3 < np.mean([len(lesion.masses[0].balls) > 1 for lesion in lesions]) < 0.8
    broken = np.mean([lesion.masses[0].breaks_cortex for lesion in lesions])
    # Not in the head: a fifth of them.
    assert broken == pytest.approx(0.8 * BREAK_FREQUENCY, abs=0.12)
    assert np.mean([lesion.amount > 0 for lesion in lesions]) == pytest.approx(0.4, abs=0.15)
    assert all(lesion.fracture_line is None and lesion.necrosis is None for lesion in lesions)


def test_marrow_is_replaced_and_a_broken_cortex_is_gone():
    seed = next(seed for seed in range(40) if _drawn(seed)[2].masses[0].breaks_cortex)
    person, side, lesion = _drawn(seed)
    painted = paint_hip(person, side, lesion)
    truth = painted.truth
    inside = truth.lesion > 0.99
    assert inside.sum() > 300
    signal = tissue_signal("tumor", Contrast.T1, 1.5)
    assert np.allclose(painted.t1[inside], signal, atol=0.02)
    assert truth.membership[inside].max() < 0.02
    cortex = inside & (truth.marrow < 0.05)
    assert cortex.sum() > 10
    # It stands out of the bone: the same signal where there is no bone.
    bone_coordinates = painted.bone()
    center, radius = lesion.masses[0].balls[0]
    outside = (truth.bone == 0) & (
        np.linalg.norm(bone_coordinates - np.array(center, np.float32), axis=-1) < radius - 2
    )
    assert outside.sum() > 20
    assert np.median(painted.t1[outside]) == pytest.approx(signal, abs=0.02)
