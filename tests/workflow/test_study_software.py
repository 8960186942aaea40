"""marrowmap as one more reader: from its folders into the study, apart from people."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image.nifti import write_nifti
from marrowmap.readers.adjudication import consensus
from marrowmap.readers.adjudication import open_adjudication
from marrowmap.readers.storage_rows import AlreadyAnsweredError
from marrowmap.server.serve import links
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study_report import summarize_study
from marrowmap.workflow.study_report import write_study_report
from marrowmap.workflow.study_software import import_analyzed
from marrowmap.workflow.study_tables import export_tables
from tests.course import analyzed_folders as made

DAY = "2020-01-10"
FORM = """
schema = "marrowmap-form/1"
name = "signs"
title = "Signs"
source = "for tests"
[[items]]
name = "diffuse_edema"
kind = "state"
label = "Edema"
modalities = ["mr"]
[[items]]
name = "head_collapse"
kind = "state"
label = "Collapse"
modalities = ["mr", "dx"]
[[items]]
name = "effusion"
kind = "state"
label = "Effusion"
optional = true
modalities = ["mr"]
[[items]]
name = "transient_osteoporosis"
kind = "number"
label = "How likely?"
low = 0
high = 100
optional = true
[[items]]
name = "himriss_femoral"
kind = "grid"
label = "Cells"
slices = 13
rows = 1
columns = 5
optional = true
modalities = ["mr"]
"""
PROTOCOL = """
schema = "marrowmap-study/1"
name = "beside"
seed = 5
[[readers]]
id = "r1"
[[readers]]
id = "r2"
[[readers]]
id = "judge"
role = "adjudicator"
[[readers]]
id = "marrowmap"
role = "software"
[[cases]]
id = "e1"
person = "p1"
side = "left"
images = [{modality = "mr"}, {modality = "dx"}]
[[cases]]
id = "e2"
person = "p2"
side = "right"
images = [{modality = "mr"}, {modality = "dx"}]
[[sessions]]
id = "apart"
modalities = ["mr", "dx"]
form = "signs.toml"
[[sessions]]
id = "together"
modalities = ["mr", "dx"]
view = "combined"
form = "signs.toml"
[[sessions]]
id = "again"
modalities = ["mr", "dx"]
form = "signs.toml"
repeats = "apart"
[[sessions]]
id = "settle"
kind = "adjudication"
of = "together"
form = "signs.toml"
"""
CENTER, RADIUS = np.array([90.0, 0.0, 0.0]), 24.0


@pytest.fixture
def study(tmp_path):
    (tmp_path / "signs.toml").write_text(FORM)
    (tmp_path / "study.toml").write_text(PROTOCOL)
    opened = init_study(tmp_path / "study.toml", tmp_path / "study")
    yield opened
    opened.store.close()


def analyzed(folder, side="left", **states):
    findings = [
        made.finding(DAY, side, "diffuse_edema", states.get("edema", "present")),
        made.finding(DAY, side, "head_collapse", states.get("mr", "absent")),
        made.finding(DAY, side, "head_collapse", states.get("dx", "present"), modality="DX"),
    ]
    rows, _ = made.edema(DAY, side, 50)
    made.write_folder(folder, rows, findings)
    row = {"joint": "hip", "side": side, "entity": "transient_osteoporosis", "probability": 0.8}
    (folder / "differential.json").write_text(json.dumps({"schema": "marrowmap/1", "rows": [row]}))
    (folder / "manifest.json").write_text(json.dumps({"versions": {"marrowmap": "9.8.7"}}))
    return folder


def with_masks(folder, side="left"):
    """Edema in the front half of the head, as masks and a frame on 1 mm voxels."""
    grid = Grid((60, 60, 60), np.array([[1.0, 0, 0, 60.5], [0, 1, 0, -29.5], [0, 0, 1, -29.5], [0, 0, 0, 1]]))
    where = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - CENTER
    head = np.linalg.norm(where, axis=-1) < RADIUS
    (folder / "masks").mkdir()
    (folder / "masks" / "regions.json").write_text(json.dumps({"3": "femoral_head"}))
    stem = folder / "masks" / f"01-fluid_hip_{side}_"
    write_nifti(
        LabelMap(grid, head.astype(np.uint16) * 3, {3: "femoral_head"}), stem.with_name(f"{stem.name}regions.nii.gz")
    )
    write_nifti(Mask(grid, head & (where[..., 1] < 0)), stem.with_name(f"{stem.name}edema-closed.nii.gz"))
    frame = {
        "joint": "hip",
        "side": side,
        "bone": "femur",
        "head_center_mm": CENTER.tolist(),
        "head_radius_mm": RADIUS,
        "axes": {"neck": [1.0, 0, 0], "superior": [0, 0, 1.0], "anterior": [0, -1.0, 0]},
        "trusted": True,
    }
    (folder / "frames.json").write_text(json.dumps({"schema": "marrowmap/1", "rows": [frame]}))
    return folder


def said(study, case, modalities, session="apart"):
    (answer,) = [
        a
        for a in study.store.answers()
        if a.latest
        and (a.read.reader, a.read.case, a.read.modalities, a.read.session) == ("marrowmap", case, modalities, session)
    ]
    return answer.values


def people_read(study, states=("present", "absent")):
    for reader, state in zip(("r1", "r2"), states, strict=True):
        while (task := study.store.turn(reader).task) is not None:
            names = {item.name for item in study.store.items(task)} & {"diffuse_edema", "head_collapse"}
            study.store.save(reader, task.code, {name: {"state": state, "confidence": 80} for name in names})


def test_findings_answer_what_each_read_shows_and_nothing_else(study, tmp_path):
    folder = with_masks(analyzed(tmp_path / "e1"))
    assert import_analyzed(study, [str(folder)]) == 3  # apart: mr, dx; together; software does not repeat
    mr = said(study, "e1", ("mr",))
    assert mr["diffuse_edema"] == {"state": "present", "confidence": 95}
    assert mr["head_collapse"]["state"] == "absent"  # what the radiograph shows stays out of the MR read
    assert "transient_osteoporosis" not in mr  # reasoned from both
    assert "effusion" not in mr  # not looked for
    assert said(study, "e1", ("dx",)) == {"head_collapse": {"state": "present", "confidence": 95}}
    both = said(study, "e1", ("mr", "dx"), "together")
    assert both["head_collapse"]["state"] == "present"
    assert both["transient_osteoporosis"] == pytest.approx(80)
    assert any("marrowmap 9.8.7" in event["detail"] for event in study.store.events())


def test_the_grid_is_scored_from_masks(study, tmp_path):
    import_analyzed(study, [str(with_masks(analyzed(tmp_path / "e1")))])
    cells = said(study, "e1", ("mr",))["himriss_femoral"]
    assert {row for row, _, _ in cells} == set(range(7))  # the front half, the middle slab by half
    assert 25 <= len(cells) <= 35


def test_a_folder_of_the_other_side_or_an_unknown_case_is_refused(study, tmp_path):
    right = analyzed(tmp_path / "right", side="right")
    with pytest.raises(GeometryError, match="case 'e1' is a left hip, but right speaks of right hip"):
        import_analyzed(study, [f"e1={right}"])
    with pytest.raises(InputError, match="'right' is no case"):
        import_analyzed(study, [str(right)])
    with pytest.raises(InputError, match="'r1' is no software"):
        import_analyzed(study, [f"e2={right}"], reader="r1")
    assert study.store.answers() == []
    assert import_analyzed(study, [f"e2={right}"]) == 3
    assert import_analyzed(study, [f"e2={right}"]) == 3  # the same again changes nothing
    analyzed(tmp_path / "changed", side="right", edema="absent")
    with pytest.raises(AlreadyAnsweredError):
        import_analyzed(study, [f"e2={tmp_path / 'changed'}"])
    assert import_analyzed(study, [f"e2={tmp_path / 'changed'}"], edit=True) == 3


def test_software_has_no_link_no_voice_and_a_table_of_its_own(study, tmp_path):
    import_analyzed(study, [str(analyzed(tmp_path / "e1"))])
    people_read(study)  # r1 present, r2 absent everywhere
    assert "marrowmap" not in links(study, "127.0.0.1", 1)
    assert study.store.reader_of(study.store.token("marrowmap")) is None
    open_adjudication(study.store)  # software that lacks a case holds nobody up
    assert all("marrowmap" not in row["trail"] for row in consensus(study.store))
    tables = export_tables(study)
    assert "marrowmap" not in tables["ratings.csv"]
    assert "marrowmap" in tables["software.csv"]
    assert "marrowmap" in tables["reads.csv"]
    results = summarize_study(study)
    edema = results["agreement"]["items"]["mr.diffuse_edema"]
    assert (edema["reads"], edema["percent_agreement"]) == (4, 0)
    beside = {(row["item"], row["reader"]): row for row in results["software"]}
    assert beside["mr.diffuse_edema", "r1"]["percent_agreement"] == 100
    assert beside["mr.diffuse_edema", "r2"]["percent_agreement"] == 0
    assert beside["mr.head_collapse", "r2"]["cases"] == 1
    page = write_study_report(study, tmp_path / "report").read_text()
    assert "Software beside readers" in page
    assert "software, not a person" in page


SCAN_FORM = """
schema = "marrowmap-form/1"
name = "uptake"
title = "Uptake"
source = "for tests"
[[items]]
name = "diffuse_hyperemia"
kind = "state"
label = "Hyperemia"
optional = true
[[items]]
name = "cold_area"
kind = "state"
label = "Cold area"
optional = true
[[items]]
name = "transient_osteoporosis"
kind = "number"
label = "How likely?"
low = 0
high = 100
optional = true
"""
SCAN_PROTOCOL = """
schema = "marrowmap-study/1"
name = "scans"
seed = 5
[[readers]]
id = "r1"
[[readers]]
id = "marrowmap"
role = "software"
[[cases]]
id = "e1"
person = "p1"
side = "left"
images = [{modality = "scan"}, {modality = "spect"}]
[[sessions]]
id = "apart"
modalities = ["scan", "spect"]
form = "uptake.toml"
[[sessions]]
id = "together"
modalities = ["scan", "spect"]
view = "combined"
form = "uptake.toml"
"""


@pytest.mark.parametrize("told", [True, False])
def test_a_planar_read_is_not_answered_from_spect(tmp_path, told):
    (tmp_path / "uptake.toml").write_text(SCAN_FORM)
    (tmp_path / "study.toml").write_text(SCAN_PROTOCOL)
    study = init_study(tmp_path / "study.toml", tmp_path / "study")
    folder = analyzed(tmp_path / "e1")
    seen = {"diffuse_hyperemia": "1.2.3.1", "cold_area": "1.2.3.2"}
    findings = [
        made.finding(DAY, "left", sign, "absent", modality="NM") | {"evidence": {"series_uid": series}}
        for sign, series in seen.items()
    ]
    document = json.loads((folder / "findings.json").read_text())
    (folder / "findings.json").write_text(json.dumps(document | {"rows": findings}))
    if told:
        scans = [{"series": "1.2.3.1", "kind": "planar"}, {"series": "1.2.3.2", "kind": "tomographic"}]
        (folder / "manifest.json").write_text(json.dumps({"versions": {"marrowmap": "9.8.7"}, "scans": scans}))
    import_analyzed(study, [str(folder)])
    absent, likely = {"state": "absent", "confidence": 95}, pytest.approx(80)
    both = {"diffuse_hyperemia": absent, "cold_area": absent, "transient_osteoporosis": likely}
    assert said(study, "e1", ("scan", "spect"), "together") == both
    # A folder of an earlier version does not tell: either read may show what was seen.
    assert said(study, "e1", ("scan",)) == ({"diffuse_hyperemia": absent} if told else both)
    assert said(study, "e1", ("spect",)) == ({"cold_area": absent} if told else both)
    study.store.close()
