from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from marrowmap.errors import InputError
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import iso_date
from marrowmap.ingest.header import safe_uid
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.read_header import read_header
from tests.ingest.dicom_files import write_series


@pytest.mark.parametrize(
    ("value", "expected"),
    [("20240315", "2024-03-15"), ("1993.04.30", "1993-04-30"), ("2024-03-15T10:11:12", "2024-03-15"),
     ("20241301", ""), ("", ""), ("yesterday", ""), ("20240315101112.5", "2024-03-15")],
)  # fmt: skip
def test_dates_are_iso(value, expected):
    assert iso_date(value) == expected


def test_numbers_and_words_survive_nonsense():
    assert as_number("nan") is None
    assert as_number("inf") is None
    assert as_number([3, 4]) == 3
    assert as_number("1A") is None
    assert as_number([]) is None
    assert as_words("SE\\IR") == ("SE", "IR")
    assert as_words(None) == ()


def test_uids_do_no_harm():
    assert ".." not in safe_uid("../../etc")
    assert "/" not in safe_uid("../../etc")
    assert safe_uid("1.2.840.1") == "1.2.840.1"


def test_tags_are_named_as_the_standard_names_them():
    assert tag_label("PixelSpacing") == "(0028,0030) Pixel Spacing"


def test_a_file_without_preamble_is_found(tmp_path):
    (path, *_) = write_series(tmp_path)
    bare = tmp_path / "bare"
    bare.write_bytes(path.read_bytes()[132:])
    assert read_header(bare).modality == "MR"


def test_what_is_no_dicom_is_none(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("some text, long enough to be looked at" * 10)
    assert read_header(path) is None


def test_empty_and_unreadable_files_say_so(tmp_path):
    path = tmp_path / "a.dcm"
    path.touch()
    with pytest.raises(InputError, match=r"a\.dcm: zero bytes"):
        read_header(path)
    with pytest.raises(InputError, match="cannot be opened"):
        read_header(tmp_path / "missing.dcm")


@pytest.mark.parametrize("count", ["0", "100000000"])
def test_a_frame_count_that_cannot_be(count):
    ds = Dataset()
    ds.NumberOfFrames = count
    with pytest.raises(InputError, match=r"\(0028,0008\)"):
        Header(Path("x"), ds).frames()


def test_a_series_without_uid_gets_a_name():
    ds = Dataset()
    ds.SeriesDescription = "a/../b"
    uid = Header(Path("x"), ds).series_uid
    assert uid.startswith("series-without-uid")
    assert "/" not in uid
