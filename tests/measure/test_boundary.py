import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy.special import ndtr

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.boundary import WIDTH_PER_SD
from marrowmap.measure.boundary import measure_boundary

ARC = np.arange(-40.0, 60.5, 0.5)
CURVE = np.outer(ARC, [0.0, 0.0, -1.0])


def picture(position, width, *, thickness=4.0, spacing=4.5, axis=2, plateau=0.9, floor=0.0, noise=0.03, seed=0):
    """A rod of marrow along z whose membership falls along -z, each voxel averaging over its own extent."""
    sizes = np.array([0.7, 0.7, 0.7])
    sizes[axis] = spacing
    extent = sizes.copy()
    extent[axis] = thickness
    shape = tuple(int(n) for n in np.round([30 / sizes[0], 30 / sizes[1], 140 / sizes[2]]))
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * sizes + [0, 0, -10]
    grid = Grid(shape, affine)
    along = -grid.points()[..., 2]
    fine = (np.arange(21) - 10) / 21 * extent[2]
    sd = width / WIDTH_PER_SD
    share = np.mean([ndtr((position - along - offset) / sd) for offset in fine], axis=0)
    values = floor + (plateau - floor) * share + np.random.default_rng(seed).normal(0, noise, shape)
    return Volume(grid, np.clip(values, 0, 1).astype(np.float32), "1"), Mask(grid, np.ones(shape, bool)), extent[axis]


@settings(max_examples=12)
@given(st.floats(-8, 15), st.floats(3, 14), st.sampled_from([0, 2]), st.integers(0, 100))
def test_position_and_width_come_back_also_across_thick_slices(position, width, axis, seed):
    membership, marrow, thickness = picture(position, width, axis=axis, seed=seed)
    found = measure_boundary(membership, marrow, CURVE, ARC, slice_thickness_mm=thickness, frame_error_mm=0.5)
    assert found.position_mm.value == pytest.approx(position, abs=0.7)
    assert found.width_mm.value == pytest.approx(width, abs=max(1.5, 0.2 * width))
    assert found.position_mm.low < position < found.position_mm.high


def test_the_slice_blur_is_taken_out():
    membership, marrow, thickness = picture(0.0, 3.0, thickness=6.0, spacing=6.0)
    found = measure_boundary(membership, marrow, CURVE, ARC, slice_thickness_mm=thickness, frame_error_mm=0.5)
    naive = measure_boundary(membership, marrow, CURVE, ARC, slice_thickness_mm=0.1, frame_error_mm=0.5)
    assert found.width_mm.value < 4.5
    assert naive.width_mm.value > found.width_mm.value + 0.5


def test_no_edema_no_edge():
    membership, marrow, _ = picture(0.0, 6.0, plateau=0.05)
    found = measure_boundary(membership, marrow, CURVE, ARC, slice_thickness_mm=4.0, frame_error_mm=0.5)
    assert found.position_mm is None
    assert "too little edema" in found.note


def test_an_edge_beyond_the_view_is_not_measured():
    membership, marrow, _ = picture(200.0, 6.0)
    found = measure_boundary(membership, marrow, CURVE, ARC, slice_thickness_mm=4.0, frame_error_mm=0.5)
    assert found.position_mm is None
    assert found.note


def test_no_marrow_in_view():
    membership, marrow, _ = picture(0.0, 6.0)
    nothing = Mask(marrow.grid, np.zeros(marrow.grid.shape, bool))
    found = measure_boundary(membership, nothing, CURVE, ARC, slice_thickness_mm=4.0, frame_error_mm=0.5)
    assert "too little marrow" in found.note


def test_grids_must_agree():
    membership, _, _ = picture(0.0, 6.0)
    other = Mask(Grid((2, 2, 2), np.eye(4)), np.ones((2, 2, 2), bool))
    with pytest.raises(GeometryError, match="resample"):
        measure_boundary(membership, other, CURVE, ARC, slice_thickness_mm=4.0, frame_error_mm=0.5)
