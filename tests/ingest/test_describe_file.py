from __future__ import annotations

from marrowmap.ingest import describe_file


def test_what_is_no_image_is_told_in_one_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    told = describe_file(path)
    assert told == "notes.txt: neither DICOM (no DICM at byte 128, no group 0008) nor NIfTI: leave it out"


def test_the_scan_that_no_codec_decodes_says_so(shared_data):
    told = describe_file(shared_data / "nm-wholebody-bone" / "JPEG-lossy.dcm")
    assert "JPEG Extended" in told
    assert "(0002,0010)" in told
    assert "convert" in told
