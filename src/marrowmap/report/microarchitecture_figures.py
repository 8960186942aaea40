"""Pictures of trabecular structure: the region's map on its slices, and both sides in one bone's coordinates."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_sides import WHOLE
from marrowmap.report.canvas import INK
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.canvas import webp
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.report.slices import SliceView

COLORMAP = "viridis"
DIFFERENCE_COLORMAP = "RdBu"
SLICES = 3


def draw_maps(result: MicroResult) -> tuple[Picture, ...]:
    """Draw each side's region: slices plain above, with its map below."""
    highest = max(_highest(side.measured) for side in result.sides)
    return tuple(_draw_side(side, result, highest) for side in result.sides)


def _drawn(measured: Microarchitecture) -> NDArray[np.bool_]:
    """Return where the map means something."""
    local, _, key = _shown(measured)
    inside: NDArray[np.bool_] = measured.region.array & np.isfinite(local)
    return inside & (local > 0) if key == "micro_thickness" else inside


def _highest(measured: Microarchitecture) -> float:
    """Return the upper end of the colors: one for both sides."""
    local, _, key = _shown(measured)
    values = local[_drawn(measured)]
    high = float(np.quantile(values, 0.995)) if len(values) else 1.0
    return high if key == "micro_thickness" else min(max(high, 0.05), 1.0)


def _shown(measured: Microarchitecture) -> tuple[NDArray[np.float32], str, str]:
    """Return the map to draw, its name and its picture's key: thickness where given, else the share of bone."""
    if "trabecular_thickness" in measured.values and "trabecular_thickness" in measured.maps:
        return measured.maps["trabecular_thickness"], "local thickness, mm", "micro_thickness"
    return measured.fraction, "share of bone", "micro_fraction"


def _draw_side(side: MicroSide, result: MicroResult, highest: float) -> Picture:
    measured = side.measured
    local, label, key = _shown(measured)
    inside = _drawn(measured)
    grid = measured.image.grid
    view = SliceView.radiological(grid)
    seen = np.flatnonzero(measured.region.array.any(axis=(0, 1)))
    chosen = np.unique(np.rint(np.quantile(seen, np.linspace(0.2, 0.8, SLICES))).astype(int))
    left, right, bottom, top = view.extent
    values = local[inside]
    scale = Normalize(0.0, highest)
    gray = measured.image.within(measured.region)
    low_gray, high_gray = (float(np.quantile(gray, q)) for q in (0.005, 0.995))
    with plain_style():
        figure, axes = dark_panels(2, len(chosen), abs(bottom - top) / (right - left), 0.55)
        colors = mpl.colormaps[COLORMAP]
        for column, k in enumerate(chosen):
            page = view.picture(measured.image.array, int(k))
            mine = view.picture(inside, int(k))
            colored = colors(scale(np.where(mine, view.picture(local, int(k)), 0)))
            colored[..., 3] = mine.astype(float)
            for ax in axes[:, column]:
                ax.imshow(
                    page, cmap="gray", vmin=low_gray, vmax=max(high_gray, low_gray + 1e-6), extent=view.extent,
                    interpolation="nearest",
                )  # fmt: skip
            axes[1, column].imshow(colored, extent=view.extent, interpolation="nearest")
            _outline(axes[0, column], view, view.picture(measured.region.array, int(k)))
        if side.image.oriented:
            for x, letter, align in ((0.03, view.left_letter, "left"), (0.97, view.right_letter, "right")):
                axes[0, 0].text(
                    x, 0.95, letter, color=PALE, fontsize=8, ha=align, va="top", transform=axes[0, 0].transAxes,
                    path_effects=RIM,
                )  # fmt: skip
        _scale_bar(axes[1, 0], right - left, abs(bottom - top), left, bottom)
        _color_bar(figure, axes, scale, COLORMAP, label)
        place = _place(side, result)
        mean = f"{float(values.mean()):.3g}" if len(values) else "none"
        alt = f"{len(chosen)} slices of the {place}, plain above, below with {label} (mean {mean})."
        return Picture(key, place, "webp", webp(figure), alt)


def _place(side: MicroSide, result: MicroResult) -> str:
    joint = f" {result.joint.value}" if result.joint else ""
    return f"{side.words}{joint}, {side.image.name}"


def _outline(ax: Axes, view: SliceView, page: NDArray[Any]) -> None:
    if page.any() and not page.all():
        ax.contour(page.astype(float), [0.5], colors=["#56B4E9"], linewidths=0.8, extent=view.extent, origin="upper")


def _scale_bar(ax: Axes, wide: float, high: float, left: float, bottom: float) -> None:
    """Draw a length that is easy to read, about a quarter of the width."""
    digit = 10.0 ** np.floor(np.log10(wide / 3))
    length = max(n * digit for n in (1, 2, 5) if n * digit <= wide / 3)
    x, y = left + 0.05 * wide, bottom - 0.05 * high
    ax.plot([x, x + length], [y, y], color="white", linewidth=2, path_effects=RIM, solid_capstyle="butt")
    text = f"{length:g} mm" if length >= 1 else f"{1000 * length:g} µm"
    ax.text(x, y - 0.02 * high, text, color="white", fontsize=7, va="bottom", path_effects=RIM)


def _color_bar(figure: Figure, axes: Any, scale: Normalize, name: str, label: str) -> None:
    bar = figure.colorbar(ScalarMappable(scale, name), ax=axes, location="bottom", shrink=0.5, aspect=40, pad=0.02)
    bar.set_label(label, color=PALE, fontsize=8)
    bar.ax.tick_params(colors=PALE, labelsize=7)


def draw_difference(result: MicroResult) -> Picture | None:
    """Draw this side's local share of bone less the other's: coronal slices of the bone's own grid, front to back."""
    comparison = result.comparison
    if comparison is None or not comparison.map_region.array.any():
        return None
    inside = comparison.map_region.array
    seen = np.flatnonzero(inside.any(axis=(0, 1)))
    chosen = np.unique(np.rint(np.quantile(seen, np.linspace(0.1, 0.9, 5))).astype(int))
    high = max(float(np.quantile(np.abs(comparison.map.array[inside]), 0.99)), 0.01)
    scale = Normalize(-high, high)
    wide, tall = comparison.map.grid.shape[:2]
    with plain_style():
        figure, axes = dark_panels(1, len(chosen), tall / wide, 0.6)
        colors = mpl.colormaps[DIFFERENCE_COLORMAP]
        lateral = "lateral" if result.this.side else "left"
        for ax, k in zip(axes[0], chosen, strict=True):
            page = colors(scale(comparison.map.array[:, :, k].T[::-1]))
            page[..., 3] = inside[:, :, k].T[::-1]
            ax.imshow(page, interpolation="nearest")
        last = axes[0, -1]
        last.text(
            0.98, 0.02, lateral, color="white", fontsize=7, ha="right", transform=last.transAxes, path_effects=RIM
        )
        for ax, word in ((axes[0, 0], "back"), (axes[0, -1], "front")):
            ax.text(0.02, 0.98, word, color="white", fontsize=7, va="top", transform=ax.transAxes, path_effects=RIM)
        _color_bar(figure, axes, scale, DIFFERENCE_COLORMAP, "share of bone, this side less the other")
        place = f"{result.this.words} less the other side"
        alt = f"Difference of the local share of bone in {len(chosen)} coronal slices, from {-high:.3f} to {high:.3f}."
        return Picture("micro_difference", place, "webp", webp(figure), alt)


def draw_parts(result: MicroResult) -> Picture | None:
    """Draw differences of the whole region on what error and well sides explain, and bone volume part by part."""
    if result.comparison is None:
        return None
    whole = [d for d in result.comparison.differences if d.part == WHOLE and d.side_limit is not None]
    parts = [d for d in result.comparison.differences if d.part != WHOLE and d.quantity == "bone_volume_fraction"]
    if not whole:
        return None
    with plain_style():
        rows = len(whole) + len(parts)
        figure = Figure(figsize=(7.2, 0.9 + 0.27 * rows), layout="constrained")
        ax = figure.subplots()
        names = []
        for row, one in enumerate([*whole, *parts]):
            side, error = one.side_limit or 0.0, one.repeat_limit or 0.0
            ax.barh(row, 2 * side, left=-side, height=0.6, color="#e2e2e2")
            ax.barh(row, 2 * error, left=-error, height=0.6, color="#bdbdbd")
            beyond = one.side_limit is not None and abs(one.percent) >= side
            ax.plot(one.percent, row, "o", color="#D55E00" if beyond else "#0072B2", markersize=5)
            names.append(one.quantity.replace("_", " ") if one.part == WHOLE else f"bone volume, {one.part}")
        ax.axvline(0, color="#777777", linewidth=0.8)
        ax.set_yticks(range(rows), names, fontsize=8, color=INK)
        ax.set_ylim(rows - 0.4, -0.6)
        ax.set_xlabel("this side less the other, % of the other")
        return Picture(
            "micro_parts", result.this.words, "svg", svg(figure), "Differences of the sides by measure and by part"
        )
