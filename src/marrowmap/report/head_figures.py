"""The unrolled femoral head: its joint surface as a map, with every sign drawn where it was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patches import Patch
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import WEIGHT_BEARING_DEG
from marrowmap.report.canvas import DARK
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import place_words
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.head_chart import DEPTHS_MM
from marrowmap.report.head_chart import HeadChart
from marrowmap.report.head_chart import Seen
from marrowmap.report.head_chart import chart_head
from marrowmap.report.head_chart import see_head
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading

BAND_COLOR = "#FFFFFF"
LINE_COLOR = "#E69F00"
SUNKEN_COLOR = "#F49AC8"
SECTOR_COLOR = "#9a9a9a"
EDGE_COLOR = "#666666"
DEPTH_MAP = LinearSegmentedColormap.from_list(
    "depth", ["#fdf3a8", "#f2c14e", "#7fb8a4", "#3a86a8", "#2a5783", "#1c2b57"]
)
"""From shallow to deep; lightness falls all the way, so that it is read without color, too."""
DEEPEST_SHOWN_MM = 20
BAND_SIGN, LINE_SIGN, SUNKEN_SIGN = "subchondral_band", "subchondral_fracture_line", "head_collapse"
ENDS = ("medial", "lateral", "posterior", "anterior")
LETTERS = ("M", "L", "P", "A")
FINER = 4
MARGIN = 3
"""Pixels around the map, so that outlines close."""


def draw_head_map(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw the unrolled head: signal at three depths, and what was seen under the surface by its depth.

    Where nothing was seen the signal is drawn alone, and smaller.
    """
    head = reading.head
    if head is None or head.t1 is None or head.fluid is None:
        return None
    seen = see_head(result, reading)
    chart = chart_head(head, seen)
    images = HeadImages.of(head.femur, head.t1.volume, head.fluid.volume)
    if chart is None or images is None:
        return None
    with plain_style():
        rows = _signal_rows(head.fluid, chart, images)
        figure = _draw_large(chart, head, rows, seen) if seen.anything else _draw_small(chart, head, rows)
        place = place_words(result, reading)
        found = ", ".join(seen_words(head, seen)) or "no band, no fracture line and no depression seen"
        alt = f"Joint surface of the femoral head of the {place}, unrolled, lateral on the right: {found}."
        return Picture("head_map", place, "webp", webp(figure), alt)


def seen_words(head: HeadMeasurement, seen: Seen) -> list[str]:
    """Say in a few words each what was seen."""
    words = []
    if seen.segment is not None:
        share, angle = head.fraction_percent, head.kerboul_deg
        words.append(f"{_maybe(seen, BAND_SIGN)}necrotic segment {share:.0f} % of the head, Kerboul {angle:.0f}°")
    if seen.lines:
        line = seen.lines[0]
        size = f"{line.length_mm:.0f} mm long, {line.depth_middle_mm:.1f} mm deep"
        words.append(f"{_maybe(seen, LINE_SIGN)}fracture line {size}")
    if seen.surface is not None:
        words.append(f"{_maybe(seen, SUNKEN_SIGN)}surface sunken {seen.surface.depression_mm:.1f} mm")
    return words


def _maybe(seen: Seen, sign: str) -> str:
    return "perhaps " if sign in seen.doubtful else ""


def dash(seen: Seen, sign: str) -> Any:
    """Return the line style of a sign: broken where it is undetermined."""
    return (0, (2.5, 1.5)) if sign in seen.doubtful else "solid"


def fluid_word(series: Series) -> str:
    """Return a short name of a fluid-sensitive series."""
    if series.inversion_time_ms:
        return "STIR"
    return "Dixon water" if series.sequence is ImageSequence.DIXON_WATER else "fat-suppressed"


def _signal_rows(
    fluid: Series, chart: HeadChart, images: HeadImages
) -> tuple[tuple[str, NDArray[np.float32], float], ...]:
    """Name, signal and white level of both series."""

    def top(level: float, signal: NDArray[np.float32]) -> float:
        return max(level, float(np.nanpercentile(signal, 99.5))) if np.isfinite(signal).any() else level

    return (
        ("T1", chart.t1, top(1.05 * images.marrow_level, chart.t1)),
        (fluid_word(fluid), chart.fluid, top(images.fluid_level, chart.fluid)),
    )


def _draw_small(chart: HeadChart, head: HeadMeasurement, rows: Sequence[tuple[str, NDArray[Any], float]]) -> Figure:
    """Draw six small maps in a row: signal only."""
    side = 1.4
    figure = Figure(figsize=(6 * side, side + 0.5), dpi=130, facecolor=DARK)
    axes = figure.subplots(1, 6)
    figure.subplots_adjust(0.02, 0.05, 0.98, 0.74, 0.1, 0.0)
    panels = [(name, signal[..., n], top, depth) for name, signal, top in rows for n, depth in enumerate(DEPTHS_MM)]
    for ax, (name, signal, top, depth) in zip(axes, panels, strict=True):
        draw_signal(ax, chart, signal, top)
        ax.set_title(f"{name}, {depth:g} mm deep", color=PALE, fontsize=7, pad=9)
    draw_ends(axes[0], chart, LETTERS, 6.5)
    draw_scale(axes[5], chart)
    title = f"{head.side.value.upper()} FEMORAL HEAD, UNROLLED"
    figure.text(0.006, 0.985, title, fontsize=8.5, color="white", weight="bold", va="top")
    return figure


def _draw_large(
    chart: HeadChart, head: HeadMeasurement, rows: Sequence[tuple[str, NDArray[Any], float]], seen: Seen
) -> Figure:
    """Draw the map of depths and, beside it, signal at three depths of both series."""
    small, large, left, bar_width = 1.9, 3.95, 0.2, 0.85
    wide, high = left + large + bar_width + 3 * (small + 0.06) + 0.05, 0.34 + 2 * (small + 0.27) + 0.36
    figure = Figure(figsize=(wide, high), dpi=130, facecolor=DARK)

    def panel(x: float, y: float, width: float, height: float) -> Any:
        return figure.add_axes((x / wide, y / high, width / wide, height / high))

    main = panel(left, 0.34, large, large)
    image = _draw_depths(main, chart, seen)
    draw_ends(main, chart, ENDS, 9.0)
    draw_scale(main, chart)
    if seen.segment is not None or seen.lines:
        bar = figure.colorbar(
            image, cax=panel(left + large + 0.05, 1.2, 0.1, 2.3), extend="max", ticks=range(0, DEEPEST_SHOWN_MM + 1, 5)
        )
        bar.ax.invert_yaxis()
        bar.ax.tick_params(colors=PALE, labelsize=8, length=2)
        bar.outline.set_edgecolor("#555555")
        bar.ax.set_title("depth, mm", color=PALE, fontsize=8, pad=5)
    start = left + large + bar_width
    for row, (name, signal, top) in enumerate(rows):
        for number, depth in enumerate(DEPTHS_MM):
            ax = panel(start + number * (small + 0.06), 0.36 + (1 - row) * (small + 0.27), small, small)
            draw_signal(ax, chart, signal[..., number], top)
            ax.set_title(f"{name}, {depth:g} mm below the surface", color=PALE, fontsize=8, pad=3)
    title = f"{head.side.value.upper()} FEMORAL HEAD, UNROLLED"
    figure.text(0.012, 0.985, title, fontsize=10.5, weight="bold", color="white", va="top")
    for number, words in enumerate(seen_words(head, seen)):
        figure.text(0.012, 0.940 - 0.037 * number, words, fontsize=8.5, color=PALE, va="top")
    figure.legend(
        handles=_handles(seen),
        loc="lower center",
        ncols=7,
        frameon=False,
        labelcolor=PALE,
        fontsize=8,
        handlelength=1.8,
        columnspacing=1.3,
    )
    return figure


def _handles(seen: Seen) -> list[Any]:
    handles: list[Any] = []
    if seen.segment is not None:
        handles.append(
            Patch(facecolor=DEPTH_MAP(0.6), edgecolor=BAND_COLOR, label="necrotic segment, depth of its band")
        )
    if seen.lines:
        dot: dict[str, Any] = {
            "marker": "o",
            "markersize": 4,
            "markeredgecolor": LINE_COLOR,
            "markerfacecolor": DEPTH_MAP(0.1),
        }
        handles.append(Line2D([], [], color=LINE_COLOR, label="fracture line, its depth", **dot))
    if seen.surface is not None:
        handles.append(Line2D([], [], color=SUNKEN_COLOR, label="sunken, each mm"))
    if seen.doubtful & {BAND_SIGN, LINE_SIGN, SUNKEN_SIGN}:
        handles.append(Line2D([], [], color=PALE, linestyle=(0, (2.5, 1.5)), label="broken: undetermined"))
    handles.append(Line2D([], [], color=SECTOR_COLOR, linestyle=(0, (4, 3)), label="weight-bearing sector"))
    handles.append(Line2D([], [], color=EDGE_COLOR, label="edge of joint surface"))
    return handles


def _fine(values: NDArray[Any]) -> NDArray[np.float64]:
    """Draw pixels finer; what is not a number takes its nearest neighbor's value, so that edges stay clean."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(tuple(FINER * n for n in values.shape))
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled = np.asarray(values, np.float64)[tuple(nearest)]
    return np.asarray(ndimage.zoom(filled, FINER, order=1, grid_mode=True, mode="nearest"), np.float64)


def _fine_mask(chart: HeadChart, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return an axis in mm and a smooth field that is above one half within a mask, with a margin all around."""
    step = chart.axis_mm[1] - chart.axis_mm[0]
    field = ndimage.gaussian_filter(np.pad(mask.astype(np.float64), MARGIN), 1.0)
    fine = np.asarray(ndimage.zoom(field, FINER, order=1, grid_mode=True, mode="nearest"), np.float64)
    first = chart.axis_mm[0] - (MARGIN + 0.5) * step
    return first + (np.arange(len(fine)) + 0.5) * step / FINER, fine


def _field(chart: HeadChart, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any]:
    """Return an axis in mm and finer values, masked where they are not known."""
    axis, inside = _fine_mask(chart, np.isfinite(values))
    inner = slice(FINER * MARGIN, -FINER * MARGIN)
    smooth = ndimage.gaussian_filter(_fine(values), FINER)
    return axis[inner], np.ma.masked_where(inside[inner, inner] < 0.5, smooth)


def draw_outline(ax: Any, chart: HeadChart, mask: NDArray[np.bool_], **style: Any) -> Path:
    """Draw the smooth outline of a mask of the map; return its path."""
    axis, field = _fine_mask(chart, mask)
    path: Path = ax.contour(axis, axis, field.T, levels=[0.5], **style).get_paths()[0]
    return path


def _show(ax: Any, chart: HeadChart, values: NDArray[Any], mask: NDArray[np.bool_], **style: Any) -> None:
    """Draw an image of the map, cut cleanly along the outline of a mask."""
    path = draw_outline(ax, chart, mask, linewidths=0)
    clip = PathPatch(path, transform=ax.transData, facecolor="none", edgecolor="none")
    ax.add_patch(clip)
    step = (chart.axis_mm[1] - chart.axis_mm[0]) / 2
    low, high = chart.axis_mm[0] - step, chart.axis_mm[-1] + step
    image = ax.imshow(_fine(values).T, origin="lower", extent=(low, high, low, high), interpolation="bilinear", **style)
    image.set_clip_path(clip)


def _bounds(chart: HeadChart) -> tuple[float, float, float, float]:
    """Medial, lateral, posterior, anterior ends of the joint surface on the map, mm."""
    across, along = (chart.axis_mm[chart.map.shown.any(axis=n)] for n in (1, 0))
    return float(across[0]), float(across[-1]), float(along[0]), float(along[-1])


def _frame_map(ax: Any, chart: HeadChart) -> None:
    """Set the limits to the joint surface; draw its edge and the weight-bearing sector."""
    ax.set_axis_off()
    ax.set_aspect("equal")
    draw_outline(ax, chart, chart.map.shown, colors=EDGE_COLOR, linewidths=0.8)
    sector = 2 * np.sin(np.radians(WEIGHT_BEARING_DEG) / 2) * chart.map.femur.head_radius_mm
    ax.add_patch(Circle((0, 0), sector, fill=False, edgecolor=SECTOR_COLOR, linewidth=0.8, linestyle=(0, (4, 3))))
    medial, lateral, posterior, anterior = _bounds(chart)
    half = 1.03 * max(lateral - medial, anterior - posterior) / 2
    ax.set_xlim((medial + lateral) / 2 - half, (medial + lateral) / 2 + half)
    ax.set_ylim((posterior + anterior) / 2 - half, (posterior + anterior) / 2 + half)


def draw_signal(
    ax: Any,
    chart: HeadChart,
    signal: NDArray[np.float32],
    top: float,
    *,
    low: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
    cmap: Any = "gray",
) -> None:
    """Draw a map of signal from `low` to `top`, where a mask says or the joint surface is shown."""
    _show(ax, chart, signal, chart.map.shown if mask is None else mask, cmap=cmap, vmin=low, vmax=top)
    _frame_map(ax, chart)


def _draw_depths(ax: Any, chart: HeadChart, seen: Seen) -> Any:
    """Draw depth of band and fracture lines as color and depression as contours on a dimmed T1."""
    base = chart.t1[..., 0]
    level = float(np.nanpercentile(base, 99)) if np.isfinite(base).any() else 1.0
    _show(ax, chart, base, chart.map.shown, cmap="gray", vmin=0.0, vmax=2.2 * level)
    depth: dict[str, Any] = {"cmap": DEPTH_MAP, "vmin": 0.0, "vmax": DEEPEST_SHOWN_MM}
    scale = ax.imshow(np.full((2, 2), np.nan), extent=(-1, 1, -1, 1), **depth)
    band = np.isfinite(chart.band_mm)
    if band.any():
        _show(ax, chart, chart.band_mm, band, alpha=0.9, **depth)
        axis, field = _field(chart, chart.band_mm)
        levels = np.arange(5.0, 5.1 + float(field.max()), 5.0)
        drawn = ax.contour(axis, axis, field.T, levels=levels, colors="black", linewidths=0.5, alpha=0.75)
        ax.clabel(drawn, fmt="%g mm", fontsize=7, colors="black")
        draw_outline(ax, chart, band, colors=BAND_COLOR, linewidths=1.8, linestyles=[dash(seen, BAND_SIGN)])
    line = np.isfinite(chart.line_mm)
    if line.any():
        draw_outline(ax, chart, line, colors=LINE_COLOR, linewidths=1.4, linestyles=[dash(seen, LINE_SIGN)])
        points = np.concatenate([sheet.points for sheet in seen.lines])
        depths = np.concatenate([sheet.depth_mm for sheet in seen.lines])
        at, shown = chart.place_mm(points / np.linalg.norm(points, axis=1, keepdims=True))
        at, depths = at[shown], depths[shown]
        ax.scatter(at[:, 0], at[:, 1], c=depths, s=9, edgecolors=LINE_COLOR, linewidths=0.5, zorder=3, **depth)
    if np.isfinite(chart.sunken_mm).any():
        _draw_depression(ax, chart, dash(seen, SUNKEN_SIGN))
    _frame_map(ax, chart)
    return scale


def _draw_depression(ax: Any, chart: HeadChart, dashes: Any) -> None:
    """Draw lines of equal depression, 1 mm apart, and mark the greatest."""
    axis, sunken = _field(chart, chart.sunken_mm)
    greatest = float(np.nanmax(chart.sunken_mm))
    levels = np.arange(1.0, max(1.5, greatest), 1.0)
    style: dict[str, Any] = {"colors": SUNKEN_COLOR, "linewidths": 1.5, "linestyles": [dashes], "zorder": 4}
    drawn = ax.contour(axis, axis, sunken.T, levels=levels, **style)
    drawn.set(path_effects=[withStroke(linewidth=3.0, foreground="black")])
    place = np.unravel_index(int(np.nanargmax(chart.sunken_mm)), chart.sunken_mm.shape)
    at = chart.axis_mm[place[0]], chart.axis_mm[place[1]]
    ax.plot(*at, "v", ms=6.5, color=SUNKEN_COLOR, markeredgecolor="black", markeredgewidth=0.8, zorder=5)
    style = {"fontsize": 7.5, "weight": "bold", "color": SUNKEN_COLOR, "zorder": 6}
    style["path_effects"] = [withStroke(linewidth=2.6, foreground="black")]
    ax.annotate(f"{greatest:.1f} mm", at, xytext=(7, -3), textcoords="offset points", **style)


def draw_ends(ax: Any, chart: HeadChart, words: Sequence[str], size: float) -> None:
    """Name the four ends of the map: medial, lateral, posterior, anterior."""
    medial, lateral, posterior, anterior = _bounds(chart)
    middle = (medial + lateral) / 2
    style: dict[str, Any] = {"fontsize": size, "color": "white", "clip_on": False, "path_effects": RIM}
    turned = 90 if len(words[0]) > 1 else 0
    ax.text(medial - 0.8, 0, words[0], ha="right", va="center", rotation=turned, **style)
    ax.text(lateral + 0.8, 0, words[1], ha="left", va="center", rotation=turned, **style)
    ax.text(middle, posterior - 0.6, words[2], ha="center", va="top", **style)
    ax.text(middle, anterior + 0.6, words[3], ha="center", va="bottom", **style)


def draw_scale(ax: Any, chart: HeadChart) -> None:
    """Draw 10 mm beside the lower lateral edge: true at the map's middle."""
    _, lateral, posterior, _ = _bounds(chart)
    ends = [lateral - 6, lateral + 4]
    ax.plot(ends, [posterior - 0.4] * 2, color="white", linewidth=1.5, solid_capstyle="butt", clip_on=False)
    style: dict[str, Any] = {"fontsize": 6, "color": PALE, "path_effects": RIM, "clip_on": False}
    ax.text(lateral - 1, posterior + 0.3, "10 mm", ha="center", va="bottom", **style)
