from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from marrowmap.phantom import exam
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import Relationship
from marrowmap.phantom.dx_exam import take_radiograph
from marrowmap.phantom.dx_exam import write_radiograph
from marrowmap.phantom.dx_truth import read_cone
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Side
from tests.phantom.conftest import SMALL
from tests.phantom.radiographs import FAST
from tests.phantom.radiographs import quick_scene
from tests.phantom.radiographs import well_scene

STUDY = ("2.25.1", "2.25.2", "20260105")
LYING_STILL = 7
"""A seed whose person does not turn the feet in, so that one scene does for MR and radiograph."""


@pytest.fixture(scope="module")
def film():
    return take_radiograph(well_scene(), FAST, 3)


def _write(path, film, how):
    study = StudyTags("P", *STUDY, film.scene.person)
    return write_radiograph(path, film, how, study, "2026-01-05")


@pytest.mark.parametrize("toward", ["L", "R"])
def test_heads_lie_in_the_pixels_where_the_block_says(film, toward, tmp_path):
    how = DxFile(relationship=Relationship.LOGARITHMIC, sign=-1, columns_toward=toward)
    block, _, _ = _write(tmp_path / "DX" / "a.dcm", film, how)
    pixels = pydicom.dcmread(tmp_path / "DX" / "a.dcm").pixel_array.T.astype(float)
    cone = read_cone(block["geometry"])
    assert pixels.shape == cone.shape
    for row in block["frames"]:
        hip = film.scene.person.hips[Side(row["side"])]
        assert row["head_center_mm"] == pytest.approx(hip.center, abs=1e-3)
        assert row["in_view"]
        # The head's lateral end stands out against the muscle beside it, and only there.
        way = np.array([hip.side.sign * 0.55, 0.0, 0.83])
        bone, muscle = (hip.center + way * (hip.radius + beyond) for beyond in (-3.0, 7.0))
        place = np.rint(project_cone(cone, [bone, muscle])).astype(int)
        inside, outside = (pixels[c - 2 : c + 3, r - 2 : r + 3].mean() for c, r in place)
        assert inside > outside + 100


def test_one_hip_alone_is_a_picture_of_that_hip(tmp_path):
    film = take_radiograph(well_scene(), FAST, 3, (Side.LEFT,))
    block, rows, signs = _write(tmp_path / "DX" / "a.dcm", film, DxFile())
    assert pydicom.dcmread(tmp_path / "DX" / "a.dcm").ImageLaterality == "L"
    assert {row["side"] for row in block["frames"] if row["in_view"]} == {"left"}
    assert {row["side"] for row in rows} == {"left"}
    # There is no other side to compare with.
    assert "osteopenia_index" not in {row["quantity"] for row in rows}
    assert {row["side"] for row in signs if row["state"] == "not_assessable"} == {"right"}


def test_same_seed_same_picture(film):
    again = take_radiograph(well_scene(), FAST, 3)
    assert np.array_equal(again.counts, film.counts)
    assert not np.array_equal(take_radiograph(well_scene(), FAST, 4).counts, film.counts)


def test_presentation_and_raw_picture_have_one_truth(film, tmp_path):
    one, rows, _ = _write(tmp_path / "A" / "a.dcm", film, DxFile())
    two, others, _ = _write(tmp_path / "B" / "a.dcm", film, DxFile(intent=Intent.PRESENTATION))
    assert one["geometry"] == two["geometry"]
    assert [row["value"] for row in rows] == [row["value"] for row in others]


def test_exam_holds_the_radiograph_and_its_truth(tmp_path, monkeypatch):
    monkeypatch.setattr(exam, "build_scene", lambda person, lesions, acquisition, seed: quick_scene(person, lesions))
    one_side = replace(SMALL, sides=(Side.LEFT,), slice_count=8)
    out = write_virtual_exam(
        "toh",
        tmp_path / "a",
        seed=LYING_STILL,
        modalities=("dx",),
        side=Side.LEFT,
        weeks=12.0,
        acquisition=one_side,
    )
    assert [str(path.relative_to(out)) for path in sorted((out / "dicom").rglob("*.dcm"))] == ["dicom/DX/0001.dcm"]
    truth = json.loads((out / "truth.json").read_text())
    assert set(truth["radiograph"]) == {"series_uid", "geometry", "hips", "scan", "file", "frames", "bone"}
    assert pydicom.dcmread(out / "dicom" / "DX" / "0001.dcm").SeriesInstanceUID == truth["radiograph"]["series_uid"]
    assert {row["modality"] for row in truth["measurements"]} == {"model", "DX"}
    index = [r["value"] for r in truth["measurements"] if r["quantity"] == "osteopenia_index"]
    assert len(index) == 3
    assert index[0] == pytest.approx(truth["lesions"]["left"]["bone_loss"], abs=0.1)
