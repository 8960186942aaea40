"""Slices through each thing seen under a femoral head's joint surface, plain and with its outline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.ingest.exam import Series
from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.necrosis import head_lattice
from marrowmap.report.canvas import CLOSED_COLOR
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import draw_legend
from marrowmap.report.canvas import place_words
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.head_chart import deepest_direction
from marrowmap.report.head_chart import see_head
from marrowmap.report.head_figures import BAND_SIGN
from marrowmap.report.head_figures import LINE_COLOR
from marrowmap.report.head_figures import LINE_SIGN
from marrowmap.report.head_figures import SUNKEN_COLOR
from marrowmap.report.head_figures import SUNKEN_SIGN
from marrowmap.report.head_figures import dash
from marrowmap.report.head_figures import fluid_word
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.report.slices import SliceView

SHAPE_COLOR = "#56B4E9"
SHOWN_RADII = 1.35
"""Half the side of each picture, in head radii around the head center."""
NEAREST_MM = 2.0
"""Rays that pass a slice's middle plane closer than this (or half a slice) draw a line in it."""
BIN_DEG = 3.0


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing seen, the place a slice through it is taken at, LPS mm, and its line style."""

    title: str
    seen: NecroticSegment | FractureSheet | HeadSurface
    middle: NDArray[np.float64]
    dashes: Any


def draw_head_slices(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw the T1 and the fluid-sensitive slice through the middle of each thing seen; None where there is nothing."""
    head = reading.head
    if head is None or head.t1 is None or head.fluid is None:
        return None
    things = _things(result, reading, head)
    if not things:
        return None
    with plain_style():
        columns = [(head.t1, False), (head.t1, True), (head.fluid, False), (head.fluid, True)]
        figure, axes = dark_panels(len(things), 4, 1.0, 0.35)
        for row, thing in enumerate(things):
            for ax, (series, marked) in zip(axes[row], columns, strict=True):
                view = SliceView.radiological(series.volume.grid)
                k = int(np.clip(np.rint(view.place(thing.middle)[2]), 0, series.volume.grid.shape[2] - 1))
                crop = _crop(head, view)
                _show(ax, series, view, k, crop)
                name = "T1" if series is head.t1 else fluid_word(series)
                style: dict[str, Any] = {"color": PALE, "fontsize": 6.5, "transform": ax.transAxes, "path_effects": RIM}
                ax.text(0.02, 0.03, f"{name}, slice {k + 1} of {series.volume.grid.shape[2]}", **style)
                if ax is axes[row, 0]:
                    ax.text(0.02, 0.97, thing.title.upper(), va="top", weight="bold", **{**style, "color": "white"})
                if marked:
                    _mark(ax, thing, head, view, k, crop)
        draw_legend(figure, _handles(things))
        place = place_words(result, reading)
        names = ", ".join(thing.title for thing in things)
        alt = f"Slices of the {place} and of the fluid-sensitive series through: {names}; plain and with outlines."
        return Picture("head_slices", place, "webp", webp(figure), alt)


def _things(result: AnalysisResult, reading: JointReading, head: HeadMeasurement) -> list[Thing]:
    seen = see_head(result, reading)
    things = []
    if seen.segment is not None:
        inside = head_lattice(head.femur, 2.0)
        inside = inside[seen.segment.contains(inside)]
        middle = inside.mean(axis=0) if len(inside) else seen.segment.origin
        things.append(Thing("necrotic segment", seen.segment, head.femur.to_world(middle), dash(seen, BAND_SIGN)))
    if seen.lines:
        middle = np.median(seen.lines[0].points, axis=0)
        things.append(Thing("fracture line", seen.lines[0], head.femur.to_world(middle), dash(seen, LINE_SIGN)))
    if seen.surface is not None:
        middle = deepest_direction(seen.surface) * head.femur.head_radius_mm
        title = f"surface sunken {seen.surface.depression_mm:.1f} mm"
        things.append(Thing(title, seen.surface, head.femur.to_world(middle), dash(seen, SUNKEN_SIGN)))
    return things


def _crop(head: HeadMeasurement, view: SliceView) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in mm around the head."""
    u, v, _ = view.place(head.femur.head_center_mm)
    half = SHOWN_RADII * head.femur.head_radius_mm
    return float(u - half), float(u + half), float(v + half), float(v - half)


def _show(ax: Any, series: Series, view: SliceView, k: int, crop: tuple[float, float, float, float]) -> None:
    page, extent = view.cut(view.picture(series.volume.array, k), crop)
    if page.size:
        low, high = np.percentile(page.astype(np.float64), (1.0, 99.5))
        high = max(float(high), float(low) + 1e-6)
        ax.imshow(page, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")
    ax.set_xlim(crop[0], crop[1])
    ax.set_ylim(crop[2], crop[3])
    style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "va": "center", "fontsize": 8}
    style["path_effects"] = RIM
    ax.text(0.02, 0.5, view.left_letter, ha="left", weight="bold", **style)
    ax.text(0.98, 0.5, view.right_letter, ha="right", weight="bold", **style)


def _mark(
    ax: Any, thing: Thing, head: HeadMeasurement, view: SliceView, k: int, crop: tuple[float, float, float, float]
) -> None:
    """Draw the outline of what was seen in one slice."""
    seen, femur = thing.seen, head.femur
    if isinstance(seen, NecroticSegment):
        inside = segment_in_slice(seen, view, k)
        page, extent = view.cut(view.picture(inside[:, :, None], 0), crop)
        if page.any():
            style: dict[str, Any] = {"colors": CLOSED_COLOR, "linewidths": 1.1, "linestyles": [thing.dashes]}
            ax.contour(page.astype(float), levels=[0.5], extent=extent, origin="upper", **style)
    elif isinstance(seen, FractureSheet):
        _draw_line(ax, view, k, femur.to_world(seen.points), femur.head_center_mm, LINE_COLOR, thing.dashes)
    else:
        top = seen.directions @ deepest_direction(seen) > 0.2
        for radius, color, dash in (
            (seen.radius_mm + seen.sunken_mm, SHAPE_COLOR, (0, (3, 2))),
            (seen.radius_mm, SUNKEN_COLOR, thing.dashes),
        ):
            points = femur.to_world(seen.directions[top] * radius[top][:, None])
            _draw_line(ax, view, k, points, femur.head_center_mm, color, dash)


def segment_in_slice(segment: NecroticSegment, view: SliceView, k: int) -> NDArray[np.bool_]:
    """Say which voxel centers of slice `k` lie in the segment, shape (columns, rows) of the grid."""
    grid, femur = view.grid, segment.femur
    i, j = np.meshgrid(np.arange(grid.shape[0]), np.arange(grid.shape[1]), indexing="ij")
    local = femur.to_bone(grid.to_world(np.stack([i, j, np.full_like(i, k)], axis=-1)))
    away = np.linalg.norm(local, axis=-1)
    near = (away < 1.35 * femur.head_radius_mm) & (local[..., 0] < HEAD_ENDS_AT_RADII * femur.head_radius_mm)
    inside = np.zeros(near.shape, bool)
    points = local[near]
    length = np.maximum(away[near], 1e-6)
    bone = length < surface_radius(femur, points / length[:, None])
    kept = np.zeros(len(points), bool)
    kept[bone] = segment.contains(points[bone])
    inside[near] = kept
    return inside


def _draw_line(
    ax: Any, view: SliceView, k: int, points: NDArray[np.float64], center: NDArray[np.float64], color: str, dash: Any
) -> None:
    """Draw a surface's points near a slice as one line around the head center."""
    placed = view.place(points)
    reach = max(0.5, NEAREST_MM / view.grid.spacing[2])
    placed = placed[np.abs(placed[:, 2] - k) <= reach]
    if len(placed) < 3:
        return
    middle = view.place(center)[:2]
    offset = placed[:, :2] - middle
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    # The circle is cut open where no points lie.
    order = np.sort(angle)
    gaps = np.diff(np.r_[order, order[0] + 2 * np.pi])
    start = order[(int(gaps.argmax()) + 1) % len(order)]
    angle = (angle - start) % (2 * np.pi)
    bins = (angle / np.radians(BIN_DEG)).astype(int)
    line = np.array([offset[bins == one].mean(axis=0) for one in np.unique(bins)]) + middle
    ax.plot(line[:, 0], line[:, 1], color=color, linestyle=dash, linewidth=1.2)


def _handles(things: list[Thing]) -> list[Any]:
    handles = []
    for thing in things:
        if isinstance(thing.seen, NecroticSegment):
            handles.append(Line2D([], [], color=CLOSED_COLOR, label="necrotic segment"))
        elif isinstance(thing.seen, FractureSheet):
            handles.append(Line2D([], [], color=LINE_COLOR, label="fracture line"))
        else:
            handles.append(Line2D([], [], color=SUNKEN_COLOR, label="joint surface"))
            handles.append(Line2D([], [], color=SHAPE_COLOR, linestyle=(0, (3, 2)), label="where it would lie"))
    return handles
