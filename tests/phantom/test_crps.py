from __future__ import annotations

import numpy as np
from scipy import ndimage

from marrowmap.phantom import draw_exam
from marrowmap.phantom.crps import sample_crps
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip
from tests.phantom.conftest import still_hip


def test_edema_is_in_many_separate_patches():
    person, lesions, _ = draw_exam("crps", 3)
    side = next(side for side in Side if lesions[side].amount > 0)
    painted = paint_hip(person, side, lesions[side])
    truth = painted.truth
    patches = (truth.membership > 0.5) & (truth.marrow > 0.5)
    _, count = ndimage.label(patches)
    assert count >= 4
    assert 0.02 < patches.sum() / (truth.marrow > 0.5).sum() < 0.35
    spared = (truth.membership < 0.02) & (truth.marrow > 0.99)
    assert np.median(painted.stir[patches]) > 1.8 * np.median(painted.stir[spared])


def test_sides_mirror_each_other_and_both_bones_are_spotted():
    one, two = (sample_crps(still_hip(side), np.random.default_rng(1)) for side in Side)
    assert np.allclose([b.center for b in one.blobs], [b.center for b in two.blobs], atol=1e-4)
    assert {blob.bone for blob in one.blobs} == {"femur", "hip_bone"}
    assert all(blob.radius_mm < 8 for blob in one.blobs)
