"""SPECT fused with CT and MR, and uptake along the neck-shaft midline."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from marrowmap.anatomy.registration import BoneRegistration
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.ingest.exam import Series
from marrowmap.measure.spect import SpectHip
from marrowmap.measure.uptake_boundary import uptake_profile
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.canvas import webp
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import SpectImage
from marrowmap.report.slices import SliceView
from marrowmap.values import Side

PIXEL_MM = 1.5
ABOVE_MM, BELOW_MM, BESIDE_MM = 60.0, 95.0, 75.0
CT_WINDOW = (-200.0, 900.0)
SIDE_COLORS = {Side.RIGHT: "#E69F00", Side.LEFT: "#0072B2"}
UNITS = {"g/mL": "SUV, g/mL", "Bq/mL": "Bq/mL", "counts": "counts"}


def draw_spect(result: AnalysisResult) -> tuple[Picture, ...]:
    """Draw what can be drawn of the exam's SPECT; nothing where there is none."""
    spect = result.spect
    hips = [hip for hip in spect.hips if hip.parts is not None] if spect else []
    if spect is None or not hips:
        return ()
    return (_fused(result, spect, hips), _profiles(hips))


def _plane(middle: np.ndarray, half_mm: float, above_mm: float, below_mm: float, *, axial: bool, uid: str) -> Grid:
    """Return one slice: columns to the patient's left, rows to the feet, or to the back where axial."""
    across, down = round(2 * half_mm / PIXEL_MM), round((above_mm + below_mm) / PIXEL_MM)
    affine = np.eye(4)
    affine[:3, 0] = (PIXEL_MM, 0, 0)
    affine[:3, 1] = (0, PIXEL_MM, 0) if axial else (0, 0, -PIXEL_MM)
    affine[:3, 2] = (0, 0, PIXEL_MM) if axial else (0, PIXEL_MM, 0)
    start = -above_mm if axial else above_mm
    offset = (-half_mm, start, 0.0) if axial else (-half_mm, 0.0, start)
    affine[:3, 3] = middle + np.array(offset)
    return Grid((across, down, 1), affine, uid)


def _show(
    ax: Any,
    grid: Grid,
    below: Volume | None,
    window: tuple[float, float],
    spect: SpectImage,
    most: float | None,
    text: str,
) -> Any:
    """Draw one panel: anatomy, uptake over it where `most` is given, bones' outlines; returns the uptake's artist."""
    view = SliceView.radiological(grid)
    shown = None
    extent = view.extent
    if below is not None:
        ax.imshow(view.picture(below.array, 0), cmap="gray", vmin=window[0], vmax=window[1], extent=extent)
    if most is not None:
        page = np.asarray(view.picture(resample(spect.volume, grid, order=3).array, 0), float)
        solid = np.clip(page / most * 1.6, 0, 0.75) if below is not None else np.ones_like(page)
        shown = ax.imshow(page, cmap="inferno", vmin=0, vmax=most, alpha=solid, extent=extent, interpolation="bilinear")
    for frame in spect.frames:
        if frame.bone == "femur":
            pieces = view.outline(frame.vertices, frame.faces, 0)
            ax.add_collection(LineCollection(list(pieces), colors="#56B4E9", linewidths=0.9))
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "path_effects": RIM}
    ax.text(0.02, 0.5, view.left_letter, ha="left", va="center", fontsize=9, weight="bold", **style)
    ax.text(0.98, 0.5, view.right_letter, ha="right", va="center", fontsize=9, weight="bold", **style)
    ax.text(0.02, 0.97, text, ha="left", va="top", fontsize=6.5, **style)
    return shown


def _fused(result: AnalysisResult, spect: SpectImage, hips: list[SpectHip]) -> Picture:
    """Draw coronal and axial slices through the head centers, and each hip in MR where that was registered."""
    uid = spect.volume.grid.frame_of_reference_uid
    centers = np.array([hip.parts.femur.head_center_mm for hip in hips if hip.parts is not None])
    middle = centers.mean(axis=0)
    half = BESIDE_MM + float(np.ptp(centers[:, 0])) / 2
    most = max(float(np.percentile(hip.corrected[_solid(hip)], 97)) for hip in hips if hip.corrected is not None)
    planes = [
        (_plane(middle, half, ABOVE_MM, BELOW_MM, axial=False, uid=uid), "coronal"),
        (_plane(middle, half, 70.0, 70.0, axial=True, uid=uid), "axial"),
    ]
    panels = _mr_panels(result, spect)
    with plain_style():
        rows = len(planes) + -(-len(panels) // 2)
        figure, axes = dark_panels(rows, 2, 0.62, 0.5)
        figure.set_size_inches(7.4, 1.95 * rows + 0.3)
        shown: Any = None
        for row, (grid, name) in enumerate(planes):
            below = None if spect.ct is None else resample(spect.ct.volume, grid, outside=-1000.0)
            plain = name if below is not None else f"{name}, SPECT"
            _show(axes[row, 0], grid, below, CT_WINDOW, spect, None if below is not None else most, plain)
            shown = _show(axes[row, 1], grid, below, CT_WINDOW, spect, most, f"{name}, SPECT on CT")
        for number, (series, found) in enumerate(panels):
            ax = axes[len(planes) + number // 2, number % 2]
            center = found.transform(found.bone.head_center_mm)
            grid = _plane(center, BESIDE_MM, ABOVE_MM, BELOW_MM, axial=False, uid=uid)
            below = resample(series.volume, grid, found.transform)
            low, high = np.percentile(below.array, (5, 99))
            _show(ax, grid, below, (float(low), float(high)), spect, most, f"{found.bone.side.value} hip, SPECT on MR")
        bar = figure.colorbar(shown, ax=axes, shrink=0.6, aspect=30, pad=0.01)
        bar.set_label(UNITS.get(spect.volume.unit, spect.volume.unit), color=PALE, fontsize=7)
        bar.ax.tick_params(colors=PALE, labelsize=7)
        text = "SPECT over CT through both femoral heads, coronal and axial, with the fitted bones' outlines."
        return Picture("spect_fused", "both hips, SPECT", "webp", webp(figure), text)


def _solid(hip: SpectHip) -> np.ndarray:
    assert hip.parts is not None
    return hip.parts.shares["femoral_head"] + hip.parts.shares["femoral_neck"] > 0.5


def _mr_panels(result: AnalysisResult, spect: SpectImage) -> list[tuple[Series, BoneRegistration]]:
    """Return each registered hip with the MR series that shows it: one edema was measured in, if there is one."""
    found = []
    for one in spect.registrations:
        mine = [r for r in result.readings if r.side is one.bone.side and r.series.modality == "MR"]
        reading = next((r for r in mine if r.edema is not None), mine[0] if mine else None)
        if reading is not None:
            found.append((reading.series, one))
    return sorted(found, key=lambda pair: pair[1].bone.side is Side.LEFT)


def _profiles(hips: list[SpectHip]) -> Picture:
    """Draw uptake along the midline of both hips, and where raised uptake ends."""
    with plain_style():
        figure = Figure(figsize=(6.4, 3.1), layout="constrained")
        ax = figure.subplots()
        notes = []
        for hip in sorted(hips, key=lambda one: one.side is Side.LEFT):
            assert hip.parts is not None
            arc, uptake = uptake_profile(hip.parts, hip.resolution_mm)
            ax.plot(arc, uptake, color=SIDE_COLORS[hip.side], label=hip.side.value)
            end = hip.boundary.position_mm if hip.boundary else None
            if end is not None and end.low is not None and end.high is not None:
                ax.axvspan(end.low, end.high, color=SIDE_COLORS[hip.side], alpha=0.15, linewidth=0)
                ax.axvline(end.value, color=SIDE_COLORS[hip.side], linestyle="dashed", linewidth=1)
                notes.append(f"{hip.side.value} raised uptake ends at {end.value:+.1f} mm")
        ax.axvline(0, color="#777777", linewidth=0.8)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("along the neck-shaft midline from the intertrochanteric plane, mm (+ distal)")
        unit = hips[0].parts.uptake.unit if hips[0].parts is not None else ""
        ax.set_ylabel(UNITS.get(unit, unit))
        ax.legend(frameon=False, fontsize=8)
        text = "; ".join(["Uptake along the neck-shaft midline", *notes])
        return Picture("spect_profile", "both hips, SPECT", "svg", svg(figure), f"{text}.")
