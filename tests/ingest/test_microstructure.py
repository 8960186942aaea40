from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.ingest.microstructure import read_microstructure
from marrowmap.ingest.microstructure import read_microstructure_mask
from marrowmap.ingest.microstructure_spacing import parse_spacing
from marrowmap.values import Joint
from marrowmap.values import Side
from tests.ingest.dicom_files import AXIAL
from tests.ingest.dicom_files import write_series
from tests.ingest.micro_files import HR
from tests.ingest.micro_files import density
from tests.ingest.micro_files import inner
from tests.ingest.micro_files import lattice
from tests.ingest.micro_files import write_image
from tests.ingest.micro_files import write_mask

SHAPE = (20, 18, 16)
DENSITY_TAGS = {
    "PixelSpacing": [HR, HR],
    "SliceThickness": HR,
    "ImageOrientationPatient": list(AXIAL),
    "RescaleType": "MGML",
    "BodyPartExamined": "KNEE",
    "Laterality": "L",
}


def test_density_in_dicom(tmp_path):
    write_series(tmp_path / "s", modality="CT", series="hr", step=HR, **DENSITY_TAGS)
    image = read_microstructure(tmp_path / "s")
    assert (image.modality, image.volume.unit, image.side, image.joint) == ("CT", "mg/cm3", Side.LEFT, Joint.KNEE)
    assert image.subject.person_id == "P1"
    assert image.volume.grid.spacing == pytest.approx([HR] * 3)


def test_hounsfield_units_are_no_density(tmp_path):
    write_series(tmp_path / "s", modality="CT", series="hr", step=HR, **{**DENSITY_TAGS, "RescaleType": "HU"})
    assert read_microstructure(tmp_path / "s").volume.unit == "HU"


def test_protocol_of_mr(tmp_path):
    tags = {"PixelSpacing": [0.234, 0.234], "MagneticFieldStrength": 7.0, "ImageOrientationPatient": list(AXIAL)}
    write_series(tmp_path / "s", series="flash", step=1.0, **tags)
    image = read_microstructure(tmp_path / "s")
    assert image.modality == "MR"
    assert image.protocol["field strength, T"] == 7.0
    assert image.protocol["echo time, ms"] == 12.0


def test_two_series_in_one_folder(tmp_path):
    for name in ("a", "b"):
        write_series(
            tmp_path / "s" / name, series=name, PixelSpacing=[0.2, 0.2], ImageOrientationPatient=list(AXIAL), step=1.0
        )
    with pytest.raises(InputError, match=r"holds 2 volumes .* pass the folder of one series"):
        read_microstructure(tmp_path / "s")


def test_voxels_of_a_clinical_scan(tmp_path):
    write_series(tmp_path / "s", series="cor", step=3.5)
    with pytest.raises(InputError, match="no image of trabecular bone"):
        read_microstructure(tmp_path / "s")


def test_nifti_with_and_without_a_sidecar(tmp_path):
    path = write_image(tmp_path / "a.nii.gz", density(lattice(SHAPE)))
    image = read_microstructure(path)
    assert (image.modality, image.volume.unit) == ("OT", "native")
    write_image(
        path, density(lattice(SHAPE)), sidecar={"Modality": "CT", "Units": "mgHA/cm3", "BodyPartExamined": "KNEE"}
    )
    image = read_microstructure(path)
    assert (image.modality, image.volume.unit, image.joint) == ("CT", "mg/cm3", Joint.KNEE)


def test_nifti_that_names_no_unit(tmp_path):
    path = tmp_path / "a.nii"
    image = nib.Nifti1Image(density(lattice(SHAPE)), np.diag([0.004, 0.004, 0.004, 1.0]))
    image.set_sform(image.affine, 1)
    image.header.set_xyzt_units(0)
    nib.save(image, path)
    with pytest.raises(InputError, match=r"a\.nii: voxel size 0\.004 .* of what\?"):
        read_microstructure(path)
    assert read_microstructure(path, parse_spacing("4um")).volume.grid.spacing == pytest.approx([0.004] * 3)


def test_a_mask_is_laid_on_its_image_however_its_voxels_are_counted(tmp_path):
    image = read_microstructure(write_image(tmp_path / "a.nii.gz", density(lattice(SHAPE))))
    region = inner(SHAPE, 3)
    whole = read_microstructure_mask(write_mask(tmp_path / "m.nii.gz", region), image)
    np.testing.assert_array_equal(whole.array, region)
    origin = (3 * HR, 3 * HR, 3 * HR)
    cropped = write_mask(tmp_path / "c.nii.gz", region[3:-3, 3:-3, 3:-3], origin=origin)
    np.testing.assert_array_equal(read_microstructure_mask(cropped, image).array, region)
    flipped = nib.load(tmp_path / "m.nii.gz")
    turned = nib.as_closest_canonical(flipped)
    nib.save(turned, tmp_path / "t.nii.gz")
    np.testing.assert_array_equal(read_microstructure_mask(tmp_path / "t.nii.gz", image).array, region)


def test_masks_that_do_not_belong_to_the_image(tmp_path):
    image = read_microstructure(write_image(tmp_path / "a.nii.gz", density(lattice(SHAPE))))
    with pytest.raises(InputError, match="region of interest is empty"):
        read_microstructure_mask(write_mask(tmp_path / "e.nii.gz", np.zeros(SHAPE, bool)), image)
    with pytest.raises(GeometryError, match="resample the mask"):
        read_microstructure_mask(write_mask(tmp_path / "s.nii.gz", inner(SHAPE, 3), spacing=0.07), image)
    with pytest.raises(GeometryError, match="resample the mask"):
        read_microstructure_mask(write_mask(tmp_path / "h.nii.gz", inner(SHAPE, 3), origin=(HR / 2, 0, 0)), image)
    with pytest.raises(InputError, match="larger than the image"):
        read_microstructure_mask(write_mask(tmp_path / "l.nii.gz", np.ones((24, 18, 16), bool)), image)


def test_one_object_in_six_formats_is_one_object(shared_data):
    """Scanco's object as AIM, ISQ, MHA, NIfTI, NRRD and DICOM: the same voxels of the same size."""
    folder = shared_data / "morphometry-ipl-reference" / "tests" / "data"
    names = ("test_aim.AIM", "test_isq.ISQ", "test_mha.mha", "test_nii.nii", "test_nrrd.nrrd", "test_dicom")
    images = [read_microstructure(folder / name) for name in names]
    for image in images:
        assert image.volume.grid.shape == (25, 25, 25)
        assert image.volume.grid.spacing == pytest.approx([0.0607] * 3, rel=1e-3)
        assert int(image.volume.array.sum()) == 81
        np.testing.assert_array_equal(image.volume.array, images[0].volume.array)


def test_the_shrew_names_its_unit(shared_data):
    image = read_microstructure(shared_data / "trab-shrew" / "Shrew.nrrd")
    assert image.volume.grid.spacing == pytest.approx([0.0041] * 3, rel=1e-6)
    assert not image.oriented
