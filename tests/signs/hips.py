"""Hips to judge signs on: a real edema result of a small picture, fractions and edge as each test sets them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.boundary import BoundaryProfile
from marrowmap.measure.edema import EdemaResult
from marrowmap.measure.edema import measure_edema
from marrowmap.measure.hip import HipMeasurement
from marrowmap.values import Quantity
from marrowmap.values import Side

REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric", "greater_trochanter", "femoral_shaft")


@lru_cache(maxsize=1)
def edema() -> EdemaResult:
    """Edema of a ball in a noisy box of marrow."""
    grid = Grid((40, 40, 8), np.diag([1.0, 1.0, 4.0, 1.0]))
    rng = np.random.default_rng(0)
    signal = 100 + rng.normal(0, 5, grid.shape)
    signal[10:30, 10:30, 2:6] += 200
    reference = np.zeros(grid.shape, bool)
    reference[:8] = True
    return measure_edema(
        Volume(grid, signal.astype(np.float32)), Mask(grid, np.ones(grid.shape, bool)), Mask(grid, reference)
    )


def profile(position: float | None, width: float | None = 6.0, note: str = "") -> BoundaryProfile:
    """An edge with intervals of 2 mm either way."""
    nothing = np.empty(0)
    return BoundaryProfile(
        nothing,
        nothing,
        nothing,
        0.9,
        None if position is None else Quantity(position, "mm", position - 2, position + 2),
        None if position is None or width is None else Quantity(width, "mm", max(0, width - 2), width + 2),
        1.0,
        note,
    )


def hip(**fractions: float) -> HipMeasurement:
    """A hip wholly in view with the given edema fractions (percent, 5 either way); others are 0."""
    result = edema()
    series = Series(
        uid="1.2.3",
        study_uid="1.2",
        number=3,
        description="STIR",
        modality="MR",
        date="2026-01-01",
        volume=result.membership,
        sequence=Sequence.FLUID_FAT_SUPPRESSED,
        sequence_reason="test",
        side=None,
        side_reason="",
        files=(Path("a"),),
    )
    values = {name: fractions.get(name, 0.0) for name in REGIONS}
    return HipMeasurement(
        side=Side.LEFT,
        date="2026-01-01",
        series=series,
        femur=None,
        seen=dict.fromkeys(REGIONS, 1.0),
        edema=result,
        edema_fraction={n: Quantity(v, "%", max(0.0, v - 5), min(100.0, v + 5)) for n, v in values.items()},
    )


def blind(measurement: HipMeasurement, region: str) -> HipMeasurement:
    """The same hip with one region out of view."""
    return replace(measurement, seen={**measurement.seen, region: 0.1})
