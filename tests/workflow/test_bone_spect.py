"""SPECT from files: which image is measured, on whose bones, reconstructed first where only projections exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy.registration import carry_bone
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.transform import Transform
from marrowmap.ingest import Exam
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.ingest.scan import Projections
from marrowmap.ingest.scan import Reconstruction
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.spect_exam import acquire
from marrowmap.phantom.spect_exam import reconstruct_suv
from marrowmap.phantom.spect_exam import write_spect_files
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import Subject
from marrowmap.workflow.bone_spect import study_spect
from marrowmap.workflow.steps import silent
from tests.measure import spect_hips as made
from tests.phantom.bone_scans import scanned
from tests.phantom.test_bone_scan import SMALL

FRAME = make_uid("frame")


@pytest.fixture(scope="module")
def acquired():
    person, _, activity = scanned("toh", 6, Side.LEFT)
    return person, activity, acquire(person, activity, SMALL, np.random.default_rng(0))


@pytest.fixture(scope="module")
def folder(acquired, tmp_path_factory):
    person, activity, counts = acquired
    out = tmp_path_factory.mktemp("spect")
    study = StudyTags("P1", make_uid("study"), FRAME, "20260105", person)
    suv = reconstruct_suv(counts, activity, SMALL)
    write_spect_files(out / "falling", counts, suv, SMALL, study, rising=False)
    write_spect_files(out / "rising", counts, suv, SMALL, study, rising=True)
    return out, suv


def _scans(folder, kind):
    exam = read_exam([folder])
    return exam, next(scan for scan in exam.scans if isinstance(scan, kind))


@pytest.mark.parametrize("order", ["falling", "rising"])
def test_files_hold_the_suv_that_was_written_whatever_the_order_of_slices(folder, order):
    out, suv = folder
    _, scan = _scans(out / order, Reconstruction)
    there = np.array(np.unravel_index(int(suv.array.argmax()), suv.array.shape))
    place = suv.grid.to_world(there)
    index = tuple(np.rint(scan.volume.grid.to_index(place)).astype(int))
    assert scan.volume.array[index] * scan.suv.factor == pytest.approx(float(suv.array.max()), rel=0.001)


def _ct(acquired, uid):
    """A CT series whose HU give the model's attenuation."""
    _, activity, _ = acquired
    hu = np.where(activity.attenuation > 0.008, 40.0, -1000.0).astype(np.float32)
    grid = Grid(activity.grid.shape, activity.grid.affine, uid)
    volume = Volume(grid, hu, "HU")
    return Series("1.7", "1", 1, "CT", "CT", "", volume, Sequence.CT, "drawn", None, "", (), slice_thickness_mm=3.0)


def _frames(person, uid):
    template = made.frames()[0]
    return tuple(
        replace(
            template,
            bone=bone,
            side=side,
            joint=Joint.HIP,
            frame_of_reference_uid=uid,
            head_center_mm=hip.center,
            head_radius_mm=hip.radius,
            axes=hip.axes,
            landmarks=hip.landmarks,
            vertices=vertices,
            faces=faces,
        )
        for side, hip in person.hips.items()
        for bone, vertices, faces in (
            ("femur", hip.femur, hip.femur_faces),
            ("hip_bone", hip.hip_bone, hip.hip_bone_faces),
        )
    )


def test_projections_alone_are_reconstructed_with_the_ct(acquired, folder):
    read, scan = _scans(folder[0] / "falling", Projections)
    ct = _ct(acquired, scan.frame_of_reference_uid)
    exam = Exam(read.subject, read.date, (ct,), scans=(scan,))
    study, warnings = study_spect(exam, [ct], _frames(acquired[0], scan.frame_of_reference_uid), silent)
    assert warnings == []
    hip = next(hip for hip in study.hips if hip.side is Side.LEFT)
    assert "OSEM/1 4 iterations of 10 subsets" in hip.source.note
    assert "a lower energy window" in hip.source.note
    assert hip.source.suv_factor is None
    assert "no SUV" in hip.source.suv_reason
    other = next(hip for hip in study.hips if hip.side is Side.RIGHT)
    assert hip.regions["femoral_head"].mean > 1.5 * other.regions["femoral_head"].mean


def test_spect_that_no_bone_can_be_laid_on_is_said(folder):
    read, scan = _scans(folder[0] / "falling", Reconstruction)
    exam = Exam(Subject(), read.date, (), scans=(scan,))
    study, warnings = study_spect(exam, [], (), silent)
    assert study is None
    assert len(warnings) == 1
    assert "(0020,0052)" in warnings[0]
    assert "add the CT" in warnings[0]


@pytest.mark.slow
def test_a_spect_without_ct_is_laid_on_the_bones_of_mr(acquired, folder):
    read, scan = _scans(folder[0] / "falling", Reconstruction)
    shift = np.eye(4)
    shift[:3, 3] = (30.0, -50.0, 200.0)
    away = Transform(shift, "1.5", "1.5")
    bones = tuple(carry_bone(frame, away, 0.0, "moved") for frame in _frames(acquired[0], "1.5"))
    exam = Exam(read.subject, read.date, (), scans=(scan,))
    study, warnings = study_spect(exam, [], bones, silent)
    assert warnings == []
    assert [one.bone.side for one in study.registrations] == [Side.LEFT, Side.RIGHT]
    for one in study.registrations:
        there = acquired[0].hips[one.bone.side].center
        assert np.linalg.norm(one.transform(one.bone.head_center_mm) - there) < 2.8 * one.error_mm
        assert np.isclose(one.transform.matrix[2, 3], -200, atol=40)
    # Its error widens what is measured: more than bones that lie where they were found.
    ct = _ct(acquired, scan.volume.grid.frame_of_reference_uid)
    own = _frames(acquired[0], scan.volume.grid.frame_of_reference_uid)
    sure, _ = study_spect(Exam(read.subject, read.date, (ct,), scans=(scan,)), [ct], own, silent)
    for one, other in zip(study.hips, sure.hips, strict=True):
        assert one.regions["femoral_neck"].place > other.regions["femoral_neck"].place > 0


@pytest.mark.slow
def test_a_ct_that_shows_no_hip_leaves_the_bones_of_mr(acquired, folder):
    read, scan = _scans(folder[0] / "falling", Reconstruction)
    ct = _ct(acquired, scan.volume.grid.frame_of_reference_uid)
    exam = Exam(read.subject, read.date, (ct,), scans=(scan,))

    def nothing(series, progress):
        raise InputError("no hip was found")

    study, warnings = study_spect(exam, [], _frames(acquired[0], "1.5"), silent, nothing)
    assert warnings == []
    assert "laid on the SPECT by uptake" in study.registrations[0].note


def test_a_spect_without_counts_is_said(acquired, folder):
    read, scan = _scans(folder[0] / "falling", Reconstruction)
    uid = scan.volume.grid.frame_of_reference_uid
    empty = replace(scan, volume=Volume(scan.volume.grid, np.zeros_like(scan.volume.array), scan.volume.unit))
    ct = _ct(acquired, uid)
    exam = Exam(read.subject, read.date, (ct,), scans=(empty,))
    study, warnings = study_spect(exam, [ct], _frames(acquired[0], uid), silent)
    assert study is None
    assert "holds no counts" in warnings[0]
