from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from marrowmap.errors import InputError
from marrowmap.ingest.microstructure_itk import read
from marrowmap.ingest.microstructure_spacing import parse_spacing
from tests.ingest.micro_files import lattice


def written(path, spacing=0.05, values=None, edit=None):
    array = lattice((8, 9, 10)).astype(np.uint8) if values is None else values
    image = SimpleITK.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing([spacing] * 3)
    image.SetOrigin((1.0, 2.0, 3.0))
    SimpleITK.WriteImage(image, str(path))
    if edit:
        path.write_bytes(edit(path.read_bytes()))
    return path


@pytest.mark.parametrize("ending", ["mha", "nrrd"])
def test_axes_values_and_place_are_kept(tmp_path, ending):
    image = read(written(tmp_path / f"a.{ending}"), None)
    assert image.volume.grid.shape == (8, 9, 10)
    np.testing.assert_array_equal(image.volume.array, lattice((8, 9, 10)))
    np.testing.assert_allclose(image.volume.grid.to_world((1, 0, 2)), (1.05, 2.0, 3.1))


def test_units_that_simpleitk_drops(tmp_path):
    path = written(
        tmp_path / "a.nrrd", 4.1, edit=lambda b: b.replace(b"kinds:", b'space units: "um" "um" "um"\nkinds:')
    )
    assert read(path, None).volume.grid.spacing == pytest.approx([0.0041] * 3)
    path = written(
        tmp_path / "a.mha", 60.7, edit=lambda b: b.replace(b"ElementType", b"DistanceUnits = um\nElementType")
    )
    assert read(path, None).volume.grid.spacing == pytest.approx([0.0607] * 3)


def test_unitless_spacing(tmp_path):
    path = written(tmp_path / "a.nrrd", 0.004)
    with pytest.raises(InputError, match=r"a\.nrrd: voxel size 0\.004 .* of what\?"):
        read(path, None)
    image = read(path, parse_spacing("4um"))
    assert image.volume.grid.spacing == pytest.approx([0.004] * 3)


def test_a_spacing_against_the_files_own(tmp_path):
    path = written(
        tmp_path / "a.nrrd", 0.05, edit=lambda b: b.replace(b"kinds:", b'space units: "mm" "mm" "mm"\nkinds:')
    )
    with pytest.raises(InputError, match="contradicts the file's own"):
        read(path, parse_spacing("60um"))


def test_nan_and_broken_files(tmp_path):
    values = np.zeros((8, 9, 10), np.float32)
    values[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="1 voxels are NaN"):
        read(written(tmp_path / "a.mha", values=values), None)
    (tmp_path / "b.mha").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="not a readable image"):
        read(tmp_path / "b.mha", None)
    (tmp_path / "c.nrrd").write_bytes(b"")
    with pytest.raises(InputError, match="nothing in it"):
        read(tmp_path / "c.nrrd", None)


def test_a_file_cut_short(tmp_path):
    path = written(tmp_path / "a.mha", edit=lambda b: b[:-300])
    with pytest.raises(InputError, match=r"a\.mha"):
        read(path, None)
