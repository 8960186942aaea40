from __future__ import annotations

import numpy as np
import pydicom
import pytest

from marrowmap.phantom.nm_dicom import Orbit
from marrowmap.phantom.nm_dicom import write_planar
from marrowmap.phantom.nm_dicom import write_projections
from marrowmap.phantom.nm_dicom import write_reconstruction
from tests.dciodvfy import assert_conforms
from tests.ingest.nm_files import BOTH
from tests.ingest.nm_files import STUDY
from tests.ingest.nm_files import camera
from tests.ingest.nm_files import counts
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import projections
from tests.ingest.nm_files import reconstruction


@pytest.mark.parametrize("write", [planar, dynamic, projections, reconstruction])
def test_files_conform_to_their_standard(tmp_path, write):
    path = write(tmp_path, bq_per_ml=2.0) if write is reconstruction else write(tmp_path)
    assert_conforms(path)


def test_slices_against_the_normal_have_negative_spacing(tmp_path):
    data = pydicom.dcmread(reconstruction(tmp_path, step=-4.8))
    assert float(data.SpacingBetweenSlices) == -4.8
    assert "ImagePositionPatient" not in data
    assert data.DetectorInformationSequence[0].ImagePositionPatient[2] == 100


def test_detectors_face_the_patient(tmp_path):
    front, back = pydicom.dcmread(planar(tmp_path)).DetectorInformationSequence
    assert (front.StartAngle, back.StartAngle) == (180, 0)
    assert front.ImageOrientationPatient == [1, 0, 0, 0, 0, -1]
    assert back.ImageOrientationPatient == [-1, 0, 0, 0, 0, -1]
    assert front.ImagePositionPatient[1] == -20 - 200


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(TypeError, match="whole numbers"):
        write_planar(tmp_path / "a", np.ones((2, 4, 4)), BOTH, 1.0, STUDY, camera())
    with pytest.raises(ValueError, match="16 bits"):
        write_planar(tmp_path / "a", counts(2, 4, 4) - 5, BOTH, 1.0, STUDY, camera())
    with pytest.raises(ValueError, match="5 heads"):
        write_projections(tmp_path / "a", counts(12, 4, 4), Orbit(0, 30, 200.0, 10, heads=5), STUDY, camera())
    with pytest.raises(ValueError, match="by the affine"):
        write_reconstruction(tmp_path / "a", counts(3, 4, 4), np.eye(4), STUDY, camera())
