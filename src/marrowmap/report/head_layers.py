"""Further maps of the unrolled femoral head: every sequence that the large map leaves out, CT and the joint space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from marrowmap.ingest.exam import Series
from marrowmap.measure.ct_head import CtHead
from marrowmap.measure.head_layers import FROM_MM
from marrowmap.measure.head_layers import TO_MM
from marrowmap.measure.head_layers import sample_layers
from marrowmap.measure.head_map import HeadMap
from marrowmap.measure.head_map import unroll
from marrowmap.report.canvas import DARK
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import place_words
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.head_chart import HeadChart
from marrowmap.report.head_figures import DEPTH_MAP
from marrowmap.report.head_figures import LETTERS
from marrowmap.report.head_figures import draw_ends
from marrowmap.report.head_figures import draw_outline
from marrowmap.report.head_figures import draw_scale
from marrowmap.report.head_figures import draw_signal
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading

MOST_PANELS = 6
CRESCENT_COLOR = "#56B4E9"
WIDEST_SHOWN_MM = 6.0
CT_TOP_HU = 700.0


@dataclass(frozen=True, eq=False)
class _Panel:
    """One small map."""

    title: str
    chart: HeadChart
    signal: NDArray[np.float32]
    low: float
    top: float
    ct: CtHead | None = None


def draw_head_layers(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw one row of small maps; None where there is no series but those of the large map."""
    panels = _mr_panels(result, reading)
    ct = reading.ct_head
    if ct is not None and ct.edge is not None:
        panels = panels[: MOST_PANELS - 2] + _ct_panels(ct, ct.edge)
    if not panels:
        return None
    side = 1.65
    count = max(len(panels), 3)
    with plain_style():
        figure = Figure(figsize=(count * side + 0.5, side + 0.7), dpi=130, facecolor=DARK)
        axes = np.atleast_1d(figure.subplots(1, count))
        figure.subplots_adjust(0.02, 0.05, 1 - 0.6 / (count * side + 0.5), 0.70, 0.2, 0.0)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(axes, panels, strict=False):
            _draw(figure, ax, panel)
        draw_ends(axes[0], panels[0].chart, LETTERS, 6.5)
        draw_scale(axes[len(panels) - 1], panels[-1].chart)
        title = f"{reading.side.value.upper()} FEMORAL HEAD, UNROLLED: FURTHER IMAGES"
        figure.text(0.006, 0.985, title, fontsize=8.5, color="white", weight="bold", va="top")
        place = place_words(result, reading)
        alt = f"Further maps of the unrolled femoral head of the {place}: {', '.join(p.title for p in panels)}."
        return Picture("head_layers", place, "webp", webp(figure), alt.replace("\n", " "))


def _blank_chart(head_map: HeadMap) -> HeadChart:
    """A chart that holds the map alone."""
    nothing = np.full(head_map.shown.shape, np.nan)
    signal = np.full((*head_map.shown.shape, 1), np.nan, np.float32)
    return HeadChart(head_map, signal, signal, nothing, nothing, nothing)


def _mr_panels(result: AnalysisResult, reading: JointReading) -> list[_Panel]:
    head = reading.head
    if head is None or not head.femur.trusted:
        return []
    further = [s for s in result.exam.series if s.modality == "MR" and s is not head.t1 and s is not head.fluid]
    unrolled = unroll(head.femur)
    chart = _blank_chart(unrolled)
    return [
        _Panel(
            f"{_name(layer.series)}\nmean, {FROM_MM:g} to {TO_MM:g} mm",
            chart,
            layer.mean,
            0.0,
            float(np.nanpercentile(layer.mean, 99.5)),
        )
        for layer in sample_layers(unrolled, further)
    ]


def _name(series: Series) -> str:
    words = series.description or series.sequence.value
    return words if len(words) <= 22 else words[:21] + "…"


def _ct_panels(ct: CtHead, edge: HeadMap) -> list[_Panel]:
    chart = _blank_chart(edge)
    panels = [
        _Panel(f"CT\ndarkest, {FROM_MM:g} to {TO_MM:g} mm", chart, layer.least, -100.0, CT_TOP_HU, ct)
        for layer in sample_layers(edge, [ct.ct])
    ]
    if ct.joint_space is not None:
        width = np.asarray(ct.joint_space.width_mm, np.float32)
        panels.append(_Panel("CT\njoint space", chart, width, 0.0, WIDEST_SHOWN_MM))
    return panels


def _draw(figure: Figure, ax: Any, panel: _Panel) -> None:
    space = panel.title.endswith("joint space")
    known = np.isfinite(panel.signal)
    if space:
        draw_signal(ax, panel.chart, panel.signal, panel.top, mask=known, cmap=DEPTH_MAP)
        box = ax.get_position()
        bar = figure.colorbar(
            ax.images[0], cax=figure.add_axes((box.x1 + 0.006, box.y0, 0.01, box.height)), ticks=range(0, 7, 2)
        )
        bar.ax.tick_params(colors=PALE, labelsize=6.5, length=2)
        bar.ax.set_title("mm", color=PALE, fontsize=6.5, pad=3)
        bar.outline.set_edgecolor("#555555")
    else:
        draw_signal(ax, panel.chart, panel.signal, panel.top, low=panel.low)
    cleft = panel.ct.search.crescent if panel.ct is not None and panel.ct.search is not None else None
    if cleft is not None:
        draw_outline(ax, panel.chart, cleft.place, colors=CRESCENT_COLOR, linewidths=1.4)
        words = {"fontsize": 6.5, "color": CRESCENT_COLOR, "ha": "left", "va": "bottom"}
        ax.text(0.0, -0.04, "crescent", transform=ax.transAxes, **words)
    ax.set_title(panel.title, color=PALE, fontsize=7, pad=10)
