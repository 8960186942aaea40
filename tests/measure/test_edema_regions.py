"""Rows by region add up and carry their interval."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.edema import measure_edema
from marrowmap.measure.edema_regions import measure_regions
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Side

GRID = Grid((60, 50, 10), np.diag([1.0, 1.0, 4.0, 1.0]))
BONE = Mask(GRID, np.ones(GRID.shape, bool))
SIGNAL = np.random.default_rng(0).normal(100, 4, GRID.shape)
SIGNAL[5:25, 10:40, 2:8] += 200
RESULT = measure_edema(Volume(GRID, SIGNAL.astype(np.float32)), BONE)
LABELS = np.ones(GRID.shape, np.uint16)
LABELS[15:] = 2
LABELS[40:] = 3
REGIONS = LabelMap(GRID, LABELS, {1: "femoral_head", 2: "femoral_neck", 3: "femoral_shaft"})


def _rows() -> dict[tuple[str, str], float]:
    rows = measure_regions(
        RESULT,
        REGIONS,
        joint=Joint.HIP,
        side=Side.LEFT,
        date="2026-01-02",
        evidence=Evidence("1.2"),
        unions={"proximal_femur": tuple(REGIONS.names.values())},
    )
    for row in rows:
        assert row.evidence.mask_sha256
        assert "k=3" in row.method
    return {(row.region, row.name): row.quantity.value for row in rows}


def test_regions_add_up_to_the_whole() -> None:
    rows = _rows()
    for name in ("edema_volume", "edema_closed_volume", "bone_volume"):
        parts = sum(rows[region, name] for region in REGIONS.names.values())
        assert parts == pytest.approx(rows["proximal_femur", name])
    assert rows["proximal_femur", "edema_volume"] == pytest.approx(RESULT.edema_volume_ml)
    assert rows["proximal_femur", "edema_volume"] == pytest.approx(20 * 30 * 6 * 0.004, rel=0.1)


def test_a_spared_region_has_none() -> None:
    rows = _rows()
    assert rows["femoral_shaft", "edema_volume"] == 0
    assert rows["femoral_shaft", "edema_fraction"] == 0
    assert ("femoral_shaft", "edema_signal_ratio") not in rows


def test_signal_ratio_is_that_of_the_lesion() -> None:
    assert _rows()["femoral_head", "edema_signal_ratio"] == pytest.approx(3.0, rel=0.1)


def test_another_grid_is_refused() -> None:
    moved = LabelMap(Grid(GRID.shape, np.eye(4)), LABELS, REGIONS.names)
    with pytest.raises(GeometryError):
        measure_regions(RESULT, moved, joint=None, side=None, date="", evidence=Evidence("1.2"))
