from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy.dxa_fit import _posed
from marrowmap.anatomy.dxa_fit import fit_areal
from marrowmap.anatomy.dxa_fit import outline_mask
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.values import Side

WEIGHTS = np.array([0.8, -0.6, 0.5])


def flat_femur(side, shift=(3.0, -4.0)):
    """A femur of another shape than the mean as an even shadow, and where its saddle and head center lie (x, z)."""
    posed = _posed(side)
    vertices = posed.mean + np.tensordot(WEIGHTS, posed.modes[:3], axes=1)
    outward = 1.0 if side is Side.LEFT else -1.0
    vertices = vertices + np.array([outward * shift[0], 0.0, shift[1]])
    ends = sorted([-outward * 48.0, outward * 82.0])
    grid = PlaneGrid(
        *((217, 283), (0.6, 0.6), SpacingSource.CALIBRATED, View.ANTERIOR),
        axes=np.array([[1.0, 0, 0], [0, 0, -1.0]]),
        origin_mm=np.array([ends[0], 0.0, 58.0]),
    )
    shadow = outline_mask(vertices, posed.faces, grid).astype(np.float32)
    return Plane(grid, shadow, "g/cm2"), vertices


@pytest.mark.parametrize("side", list(Side))
def test_a_shadow_is_found_again(side):
    plane, vertices = flat_femur(side)
    found = fit_areal(plane, side)
    assert found.likeness > 0.8
    assert found.seen > 0.9
    assert found.edge_rms_mm < 0.5
    # Up to 30 mm below the head center: of these the regions are made.
    near = np.abs(vertices[:, 2] - found.frame.center[2]) < 30
    assert np.abs(found.vertices[near][:, [0, 2]] - vertices[near][:, [0, 2]]).mean() < 1.0


def test_both_sides_are_mirrored():
    (left, _), (right, _) = flat_femur(Side.LEFT), flat_femur(Side.RIGHT)
    a, b = fit_areal(left, Side.LEFT), fit_areal(right, Side.RIGHT)
    assert np.abs(a.frame.saddle - b.frame.saddle).max() < 0.5
    assert a.frame.center[0] == pytest.approx(-b.frame.center[0], abs=1.0)


def test_outline_covers_what_lies_inside_and_widens():
    plane, vertices = flat_femur(Side.LEFT)
    faces = _posed(Side.LEFT).faces
    mask = outline_mask(vertices, faces, plane.grid)
    wide = outline_mask(vertices, faces, plane.grid, 3.0)
    assert (mask & ~wide).sum() == 0
    assert 1.05 < wide.sum() / mask.sum() < 1.4


def test_nothing_is_no_femur():
    plane, _ = flat_femur(Side.LEFT)
    noise = np.random.default_rng(0).normal(0, 0.02, plane.grid.shape).astype(np.float32)
    assert fit_areal(Plane(plane.grid, noise, "g/cm2"), Side.LEFT).likeness < 0.6
