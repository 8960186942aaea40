from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx_dicom import MOST
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import Relationship
from marrowmap.phantom.dx_dicom import sample_file
from marrowmap.phantom.dx_dicom import store
from marrowmap.phantom.dx_dicom import write_dx
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms
from tests.phantom.radiographs import BOTH
from tests.phantom.radiographs import FAST
from tests.phantom.radiographs import quick_person
from tests.phantom.radiographs import well_scene

SCAN = replace(FAST, inset_mm=(8.0, 0.0, 4.0, 0.0))
RAW_LINEAR = DxFile(relationship=Relationship.LINEAR, sign=1)


@pytest.fixture(scope="module")
def film():
    cone = place_beam(quick_person(), SCAN)
    return cone, expose(line_integrals(cone, well_scene()), cone, SCAN, np.random.default_rng(1))


def _write(path, film, how, sides=BOTH):
    study = StudyTags("P", make_uid("s"), make_uid("f"), "20260105", quick_person())
    write_dx(path, film[1], film[0], SCAN, how, study, 61, sides)
    return pydicom.dcmread(path)


@pytest.mark.parametrize(
    ("how", "sides"),
    [
        (RAW_LINEAR, BOTH),
        (DxFile(sign=-1), BOTH),
        (DxFile(sign=1, columns_toward="R"), BOTH),
        (DxFile(intent=Intent.PRESENTATION, sign=1), BOTH),
        (DxFile(intent=Intent.PRESENTATION, sign=-1, magnification=1.15), BOTH),
        (DxFile(), (Side.RIGHT,)),
    ],
)
def test_dciodvfy_finds_no_errors(film, how, sides, tmp_path):
    _write(tmp_path / "a.dcm", film, how, sides)
    assert_conforms(tmp_path / "a.dcm")


def test_tags_say_what_was_done(film, tmp_path):
    data = _write(tmp_path / "a.dcm", film, DxFile(magnification=1.17))
    assert (data.Modality, data.BodyPartExamined, data.ViewPosition) == ("DX", "PELVIS", "AP")
    assert list(data.PatientOrientation) == ["L", "F"]
    assert data.ImageLaterality == "B"
    assert list(data.ImagerPixelSpacing) == [0.8, 0.8]
    assert (data.DistanceSourceToDetector, data.DistanceSourceToPatient) == (1050, 990)
    assert data.EstimatedRadiographicMagnificationFactor == pytest.approx(1.17)
    assert (data.CollimatorLeftVerticalEdge, data.CollimatorRightVerticalEdge) == (10, data.Columns + 1)
    assert "PixelSpacing" not in data
    assert "FrameOfReferenceUID" not in data
    right = _write(tmp_path / "b.dcm", film, DxFile(), (Side.RIGHT,))
    assert (right.ImageLaterality, right.BodyPartExamined) == ("R", "HIP")
    assert "EstimatedRadiographicMagnificationFactor" not in right
    assert right.SOPClassUID != _write(tmp_path / "c.dcm", film, DxFile(intent=Intent.PRESENTATION)).SOPClassUID


def test_mirrored_film_has_mirrored_pixels_and_says_so(film, tmp_path):
    usual = _write(tmp_path / "a.dcm", film, DxFile())
    mirrored = _write(tmp_path / "b.dcm", film, DxFile(columns_toward="R"))
    assert list(mirrored.PatientOrientation) == ["R", "F"]
    assert np.array_equal(mirrored.pixel_array[:, ::-1], usual.pixel_array)
    assert mirrored.CollimatorLeftVerticalEdge == 0
    assert mirrored.CollimatorRightVerticalEdge == usual.Columns + 1 - 10


@pytest.mark.parametrize(("relationship", "sign"), itertools.product(Relationship, (1, -1)))
def test_stored_pixels_give_the_counts_back(film, relationship, sign):
    counts = film[1]
    stored = store(counts, SCAN, DxFile(relationship=relationship, sign=sign)).astype(float) / MOST
    share = stored if sign > 0 else 1 - stored
    body = (counts > 400) & (share < 0.95)
    linear = share if relationship is Relationship.LINEAR else np.exp(share * np.log(30 / 0.004))
    ratio = linear[body] / counts[body]
    assert ratio.std() / ratio.mean() < 0.01


def test_bone_is_bright_for_the_eye_whatever_the_photometry(film, tmp_path):
    for number, sign in enumerate((1, -1)):
        data = _write(tmp_path / f"{number}.dcm", film, DxFile(intent=Intent.PRESENTATION, sign=sign))
        assert data.PhotometricInterpretation == ("MONOCHROME1" if sign > 0 else "MONOCHROME2")
        assert data.PresentationLUTShape == ("INVERSE" if sign > 0 else "IDENTITY")
        shown = data.pixel_array.astype(float) * (-1 if sign > 0 else 1)
        counts = film[1].T
        low, high = np.quantile(counts, (0.1, 0.9))
        # Below 100 the collimator's leaves are.
        assert shown[(counts < low) & (counts > 100)].mean() > shown[counts > high].mean()


def test_impossible_files_are_refused():
    with pytest.raises(ValueError, match="sign"):
        DxFile(sign=0)
    with pytest.raises(ValueError, match="L or R"):
        DxFile(columns_toward="F")
    with pytest.raises(ValueError, match="not linear"):
        DxFile(intent=Intent.PRESENTATION, relationship=Relationship.LINEAR)


def test_files_are_drawn_in_all_ways_but_mirrored():
    drawn = [sample_file(FAST, np.random.default_rng([n, 605])) for n in range(1, 41)]
    assert {one.intent for one in drawn} == set(Intent)
    assert {one.relationship for one in drawn} == set(Relationship)
    assert {one.sign for one in drawn} == {1, -1}
    assert {one.columns_toward for one in drawn} == {"L"}
    assert {one.magnification for one in drawn} == {None, round(1050 / 890, 2)}
