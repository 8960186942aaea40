import numpy as np
import pytest

from marrowmap.errors import InputError
from tests.ingest.nm_files import COLUMNS
from tests.ingest.nm_files import ROWS
from tests.ingest.nm_files import counts
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import only
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import read
from tests.ingest.nm_files import reconstruction


def saturate(data):
    values = data.pixel_array.copy()
    values[0, 0] = 65535
    data.PixelData = values.tobytes()


def go_negative(data):
    data.RescaleSlope, data.RescaleIntercept = 1, -20


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (saturate, "4 pixels at 65535, the most that 16 bits hold"),
        (go_negative, "negative counts"),
        (lambda d: setattr(d, "PixelData", bytes(len(d.PixelData))), "0 everywhere"),
        (lambda d: setattr(d, "PixelData", d.PixelData[:-8]), "does not fit the header"),
    ],
)
def test_pixels_that_are_no_counts_are_refused(tmp_path, edit, words):
    with pytest.raises(InputError, match=words):
        read(planar(tmp_path, edit))


def test_a_detector_without_counts_is_refused(tmp_path):
    def lose_the_second(data):
        values = data.pixel_array.copy()
        values[1] = 0
        data.PixelData = values.tobytes()

    with pytest.raises(InputError, match="no counts from detector 2"):
        read(planar(tmp_path, lose_the_second))


def test_one_saturated_frame_of_a_flow_is_noticed(tmp_path):
    with pytest.raises(InputError, match="4 pixels at 65535"):
        read(dynamic(tmp_path, saturate))


def test_a_reconstruction_may_be_negative(tmp_path):
    assert only(reconstruction(tmp_path, go_negative)).volume.array.min() < 0


def test_a_mapping_to_activity_makes_it_calibrated(tmp_path):
    scan = only(reconstruction(tmp_path, bq_per_ml=12.5))
    assert scan.volume.unit == "Bq/mL"
    assert np.sort(scan.volume.array.ravel()) == pytest.approx(np.arange(5 * ROWS * COLUMNS) * 12.5 + 12.5)


def test_units_of_activity_need_their_slope(tmp_path):
    def claim(data):
        data.Units = "BQML"

    with pytest.raises(InputError, match="Units is BQML"):
        read(reconstruction(tmp_path, claim))

    def scale(data):
        data.Units, data.RescaleSlope, data.RescaleIntercept = "BQML", 2, 0

    scan = only(reconstruction(tmp_path, scale))
    assert (scan.volume.unit, scan.volume.array.max()) == ("Bq/mL", 2 * counts(5, ROWS, COLUMNS).max())
