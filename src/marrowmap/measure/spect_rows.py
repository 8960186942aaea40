"""What was measured in SPECT as rows."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from marrowmap.measure import cold_area
from marrowmap.measure import uptake_boundary
from marrowmap.measure.spect import METHOD
from marrowmap.measure.spect import REGIONS
from marrowmap.measure.spect import RegionUptake
from marrowmap.measure.spect import SpectHip
from marrowmap.measure.spect import together
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity

MODALITY = "NM"
EXTREME_SD: Mapping[tuple[str, str], float] = {
    ("femoral_head", "suv_min"): 0.196,
    ("femoral_head", "suv_max"): 0.219,
    ("femoral_neck", "suv_min"): 0.146,
    ("femoral_neck", "suv_max"): 0.34,
}
"""Standard deviation of the least and greatest mean in 1 mL, over the region's mean: extremes err by an amount, not in
proportion to themselves. Of :data:`~marrowmap.measure.spect.MODEL_SD`'s source."""
RATIO_SD: Mapping[str, float] = {"femoral_head": 0.035, "femoral_neck": 0.035, "intertrochanteric": 0.03}
"""Relative standard deviation of a side ratio beyond noise; of the same source."""
SHAFT_RATIO_SD: Mapping[str, float] = {"femoral_head": 0.08, "femoral_neck": 0.08, "intertrochanteric": 0.08}
"""The same of a region over the shaft: a choice. Six persons of ``benchmarks/spect_regions.py --seeds 1:7`` need
less, but are too few to set it."""


def spect_rows(hips: Sequence[SpectHip]) -> tuple[Measurement, ...]:
    """Return the rows of all hips of one SPECT."""
    by_side = {hip.side: hip for hip in hips if hip.regions is not None}
    return tuple(row for side, hip in by_side.items() for row in _rows(hip, by_side.get(side.opposite)))


def _interval(value: float, relative_sd: float, unit: str) -> Quantity:
    """Return a 95 % interval that is even in the logarithm, so that a ratio and its inverse say the same."""
    factor = float(np.exp(1.96 * relative_sd))
    return Quantity(value, unit, value / factor, value * factor)


def _extreme(name: str, region: RegionUptake, quantity: str) -> Quantity:
    value = region.low if quantity == "suv_min" else region.high
    reach = 1.96 * together(EXTREME_SD[name, quantity], region.place) * region.mean
    return Quantity(value, "g/mL", max(value - reach, 0.0), value + reach)


def _rows(hip: SpectHip, other: SpectHip | None) -> list[Measurement]:
    assert hip.regions is not None
    rows: list[Measurement] = []

    def add(name: str, region: str, quantity: Quantity, method: str) -> None:
        evidence = hip.source.evidence
        rows.append(Measurement(name, Joint.HIP, hip.side, region, quantity, MODALITY, method, hip.date, evidence))

    source = hip.source
    how = f"{METHOD}; image blur {2.3548 * hip.resolution_mm:.1f} mm FWHM; {source.note}"
    for name in REGIONS:
        region = hip.regions[name]
        partial = (
            f"{how}; {region.volume_ml:.0f} mL of bone of which uncorrected voxels keep {100 * region.recovery:.0f} %"
        )
        if source.suv_factor is None:
            shaft = _reference(hip, other)
            ratio = _interval(
                region.mean / shaft.mean,
                together(region.noise, region.place, shaft.noise, shaft.place, SHAFT_RATIO_SD[name]),
                "1",
            )
            add(
                "uptake_ratio",
                name,
                ratio,
                f"{partial}; over the femoral shaft with less uptake, as there is {source.suv_reason}",
            )
        else:
            add("suv_mean", name, _interval(region.mean, region.error, "g/mL"), f"{partial}; {source.suv_reason}")
            if name != "intertrochanteric":
                extreme = f"{partial}; ball of 1 mL, shrunk toward the mean by its noise; {source.suv_reason}"
                add("suv_min", name, _extreme(name, region, "suv_min"), extreme)
                add("suv_max", name, _extreme(name, region, "suv_max"), extreme)
        if other is not None and other.regions is not None:
            theirs = other.regions[name]
            spread = together(region.noise, region.place, theirs.noise, theirs.place, RATIO_SD[name])
            add(
                "delayed_ratio",
                name,
                _interval(region.mean / theirs.mean, spread, "1"),
                f"{how}; in space: this side over the other",
            )
    boundary = hip.boundary
    if boundary is not None and boundary.position_mm is not None and boundary.width_mm is not None:
        edge = f"{uptake_boundary.METHOD}; {how}"
        add("uptake_boundary_position", "proximal_femur", boundary.position_mm, edge)
        add("uptake_boundary_width", "proximal_femur", boundary.width_mm, edge)
    cold = hip.cold
    if cold is not None and cold.present:
        add("cold_area_volume", "femoral_head", cold.volume, f"{cold_area.METHOD}; {source.note}")
        add("cold_area_contrast", "femoral_head", cold.contrast, f"{cold_area.METHOD}; {source.note}")
    return rows


def _reference(hip: SpectHip, other: SpectHip | None) -> RegionUptake:
    """Return the shaft that takes up less, of both where there are two."""
    assert hip.regions is not None
    mine = hip.regions["femoral_shaft"]
    if other is None or other.regions is None:
        return mine
    return min(mine, other.regions["femoral_shaft"], key=lambda shaft: shaft.mean)
