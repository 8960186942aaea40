from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.ct_surface import neighbors
from marrowmap.measure.ct_surface import smooth_map
from marrowmap.measure.ct_surface import trace_edge
from marrowmap.measure.head_map import unroll
from tests.measure.ball import FRAME
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur


def ball_ct(radius_mm: float) -> Volume:
    """A hollow ball of bone in muscle, its edge at `radius_mm`."""
    femur = ball_femur()
    affine = np.diag([0.7, 0.7, 1.0, 1.0])
    affine[:3, 3] = femur.head_center_mm - 35
    grid = Grid((101, 101, 71), affine, FRAME)
    away = np.linalg.norm(grid.points() - femur.head_center_mm, axis=-1)
    share = np.clip(0.5 - (away - radius_mm) / 0.8, 0, 1)
    marrow = np.clip(0.5 - (away - radius_mm + 1.0) / 0.8, 0, 1)
    noise = np.random.default_rng(0).normal(0, 15, grid.shape)
    return Volume(grid, (60 + 1500 * share - 1300 * marrow + noise).astype(np.float32))


@pytest.mark.parametrize("off_mm", [-3.0, 0.0, 1.2])
def test_the_edge_is_found_beside_the_fitted_surface(off_mm):
    fitted = unroll(ball_femur())
    edge = trace_edge(fitted, ball_ct(RADIUS_MM + off_mm))
    found = edge.radius_mm[edge.shown]
    assert np.median(found) == pytest.approx(RADIUS_MM + off_mm, abs=0.25)
    assert (np.abs(found - RADIUS_MM - off_mm) < 0.6).mean() > 0.99
    assert (edge.radius_mm[~edge.shown] == fitted.radius_mm[~edge.shown]).all()


def test_an_image_in_another_frame_of_reference_is_refused():
    ct = ball_ct(RADIUS_MM)
    other = Volume(Grid(ct.grid.shape, ct.grid.affine, "1.10"), np.array(ct.array))
    with pytest.raises(GeometryError, match="different frames of reference"):
        trace_edge(unroll(ball_femur()), other)


def test_neighbors_lie_side_by_side():
    mask = np.array([[True, True, False], [True, False, True]])
    assert {tuple(pair) for pair in neighbors(mask).tolist()} == {(0, 1), (0, 2)}


def test_smoothing_keeps_what_is_even_and_what_is_unknown():
    values = np.full((9, 9, 2), 5.0, np.float32)
    values[:3] = np.nan
    smooth = smooth_map(values, 1.5)
    assert np.isnan(smooth[:3]).all()
    assert np.allclose(smooth[3:], 5.0)
