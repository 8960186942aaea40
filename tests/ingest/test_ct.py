import pytest

from marrowmap.errors import InputError
from marrowmap.ingest import Sequence
from marrowmap.ingest import read_exam
from tests.ingest.dicom_files import pixels
from tests.ingest.dicom_files import write_series


def test_a_ct_outside_hounsfield_units_is_refused(tmp_path):
    stored = pixels(5)
    stored[2, 1, 1] = 65535  # -1 written as unsigned
    write_series(tmp_path, modality="CT", stored=stored)
    with pytest.raises(InputError, match="no Hounsfield units"):
        read_exam([tmp_path])


def test_a_ct_without_rescale_is_refused(tmp_path):
    write_series(tmp_path, modality="CT", RescaleIntercept=None)
    with pytest.raises(InputError, match=r"\(0028,1052\) Rescale Intercept"):
        read_exam([tmp_path])


def test_ct_padding_is_air(tmp_path):
    stored = pixels(5)
    stored[:, 0, 0] = 63536
    write_series(tmp_path, modality="CT", stored=stored, PixelPaddingValue=63536)
    volume = read_exam([tmp_path]).series[0].volume
    assert volume.unit == "HU"
    assert (volume.array[0, 0] == -1024).all()


def test_real_ct_series(shared_data):
    (series,) = read_exam([shared_data / "hip-ct-totalseg" / "example_ct_dicom"]).series
    assert series.volume.grid.shape == (512, 512, 20)
    assert series.volume.grid.spacing[2] == pytest.approx(2.0)
    assert series.sequence is Sequence.CT
    assert -1100 < series.volume.array.min() < -900
