"""Virtual radiographs as the phantom writes them: every coding of one exposure must come back as that exposure."""

import itertools

import numpy as np
import pytest

from marrowmap.ingest import read_exam
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.dx import detector_limits
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import Relationship
from marrowmap.phantom.dx_dicom import write_dx
from marrowmap.phantom.x_rays import Cone
from marrowmap.values import Side
from tests.ingest.nm_files import STUDY

SHAPE = (60, 44)
SCAN = DxScan(inset_mm=(2.0, 1.0, 0.5, 0.0))
CONE = Cone(np.array([0, -900.0, 0]), np.array([-7.5, 200.0, 5.5]), np.array([[1.0, 0, 0], [0, 0, -1]]), 0.25, SHAPE)


def counts() -> np.ndarray:
    """Quanta a pixel behind a body without symmetry, within the detector's range."""
    low, high = detector_limits(SCAN)
    column, row = np.meshgrid(np.linspace(0, 1, SHAPE[0]), np.linspace(0, 1, SHAPE[1]), indexing="ij")
    thick = 0.2 + 0.5 * np.exp(-(((column - 0.35) / 0.2) ** 2)) + 0.2 * row
    return np.asarray(high * (2 * low / high) ** thick, np.float32)


CODINGS = [
    DxFile(intent, relationship, sign, toward)
    for intent, relationship, sign, toward in itertools.product(Intent, Relationship, (-1, 1), "LR")
    if (intent, relationship) != (Intent.PRESENTATION, Relationship.LINEAR)
]


@pytest.mark.parametrize(
    "how", CODINGS, ids=lambda how: f"{how.intent.name}-{how.relationship.value}{how.sign:+d}{how.columns_toward}"
)
def test_every_coding_comes_back_as_the_exposure(tmp_path, how):
    write_dx(tmp_path / "dx.dcm", counts(), CONE, SCAN, how, STUDY, 5)
    (film,) = read_exam([tmp_path]).radiographs
    true = -np.log(counts())
    grid = film.plane.grid
    assert grid.axes == pytest.approx(np.array([[1, 0, 0], [0, 0, -1]]))
    assert grid.mirrored == (how.columns_toward == "R")
    assert (film.view_name, film.side) == (RadiographView.AP, None)
    assert film.magnification == pytest.approx(1100 / 1040, abs=1e-3)
    assert "at the table, not of the bone" in film.length_doubt
    inside = np.zeros(SHAPE, bool)
    inside[8:-4, 2:] = True
    assert (film.lit != inside).sum() <= inside.sum() * 0.1  # an edge may be counted in or out
    if how.intent is Intent.PROCESSING:
        gain, offset = np.polyfit(true.ravel(), film.plane.array.ravel(), 1)
        assert film.intensity is Intensity.ATTENUATION
        assert gain > 0
        assert np.abs((film.plane.array - offset) / gain - true).max() < 0.01 * np.ptp(true)
    else:
        assert film.intensity is Intensity.DISPLAY
        assert np.corrcoef(true.ravel(), film.plane.array.ravel())[0, 1] > 0.5


def test_one_hip_has_its_side(tmp_path):
    write_dx(tmp_path / "dx.dcm", counts(), CONE, SCAN, DxFile(magnification=1.17), STUDY, 5, (Side.RIGHT,))
    (film,) = read_exam([tmp_path]).radiographs
    assert film.side is Side.RIGHT
    assert (film.magnification, film.length_doubt) == (1.17, "")
