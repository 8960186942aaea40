import json
from pathlib import Path

import pytest

from marrowmap.errors import UsageError
from marrowmap.phantom.clinical import draw_form
from marrowmap.phantom.clinical import form_as_toml
from marrowmap.workflow import demo


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for the slow parts: what is tested is what happens to folders."""
    seen: list[Path] = []

    def write_patient(_kind: str, out: Path, **_options: object) -> Path:
        (out / "dicom").mkdir(parents=True)
        (out / "truth").mkdir()
        (out / "truth.json").write_text(json.dumps({"schema": "marrowmap/1"}))
        (out / "clinical.toml").write_text(form_as_toml(draw_form("toh", 27, sex="M", age_years=45)))
        return out

    monkeypatch.setattr(demo, "write_virtual_exam", write_patient)

    def analyze(sources: list[Path], **options: object) -> None:
        seen.extend([*sources, options["clinical"].file])

    monkeypatch.setattr(demo, "analyze", analyze)
    monkeypatch.setattr(demo, "write_report", lambda _result, out, **_options: out)
    return seen


def test_it_can_be_run_again(tmp_path, analyses):
    for _ in range(2):
        assert demo.run_demo(tmp_path / "demo") == tmp_path / "demo" / "analysis" / "report.html"
    patient = tmp_path / "demo" / "patient"
    assert analyses == [patient / "dicom", patient / "clinical.toml"] * 2


def test_a_patient_of_a_version_without_forms_can_be_replaced(tmp_path, analyses):
    demo.run_demo(tmp_path / "demo")
    (tmp_path / "demo" / "patient" / "clinical.toml").unlink()
    demo.run_demo(tmp_path / "demo")
    assert (tmp_path / "demo" / "patient" / "clinical.toml").is_file()


@pytest.mark.parametrize("own", ["thesis.txt", "dicom/mine.dcm"])
def test_what_is_not_its_own_stays(tmp_path, analyses, own):
    place = tmp_path / "demo" / "patient" / own
    place.parent.mkdir(parents=True)
    place.write_text("years of work")
    with pytest.raises(UsageError, match="choose another --out"):
        demo.run_demo(tmp_path / "demo")
    assert place.read_text() == "years of work"
    assert analyses == []


def test_a_patient_with_something_added_stays(tmp_path, analyses):
    demo.run_demo(tmp_path / "demo")
    (tmp_path / "demo" / "patient" / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds no virtual patient"):
        demo.run_demo(tmp_path / "demo")
