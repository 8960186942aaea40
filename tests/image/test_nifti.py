import gzip
import os
import struct
import warnings

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import read_nifti
from marrowmap.image.nifti import read_nifti_labels
from marrowmap.image.nifti import read_nifti_mask
from marrowmap.image.nifti import write_nifti
from tests.image.strategies import grids


def save(path, array, affine=None):
    nib.save(nib.Nifti1Image(array, np.diag([1.0, 2, 3, 1]) if affine is None else affine), path)
    return path


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=grids())
def test_a_volume_comes_back_as_it_was(tmp_path, grid):
    array = np.random.default_rng(1).normal(size=grid.shape).astype(np.float32)
    write_nifti(Volume(grid, array), tmp_path / "v.nii.gz")
    back = read_nifti(tmp_path / "v.nii.gz")
    assert (back.array == array).all()
    assert np.allclose(back.grid.affine, grid.affine, atol=2e-3)


def test_another_library_reads_the_same_place_in_ras(tmp_path):
    grid = Grid((4, 5, 6), [[-1.0, 0, 0, 10], [0, 0, 2, 20], [0, 3, 0, 30], [0, 0, 0, 1]])
    write_nifti(Mask(grid, np.ones(grid.shape, bool)), tmp_path / "m.nii.gz")
    image = nib.load(tmp_path / "m.nii.gz")
    point = grid.to_world([1, 2, 3])
    assert (image.affine @ [1, 2, 3, 1])[:3] == pytest.approx(point * [-1, -1, 1])
    assert image.get_qform() == pytest.approx(image.get_sform(), abs=1e-5)
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.get_data_dtype() == np.uint8


def test_masks_and_labels_come_back(tmp_path):
    grid = Grid((3, 3, 3), np.eye(4))
    labels = np.arange(27).reshape(3, 3, 3) * 20
    write_nifti(LabelMap(grid, labels, {n: str(n) for n in range(20, 521, 20)}), tmp_path / "l.nii")
    assert nib.load(tmp_path / "l.nii").get_data_dtype() == np.uint16
    assert (read_nifti(tmp_path / "l.nii").array == labels).all()
    assert (read_nifti_mask(tmp_path / "l.nii").array == (labels > 0)).all()


def test_the_same_image_gives_the_same_bytes_and_no_rests(tmp_path):
    volume = Volume(Grid((3, 3, 3), np.eye(4)), np.ones((3, 3, 3), np.float32))
    write_nifti(volume, tmp_path / "a.nii.gz")
    write_nifti(volume, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.nii.gz", "b.nii.gz"]


def patch(path, offset, kind, *values):
    """Write into the header behind nibabel's back."""
    content = bytearray(path.read_bytes())
    struct.pack_into(f"<{len(values)}{kind}", content, offset, *values)
    path.write_bytes(content)
    return path


def test_scaling_and_units_are_applied(tmp_path):
    path = save(tmp_path / "a.nii", np.full((3, 3, 3), 7, np.int16), np.diag([0.001, 0.002, 0.003, 1]))
    patch(path, 112, "f", 2.0, 1.0)  # scl_slope, scl_inter
    patch(path, 123, "B", 1)  # xyzt_units: meter
    volume = read_nifti(path)
    assert volume.array == pytest.approx(15.0)
    assert volume.grid.spacing == pytest.approx([1, 2, 3])


def test_a_slope_that_overflows_is_refused(tmp_path):
    path = patch(save(tmp_path / "a.nii", np.full((3, 3, 3), 30000, np.int16)), 112, "f", 3e38, 0.0)
    with pytest.raises(InputError, match="beyond 32-bit floats"):
        read_nifti(path)


def test_one_volume_of_a_fourth_axis_is_read(tmp_path):
    array = np.arange(27.0).reshape(3, 3, 3, 1)
    assert (read_nifti(save(tmp_path / "a.nii.gz", array)).array == array[..., 0]).all()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: p.touch(), "zero bytes"),
        (lambda p: p.write_bytes(b"no nifti at all" * 100), "not a readable NIfTI"),
        (lambda p: save(p, np.zeros((3, 3, 3, 2))), "holds 2 volumes"),
        (lambda p: save(p, np.zeros((3, 3))), "three axes"),
        (lambda p: save(p, np.full((3, 3, 3), np.nan)), "27 voxels are NaN"),
        (lambda p: save(p, np.full((3, 3, 3), 1e300)), "beyond 32-bit floats"),
        (lambda p: save(p, np.zeros((3, 3, 3), np.complex64)), "not plain numbers"),
        (lambda p: save(p, np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])), "not plain numbers"),
        (lambda p: save(p, np.ones((9, 9, 9))) and p.write_bytes(p.read_bytes()[:2000]), "cut short"),
        (lambda p: save(p, np.ones((9, 9, 9))) and p.write_bytes(p.read_bytes()[:200]), "copy"),
    ],
)
def test_a_broken_file_says_why_in_one_line(tmp_path, make, reason):
    path = tmp_path / "a.nii"
    make(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=reason) as caught:
            read_nifti(path)
    assert str(caught.value).startswith("a.nii: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_says_so(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(size=(9, 9, 9)))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="broken or cut short"):
        read_nifti(path)
    path.write_bytes(gzip.compress(b"\0" * 1000))
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        read_nifti(path)


def sheared():
    affine = np.diag([1.0, 2, 3, 1])
    affine[0, 1] = 0.5
    return affine


def test_nibabel_keeps_its_remarks_to_itself(tmp_path, caplog):
    path = patch(save(tmp_path / "a.nii", np.zeros((3, 3, 3))), 70, "h", 528)  # datatype
    with pytest.raises(InputError):
        read_nifti(path)
    assert caplog.text == ""


def test_geometry_that_cannot_be_trusted_stops(tmp_path):
    with pytest.raises(GeometryError, match=r"a\.nii: .*sheared"):
        read_nifti(save(tmp_path / "a.nii", np.zeros((3, 3, 3)), sheared()))
    with pytest.raises(GeometryError, match="left and right are unknown"):
        read_nifti(patch(save(tmp_path / "b.nii", np.zeros((3, 3, 3))), 252, "h", 0, 0))  # qform_code, sform_code
    image = nib.Nifti1Image(np.zeros((3, 3, 3)), np.eye(4))
    image.set_qform(np.diag([-1.0, 1, 1, 1]), 1)
    image.set_sform(np.eye(4), 1)
    nib.save(image, tmp_path / "c.nii")
    with pytest.raises(GeometryError, match="qform and sform"):
        read_nifti(tmp_path / "c.nii")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((3, 3, 3), -1, np.int16), "negative"),
        (np.full((3, 3, 3), 0.3), "fractions"),
        (np.full((3, 3, 3), np.nan), "NaN"),
    ],
)
def test_a_mask_must_be_one(tmp_path, array, reason):
    with pytest.raises(InputError, match=reason):
        read_nifti_mask(save(tmp_path / "m.nii", array))


def test_a_float_mask_of_whole_numbers_is_one(tmp_path):
    array = np.zeros((3, 3, 3))
    array[1] = 0.99999
    assert read_nifti_mask(save(tmp_path / "m.nii", array)).array.sum() == 9


def test_real_volumes_share_their_masks_grid(shared_data):
    folder = shared_data / "bme-sij-mri"
    stir = read_nifti(folder / "STIR" / "Pre_Scans" / "1003_STIR.nii.gz")
    marrow = folder / "segmentations" / "Normal_marrow_manual_segmentation" / "1003_normal_marrow.nii.gz"
    assert read_nifti_mask(marrow).grid == stir.grid
    assert stir.grid.spacing == pytest.approx([0.595, 0.595, 3.3], abs=1e-2)


def test_names_of_labels_come_from_the_header(tmp_path):
    array = np.zeros((3, 3, 3), np.uint8)
    array[0], array[1] = 75, 7
    image = nib.Nifti1Image(array, np.eye(4))
    table = (
        '<LabelTable><Label Key="75" Red="0.0"><![CDATA[femur_left]]></Label><Label Key="8">hand</Label></LabelTable>'
    )
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, table.encode()))
    nib.save(image, tmp_path / "l.nii.gz")
    labels = read_nifti_labels(tmp_path / "l.nii.gz")
    assert labels.names == {75: "femur_left", 7: "7"}
    assert labels.mask("femur_left").array.sum() == 9


def test_labels_too_large_for_any_table(tmp_path):
    save(tmp_path / "l.nii", np.full((3, 3, 3), 70000, np.int32))
    with pytest.raises(InputError, match="above 65535"):
        read_nifti_labels(tmp_path / "l.nii")
