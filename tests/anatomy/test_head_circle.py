import numpy as np
import pytest
from scipy import ndimage

from marrowmap.anatomy.head_circle import ExpectedHead
from marrowmap.anatomy.head_circle import find_head_circles
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.values import Side

PIXEL = 0.4
SHAPE = (500, 300)
HEADS = {Side.LEFT: (45.0, -4.0, 23.0), Side.RIGHT: (-47.0, 2.0, 23.4)}


def drawn(*, roof=True, noise=0.3):
    """Two bright discs, each under a bright roof that runs 4 mm further out."""
    x = (np.arange(SHAPE[0]) - (SHAPE[0] - 1) / 2) * PIXEL
    z = -(np.arange(SHAPE[1]) - (SHAPE[1] - 1) / 2) * PIXEL
    x, z = np.meshgrid(x, z, indexing="ij")
    image = 0.01 * x
    for cx, cz, r in HEADS.values():
        away = np.hypot(x - cx, z - cz)
        image = image + 0.5 * (away < r)
        if roof:
            image = image + 1.0 * ((away > r + 4) & (away < r + 7) & (z > cz + 5))
    texture = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(SHAPE), 1.5)
    image = ndimage.gaussian_filter(image, 0.8) + noise * texture
    return HipPlaneImage(image.astype(np.float32), np.ones(SHAPE, bool), (PIXEL, PIXEL), Beam())


def expected(off=(2.0, -1.5), grown=1.03):
    return {
        side: ExpectedHead(np.array([cx + off[0], cz + off[1]]), r * grown, np.array([float(side.sign), -0.7]))
        for side, (cx, cz, r) in HEADS.items()
    }


@pytest.mark.parametrize(("off", "grown"), [((0, 0), 1.0), ((2.0, -1.5), 1.03), ((-1.0, 3.0), 0.95)])
def test_the_outline_is_found_under_a_brighter_roof(off, grown):
    found = find_head_circles(drawn(), expected(off, grown))
    for side, (cx, cz, r) in HEADS.items():
        assert found[side].center_mm == pytest.approx((cx, cz), abs=1.3)
        assert found[side].radius_mm == pytest.approx(r, abs=0.6)
        assert found[side].sharpness > 1


def test_noise_has_no_sharp_outline():
    shown = drawn()
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2).astype(np.float32)
    blank = HipPlaneImage(noise, shown.lit, shown.pixel_mm, shown.beam)
    assert max(circle.sharpness for circle in find_head_circles(blank, expected()).values()) < 0.6


def test_a_mirrored_film_gives_mirrored_heads():
    shown = drawn()
    turned = HipPlaneImage(shown.attenuation[::-1], shown.lit, shown.pixel_mm, shown.beam)
    found = find_head_circles(shown, expected())
    flip = np.array([-1.0, 1.0])
    heads = {
        side.opposite: ExpectedHead(one.center_mm * flip, one.radius_mm, one.neck * flip)
        for side, one in expected().items()
    }
    mirrored = find_head_circles(turned, heads)
    for side in Side:
        assert np.array(mirrored[side.opposite].center_mm) * flip == pytest.approx(found[side].center_mm, abs=0.1)
