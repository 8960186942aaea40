from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.ct import HOUNSFIELD
from marrowmap.phantom.dxa import CALIBRATION
from marrowmap.phantom.dxa import ENERGIES_KEV
from marrowmap.phantom.dxa import MASS_ATTENUATION
from marrowmap.phantom.dxa import TISSUES
from marrowmap.phantom.dxa import DxaScan
from marrowmap.phantom.dxa import areal_map
from marrowmap.phantom.dxa import attenuation
from marrowmap.phantom.dxa import detect
from marrowmap.phantom.dxa import fat_beside

SCAN = DxaScan()


def slab(areal, muscle_cm=12.0, fat_cm=6.0, shape=(120, 140)):
    """Line integrals of even soft tissue with a slab of pure mineral in the middle."""
    integrals = np.empty((2, *shape))
    for energy in range(len(ENERGIES_KEV)):
        integrals[energy] = muscle_cm * attenuation("muscle", energy) + fat_cm * attenuation("fat", energy)
        integrals[energy, 40:80, 50:100] += areal * MASS_ATTENUATION["hydroxyapatite"][energy]
    return integrals


def test_every_tissue_but_metal_attenuates():
    assert set(HOUNSFIELD) - {"metal", "pile_up"} == set(TISSUES)
    for energy in range(len(ENERGIES_KEV)):
        values = {tissue: attenuation(tissue, energy) for tissue in TISSUES}
        assert max(values, key=values.get) == "cortical_bone"
        assert values["fat"] < values["muscle"]


@pytest.mark.parametrize("areal", [0.4, 0.9, 1.6])
@pytest.mark.parametrize("fat_cm", [1.0, 8.0])
def test_a_slab_of_known_mineral_gives_its_areal_density(areal, fat_cm):
    measured = detect(slab(areal, fat_cm=fat_cm), SCAN, np.random.default_rng(0))
    found = areal_map(measured, SCAN) / CALIBRATION
    assert found[46:74, 56:94].mean() == pytest.approx(areal, rel=0.01)
    assert abs(found[5:20, 5:20].mean()) < 0.01


def test_noise_falls_with_counts():
    few = areal_map(detect(slab(0.9), DxaScan(counts=2e5), np.random.default_rng(0)), SCAN)
    many = areal_map(detect(slab(0.9), DxaScan(counts=8e6), np.random.default_rng(0)), SCAN)
    assert few[46:74, 56:94].std() > 3 * many[46:74, 56:94].std()


def test_fat_under_the_bone_is_that_beside_it():
    measured = detect(slab(1.0), DxaScan(counts=1e9), np.random.default_rng(0))
    found = fat_beside(measured, SCAN.pixel_mm)
    assert found[60, 75] == pytest.approx(6.0 * TISSUES["fat"][1], rel=0.01)


def test_a_body_that_thins_to_its_side_keeps_its_mineral():
    """Muscle thins and the fat under the skin stays: a ratio carried from the thin side would be too low."""
    integrals = slab(0.9)
    for energy in range(len(ENERGIES_KEV)):
        integrals[energy] -= np.linspace(0, 9.0, 120)[:, None] * attenuation("muscle", energy)
    found = areal_map(detect(integrals, DxaScan(counts=1e8), np.random.default_rng(0)), SCAN) / CALIBRATION
    assert found[46:74, 56:94].mean() == pytest.approx(0.9, rel=0.01)


@pytest.mark.parametrize("areal", [0.25, 0.35])
def test_bone_that_has_lost_most_of_its_mineral_is_not_taken_for_flesh(areal):
    """Below what a first look takes for bone: as flesh it would lower the fat, and so its own mineral again."""
    found = areal_map(detect(slab(areal), DxaScan(counts=1e8), np.random.default_rng(0)), SCAN) / CALIBRATION
    assert found[46:74, 56:94].mean() == pytest.approx(areal, rel=0.03)


def test_the_rim_of_the_body_teaches_no_baseline():
    """A rim of fat alone, thinner than 0.4 of the body, does not reach under the bone beside it."""
    integrals = slab(0.9)
    for energy in range(len(ENERGIES_KEV)):
        integrals[energy, 85:] = 2.0 * attenuation("fat", energy)
    found = areal_map(detect(integrals, DxaScan(counts=1e8), np.random.default_rng(0)), SCAN) / CALIBRATION
    assert found[46:74, 56:94].mean() == pytest.approx(0.9, rel=0.01)


def test_an_image_all_of_bone_is_refused():
    full = slab(0.0)
    full += np.linspace(0.0, 3.0, 140) * np.array(MASS_ATTENUATION["hydroxyapatite"])[:, None, None]
    full[:, :, :2] = 0.0
    full[0, :, :2] = 1e-3
    full[1, :, :2] = 1.0
    with pytest.raises(ValueError, match="without soft tissue"):
        fat_beside(full, SCAN.pixel_mm)
