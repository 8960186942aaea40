import numpy as np
import pytest
from scipy import ndimage

from marrowmap.anatomy.head_circle import HeadCircle
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.measure.radiograph_head import SECTOR_DEG
from marrowmap.measure.radiograph_head import depression
from marrowmap.measure.radiograph_head import least_over_arc
from marrowmap.measure.radiograph_head import mean_space
from marrowmap.measure.radiograph_head import trace_head
from marrowmap.values import Side

PIXEL = 0.25
SHAPE = (340, 340)
RADIUS = 23.0


def drawn(space=4.0, dent=0.0, side=Side.LEFT, narrowed=0.0):
    """A head in the middle of a film under a roof; a dent at 10 degrees outward, a narrowed place at 25 inward."""
    half = (SHAPE[0] - 1) / 2
    x, z = np.meshgrid((np.arange(SHAPE[0]) - half) * PIXEL, -(np.arange(SHAPE[1]) - half) * PIXEL, indexing="ij")
    angle = np.degrees(np.arctan2(x * side.sign, z))
    away = np.hypot(x, z)
    edge = RADIUS - dent * np.exp(-(((angle - 10) / 14) ** 2) / 2)
    roof = RADIUS + space - narrowed * np.exp(-(((angle + 25) / 8) ** 2) / 2)
    image = 0.4 * (away < edge) + 0.9 * ((away > roof) & (away < roof + 4) & (np.abs(angle) < 80))
    image = ndimage.gaussian_filter(image.astype(float), 1.2)
    image += 0.01 * np.random.default_rng(0).standard_normal(SHAPE)
    return HipPlaneImage(image.astype(np.float32), np.ones(SHAPE, bool), (PIXEL, PIXEL), Beam())


def traced(side=Side.LEFT, **kind):
    return trace_head(drawn(side=side, **kind), HeadCircle((0.0, 0.0), RADIUS, 2.0), side)


@pytest.mark.parametrize("space", [1.5, 3.0, 5.0])
def test_the_width_of_the_joint_space(space):
    outline = traced(space=space)
    assert mean_space(outline) == pytest.approx(space, abs=0.2)
    assert least_over_arc(outline, outline.space_mm, SECTOR_DEG) == pytest.approx(space, abs=0.25)
    assert depression(outline) < 0.2


@pytest.mark.parametrize("side", list(Side))
def test_a_narrow_place_and_a_dent_on_either_side(side):
    outline = traced(side, narrowed=2.0, dent=2.5)
    least = least_over_arc(outline, outline.space_mm, SECTOR_DEG)
    assert least == pytest.approx(2.4, abs=0.5)
    assert depression(outline) == pytest.approx(2.3, abs=0.4)
    deepest = outline.angle_deg[np.nanargmin(outline.head_mm)]
    assert deepest == pytest.approx(10, abs=8)
    assert np.sign(outline.points(outline.head_mm)[-1, 0]) == side.sign


def test_a_film_without_edges_tells_no_width():
    blank = HipPlaneImage(
        np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32) * 0.01,
        np.ones(SHAPE, bool),
        (PIXEL, PIXEL),
        Beam(),
    )
    outline = trace_head(blank, HeadCircle((0.0, 0.0), RADIUS, 0.1), Side.LEFT)
    spread = np.nanstd(outline.head_mm - RADIUS) if np.isfinite(outline.head_mm).any() else np.inf
    assert mean_space(outline) is None or spread > 0.3
