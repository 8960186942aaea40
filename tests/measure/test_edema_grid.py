"""Cells ticked from masks, against a ball that fills known cells and the model of a virtual hip."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.edema_grid import CELL_FROM_ML
from marrowmap.measure.edema_grid import capsule_grid
from marrowmap.measure.edema_grid import head_grid
from marrowmap.measure.edema_grid import ticked_cells
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.truth import region_masks
from marrowmap.values import Side

SLICES, COLUMNS = 13, 5
RADIUS = 24.0
NECK, ANTERIOR = np.array([1.0, 0, 0]), np.array([0, -1.0, 0])  # a left hip, LPS


def coronal(thickness_mm: float, shape=(80, 24, 80)) -> Grid:
    """Coronal slices of 0.9 mm pixels around the origin, in a grid that is stored slice by slice along y."""
    spacing = np.array([0.9, thickness_mm, 0.9])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def world(grid: Grid) -> np.ndarray:
    return grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))


@pytest.mark.parametrize(("thickness", "rim"), [(1.0, 2), (4.0, 4), (5.0, 4)])
def test_a_full_head_ticks_the_same_cells_at_any_slice_thickness(thickness, rim):
    grid = coronal(thickness, (80, round(60 / thickness), 80))
    full = Mask(grid, np.linalg.norm(world(grid), axis=-1) < RADIUS)
    cells = ticked_cells(full, head_grid((0, 0, 0), RADIUS, NECK, ANTERIOR, slices=SLICES, columns=COLUMNS))
    assert {row for row, _ in cells} == set(range(SLICES))  # no slab falls between two slices
    # The ball itself, counted on a fine lattice: only cells that its rim just touches may differ.
    step = 0.5
    lattice = np.stack(np.meshgrid(*[np.arange(-RADIUS, RADIUS, step) + step / 2] * 3, indexing="ij"), axis=-1)
    ball = lattice[np.linalg.norm(lattice, axis=-1) < RADIUS]
    slab = np.floor((RADIUS + ball[:, 1]) / (2 * RADIUS) * SLICES).astype(int)
    column = np.floor((ball[:, 0] + RADIUS) / (1.62 * RADIUS) * COLUMNS).astype(int)
    volume = np.zeros((SLICES, COLUMNS))
    np.add.at(volume, (slab[column < COLUMNS], column[column < COLUMNS]), step**3 / 1000)
    sure = {tuple(map(int, cell)) for cell in np.argwhere(volume >= 3 * CELL_FROM_ML)}
    assert len(sure) > 45
    assert sure <= set(cells)
    assert abs(len(cells) - (volume >= CELL_FROM_ML).sum()) <= rim


def test_the_front_is_first_and_medial_is_first():
    grid = coronal(2.0, (80, 30, 80))
    where = world(grid)
    corner = Mask(grid, (np.linalg.norm(where - (-14.0, -14.0, 0), axis=-1) < 4))  # medial and in front, left hip
    frame = head_grid((0, 0, 0), RADIUS, NECK, ANTERIOR, slices=SLICES, columns=COLUMNS)
    cells = ticked_cells(corner, frame)
    assert cells
    assert max(row for row, _ in cells) < SLICES // 2
    assert max(column for _, column in cells) <= 1
    mirrored = Mask(grid, corner.array[::-1])
    right = head_grid((0, 0, 0), RADIUS, -NECK, ANTERIOR, slices=SLICES, columns=COLUMNS)
    assert ticked_cells(mirrored, right) == cells


def test_specks_and_what_lies_outside_tick_nothing():
    grid = coronal(4.0)
    array = np.zeros(grid.shape, bool)
    array[40, 12, 40] = True
    frame = head_grid((0, 0, 0), RADIUS, NECK, ANTERIOR, slices=SLICES, columns=COLUMNS)
    assert ticked_cells(Mask(grid, array), frame) == ()
    far = Mask(grid, np.linalg.norm(world(grid) - (29.0, 0, 0), axis=-1) < 6)
    assert ticked_cells(far, frame) == ()
    assert ticked_cells(far, capsule_grid((0, 0, 0), RADIUS, NECK, ANTERIOR, slices=15, columns=2))
    with pytest.raises(InputError, match="above 0"):
        ticked_cells(far, frame, from_ml=0.0)


def test_slices_of_a_virtual_hip_tick_the_cells_of_its_model():
    """The model's edema counted cell by cell on 1 mm, against 4 mm slices of the same edema as a mask."""
    side = Side.LEFT
    person, lesions, _ = draw_exam("toh", 3, side)
    hip = person.hips[side]
    reach = hip.radius + 4
    fine = make_grid(hip.center - reach, hip.center + reach, 1.0)
    truth = bone_layers(person, lesions, fine, np.random.default_rng(3), sides=(side,)).truths[side]
    points = points_of(truth.grid)
    edema = truth.membership * truth.marrow * region_masks(hip, points)["femoral_head"]
    # Truth, without the code under test: volumes of the model's edema by place.
    from_head = hip.bone_coordinates(points)
    slab = np.floor((hip.radius - from_head[..., 2]) / (2 * hip.radius) * SLICES)
    column = np.floor((from_head[..., 0] + hip.radius) / (1.62 * hip.radius) * COLUMNS)
    volume = np.zeros((SLICES, COLUMNS))
    for row in range(SLICES):
        for cell in range(COLUMNS):
            volume[row, cell] = edema[(slab == row) & (column == cell)].sum() / 1000
    true = {tuple(map(int, cell)) for cell in np.argwhere(volume >= CELL_FROM_ML)}
    sure = {tuple(map(int, cell)) for cell in np.argwhere(volume >= 3 * CELL_FROM_ML)}
    ruled_out = {tuple(map(int, cell)) for cell in np.argwhere(volume < CELL_FROM_ML / 10)}

    thick = edema[:, : edema.shape[1] // 4 * 4]
    thick = thick.reshape(thick.shape[0], -1, 4, thick.shape[2]).mean(axis=2)
    affine = truth.grid.affine.copy()
    affine[:3, 3] += affine[:3, 1] * 1.5
    affine[:3, 1] *= 4
    seen = Mask(Grid(thick.shape, affine), thick >= 0.5)
    frame = head_grid(hip.center, hip.radius, hip.axes[:, 0], hip.axes[:, 2], slices=SLICES, columns=COLUMNS)
    found = set(ticked_cells(seen, frame))
    assert len(true) > 20
    assert sure <= found
    assert not found & ruled_out
    assert abs(len(found) - len(true)) <= 4
