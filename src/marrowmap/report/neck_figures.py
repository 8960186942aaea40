"""A line across the femoral neck, in the plane of the bone that cuts it, plain and with its outline."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from scipy.spatial import cKDTree

from marrowmap.image import Volume
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.neck_line import STEPS_MM
from marrowmap.measure.neck_line import NeckLine
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import draw_legend
from marrowmap.report.canvas import place_words
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.head_figures import LINE_COLOR
from marrowmap.report.head_figures import fluid_word
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.signs.neck_fracture_line import NAME
from marrowmap.values import State

STEP_MM = 0.4
AROUND_MM = 34.0
"""Half the side of each picture, around the middle of the line."""
OUTLINE_MM = 2.0
"""The outline lies this far from the line, so that the line itself stays free."""


def draw_neck_line(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw T1 and fluid-sensitive image in the bone's coronal plane through a line; None where none was seen."""
    neck = reading.neck
    if neck is None or neck.t1 is None or neck.fluid is None or neck.line is None:
        return None
    line = neck.line
    doubtful = any(
        one.sign == NAME and one.side is reading.side and one.state is State.UNDETERMINED for one in result.findings
    )
    dashes: Any = (0, (2.5, 1.5)) if doubtful else "solid"
    with plain_style():
        figure, axes = dark_panels(1, 4, 1.0, 0.35)
        fluid = fluid_word(neck.fluid)
        columns = (("T1", neck.t1, False), ("T1", neck.t1, True), (fluid, neck.fluid, False), (fluid, neck.fluid, True))
        for ax, (name, series, marked) in zip(axes[0], columns, strict=True):
            _draw_plane(ax, series.volume, line, dashes if marked else None)
            style: dict[str, Any] = {"color": PALE, "fontsize": 6.5, "transform": ax.transAxes, "path_effects": RIM}
            ax.text(0.02, 0.97, f"{reading.side.value.upper()}, {name}", va="top", weight="bold", **style)
            ax.text(0.02, 0.03, "medial", **style)
            ax.text(0.98, 0.03, "lateral", ha="right", **style)
        title = "perhaps a fracture line (undetermined)" if doubtful else "fracture line"
        draw_legend(figure, [Line2D([], [], color=LINE_COLOR, linestyle=dashes, label=title)])
        place = place_words(result, reading)
        share = f"{line.share_percent:.0f} % of the neck's width"
        words = f"{line.length_mm:.0f} mm long, from the {line.cortex} cortex, {share}"
        alt = f"T1 and fluid-sensitive image of the {place} through {title}: {words}; plain and with its outline."
        return Picture("neck_line", place, "webp", webp(figure), alt)


def _draw_plane(ax: Any, volume: Volume, line: NeckLine, dashes: Any | None) -> None:
    """Draw an image in the plane of the neck's axis and the bone's up, through the middle of a line."""
    middle = np.median(line.points, axis=0)
    # Lateral on the right and up above in either hip: bone coordinates are mirrored on one side.
    offset = np.arange(-AROUND_MM, AROUND_MM + STEP_MM / 2, STEP_MM)
    neck, up = np.meshgrid(middle[0] + offset, middle[1] + offset)
    places = np.stack([neck, up, np.full(neck.shape, middle[2])], axis=-1)
    page = sample_at(volume, line.femur.to_world(places))
    extent = (neck[0, 0], neck[0, -1], up[0, 0], up[-1, 0])
    if np.isfinite(page).any():
        low, high = np.nanpercentile(page, (1.0, 99.0))
        shown = {"cmap": "gray", "vmin": low, "vmax": max(high, low + 1e-6), "interpolation": "bilinear"}
        ax.imshow(page, origin="lower", extent=extent, **shown)
    if dashes is not None:
        cut = line.points[np.abs(line.points[:, 2] - middle[2]) <= STEPS_MM[2]][:, :2]
        gap = cKDTree(cut).query(places[..., :2].reshape(-1, 2))[0].reshape(neck.shape)
        ax.contour(neck, up, gap, levels=[OUTLINE_MM], colors=LINE_COLOR, linewidths=1.0, linestyles=[dashes])
