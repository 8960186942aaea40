import numpy as np
import pytest

from marrowmap.ingest.radiograph import Intensity
from tests.ingest.dx_files import CR
from tests.ingest.dx_files import FOR_PRESENTATION
from tests.ingest.dx_files import TOP
from tests.ingest.dx_files import attenuation
from tests.ingest.dx_files import coded
from tests.ingest.dx_files import item
from tests.ingest.dx_files import read

FALLING = item(LUTDescriptor=[0, 0, 16], ModalityLUTType="US", LUTData=np.arange(TOP, -1, -1, "<u2").tobytes())
"""A lookup table of 65536 entries that turns the gray scale round."""


def misfit(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Gain, and greatest misfit in parts of the range, of `found` against `true` up to offset and gain."""
    gain, offset = np.polyfit(true.ravel(), found.ravel(), 1)
    return float(gain), float(np.abs(found - gain * true - offset).max() / abs(gain) / np.ptp(true))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", ["LIN+", "LIN-", "LOG+", "LOG-"])
def test_one_film_in_every_coding_is_one_plane(tmp_path, kind, photometric):
    film = read(
        tmp_path,
        coded(kind),
        PixelIntensityRelationship=kind[:3],
        PixelIntensityRelationshipSign=1 if kind[3] == "+" else -1,
        PhotometricInterpretation=photometric,
        PresentationLUTShape="INVERSE" if photometric == "MONOCHROME1" else "IDENTITY",
        WindowCenter=100,
        WindowWidth=10,
    )
    gain, error = misfit(film.plane.array, attenuation())
    assert film.intensity is Intensity.ATTENUATION
    assert gain == pytest.approx(1.0 if kind.startswith("LIN") else 12000.0, rel=1e-3)
    assert error < 1e-3


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (coded("LOG-"), {"PhotometricInterpretation": "MONOCHROME2"}),
        (TOP - coded("LOG-"), {"PhotometricInterpretation": "MONOCHROME1"}),
        (TOP - coded("LOG-"), {"PixelIntensityRelationshipSign": 1, "PhotometricInterpretation": "MONOCHROME2"}),
        (TOP - coded("LOG-"), {"RescaleSlope": -1, "RescaleIntercept": TOP}),
        (coded("LOG-"), {"ModalityLUTSequence": [FALLING], "PhotometricInterpretation": "MONOCHROME1"}),
        (coded("LOG-") - 32768, {"PixelRepresentation": 1}),
        (32767 - coded("LOG-"), {"PixelRepresentation": 1, "PhotometricInterpretation": "MONOCHROME1"}),
    ],
)
def test_bone_is_bright_however_a_film_for_the_eye_is_stored(tmp_path, values, tags):
    film = read(tmp_path, values, sop=CR, **tags)
    gain, error = misfit(film.plane.array, attenuation())
    assert gain > 0
    assert error < 1e-3
    assert film.intensity is Intensity.DISPLAY


def test_a_processed_film_is_for_the_eye_whatever_relationship_it_states(tmp_path):
    film = read(
        tmp_path,
        coded("LOG-"),
        sop=FOR_PRESENTATION,
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
        PresentationIntentType="FOR PRESENTATION",
    )
    assert film.intensity is Intensity.DISPLAY
    assert "FOR PRESENTATION" in film.intensity_reason
    assert misfit(film.plane.array, attenuation())[0] > 0


def test_pixels_without_a_count_stay_finite(tmp_path):
    values = coded("LIN+")
    values[3, 5] = 0
    film = read(tmp_path, values, PixelIntensityRelationship="LIN", PixelIntensityRelationshipSign=1)
    assert film.plane.array.argmax() == np.ravel_multi_index((3, 5), values.shape)
    assert film.plane.array.max() == pytest.approx(np.log(2 * TOP), rel=1e-4)


def test_padding_is_not_lit_and_takes_the_darkest_value(tmp_path):
    values = coded("LOG-")
    values[:4] = TOP
    film = read(tmp_path, values, PixelPaddingValue=TOP)
    assert not film.lit[:4].any()
    assert film.lit[4:].all()
    assert film.plane.array[:4] == pytest.approx(film.plane.array[4:].min())
    assert "Pixel Padding Value" in film.lit_reason


def test_a_color_picture_becomes_gray(tmp_path):
    gray = np.rint(255 * attenuation() / attenuation().max())
    film = read(tmp_path, np.repeat(gray[..., None], 3, axis=2), sop=CR, Modality="DX")
    assert film.plane.array == pytest.approx(gray, abs=1e-3)
    assert film.intensity is Intensity.DISPLAY
    assert "a picture of a radiograph" in film.length_doubt
