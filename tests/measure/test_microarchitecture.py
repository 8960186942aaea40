from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture import choose_regime
from marrowmap.measure.microarchitecture import finite
from marrowmap.measure.microarchitecture import gather
from marrowmap.values import Quantity
from tests.ingest.micro_files import grid
from tests.ingest.micro_files import lattice

SHAPE = (24, 24, 24)


def image(spacing, modality="OT", unit="native", values=None) -> tuple[MicroImage, Mask]:
    bone = lattice(SHAPE)
    array = (bone * 100.0 if values is None else values).astype(np.float32)
    place = grid(SHAPE, spacing)
    found = MicroImage("a", Volume(place, array, unit), modality, "a", (Path("a"),), ())
    return found, Mask(place, np.ones(SHAPE, bool))


@pytest.mark.parametrize(
    ("spacing", "modality", "unit", "expected"),
    [
        (0.0607, "CT", "mg/cm3", Regime.RESOLVED),
        (0.082, "OT", "native", Regime.RESOLVED),
        ((0.05, 0.05, 0.2), "CT", "mg/cm3", Regime.APPARENT),
        ((0.234, 0.234, 1.0), "MR", "signal", Regime.APPARENT),
        (0.05, "MR", "signal", Regime.APPARENT),
    ],
)
def test_voxel_and_modality_decide(spacing, modality, unit, expected):
    regime, reason = choose_regime(*image(spacing, modality, unit))
    assert regime is expected
    assert "mm" in reason


def test_coarse_ct_in_hounsfield_units_is_refused():
    with pytest.raises(InputError, match="calibrated to mgHA/cm3"):
        choose_regime(*image(0.3, "CT", "HU"))


def test_without_a_word_bright_marrow_with_dark_bone_is_taken_for_mr_and_said():
    dark_bone = 100.0 - 60.0 * (np.random.default_rng(3).random(SHAPE) < 0.15)
    regime, reason = choose_regime(*image(0.234, values=dark_bone))
    assert regime is Regime.APPARENT
    assert "nothing says the modality: taken for MR" in reason
    with pytest.raises(InputError, match="MR or CT"):
        choose_regime(*image(0.234, values=200.0 - dark_bone))


def test_what_cannot_be_measured_is_left_out_with_its_reason():
    def refuse() -> Quantity:
        return finite(float("inf"), "1", "no rods")

    values, methods, refused = gather(
        {"erosion_index": (lambda: Quantity(1.0, "1"), "m"), "plate_rod_ratio": (refuse, "m")}
    )
    assert list(values) == ["erosion_index"]
    assert methods == {"erosion_index": "m"}
    assert refused == {"plate_rod_ratio": "no rods"}
