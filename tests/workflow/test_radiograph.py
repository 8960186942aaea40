import datetime
import json

import numpy as np
import pytest

from marrowmap.errors import UsageError
from marrowmap.image import View
from marrowmap.ingest import read_exam
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.report import write_report
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.radiograph import measure_radiographs
from marrowmap.workflow.radiograph import said_view
from tests.ingest.dx_files import write


def test_a_film_alone_is_shown_and_not_measured(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", ImagerPixelSpacing=None, PixelSpacing=[1.0, 1.0], ImageLaterality="L")
    result = analyze([tmp_path / "in"])
    (warning,) = result.warnings
    assert warning.startswith("film.dcm: series 1 radiograph (DX, AP, left) is shown, not measured: ")
    assert "its tags name the left side alone" in warning
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
    told = measure_radiographs(read_exam([tmp_path])).warnings
    assert len(told) == 2
    assert "is shown, not measured: " in told[0]
    assert "another copy of the exposure" in told[1]


def test_the_user_may_say_from_where_a_film_is_seen(tmp_path):
    write(tmp_path, PatientOrientation=None)
    (film,) = read_exam([tmp_path]).radiographs
    assert not film.knows_left
    front = said_view(film, ScanHint(view=View.ANTERIOR))
    behind = said_view(film, ScanHint(view=View.POSTERIOR))
    assert front.knows_left
    assert np.array_equal(behind.plane.array, front.plane.array[::-1])
    assert (front.plane.grid.mirrored, behind.plane.grid.mirrored) == (False, True)
    assert "the user's word" in front.orientation_reason


def test_the_user_s_word_never_overrules_a_file(tmp_path):
    write(tmp_path)
    (film,) = read_exam([tmp_path]).radiographs
    assert said_view(film, ScanHint(view=View.POSTERIOR)) is film


def test_pain_cannot_begin_after_the_exam(tmp_path):
    write(tmp_path)
    with pytest.raises(UsageError, match="lies after the exam"):
        analyze([tmp_path], onset=datetime.date(2026, 11, 1))
