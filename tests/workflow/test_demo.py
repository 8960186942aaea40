import json
from pathlib import Path

import pytest

from marrowmap.errors import UsageError
from marrowmap.workflow import demo


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for the slow parts: what is tested is what happens to folders."""
    seen: list[Path] = []

    def write_patient(_kind: str, out: Path, **_options: object) -> Path:
        (out / "dicom").mkdir(parents=True)
        (out / "truth").mkdir()
        (out / "truth.json").write_text(json.dumps({"schema": "marrowmap/1"}))
        return out

    monkeypatch.setattr(demo, "write_virtual_exam", write_patient)
    monkeypatch.setattr(demo, "analyze", lambda sources, **_options: seen.extend(sources))
    monkeypatch.setattr(demo, "write_report", lambda _result, out, **_options: out)
    return seen


def test_it_can_be_run_again(tmp_path, analyses):
    for _ in range(2):
        assert demo.run_demo(tmp_path / "demo") == tmp_path / "demo" / "analysis" / "report.html"
    assert analyses == [tmp_path / "demo" / "patient" / "dicom"] * 2


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
