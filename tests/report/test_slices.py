from __future__ import annotations

import itertools

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.report.slices import SliceView

# Where a radiologist expects the patient's directions: left edge, right edge, top.
EXPECTED = {0: ("A", "P"), 1: ("R", "L"), 2: ("R", "L")}


def every_orientation() -> list[np.ndarray]:
    turns = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[axis, column] = sign
            turns.append(matrix)
    return turns


@pytest.mark.parametrize("turn", every_orientation(), ids=str)
def test_every_stored_orientation_is_shown_alike(turn: np.ndarray) -> None:
    affine = np.eye(4)
    affine[:3, :3] = turn * (1.5, 1.5, 4.0)
    grid = Grid((8, 10, 4), affine)
    view = SliceView.radiological(grid)
    normal = int(np.argmax(np.abs(turn[:, 2])))
    assert (view.left_letter, view.right_letter) == EXPECTED[normal]
    # The picture itself must agree with the letters and with place().
    points = grid.points()
    rightward = view.picture(points[..., 1 if normal == 0 else 0], 2)
    downward = view.picture(points[..., 1] if normal == 2 else -points[..., 2], 2)
    assert (np.diff(rightward, axis=1) > 0).all()
    assert (np.diff(downward, axis=0) > 0).all()
    left, right, bottom, top = view.extent
    corner = grid.to_world(np.argwhere(np.ones(grid.shape)))
    placed = view.place(corner)
    assert np.isclose(placed[:, 0].min(), left + 0.75)
    assert np.isclose(placed[:, 0].max(), right - 0.75)
    assert np.isclose(placed[:, 1].min(), top + 0.75)
    assert np.isclose(placed[:, 1].max(), bottom - 0.75)


def test_outline_of_a_box() -> None:
    affine = np.diag([1.0, 1, 1, 1])
    view = SliceView.radiological(Grid((20, 20, 20), affine))
    low, high = 4.0, 9.0
    vertices = np.array(list(itertools.product((low, high), repeat=3)))
    faces = np.array(
        [
            [0, 1, 3],
            [0, 3, 2],
            [4, 6, 7],
            [4, 7, 5],
            [0, 4, 5],
            [0, 5, 1],
            [2, 3, 7],
            [2, 7, 6],
            [0, 2, 6],
            [0, 6, 4],
            [1, 5, 7],
            [1, 7, 3],
        ]
    )
    pieces = view.outline(vertices, faces, 6)
    length = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1).sum()
    assert np.isclose(length, 4 * (high - low))
    assert view.outline(vertices, faces, 15).shape == (0, 2, 2)


@pytest.mark.parametrize("turn", every_orientation()[::5], ids=str)
def test_a_cut_stays_in_its_place(turn: np.ndarray) -> None:
    affine = np.eye(4)
    affine[:3, :3] = turn * (1.5, 1.0, 4.0)
    grid = Grid((12, 10, 4), affine)
    view = SliceView.radiological(grid)
    page = view.picture(grid.points()[..., 0], 1)
    left, right, bottom, top = view.extent
    part, extent = view.cut(page, (left + 2.9, right - 4.2, bottom - 2.1, top + 1.9))
    columns = round((extent[0] - left) / grid.spacing[view.across])
    rows = round((extent[3] - top) / grid.spacing[view.down])
    assert np.array_equal(part, page[rows : rows + part.shape[0], columns : columns + part.shape[1]])
    assert np.isclose(extent[1] - extent[0], part.shape[1] * grid.spacing[view.across])
    assert np.isclose(extent[2] - extent[3], part.shape[0] * grid.spacing[view.down])
    assert extent[0] <= left + 2.9
    assert extent[1] >= right - 4.2
