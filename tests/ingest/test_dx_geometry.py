import numpy as np
import pytest

from marrowmap.image import View
from marrowmap.ingest.radiograph import RadiographView
from tests.ingest.dx_files import coded
from tests.ingest.dx_files import item
from tests.ingest.dx_files import read

_FLIP = {"L": False, "R": True, "F": False, "H": True}


@pytest.mark.parametrize("view", ["AP", "PA"])
@pytest.mark.parametrize("orientation", ["L\\F", "R\\F", "L\\H", "R\\H", "F\\L", "F\\R", "H\\L", "H\\R"])
def test_a_film_comes_out_alike_however_it_lies_in_the_file(tmp_path, orientation, view):
    upright = coded("LOG-")
    first, second = orientation.split("\\")
    across, along = (second, first) if first in "HF" else (first, second)
    stored = upright[:: -1 if _FLIP[across] else 1, :: -1 if _FLIP[along] else 1]
    transposed = first in "HF"
    film = read(
        tmp_path,
        stored.T if transposed else stored,
        PatientOrientation=orientation.split("\\"),
        ViewPosition=view,
        ImagerPixelSpacing=[0.1, 0.2],  # between rows, between columns
    )
    grid = film.plane.grid
    assert film.plane.array == pytest.approx(upright)
    assert grid.axes == pytest.approx(np.array([[1, 0, 0], [0, 0, -1]]))
    assert grid.mirrored == ((transposed + _FLIP[across] + _FLIP[along]) % 2 == 1)
    assert grid.spacing_mm == ((0.1, 0.2) if transposed else (0.2, 0.1))
    assert grid.view is (View.ANTERIOR if view == "AP" else View.POSTERIOR)
    assert film.knows_left


@pytest.mark.parametrize("orientation", [None, ["L", "R"], ["X", "F"]])
def test_without_an_orientation_left_is_unknown(tmp_path, orientation):
    film = read(tmp_path, PatientOrientation=orientation)
    assert film.plane.grid.axes is None
    assert not film.knows_left
    assert film.plane.array == pytest.approx(coded("LOG-"))
    assert "left and right are unknown" in film.orientation_reason


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "AP"}, RadiographView.AP),
        ({"ViewPosition": "PA"}, RadiographView.PA),
        ({"ViewPosition": "LL", "PatientOrientation": ["A", "F"]}, RadiographView.LATERAL),
        ({"ViewPosition": "LLO"}, RadiographView.OTHER),
        ({"ViewPosition": None}, RadiographView.UNKNOWN),
        ({"ViewPosition": None, "SeriesDescription": "Becken a.p."}, RadiographView.AP),
        ({"ViewPosition": None, "SeriesDescription": "hip AP and LAT"}, RadiographView.UNKNOWN),
        ({"SeriesDescription": "frog leg lateral"}, RadiographView.FROG_LEG),
        ({"SeriesDescription": "Lauenstein"}, RadiographView.FROG_LEG),
        ({"SeriesDescription": "Pelvis PA"}, RadiographView.UNKNOWN),
        ({"ViewPosition": None, "ViewCodeSequence": [item(CodeValue="272479007")]}, RadiographView.PA),
        ({"ViewCodeSequence": [item(CodeValue="399033003", CodeMeaning="frontal")]}, RadiographView.AP),
    ],
)
def test_view(tmp_path, tags, view):
    film = read(tmp_path, **tags)
    assert film.view_name is view
    assert film.view_reason
