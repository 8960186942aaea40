from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from marrowmap.anatomy.registration import register_bone
from marrowmap.errors import ConformanceError
from marrowmap.image.transform import Transform
from marrowmap.ingest import read_exam
from marrowmap.report.reg import _verify
from marrowmap.report.reg import write_registrations
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms
from tests.ingest.dicom_files import uid
from tests.ingest.dicom_files import write_series
from tests.measure.spect_hips import femur


@pytest.fixture
def result(tmp_path):
    for name in ("mr", "ct"):
        write_series(tmp_path / name, series=name, FrameOfReferenceUID=uid(f"frame {name}"))
    exam = read_exam([tmp_path / "mr", tmp_path / "ct"])
    here, there = (one.volume.grid.frame_of_reference_uid for one in exam.series)
    bone = femur(Side.LEFT)
    found = register_bone(
        replace(bone, frame_of_reference_uid=here),
        replace(bone, vertices=bone.vertices + np.array((3.0, -4.0, 5.0)), frame_of_reference_uid=there),
    )
    return SimpleNamespace(exam=exam, spect=SimpleNamespace(registrations=(found,)))


def test_a_registration_conforms_and_reads_back(result, tmp_path):
    (path,) = write_registrations(result, tmp_path)
    data = pydicom.dcmread(tmp_path / path)
    item = data.RegistrationSequence[1]
    matrix = np.array(item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix, float)
    assert matrix.reshape(4, 4)[:3, 3] == pytest.approx((3, -4, 5), abs=1e-3)
    assert "mm SD at the head" in data.ContentDescription
    assert_conforms(tmp_path / path)


def test_another_matrix_is_noticed(result, tmp_path):
    (path,) = write_registrations(result, tmp_path)
    (found,) = result.spect.registrations
    other = replace(found, transform=Transform(np.eye(4), found.transform.source, found.transform.target))
    with pytest.raises(ConformanceError, match="matrix"):
        _verify(tmp_path / path, other)


def test_nothing_registered_writes_nothing(tmp_path):
    assert write_registrations(SimpleNamespace(spect=None), tmp_path) == ()
