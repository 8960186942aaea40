from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.apparent_fraction import apparent_fraction
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_apparent import measure_apparent
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular_mr import BlockImage
from marrowmap.phantom.trabecular_mr import FlashScan
from marrowmap.phantom.trabecular_mr import scan_block
from tests.ingest.micro_files import grid


@pytest.fixture(scope="module")
def scanned() -> BlockImage:
    return scan_block(grow((9.0, 9.0, 9.0), Recipe(), 5), FlashScan(), 5, canal_mm=5.0)


def test_mr_gives_apparent_measures_and_refuses_what_voxels_hide(scanned):
    region = scanned.inner(1.0)
    found = measure_apparent(scanned.image, region, "why")
    assert found.regime is Regime.APPARENT
    assert "1 mm" in found.refused["trabecular_thickness"]
    assert {"connectivity_density", "structure_model_index", "degree_of_anisotropy"} <= set(found.refused)
    assert found.values["trabecular_number"].unit == "1/mm"
    assert all(method.startswith("apparent") for method in found.methods.values())
    assert not set(found.values) & set(found.refused)
    whole = apparent_fraction(scanned.image, region)
    assert found.values["bone_volume_fraction"] == whole.mean
    assert float(np.nanmean(found.fraction)) == pytest.approx(float(np.nanmean(whole.map)), rel=1e-5)
    np.testing.assert_array_equal(np.isfinite(found.fraction), found.region.array)


def test_density_in_coarse_voxels_is_its_share_of_full_bone():
    share = np.clip(np.random.default_rng(2).normal(0.2, 0.05, (20, 20, 12)), 0.01, 0.99)
    place = grid(share.shape, (0.2, 0.2, 0.5))
    image = Volume(place, (1200 * share).astype(np.float32), "mg/cm3")
    region = Mask(place, np.ones(share.shape, bool))
    found = measure_apparent(image, region, "why")
    assert found.values["bone_volume_fraction"].value == pytest.approx(share.mean(), rel=1e-5)
    assert "trabecular_thickness" in found.refused
    with pytest.raises(InputError, match="holds no bone"):
        measure_apparent(image.with_array(np.full(share.shape, -20.0, np.float32)), region, "why")
    with pytest.raises(InputError, match="all bone"):
        measure_apparent(image.with_array(np.full(share.shape, 1900.0, np.float32)), region, "why")


def test_plates_and_rods_are_refused_where_voxels_order_them_wrongly(scanned):
    region = scanned.inner(1.0)
    found = measure_apparent(scanned.image, region, "why")
    for name in ("plate_rod_ratio", "erosion_index"):
        assert name not in found.values
        assert "voxels of 1 mm" in found.refused[name]
        assert "above 0.1 mm" in found.refused[name]
    own = measure_apparent(scanned.image, region, "why", topology_voxel_mm=1.5)
    assert {"plate_rod_ratio", "erosion_index"} <= set(own.values)
    assert own.values["trabecular_number"] == found.values["trabecular_number"]
