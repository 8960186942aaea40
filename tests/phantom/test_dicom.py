from __future__ import annotations

import numpy as np
import pydicom
import pytest

from marrowmap.image import Grid
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import describe
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import write_series
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation
from marrowmap.phantom.person import sample_person
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms


@pytest.mark.parametrize("sides", [(Side.LEFT,), (Side.RIGHT,), (Side.LEFT, Side.RIGHT)])
@pytest.mark.parametrize("contrast", list(Contrast))
def test_files_conform_and_say_what_they_are(tmp_path, sides, contrast):
    acquisition = Acquisition(sides=sides, orientation=Orientation.AXIAL, field_t=3.0)
    affine = np.diag([0.7, 0.7, 4.4, 1.0])
    affine[:3, 3] = (-30.0, 12.5, 100.0)
    grid = Grid((12, 10, 2), affine)
    pixels = np.arange(240, dtype=np.uint16).reshape(12, 10, 2)
    study = StudyTags("P", make_uid("s"), make_uid("f"), "20260105", sample_person(np.random.default_rng(0)))
    write_series(tmp_path, pixels, grid, contrast, acquisition, study, 4)
    files = sorted(tmp_path.iterdir())
    read = [pydicom.dcmread(path) for path in files]
    assert np.array_equal(read[1].pixel_array, pixels[:, :, 1].T)
    assert [float(d.ImagePositionPatient[2]) for d in read] == [100.0, 104.4]
    assert read[0].Laterality == ("" if len(sides) == 2 else "L" if sides[0] is Side.LEFT else "R")
    assert ("InversionTime" in read[0]) == (contrast is Contrast.STIR)
    assert (read[0].ScanOptions == "FS") == (contrast is Contrast.PD_FAT_SATURATED)
    assert_conforms(files[0])


def test_uids_are_valid_and_repeatable():
    assert make_uid("a", 1) == make_uid("a", 1) != make_uid("a", 2)
    assert pydicom.uid.UID(make_uid("a", 1)).is_valid


def test_description_reads_like_a_hospital():
    assert describe(Contrast.STIR, Acquisition()) == "COR STIR PELVIS"
    assert describe(Contrast.T1, Acquisition(sides=(Side.RIGHT,))) == "COR T1 TSE HIP RT"
