"""Readers get pixels, the right way round, and no word of a header."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.readers.blinding import pseudonym
from marrowmap.readers.blinding import read_blind
from marrowmap.readers.order import Read
from marrowmap.values import Side
from tests.readers.image_study import SECRET_WORDS
from tests.readers.image_study import SIDECAR
from tests.readers.image_study import make_study

# Rows: how index axes lie in the patient (LPS), in which axes slices, rows and columns are then shown.
AXIAL = np.diag([2.0, 2, 4, 1])
CORONAL = np.array([[2.0, 0, 0, 0], [0, 0, 4, 0], [0, -2, 0, 0], [0, 0, 0, 1]])
SAGITTAL = np.array([[0.0, 0, 4, 0], [2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("affine", "marks", "words"),
    [
        (AXIAL, ("R", "L", "A", "P"), "axial"),
        (CORONAL, ("R", "L", "H", "F"), "coronal"),
        (SAGITTAL, ("A", "P", "H", "F"), "sagittal"),
    ],
)
@pytest.mark.parametrize("flips", [(), (0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("swapped", [False, True])
def test_images_hang_as_radiologists_hang_them_however_they_are_stored(tmp_path, affine, marks, words, flips, swapped):
    """One bright block at a known place in the patient must show at the same place of the picture."""
    shape = np.array([24, 20, 6])
    index = np.array([4, 3, 4])
    values = np.zeros(shape)
    values[tuple(index)] = 1000
    at = affine.copy()
    for axis in flips:
        values = np.flip(values, axis)
        at[:3, 3] += at[:3, axis] * (shape[axis] - 1)
        at[:3, axis] *= -1
    if swapped:
        values, at = values.swapaxes(0, 1), at[:, [1, 0, 2, 3]]
    write_nifti(Volume(Grid(values.shape, at), values), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps(SIDECAR))
    (image,) = read_blind(tmp_path, "mr", Side.LEFT, "a case")
    assert image.marks == marks
    assert image.label == f"MRI fluid-sensitive fat-suppressed, {words}"
    assert image.array.shape == (6, 20, 24)
    found = np.argwhere(image.array == 65535)
    assert found[:, 1:].tolist() == [[3, 4]]
    assert image.spacing_mm == pytest.approx((2, 2))


def test_nothing_of_a_header_is_on_disk_in_the_study(tmp_path):
    study = make_study(tmp_path)
    written = [path for path in (study.folder / "images").rglob("*") if path.is_file()]
    assert len(written) == 4
    text = b"".join(path.read_bytes() for path in written).decode("latin-1")
    text += " ".join(str(path.relative_to(study.folder)) for path in written)
    for word in (*SECRET_WORDS, "case_alpha", "alpha", "image.nii"):
        assert word not in text


def test_gray_values_come_back(tmp_path):
    values = np.random.default_rng(1).uniform(-50, 900, (9, 8, 4))
    write_nifti(Volume(Grid(values.shape, AXIAL), values), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps(SIDECAR))
    (image,) = read_blind(tmp_path, "mr", Side.LEFT, "a case")
    back = image.low + image.array.astype(float) * (image.high - image.low) / 65535
    assert np.allclose(back, values.transpose(2, 1, 0), atol=0.02)


def test_a_folder_without_the_modality_is_refused(tmp_path):
    values = np.ones((9, 8, 4))
    values[0] = 2
    write_nifti(Volume(Grid(values.shape, AXIAL), values), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps(SIDECAR))
    with pytest.raises(InputError, match="case 'e1', dx: the files hold no image of modality dx"):
        read_blind(tmp_path, "dx", Side.LEFT, "case 'e1', dx")
    with pytest.raises(InputError, match="is not there"):
        read_blind(tmp_path / "none", "dx", Side.LEFT, "case 'e1', dx")


def test_images_that_all_name_the_other_side_are_refused(tmp_path):
    for name, words in (("one", "cor STIR left hip"), ("two", "cor STIR both hips")):
        folder = tmp_path / name
        folder.mkdir()
        values = np.random.default_rng(1).uniform(0, 900, (9, 8, 4))
        write_nifti(Volume(Grid(values.shape, AXIAL), values), folder / "a.nii.gz")
        (folder / "a.json").write_text(json.dumps(SIDECAR | {"SeriesDescription": words}))
    assert read_blind(tmp_path / "one", "mr", Side.LEFT, "case 'e1'")
    with pytest.raises(GeometryError, match="case 'e1': the protocol says right, but all its images are of the left"):
        read_blind(tmp_path / "one", "mr", Side.RIGHT, "case 'e1'")
    assert read_blind(tmp_path / "two", "mr", Side.RIGHT, "case 'e1'")  # an image of both may show either


def test_a_name_differs_by_reader_session_case_and_what_is_shown():
    reads = [
        Read("r1", "s1", "e1", ("mr",)),
        Read("r2", "s1", "e1", ("mr",)),
        Read("r1", "s2", "e1", ("mr",)),
        Read("r1", "s1", "e2", ("mr",)),
        Read("r1", "s1", "e1", ("mr", "dx")),
    ]
    assert len({pseudonym("secret", read) for read in reads}) == len(reads)
    assert pseudonym("secret", reads[0]) != pseudonym("other", reads[0])
    assert pseudonym("secret", reads[0]) == pseudonym("secret", reads[0])
