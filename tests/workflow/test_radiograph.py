import json

import numpy as np
import pytest

from marrowmap.errors import UsageError
from marrowmap.ingest import read_exam
from marrowmap.report import write_report
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.radiograph import show_radiographs
from tests.ingest.dx_files import write


def test_a_film_alone_is_shown_and_not_measured(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", ImagerPixelSpacing=None, PixelSpacing=[1.0, 1.0], ImageLaterality="L")
    result = analyze([tmp_path / "in"])
    (warning,) = result.warnings
    assert warning.startswith("film.dcm: series 1 radiograph (DX, AP, left) is shown, not measured, no lengths in mm: ")
    assert "spacing of 1.0 mm was not measured" in warning
    out = write_report(result, tmp_path / "out")
    assert json.loads((out / "measurements.json").read_text())["rows"] == []
    assert json.loads((out / "findings.json").read_text())["rows"] == []
    (read,) = json.loads((out / "manifest.json").read_text())["inputs"]
    assert read["path"] == "film.dcm"
    page = (out / "report.html").read_text()
    assert page.count("data:image/webp") == 1
    for words in ("Radiographs", "spacing of 1.0 mm was not measured", "Nothing was measured", "(0018,5101)"):
        assert words in page
    assert (out / "report.pdf").stat().st_size > 1000


def test_what_needs_other_images_is_refused(tmp_path):
    write(tmp_path)
    with pytest.raises(UsageError, match="a radiograph alone takes no --points"):
        analyze([tmp_path], hint=BoneHint(points=np.zeros((3, 3))))


def test_what_was_left_out_is_told(tmp_path):
    write(tmp_path, name="a.dcm", IrradiationEventUID="1.2.3")
    write(tmp_path, name="b.dcm", IrradiationEventUID="1.2.3")
    told = show_radiographs(read_exam([tmp_path]))
    assert len(told) == 2
    assert told[0].endswith("is shown, not measured")
    assert "another copy of the exposure" in told[1]
