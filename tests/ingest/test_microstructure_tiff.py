from __future__ import annotations

import numpy as np
import pytest
import tifffile

from marrowmap.errors import InputError
from marrowmap.ingest.microstructure_spacing import parse_spacing
from marrowmap.ingest.microstructure_tiff import matches
from marrowmap.ingest.microstructure_tiff import read
from tests.ingest.micro_files import lattice

STACK = (lattice((8, 9, 10)) * 200).astype(np.uint16)
PAGES = STACK.transpose(2, 1, 0)


def test_a_plain_stack_needs_its_spacing(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PAGES, photometric="minisblack", resolution=(300, 300), resolutionunit="INCH")
    with pytest.raises(InputError, match="a TIFF says nothing of its voxels: give --spacing"):
        read(path, None)
    image = read(path, parse_spacing("20x20x40um"))
    np.testing.assert_array_equal(image.volume.array, STACK)
    assert image.volume.grid.spacing == pytest.approx([0.02, 0.02, 0.04])
    assert not image.oriented


def test_imagej_names_its_unit(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PAGES, imagej=True, resolution=(1 / 20, 1 / 20), metadata={"spacing": 40.0, "unit": "um"})
    assert read(path, None).volume.grid.spacing == pytest.approx([0.02, 0.02, 0.04], rel=1e-4)


def test_imagej_without_a_unit(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PAGES, imagej=True, resolution=(1 / 20, 1 / 20), metadata={"spacing": 40.0})
    with pytest.raises(InputError, match="of what"):
        read(path, None)


def test_ome_names_its_unit(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": 20.0, "PhysicalSizeY": 20.0, "PhysicalSizeZ": 40.0}
    tifffile.imwrite(path, PAGES, ome=True, metadata=metadata)
    assert read(path, None).volume.grid.spacing == pytest.approx([0.02, 0.02, 0.04])


def test_a_folder_in_the_order_of_its_numbers(tmp_path):
    for n, page in enumerate(PAGES, start=1):
        tifffile.imwrite(tmp_path / f"slice_{n}.tif", page)
    assert matches(tmp_path)
    np.testing.assert_array_equal(read(tmp_path, parse_spacing("20um")).volume.array, STACK)
    (tmp_path / "slice_4.tif").unlink()
    with pytest.raises(InputError, match="numbers are missing among its files"):
        read(tmp_path, parse_spacing("20um"))


def test_pages_that_are_no_volume(tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", PAGES[0])
    with pytest.raises(InputError, match="pages"):
        read(tmp_path / "flat.tif", parse_spacing("20um"))
    (tmp_path / "bad.tif").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="not a readable TIFF"):
        read(tmp_path / "bad.tif", parse_spacing("20um"))
