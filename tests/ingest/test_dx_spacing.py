import pytest

from marrowmap.image import SpacingSource
from tests.ingest.dx_files import CAPTURE
from tests.ingest.dx_files import PIXEL
from tests.ingest.dx_files import read

NONE = {"ImagerPixelSpacing": None, "EstimatedRadiographicMagnificationFactor": None}
AT_DETECTOR = {"EstimatedRadiographicMagnificationFactor": None}
DETECTOR, CALIBRATED = SpacingSource.DETECTOR, SpacingSource.CALIBRATED
NOMINAL, UNKNOWN = SpacingSource.NOMINAL, SpacingSource.UNKNOWN


@pytest.mark.parametrize(
    ("tags", "spacing", "source", "magnification", "doubt"),
    [
        ({}, PIXEL, DETECTOR, 1.15, ""),
        ({"PixelSpacing": [PIXEL, PIXEL]}, PIXEL, DETECTOR, 1.15, ""),
        ({"PixelSpacing": [0.1243, 0.1243]}, 0.1243, CALIBRATED, 1.0, ""),
        ({"PixelSpacing": [0.12, 0.12], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.12, CALIBRATED, 1.0, ""),
        (
            {**NONE, "PixelSpacing": [0.12, 0.12], "PixelSpacingCalibrationType": "GEOMETRY"},
            0.12,
            CALIBRATED,
            1.0,
            "",
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "GEOMETRY"},
            0.2,
            CALIBRATED,
            1.0,
            "does not lie behind the detector",
        ),
        (
            {"PixelSpacing": [PIXEL, PIXEL], "PixelSpacingCalibrationType": "FIDUCIAL"},
            PIXEL,
            CALIBRATED,
            1.0,
            "one of them is wrong",
        ),
        ({"PixelSpacing": [0.11, 0.11]}, PIXEL, DETECTOR, 1.15, "contradict each other"),
        (AT_DETECTOR, PIXEL, DETECTOR, None, "magnified is not stated"),
        (
            {**AT_DETECTOR, "DistanceSourceToDetector": 1150, "DistanceSourceToPatient": 1000},
            PIXEL,
            DETECTOR,
            1.15,
            "at the table, not of the bone",
        ),
        (
            {**AT_DETECTOR, "DistanceSourceToDetector": 1000, "DistanceSourceToPatient": 1150},
            PIXEL,
            DETECTOR,
            None,
            "magnified is not stated",
        ),
        ({"EstimatedRadiographicMagnificationFactor": "1.0"}, PIXEL, DETECTOR, None, "not stated"),
        ({**NONE, "PixelSpacing": [1.0, 1.0]}, 1.0, NOMINAL, None, "spacing of 1.0 mm was not measured"),
        ({**NONE, "PixelSpacing": [0.15, 0.15]}, 0.15, NOMINAL, None, "at the detector or at the bone"),
        ({**NONE, "NominalScannedPixelSpacing": [0.17, 0.17], "Modality": "RG"}, 0.17, NOMINAL, None, "scanned film"),
        (NONE, 1.0, UNKNOWN, None, "states no pixel size"),
        ({**NONE, "PixelSpacing": [0.0, 0.0]}, 1.0, UNKNOWN, None, "states no pixel size"),
        ({"sop": CAPTURE}, PIXEL, DETECTOR, 1.15, "Secondary Capture"),
    ],
)
def test_pixel_size(tmp_path, tags, spacing, source, magnification, doubt):
    film = read(tmp_path, **tags)
    grid = film.plane.grid
    assert (grid.spacing_mm, grid.spacing_source) == ((spacing, spacing), source)
    assert film.magnification == (None if magnification is None else pytest.approx(magnification))
    assert film.magnification_source
    assert doubt in film.length_doubt
    assert bool(doubt) == bool(film.length_doubt)
