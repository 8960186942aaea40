"""The pictures of a planar bone scan: its phases with regions, the flow's curves, uptake along the midline."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import ndimage

from marrowmap.anatomy.planar_fit import placed
from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar_counts import region_shares
from marrowmap.measure.planar_images import PhaseImage
from marrowmap.report.canvas import INK
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import draw_legend
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.canvas import webp
from marrowmap.report.figures import REGION_COLORS
from marrowmap.report.figures import SIDE_COLORS
from marrowmap.report.result import AnalysisResult
from marrowmap.values import Side

SHOWN_MM = (200.0, 120.0, 150.0)
"""To the sides, to the head and to the feet from the middle between the hips."""
PLACE = "hips, planar bone scan"


def draw_planar(result: AnalysisResult) -> tuple[Picture, ...]:
    """Draw what the planar images of a bone scan show; nothing where none were measured."""
    planar = result.planar
    if planar is None:
        return ()
    pictures = (_draw_phases(planar), _draw_curves(planar), _draw_profiles(planar))
    return tuple(picture for picture in pictures if picture is not None)


def _show(ax: Any, planar: PlanarExam, image: PhaseImage, number: int) -> None:
    plane = image.views[number]
    grid = placed(plane.grid)
    origin, step = grid.origin_mm, grid.spacing_mm
    assert origin is not None  # placed
    left, top = float(origin[0]) - step[0] / 2, float(origin[2]) + step[1] / 2
    extent = (left, left + grid.shape[0] * step[0], top - grid.shape[1] * step[1], top)
    middle = np.mean([planar.bones.femur(side).head_center_mm for side in Side], axis=0)
    x, z = float(middle[0] + image.moved_mm[0]), float(middle[2] - image.moved_mm[1])
    columns = left + (np.arange(grid.shape[0]) + 0.5) * step[0]
    rows = top - (np.arange(grid.shape[1]) + 0.5) * step[1]
    bone = (np.abs(columns - x) > 50) & (np.abs(columns - x) < SHOWN_MM[0])
    near = plane.array[np.ix_(bone, (rows < z + SHOWN_MM[1]) & (rows > z - SHOWN_MM[2]))]
    # The bladder may saturate: the hips set the grey levels.
    most = float(np.percentile(near, 99.5)) if near.size else 1.0
    ax.imshow(plane.array.T, cmap="gray", vmin=0, vmax=max(most, 1.0), extent=extent, interpolation="bilinear")
    for side in Side:
        shares = region_shares(planar.bones.femur(side), grid, image.moved_mm)
        for name, share in shares.items():
            if share.any():
                ax.contour(columns, rows, share.T, levels=[0.5], colors=[REGION_COLORS[name]], linewidths=0.8)
    if image.phase is Phase.DELAYED:
        _draw_bones(ax, planar)
    ax.set_xlim(x - SHOWN_MM[0], x + SHOWN_MM[0])
    ax.set_ylim(z - SHOWN_MM[2], z + SHOWN_MM[1])
    style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "fontsize": 9, "path_effects": RIM}
    ax.text(0.02, 0.5, "R", ha="left", weight="bold", **style)
    ax.text(0.98, 0.5, "L", ha="right", weight="bold", **style)
    words = f"{image.phase.value}, {plane.grid.view.value}"
    ax.text(0.02, 0.97, words.upper(), ha="left", va="top", **{**style, "fontsize": 6.5, "color": PALE})


def _draw_bones(ax: Any, planar: PlanarExam) -> None:
    """Outline the projected femora and hip bones."""
    for frame in planar.bones.frames:
        low, high = frame.vertices.min(axis=0) - 6, frame.vertices.max(axis=0) + 6
        edges = [np.arange(low[axis], high[axis], 2.0) for axis in (0, 2)]
        corners = frame.vertices[frame.faces].mean(axis=1)
        dots = np.concatenate([frame.vertices, corners])
        filled = np.histogram2d(dots[:, 0], dots[:, 2], bins=edges)[0] > 0
        solid = ndimage.binary_fill_holes(ndimage.binary_closing(filled, iterations=3))
        middles = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
        color = "#56B4E9" if frame.bone == "femur" else "#E69F00"
        ax.contour(
            middles[0], middles[1], solid.T.astype(float), levels=[0.5], colors=[color], linewidths=0.5, alpha=0.7
        )


def _draw_phases(planar: PlanarExam) -> Picture:
    order = [phase for phase in (Phase.FLOW, Phase.BLOOD_POOL, Phase.DELAYED) if phase in planar.images]
    views = max(len(image.views) for image in planar.images.values())
    with plain_style():
        shape = (SHOWN_MM[1] + SHOWN_MM[2]) / (2 * SHOWN_MM[0])
        # A lone column is too narrow for the legend in one line.
        columns = 1 if len(order) == 1 else 3
        figure, axes = dark_panels(views, len(order), shape, footer=0.3 if columns == 3 else 0.6)
        for column, phase in enumerate(order):
            for row in range(len(planar.images[phase].views)):
                _show(axes[row, column], planar, planar.images[phase], row)
        names = ("femoral_head", "femoral_neck", "intertrochanteric")
        draw_legend(
            figure, [Line2D([], [], color=REGION_COLORS[name], label=name.replace("_", " ")) for name in names], columns
        )
        alt = f"{', '.join(phase.value for phase in order)} images of both hips with the regions counts are taken in."
        return Picture("planar_phases", PLACE, "webp", webp(figure), alt)


def _draw_curves(planar: PlanarExam) -> Picture | None:
    curves = {side: hip.head_curve for side, hip in planar.hips.items() if hip.head_curve is not None}
    if not curves:
        return None
    with plain_style():
        figure = Figure(figsize=(6.6, 2.8), layout="constrained")
        ax = figure.subplots()
        for side, curve in curves.items():
            error = curve.rate / np.sqrt(np.maximum(curve.counts.sum(axis=0), 1.0))
            ax.plot(curve.middle_s, curve.rate, color=SIDE_COLORS[side], label=f"{side.value} head")
            ax.fill_between(
                curve.middle_s,
                curve.rate - 1.96 * error,
                curve.rate + 1.96 * error,
                color=SIDE_COLORS[side],
                alpha=0.2,
                lw=0,
            )
        ax.set_xlabel("seconds after the start of the flow")
        ax.set_ylabel("counts/s a pixel")
        ax.set_ylim(bottom=0)
        figure.legend(loc="outside right center", frameon=False, fontsize=7.5)
        return Picture("planar_curves", PLACE, "svg", svg(figure), "Counts in both heads against time.")


def _draw_profiles(planar: PlanarExam) -> Picture:
    with plain_style():
        figure = Figure(figsize=(6.6, 2.9), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, side in zip(axes, (Side.RIGHT, Side.LEFT), strict=True):
            profile = planar.hips[side].profile
            ax.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
            ax.plot(profile.positions_mm, profile.other, color="#BBBBBB", linewidth=1.2, label="other hip")
            ax.plot(profile.positions_mm, profile.counts, "o", ms=3.4, color="#7a7a7a", label="counts")
            ax.plot(profile.positions_mm, profile.fitted, color="#0072B2", linewidth=1.6, label="fitted")
            found = profile.position_mm
            if found is not None and found.low is not None and found.high is not None:
                ax.axvline(found.value, color="#D55E00", linewidth=1.4, label="end of uptake")
                ax.axvspan(found.low, found.high, color="#D55E00", alpha=0.15, lw=0)
            ax.set_title(side.value, fontsize=9)
            ax.set_xlabel("mm from the intertrochanteric plane")
        axes[0].set_ylabel("counts")
        axes[0].set_ylim(bottom=0)
        lines = {
            line.get_label(): line for ax in axes for line in ax.get_lines() if not line.get_label().startswith("_")
        }
        figure.legend(lines.values(), lines.keys(), loc="outside right center", frameon=False, fontsize=7.5)
        return Picture("planar_profile", PLACE, "svg", svg(figure), "Counts along the midline of both femora.")
