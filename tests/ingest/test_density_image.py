from __future__ import annotations

import numpy as np
import pydicom
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.ingest import read_exam
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dxa import DxaImage
from marrowmap.phantom.dxa import DxaScan
from marrowmap.phantom.dxa_exam import write_image
from marrowmap.phantom.person import sample_person
from marrowmap.values import Side


def areal():
    rng = np.random.default_rng(0)
    return np.round(rng.uniform(-0.1, 2.0, (40, 60)), 4)


@pytest.fixture
def path(tmp_path):
    values = areal()
    image = DxaImage(Side.RIGHT, values, np.zeros(2), DxaScan(), {}, np.zeros(values.shape, bool))
    study = StudyTags("P", make_uid("s"), make_uid("f"), "20260105", sample_person(np.random.default_rng(0)))
    write_image(tmp_path / "map.dcm", image, study)
    return tmp_path / "map.dcm"


def change(path, **tags):
    data = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(path)


def test_values_side_and_size_come_back(path):
    (image,) = read_exam([path]).densities
    assert image.side is Side.RIGHT
    assert image.plane.unit == "g/cm2"
    assert image.plane.grid.spacing_mm == (0.6, 0.6)
    assert np.allclose(image.plane.array, areal(), atol=1e-4)


def test_orientation_is_obeyed(path):
    data = pydicom.dcmread(path)
    turned = np.ascontiguousarray(data.pixel_array[:, ::-1])
    change(path, PatientOrientation=["R", "F"], PixelData=turned.astype("<u2").tobytes())
    (image,) = read_exam([path]).densities
    assert np.allclose(image.plane.array, areal(), atol=1e-4)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"PixelSpacing": None}, "PixelSpacing|Pixel Spacing"),
        ({"PatientOrientation": ""}, "left and right are unknown"),
        ({"Laterality": "", "SeriesDescription": "DXA"}, "which hip"),
    ],
)
def test_what_is_missing_is_named(path, tags, words):
    change(path, **tags)
    with pytest.raises(InputError, match=words):
        read_exam([path])


def test_contradicting_sides_stop_the_run(path):
    change(path, Laterality="L")
    with pytest.raises(GeometryError, match=r"side|left"):
        read_exam([path])


def test_a_page_without_values_is_not_read(path):
    change(path, RealWorldValueMappingSequence=None)
    with pytest.raises(InputError, match="BMD"):
        read_exam([path])


def test_another_unit_is_not_read(path):
    data = pydicom.dcmread(path)
    data.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "[hnsf'U]"
    data.save_as(path)
    with pytest.raises(InputError, match="BMD"):
        read_exam([path])


def test_impossible_values_are_refused(path):
    data = pydicom.dcmread(path)
    data.RealWorldValueMappingSequence[0].RealWorldValueSlope = 0.1
    data.save_as(path)
    with pytest.raises(InputError, match="no bone mineral"):
        read_exam([path])
