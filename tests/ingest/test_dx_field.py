import numpy as np
import pytest

from marrowmap.ingest.dx_field import estimate_field
from tests.ingest.dx_files import COLUMNS
from tests.ingest.dx_files import ROWS
from tests.ingest.dx_files import read

COLUMN, ROW = np.meshgrid(np.arange(1, COLUMNS + 1), np.arange(1, ROWS + 1), indexing="ij")
RECTANGLE = {
    "CollimatorShape": "RECTANGULAR",
    "CollimatorLeftVerticalEdge": 5,
    "CollimatorRightVerticalEdge": 30,
    "CollimatorUpperHorizontalEdge": 3,
    "CollimatorLowerHorizontalEdge": 50,
}


def test_collimator_and_shutter_turn_with_the_image(tmp_path):
    inside = (COLUMN >= 5) & (COLUMN <= 30) & (ROW >= 3) & (ROW <= 50)
    assert (read(tmp_path, **RECTANGLE).lit == inside).all()
    assert (read(tmp_path, **RECTANGLE, PatientOrientation=["R", "F"]).lit == inside[::-1]).all()
    round_hole = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [20, 15], "RadiusOfCircularShutter": 9}
    both = inside & ((COLUMN - 15) ** 2 + (ROW - 20) ** 2 <= 81)
    film = read(tmp_path, **RECTANGLE, **round_hole)
    assert (film.lit == both).all()
    assert film.lit_reason == "(0018,1700) Collimator Shape, (0018,1600) Shutter Shape"


def test_a_polygon(tmp_path):
    corners = [1, 1, 1, 21, 41, 1]  # row, column
    lit = read(tmp_path, CollimatorShape="POLYGONAL", VerticesOfThePolygonalCollimator=corners).lit
    assert (lit[5, 5], lit[25, 5], lit[15, 35]) == (True, False, False)
    assert lit.sum() == pytest.approx(20 * 40 / 2, rel=0.12)  # pixels on the edge belong to it


def body(rng: np.random.Generator) -> np.ndarray:
    """A bright limb before dark air with noise, shape (600, 500)."""
    column, row = np.meshgrid(np.linspace(-1, 1, 600), np.linspace(-1, 1, 500), indexing="ij")
    limb = np.sqrt(np.clip(0.4 - (column - 0.1 * row) ** 2, 0, None)) * 3
    bone = 1.2 * (np.abs(column - 0.1 * row) < 0.15)
    return (limb + bone + rng.normal(0, 0.03, limb.shape)).astype(np.float32)


@pytest.mark.parametrize("border", [4.2, -1.0])
def test_straight_borders_are_found_white_or_black(border):
    values = body(np.random.default_rng(3))
    values[:90] = values[-60:] = border
    values[:, :40] = border
    lit = estimate_field(values)
    true = np.zeros(values.shape, bool)
    true[90:-60, 40:] = True
    assert not (lit & ~true).any()
    assert (lit & true).sum() > 0.95 * true.sum()


def test_no_border_is_invented_at_a_body_in_air():
    assert estimate_field(body(np.random.default_rng(4))).all()
