"""Fine structure of drawn heads."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.errors import InputError
from marrowmap.measure.radiograph_texture import compare_texture
from marrowmap.values import Side

PIXEL_MM = 0.25
SHAPE = (900, 300)
FEMORA = {
    side: SimpleNamespace(head_center_mm=np.array([side.sign * 70.0, 0.0, 0.0]), head_radius_mm=24.0) for side in Side
}


def film(left, right, noise=0.0, lit=None):
    rng = np.random.default_rng(5)
    structure = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0 / PIXEL_MM)
    structure /= structure.std()
    x = (np.arange(SHAPE[0]) - (SHAPE[0] - 1) / 2)[:, None]
    image = structure * np.where(x > 0, left, right) + 0.02 * x + noise * rng.normal(size=SHAPE)
    lit = np.ones(SHAPE, bool) if lit is None else lit
    return HipPlaneImage(image.astype(np.float32), lit, (PIXEL_MM, PIXEL_MM), Beam())


def test_the_ratio_of_drawn_structure_comes_back():
    shown = film(0.5, 1.0)
    ratio = compare_texture(shown, FEMORA, Side.LEFT)
    assert ratio.value == pytest.approx(0.5, rel=0.2)
    assert ratio.low < 0.5 < ratio.high
    assert compare_texture(shown, FEMORA, Side.RIGHT).value == pytest.approx(1 / ratio.value)


def test_noise_is_taken_out():
    clean, noisy = (compare_texture(film(0.5, 1.0, noise), FEMORA, Side.LEFT).value for noise in (0.0, 1.5))
    assert noisy == pytest.approx(clean, rel=0.1)


def test_noise_alone_is_no_structure():
    with pytest.raises(InputError, match="not told from the film's noise"):
        compare_texture(film(0.0, 1.0, 1.5), FEMORA, Side.LEFT)


def test_a_head_out_of_the_beam_is_refused():
    lit = np.ones(SHAPE, bool)
    lit[:350] = False
    with pytest.raises(InputError, match="too little of the right femoral head"):
        compare_texture(film(1.0, 1.0, lit=lit), FEMORA, Side.LEFT)
