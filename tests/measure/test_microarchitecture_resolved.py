from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_resolved import around_region
from marrowmap.measure.microarchitecture_resolved import choose_threshold
from marrowmap.measure.microarchitecture_resolved import measure_resolved
from tests.ingest.micro_files import HR
from tests.ingest.micro_files import density
from tests.ingest.micro_files import grid
from tests.ingest.micro_files import inner
from tests.ingest.micro_files import lattice

SHAPE = (48, 44, 40)
PLATES = lattice(SHAPE, period=12, thick=4)


def measured(values, unit="mg/cm3", spacing=HR, given=None, region=None):
    place = grid(values.shape, spacing)
    volume = Volume(place, values.astype(np.float32), unit)
    inside = Mask(place, inner(values.shape) if region is None else region)
    return measure_resolved(volume, inside, "why", choose_threshold(volume.within(inside), unit, given))


def test_plates_of_known_thickness():
    """Walls 4 of 12 voxels thick: their share, width and the gap are known."""
    walls = np.indices(SHAPE)[0] % 12 < 4
    found = measured(walls.astype(float), "native")
    assert found.values["bone_volume_fraction"].value == pytest.approx(walls[inner(SHAPE)].mean())
    assert found.values["trabecular_thickness"].value == pytest.approx(4 * HR, rel=0.1)
    assert found.values["trabecular_separation"].value == pytest.approx(8 * HR, rel=0.1)


def test_every_measure_is_given_or_refused_with_its_reason():
    found = measured(PLATES.astype(float), "native")
    assert found.regime is Regime.RESOLVED
    assert found.values["degree_of_anisotropy"].value > 1.2
    assert "segmented already" in found.methods["bone_volume_fraction"]
    assert set(found.values) | set(found.refused) == {
        "bone_volume_fraction", "trabecular_thickness", "trabecular_separation", "trabecular_number",
        "connectivity_density", "degree_of_anisotropy", "structure_model_index", "plate_rod_ratio", "erosion_index",
        "plate_tissue_fraction",
    }  # fmt: skip


def test_density_uses_the_stated_threshold_and_noise_does_not_matter_much():
    clean = measured(PLATES.astype(float), "native")
    noisy = measured(density(PLATES, noise=80.0))
    assert "320 mgHA/cm3" in noisy.methods["bone_volume_fraction"]
    assert "Gaussian of 0.8 voxels" in noisy.methods["bone_volume_fraction"]
    ratio = noisy.values["bone_volume_fraction"].value / clean.values["bone_volume_fraction"].value
    assert ratio == pytest.approx(1.0, abs=0.2)


def test_otsu_parts_uncalibrated_values():
    found = choose_threshold(density(PLATES).ravel(), "native", None)
    assert ((density(PLATES) >= found.level) == PLATES).mean() > 0.999
    assert "Otsu" in found.how
    assert choose_threshold(density(PLATES).ravel(), "native", 123.0).level == 123.0


def test_thickness_below_two_voxels_is_refused_with_the_reason():
    thin = lattice(SHAPE, period=8, thick=1)
    found = measured(thin.astype(float), "native")
    assert "trabecular_thickness" not in found.values
    assert "below 2 the number would be the voxel's" in found.refused["trabecular_thickness"]
    assert "bone_volume_fraction" in found.values


@pytest.mark.parametrize(
    ("values", "unit", "words"),
    [
        (np.full(SHAPE, 900.0), "native", "every voxel of the region is 900"),
        (np.full(SHAPE, 900.0) + np.arange(48)[:, None, None], "mg/cm3", "all of the region is bone"),
        (np.zeros(SHAPE) + np.arange(48)[:, None, None], "mg/cm3", "none of the region is bone"),
        (np.clip(density(PLATES) / 3, 0, 255).round(), "native", "top of 8 bits"),
    ],
)
def test_images_without_an_answer(values, unit, words):
    with pytest.raises(InputError, match=words):
        measured(values, unit)


def test_an_empty_region():
    place = grid(SHAPE)
    with pytest.raises(InputError, match="empty"):
        measure_resolved(
            Volume(place, PLATES.astype(np.float32)), Mask(place, np.zeros(SHAPE, bool)), "", choose_threshold(
                PLATES.astype(np.float32).ravel(), "native", None
            )
        )  # fmt: skip


def test_only_what_lies_around_the_region_is_looked_at():
    place = grid((60, 60, 60))
    region = np.zeros((60, 60, 60), bool)
    region[20:30, 5:10, 40:50] = True
    image, inside = around_region(Volume(place, np.zeros(region.shape, np.float32)), Mask(place, region), 5 * HR)
    assert image.grid.shape == (20, 15, 20)
    assert int(inside.array.sum()) == int(region.sum())
    np.testing.assert_allclose(image.grid.to_world((0, 0, 0)), np.array([15, 0, 35]) * HR)


@pytest.mark.parametrize("level", [700.0, 0.0])
def test_noise_of_one_kind_is_not_parted_in_two(level):
    noise = np.random.default_rng(4).normal(level, 40.0, 20_000).astype(np.float32)
    with pytest.raises(InputError, match=r"not of two kinds .* all bone, no bone, or too much noise"):
        choose_threshold(noise, "native", None)
    assert choose_threshold(noise, "native", 320.0).level == 320.0


def test_walls_are_plates_and_a_lattice_is_not():
    walls = np.indices(SHAPE)[0] % 12 < 4
    assert measured(walls.astype(float), "native").values["plate_tissue_fraction"].value > 0.97
    assert measured(PLATES.astype(float), "native").values["plate_tissue_fraction"].value < 0.97
