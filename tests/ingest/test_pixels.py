import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian
from pydicom.uid import ImplicitVRLittleEndian
from pydicom.uid import JPEG2000Lossless
from pydicom.uid import JPEGLSLossless
from pydicom.uid import RLELossless

from marrowmap.errors import InputError
from marrowmap.ingest import read_exam
from marrowmap.ingest.pixels import read_stored_values
from tests.ingest.dicom_files import write_series


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_lossless_compression_changes_nothing(tmp_path, syntax):
    large = {"stored": np.random.default_rng(0).integers(0, 4000, (5, 64, 64)), "Rows": 64, "Columns": 64}
    write_series(tmp_path / "plain", **large)
    expected = read_exam([tmp_path / "plain"]).series[0].volume
    for path in write_series(tmp_path / "packed", **large):
        ds = pydicom.dcmread(path)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(path)
    packed = read_exam([tmp_path / "packed"]).series[0].volume
    assert packed.grid == expected.grid
    assert (packed.array == expected.array).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_byte_order_and_implicit_types_change_nothing(tmp_path, syntax):
    expected = read_exam([write_series(tmp_path / "plain")[0].parent]).series[0].volume
    for path in write_series(tmp_path / "other"):
        ds = pydicom.dcmread(path)
        if not syntax.is_little_endian:
            read, ds = ds, pydicom.Dataset()  # pydicom turns the bytes of a new dataset only
            ds.update({element.tag: element for element in read})
            ds.file_meta = read.file_meta
            ds.PixelData = np.frombuffer(read.PixelData, "<u2").astype(">u2").tobytes()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(path, little_endian=syntax.is_little_endian, implicit_vr=syntax.is_implicit_VR)
    other = read_exam([tmp_path / "other"]).series[0].volume
    assert (other.array == expected.array).all()


def test_an_unknown_transfer_syntax_is_named(tmp_path):
    (path, *_) = write_series(tmp_path)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    ds.PixelData = pydicom.encaps.encapsulate([b"\0" * 64])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    with pytest.raises(InputError, match=r"MPEG2.*\(0002,0010\).*convert") as caught:
        read_stored_values(path)
    assert str(caught.value).startswith("IM0000.dcm: ")


def test_what_is_no_transfer_syntax_is_named(tmp_path):
    (path, *_) = write_series(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.1\0"))
    with pytest.raises(InputError, match=r"\(0002,0010\) Transfer Syntax UID 1\.2\.840\.10008\.1\.9\.1"):
        read_stored_values(path)


def test_lossless_encodings_of_one_real_scan_agree(shared_data):
    folder = shared_data / "nm-wholebody-bone"
    scans = [read_stored_values(folder / name)[0] for name in ("NM1_RLE.dcm", "NM1_J2K_reversible.dcm",
             "NM1_JPEG-Lossless_SV1.dcm", "NM1_JPEG-LS_lossless.dcm")]  # fmt: skip
    for scan in scans:
        assert (scan == scans[0]).all()
    assert (scans[0].max(), int(scans[0].sum())) == (278, 3_596_452)
