"""A study from protocol to tables: nothing half-made, nothing taken in that is not sure."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers import forms
from marrowmap.readers.adjudication import open_adjudication
from marrowmap.readers.forms import form_text
from marrowmap.readers.storage_rows import AlreadyAnsweredError
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study import open_study
from marrowmap.workflow.study_import import import_ratings
from marrowmap.workflow.study_report import summarize_study
from marrowmap.workflow.study_report import write_study_report
from marrowmap.workflow.study_tables import export_tables
from marrowmap.workflow.study_tables import write_export
from tests.readers.image_study import make_study
from tests.readers.image_study import write_sources
from tests.readers.study_example import say

HEAD = "case,person,reader,session,item,value\n"


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def study(tmp_path):
    made = make_study(tmp_path)
    yield made
    made.store.close()


def read_by_all(study):
    for reader, states in (("reader_1", ("present", "absent")), ("reader_2", ("present", "present"))):
        while (task := study.store.turn(reader).task) is not None:
            state = states[task.read.case == "case_beta"]
            study.store.save(reader, task.code, say(state, grade=1), seconds=12)


def test_a_study_whose_images_fail_leaves_nothing(tmp_path):
    path = write_sources(tmp_path / "sources")
    (tmp_path / "sources" / "beta" / "image.nii.gz").unlink()
    with pytest.raises(InputError, match="case_beta"):
        init_study(path, tmp_path / "study")
    assert [entry.name for entry in tmp_path.iterdir()] == ["sources"]


def test_a_folder_with_something_in_it_is_not_touched(tmp_path):
    path = write_sources(tmp_path / "sources")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something already"):
        init_study(path, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_protocol_or_form_changed_after_the_start_is_refused(study):
    for name, old, new in (("study.toml", "seed = 3", "seed = 4"), ("short.toml", "Grade", "Degree")):
        path = study.folder / name
        text = path.read_text()
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError, match="changed after the study began"):
            open_study(study.folder)
        path.write_text(text + "\n# a comment\n" if name == "study.toml" else text)
    open_study(study.folder).store.close()


def test_a_later_version_with_another_shipped_form_opens_the_study(tmp_path, monkeypatch):
    path = write_sources(tmp_path / "sources")
    path.write_text(path.read_text().replace("short.toml", "hip_signs").replace("edema =", "diffuse_edema ="))
    made = init_study(path, tmp_path / "study")
    names = [item.name for item in made.store.forms["hip_signs"].items]
    made.store.close()
    later = tmp_path / "later" / "marrowmap" / "readers"
    shutil.copytree(forms.resources.files("marrowmap.readers").joinpath("forms"), later / "forms")
    shipped = later / "forms" / "hip_signs.toml"
    shipped.write_text(shipped.read_text().replace('label = "Effusion"', 'label = "More fluid"'))
    monkeypatch.setattr(forms.resources, "files", lambda _: later)
    assert "More fluid" in form_text("hip_signs", tmp_path)
    opened = open_study(tmp_path / "study")
    assert [item.name for item in opened.store.forms["hip_signs"].items] == names
    opened.store.close()
    kept = tmp_path / "study" / forms.KEPT / "hip_signs.toml"
    kept.write_text(kept.read_text().replace('label = "Effusion"', 'label = "Less fluid"'))
    with pytest.raises(InputError, match="changed after the study began"):
        open_study(tmp_path / "study")


def test_what_is_exported_can_be_imported_and_is_the_same(study, tmp_path):
    read_by_all(study)
    text = export_tables(study)["ratings.csv"]
    (tmp_path / "again").mkdir()
    other = make_study(tmp_path / "again")
    (tmp_path / "ratings.csv").write_text(text)
    assert import_ratings(other, tmp_path / "ratings.csv") == 8
    assert export_tables(other)["ratings.csv"] == text
    assert import_ratings(other, tmp_path / "ratings.csv") == 8  # the same again changes nothing
    assert other.store.require_intact() == 8
    (tmp_path / "ratings.csv").write_text(text.replace("absent", "undetermined"))
    with pytest.raises(AlreadyAnsweredError, match=r"case_beta \(reader_1, session_first\).*answered already"):
        import_ratings(other, tmp_path / "ratings.csv")
    assert import_ratings(other, tmp_path / "ratings.csv", edit=True) == 8
    assert {answer.version for answer in other.store.answers() if answer.latest} == {2}
    other.store.close()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("case_alpha,person_one,nobody,session_first,mr.edema,present", "'nobody' is none of the study's"),
        ("case_alpha,person_one,reader_1,session_x,mr.edema,present", "has no session 'session_x'"),
        ("case_x,person_one,reader_1,session_first,mr.edema,present", "has no case 'case_x'"),
        ("case_alpha,person_one,reader_1,session_first,mr.oedema,present", "has no item 'mr.oedema'"),
        ("case_alpha,person_two,reader_1,session_first,mr.edema,present", "is of person 'person_two'"),
        ("case_alpha,person_one,reader_1,session_first,mr.edema,maybe", "item 'edema'"),
        ("case_alpha,person_one,reader_1,session_first,mr.edema,present", "item 'edema'"),  # no confidence
        ("case_alpha,person_one,reader_1,session_first,mr.grade,1", "item 'edema': has no answer"),
        (
            "case_alpha,person_one,reader_1,session_first,mr.edema,present\n"
            "case_alpha,person_one,reader_1,session_first,mr.edema,absent",
            "twice",
        ),
    ],
)
def test_a_table_that_is_not_sure_is_refused_whole(study, tmp_path, lines, message):
    good = (
        "case_beta,person_two,reader_2,session_first,mr.edema,absent\n"
        "case_beta,person_two,reader_2,session_first,mr.edema.confidence,70\n"
    )
    path = tmp_path / "ratings.csv"
    path.write_text(HEAD + good + lines + "\n")
    with pytest.raises(InputError, match=message):
        import_ratings(study, path)
    assert study.store.answers() == []


def test_tables_hold_first_and_repeated_reads_and_the_trail(study, tmp_path):
    read_by_all(study)
    open_adjudication(study.store)
    study.store.save("judge", study.store.turn("judge").task.code, {"edema": {"state": "absent", "confidence": 95}})
    assert write_export(study, tmp_path / "out") == [
        "answers.csv",
        "answers.json",
        "consensus.csv",
        "events.csv",
        "ratings.csv",
        "reads.csv",
    ]
    ratings = rows((tmp_path / "out" / "ratings.csv").read_text())
    assert {row["session"] for row in ratings} == {"01-session_first", "02-session_again"}
    assert {row["reader"] for row in ratings} == {"reader_1", "reader_2"}
    assert {row["item"] for row in ratings} == {"mr.edema", "mr.edema.confidence", "mr.grade"}
    settled = {(row["case"], row["item"]): row for row in rows((tmp_path / "out" / "consensus.csv").read_text())}
    assert settled["case_beta", "edema"]["how"] == "adjudicated"
    assert settled["case_alpha", "edema"]["how"] == "unanimous"
    with pytest.raises(UsageError, match="holds something already"):
        write_export(study, tmp_path / "out")


def test_the_report_tells_agreement_accuracy_and_what_it_cannot_fill(study, tmp_path):
    with pytest.raises(InputError, match="no answer of a reading session yet"):
        summarize_study(study)
    read_by_all(study)
    page = write_study_report(study, tmp_path / "report")
    results = json.loads((tmp_path / "report" / "report.json").read_text())
    edema = results["agreement"]["items"]["mr.edema"]
    assert edema["percent_agreement"] == 50
    assert edema["intra_reader"]["reader_1"]["percent_agreement"] == 100
    accuracy = {row["reader"]: row for row in results["accuracy"]}
    assert (accuracy["reader_1"]["specificity"], accuracy["reader_2"]["specificity"]) == (1, 0)
    grras = results["checklists"][0]["rows"]
    assert [row["number"] for row in grras] == [str(n) for n in range(1, 16)]
    assert [row["number"] for row in grras if row["filled"]] == ["2", "6", "8", "9", "10", "11", "13", "15"]
    stard = results["checklists"][1]["rows"]
    assert len({row["number"].rstrip("ab") for row in stard}) == 30
    # Registration and funding no study knows by itself.
    assert {row["number"]: row["filled"] for row in stard if row["number"] in ("23", "24", "28", "29", "30")} == {
        "23": True,
        "24": True,
        "28": False,
        "29": True,
        "30": False,
    }
    text = page.read_text()
    assert "Research use only" in text
    assert "http" not in text.replace('http-equiv="', "").replace("http://www.w3.org", "")
    assert "NaN" not in (tmp_path / "report" / "report.json").read_text()


def test_a_reader_sees_our_measurements_only_where_the_protocol_says_so(tmp_path):
    path = write_sources(tmp_path / "sources")
    analyzed = tmp_path / "sources" / "analyzed"
    analyzed.mkdir()
    row = {"quantity": "edema_volume", "region": "femoral_head", "value": 12.5, "unit": "mL", "low": None, "high": None}
    measured = [
        row | {"modality": "MR", "joint": "hip", "side": side, "date": "2024-02-03"} for side in ("left", "right")
    ]
    (analyzed / "measurements.json").write_text(json.dumps({"schema": "marrowmap/1", "rows": measured}))
    text = path.read_text().replace('source = "alpha"}]', 'source = "alpha"}]\nmeasurements = "analyzed"')
    for shown, number in (("", 0), ("[blinding]\nshow_measurements = true\n", 1)):
        path.write_text(text + shown)
        study = init_study(path, tmp_path / f"study{number}")
        task = next(task for task in study.store.tasks("reader_1") if task.read.case == "case_alpha")
        assert [one["value"] for one in study.measurements(task)] == [12.5] * number
        assert "date" not in json.dumps(study.measurements(task))
        study.store.close()
