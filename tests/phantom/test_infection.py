from __future__ import annotations

import numpy as np

from marrowmap.phantom import draw_exam
from marrowmap.phantom.infection import sample_infection
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import tissue_signal
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip
from tests.phantom.conftest import still_hip


def test_marrow_is_dark_on_t1_without_gaps_on_both_sides_of_the_joint():
    person, lesions, _ = draw_exam("infection", 3)
    side = next(side for side in Side if lesions[side].amount > 0)
    painted = paint_hip(person, side, lesions[side])
    truth = painted.truth
    changed = (truth.membership > 0.9) & (truth.marrow > 0.99)
    spared = (truth.membership < 0.02) & (truth.marrow > 0.99)
    assert np.median(painted.t1[changed]) < 0.55 * np.median(painted.t1[spared])
    assert np.median(painted.t1[changed]) < 1.25 * tissue_signal("edema", Contrast.T1, 1.5)
    # Geographic: few voxels are neither changed nor spared.
    inner = truth.marrow > 0.99
    between = (truth.membership > 0.15) & (truth.membership < 0.85) & inner
    assert between.sum() < 0.4 * (truth.membership > 0.85)[inner].sum()
    assert truth.fluid.sum() * truth.grid.voxel_volume_ml > 8
    assert any(blob.bone == "hip_bone" for blob in lesions[side].blobs)


def test_sides_mirror_each_other_and_fluid_is_always_there():
    for seed in range(20):
        one, two = (sample_infection(still_hip(side), np.random.default_rng(seed)) for side in Side)
        assert np.allclose(one.blobs[0].center, two.blobs[0].center, atol=1e-4)
        assert one.effusion_mm >= 6
        assert {blob.bone for blob in one.blobs} == {"femur", "hip_bone"}
