"""Uptake in SPECT as the cells of a table, with published values beside it; and what must be known to read it."""

from __future__ import annotations

from collections.abc import Callable

from marrowmap.report.result import SpectImage
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.values import Measurement
from marrowmap.values import Side

LITERATURE = {
    ("femoral_head", "suv_mean"): "well 2.18 ± 0.32; Ficat I to IV 0.64, 4.61, 7.44, 7.80 (Xiong 2015)",
    ("femoral_neck", "suv_mean"): "well 2.32 ± 0.53 (Ryoo 2019)",
    ("femoral_head", "suv_min"): "well 0.95 ± 0.26, not viable 0.57 ± 0.38, cut-off 0.61 (Ryoo 2019), of voxels",
    ("femoral_neck", "suv_min"): "well 1.04 ± 0.27 (Ryoo 2019), of voxels",
    ("femoral_head", "delayed_ratio"): "after fracture 0.33 with osteonecrosis, 1.30 without; cut-off 0.5 (BMC 2020)",
}


def spect_table_rows(
    measurements: tuple[Measurement, ...], sides: tuple[Side, ...], number: Callable[[float | None], str]
) -> tuple[tuple[str, ...], ...]:
    """Return region, measure, a cell for each side, and published values."""
    mine = [m for m in measurements if m.modality == "NM"]
    keys = list(dict.fromkeys((m.region, m.name) for m in mine))
    keys.sort(key=lambda key: list(QUANTITIES).index(key[1]))
    rows = []
    for region, name in keys:
        cells = []
        for side in sides:
            found = next((m.quantity for m in mine if (m.region, m.name, m.side) == (region, name, side)), None)
            between = "" if found is None or found.low is None else f" ({number(found.low)} to {number(found.high)})"
            cells.append("" if found is None else f"{number(found.value)}{between}")
        unit = QUANTITIES[name].unit
        words = name.replace("_", " ").replace("suv", "SUV")
        label = f"{words}, {unit}" if unit != "1" else words
        rows.append((region.replace("_", " "), label, *cells, LITERATURE.get((region, name), "")))
    return tuple(rows)


def spect_notes(spect: SpectImage) -> tuple[str, ...]:
    """Say how the image came about, how blurred it is and how well it was laid on other images."""
    notes = [f"{hip.side.value.capitalize()}: {hip.obstacle}." for hip in spect.hips if hip.obstacle]
    measured = [hip for hip in spect.hips if hip.regions is not None]
    if measured:
        one = measured[0]
        notes.append(f"Image: {one.source.note}. {one.source.suv_reason}.")
        notes.append(
            f"Image blur {2.3548 * one.resolution_mm:.1f} mm (full width at half maximum). Means are corrected for it: "
            + "; ".join(
                f"{hip.side.value} {name.replace('_', ' ')} ({region.volume_ml:.0f} mL) keeps "
                f"{100 * region.recovery:.0f} % uncorrected"
                for hip in measured
                for name, region in (hip.regions or {}).items()
                if name in ("femoral_head", "femoral_neck")
            )
            + ". The calibration of the camera is taken as it stands in the file; its error is not in the intervals."
        )
    notes += [
        f"{found.bone.side.value.capitalize()} femur registered between the images: {found.note}; standard "
        f"deviation {found.error_mm:.1f} mm along each axis at the head."
        for found in spect.registrations
    ]
    return tuple(notes)
