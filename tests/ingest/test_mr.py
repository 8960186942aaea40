import pydicom
import pytest

from marrowmap.errors import InputError
from marrowmap.ingest import Sequence
from marrowmap.ingest import mr
from marrowmap.ingest import read_exam
from marrowmap.ingest.read_header import read_header
from tests.ingest.dicom_files import pixels
from tests.ingest.dicom_files import write_enhanced
from tests.ingest.dicom_files import write_series


def test_classic_enhanced_and_unnamed_mr_match(tmp_path):
    (classic, *_) = write_series(tmp_path / "c", count=1)
    (ct, *_) = write_series(tmp_path / "ct", count=1, modality="CT")
    headers = [read_header(path) for path in (classic, write_enhanced(tmp_path / "e.dcm"), classic, ct)]
    del headers[2].dataset.SOPClassUID
    del headers[2].dataset.file_meta.MediaStorageSOPClassUID
    assert [mr.matches(header) for header in headers] == [True, True, True, False]


@pytest.mark.parametrize("word", ["P", "PHASE"])
def test_a_phase_image_may_be_negative(tmp_path, word):
    image_type = ["ORIGINAL", "PRIMARY", word]
    write_series(tmp_path, ImageType=image_type, RescaleSlope=2, RescaleIntercept=-1000)
    (series,) = read_exam([tmp_path]).series
    assert series.volume.array.min() < -900
    assert series.sequence is Sequence.UNKNOWN


def test_small_negative_values_of_interpolation_pass(tmp_path):
    stored = pixels(5)
    stored[0, 0, 0] = -40
    write_series(tmp_path, stored=stored, PixelRepresentation=1)
    assert read_exam([tmp_path]).series[0].volume.array.min() == -40


def test_echo_train_and_suppression_of_an_enhanced_image_are_found(tmp_path):
    path = write_enhanced(tmp_path / "e.dcm")
    ds = pydicom.dcmread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    timing = shared.MRTimingAndRelatedParametersSequence[0]
    timing.RepetitionTime, timing.RFEchoTrainLength = 3000.0, 9
    modifier = pydicom.Dataset()
    modifier.SpectrallySelectedSuppression = "FAT"
    shared.MRImagingModifierSequence = [modifier]
    ds.save_as(path)
    (series,) = read_exam([tmp_path]).series
    assert series.sequence is Sequence.FLUID_FAT_SUPPRESSED
    assert "(0018,9025)" in series.sequence_reason
    header = read_header(path)
    assert mr.physics_of(header, header.frames()[2]).echo_train_length == 9


def test_signed_overflow_is_not_taken_for_dark(tmp_path):
    bright = pixels(5, 0, 60000)
    write_series(tmp_path, stored=bright, PixelRepresentation=1)
    with pytest.raises(InputError, match=r"overflowed \(0028,0103\) Pixel Representation"):
        read_exam([tmp_path])


def test_values_beyond_the_stored_bits_are_not_cut_silently(tmp_path):
    stored = pixels(5)
    stored[1, 2, 3] = 5000
    write_series(tmp_path / "wrong", stored=stored, BitsStored=12, HighBit=11)
    with pytest.raises(InputError, match=r"exceed \(0028,0101\) Bits Stored 12"):
        read_exam([tmp_path])
    stored[1, 2, 3] = 65535  # blanked by an anonymizer
    write_series(tmp_path / "blanked", stored=stored, series="blanked", BitsStored=12, HighBit=11)
    assert read_exam([tmp_path]).series[0].volume.array[3, 2, 1] == 4095


def test_a_sign_within_the_stored_bits_is_kept(tmp_path):
    stored = pixels(5)
    stored[0, 0, 0] = 0x0FFF  # -1 in twelve bits
    write_series(tmp_path, stored=stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert read_exam([tmp_path]).series[0].volume.array[0, 0, 0] == -1


def test_the_brightest_pixel_stated_must_fit(tmp_path):
    stored = pixels(5)
    stored[:, 0, 0] = 65535
    for path in write_series(tmp_path, stored=stored, LargestImagePixelValue=65535):
        ds = pydicom.dcmread(path)
        ds["PixelRepresentation"].value = 1
        ds["LargestImagePixelValue"].VR = "US"
        ds.save_as(path)
    with pytest.raises(InputError, match=r"\(0028,0107\)"):
        read_exam([tmp_path])


@pytest.mark.parametrize(
    ("tags", "scanner"),
    [({"Manufacturer": "Maker ", "ManufacturerModelName": "A 1"}, "Maker A 1"), ({"Manufacturer": ""}, "")],
)
def test_the_scanner_is_named_as_the_file_does(tmp_path, tags, scanner):
    write_series(tmp_path, **tags)
    assert read_exam([tmp_path]).series[0].scanner == scanner
