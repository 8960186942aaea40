"""Areal maps of bone mineral with the outlines of densitometry's regions, both hips beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.measure.projected_density import MAP_MODALITY
from marrowmap.measure.projected_density import ArealHip
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import draw_legend
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.figures import REGION_COLORS
from marrowmap.report.result import AnalysisResult
from marrowmap.values import Side

MOST = 1.8
"""g/cm2 shown white: a neck is about half of it."""
HEIGHT_MM = 165.0
WIDTH_MM = 130.0


def _show(ax: Any, hip: ArealHip) -> None:
    grid = hip.plane.grid
    width, height = (n * size for n, size in zip(grid.shape, grid.spacing_mm, strict=True))
    ax.imshow(hip.plane.array.T, cmap="gray", vmin=0, vmax=MOST, extent=(0, width, height, 0), interpolation="bilinear")
    columns = (np.arange(grid.shape[0]) + 0.5) * grid.spacing_mm[0]
    rows = (np.arange(grid.shape[1]) + 0.5) * grid.spacing_mm[1]
    if hip.outline.any():
        ax.contour(columns, rows, hip.outline.T.astype(float), levels=[0.5], colors=["#56B4E9"], linewidths=0.6)
    for n, name in enumerate(DXA_REGIONS, start=1):
        region = (hip.labels == n).T.astype(float)
        if region.any():
            ax.contour(columns, rows, region, levels=[0.5], colors=[REGION_COLORS[name]], linewidths=1.1)
    middle = width / 2
    ax.set_xlim(middle - WIDTH_MM / 2, middle + WIDTH_MM / 2)
    ax.set_ylim(HEIGHT_MM, 0)
    style: dict[str, Any] = {"transform": ax.transAxes, "path_effects": RIM}
    ax.text(0.03, 0.98, hip.side.value.upper(), color="white", va="top", fontsize=9, weight="bold", **style)
    lines = [f"{name.replace('_', ' ')} {found.bmd:.3f}" for name, found in hip.regions.items()]
    text = "\n".join([*lines, "g/cm2"]) if lines else "not measured"
    # Below the hip joint, beside the shaft: the only dark corner of both hips.
    x, ha = (0.97, "right") if hip.side is Side.RIGHT else (0.03, "left")
    ax.text(x, 0.02, text, color=PALE, va="bottom", ha=ha, fontsize=6.5, **style)


def _draw(hips: Sequence[ArealHip], key: str, place: str) -> Picture:
    ordered = sorted(hips, key=lambda hip: hip.side is Side.LEFT)
    with plain_style():
        figure, axes = dark_panels(1, len(ordered), HEIGHT_MM / WIDTH_MM, footer=0.3)
        for ax, hip in zip(axes[0], ordered, strict=True):
            _show(ax, hip)
        handles = [Line2D([], [], color=REGION_COLORS[name], label=name.replace("_", " ")) for name in DXA_REGIONS]
        draw_legend(figure, handles, 3 if len(ordered) > 1 else 1)
        sides = " and ".join(hip.side.value for hip in ordered)
        return Picture(key, place, "webp", webp(figure), f"Areal bone mineral of the {sides} hip with its regions.")


def draw_areal(result: AnalysisResult) -> tuple[Picture, ...]:
    """Draw the maps of a densitometer, and CT projected as one; nothing where there is none."""
    maps = [hip for hip in result.areal if hip.modality == MAP_MODALITY]
    projected = [hip for hip in result.areal if hip.modality != MAP_MODALITY]
    pictures = [_draw(maps, "areal_map", "hips, densitometry")] if maps else []
    pictures += [_draw(projected, "areal_ct", "hips, CT projected")] if projected else []
    return tuple(pictures)
