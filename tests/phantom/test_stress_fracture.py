from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.lesion import CrossLine
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.stress_fracture import cross_line_share
from marrowmap.phantom.stress_fracture import sample_stress_fracture
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip
from tests.phantom.conftest import still_hip


@pytest.mark.parametrize("thickness", [0.8, 2.0])
def test_the_sheet_has_its_size(thickness):
    axis = np.arange(-20, 20, 0.5)
    bone = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).astype(np.float32)
    line = CrossLine((0.0, -10.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 12.0, 16.0, thickness)
    share = cross_line_share(line, bone, 0.5)
    inside = share * (bone[..., 1] > -10)
    assert inside.sum() * 0.5**3 == pytest.approx(np.pi / 4 * 12.0 * 16.0 * thickness, rel=0.08)
    assert share[np.abs(bone[..., 0]) > thickness / 2 + 0.6].max() == 0
    assert bone[..., 1][share > 0.3].max() < 3


@pytest.mark.parametrize("side", list(Side))
def test_the_line_starts_at_the_medial_neck_and_edema_is_centered_on_it(side):
    person = sample_person(np.random.default_rng(8), sex="F", age_years=25)
    lesion = sample_stress_fracture(person.hips[side], np.random.default_rng(4))
    painted = paint_hip(person, side, lesion)
    truth, bone = painted.truth, painted.bone()
    line = lesion.cross_line
    assert line.start[1] < -8
    assert abs(np.dot(line.way, line.normal)) < 1e-6
    assert line.normal[0] > 0.9
    dark = truth.line > 0.6
    assert dark.sum() > 10
    assert (bone[dark][:, 1] < line.start[1] + line.length_mm + 3).all()
    near = (truth.line == 0) & (truth.marrow > 0.99) & (truth.membership > 0.8)
    for image in (painted.t1, painted.stir):
        assert np.median(image[dark]) < 0.7 * np.median(image[near])
    edema = truth.membership * truth.marrow
    head = bone[..., 0] < 0.4 * painted.hip.radius
    assert edema[head].sum() < 0.25 * edema.sum()
    assert truth.membership[head & (bone[..., 1] > 5)].max() < 0.05


def test_sides_mirror_each_other():
    one, two = (sample_stress_fracture(still_hip(side), np.random.default_rng(2)) for side in Side)
    assert np.allclose(one.cross_line.start, two.cross_line.start, atol=1e-4)
    assert lesions_have_no_subchondral_line(one)


def lesions_have_no_subchondral_line(lesion):
    return lesion.fracture_line is None and lesion.necrosis is None
