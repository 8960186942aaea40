from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image.mirror import mirror_grid
from marrowmap.measure.microarchitecture_match import match_by_frames
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import Place
from tests.ingest.micro_files import grid


def wedge(shape=(40, 36, 30)) -> np.ndarray:
    """A block that no turn or reflection brings onto itself."""
    region = np.zeros(shape, bool)
    region[4:-4, 4:-4, 4:-4] = True
    region[20:, :16, 16:] = False
    region[:12, 24:, :10] = False
    return region


def moved(place: Grid, turn: np.ndarray) -> tuple[Grid, np.ndarray]:
    """The mirrored grid, moved; and the map of points that belong together."""
    mirrored = mirror_grid(place)
    return Grid(mirrored.shape, turn @ mirrored.affine), turn @ np.diag([-1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("spacing", [0.004, 0.3])
@pytest.mark.parametrize("degrees", [(0, 0, 0), (6, -8, 10)])
def test_a_mirrored_and_moved_region_is_found_again(spacing, degrees):
    place = grid((40, 36, 30), spacing)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    turn[:3, 3] = np.array([30.0, -12.0, 7.0]) * spacing
    there, truth = moved(place, turn)
    this, other = Mask(place, wedge()), Mask(there, wedge())
    match = match_by_masks(this, other, 1)
    points = place.to_world(np.argwhere(this.array).astype(float))
    off = np.linalg.norm(match.to_other(points) - (points @ truth[:3, :3].T + truth[:3, 3]), axis=1)
    assert off.max() < 1.0 * spacing
    assert match.overlap > 0.95
    np.testing.assert_allclose(match.origin_mm, points.mean(axis=0))


@pytest.mark.parametrize("sign", [1, -1])
def test_axes_are_lateral_superior_anterior(sign):
    place = grid((40, 36, 30), 0.1)
    there, _ = moved(place, np.eye(4))
    axes = match_by_masks(Mask(place, wedge()), Mask(there, wedge()), sign).axes
    np.testing.assert_array_equal(axes, np.array([[sign, 0, 0], [0, 0, -1], [0, 1, 0]]))


def test_regions_of_different_parts_are_refused():
    place = grid((40, 36, 30), 0.1)
    rod = np.zeros((40, 36, 30), bool)
    rod[18:20, 17:19, 2:28] = True
    with pytest.raises(GeometryError, match="not the same part of the bone"):
        match_by_masks(Mask(place, wedge()), Mask(place, rod), 1)


def test_fitted_frames_say_where_the_other_side_is():
    place = grid((40, 36, 30), 0.1)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (20, 30, -15), degrees=True).as_matrix()
    turn[:3, 3] = (5.0, 1.0, 2.0)
    there, truth = moved(place, turn)
    center, axes = np.array([1.0, 2.0, 1.5]), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])

    def frame(side: Side, middle: np.ndarray, columns: np.ndarray) -> FrameRow:
        rows = tuple(tuple(float(x) for x in column) for column in columns.T)
        middle_mm = (float(middle[0]), float(middle[1]), float(middle[2]))
        return FrameRow(Place.of(Joint.KNEE, side), "femur", middle_mm, 20.0, rows, 0.5, True)

    here = frame(Side.LEFT, center, axes)
    other = frame(Side.RIGHT, truth[:3, :3] @ center + truth[:3, 3], truth[:3, :3] @ axes)
    match = match_by_frames(Mask(place, wedge()), Mask(there, wedge()), here, other)
    np.testing.assert_allclose(match.to_other.matrix, truth, atol=1e-9)
    assert "fitted bone frames" in match.how
