"""The pictures of the report, one function each. Colors are told apart by color-blind readers (Okabe and Ito 2008)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.ingest.exam import Series
from marrowmap.measure.boundary import LEAST_PLATEAU
from marrowmap.report.canvas import CLOSED_COLOR
from marrowmap.report.canvas import INK
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import draw_legend
from marrowmap.report.canvas import place_words
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.canvas import webp
from marrowmap.report.masks import REGION_NUMBERS
from marrowmap.report.masks import join_regions
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.report.slices import SliceView
from marrowmap.values import Measurement
from marrowmap.values import Side

if TYPE_CHECKING:
    from marrowmap.anatomy.bone_frame import BoneFrame

BONE_COLORS = {"femur": "#56B4E9", "hip_bone": "#E69F00"}
REGION_COLORS = {
    "femoral_head": "#56B4E9",
    "femoral_neck": "#F0E442",
    "intertrochanteric": "#CC79A7",
    "greater_trochanter": "#D55E00",
    "lesser_trochanter": "#009E73",
    "femoral_shaft": "#999999",
    "acetabulum": "#E69F00",
}
PLANE_COLOR = "#FFFFFF"
MEMBERSHIP_MAP = LinearSegmentedColormap.from_list("edema", ["#0b3b6b", "#0072B2", "#2fd3e6"])
SIDE_COLORS = {Side.RIGHT: "#E69F00", Side.LEFT: "#0072B2"}
SLICES_SHOWN = 6
MARGIN_MM = 12.0


def _femur(reading: JointReading) -> BoneFrame | None:
    return next((bone.frame for bone in reading.bones if bone.frame.bone == "femur"), None)


@lru_cache(maxsize=8)
def _slices(reading: JointReading, count: int) -> list[int]:
    """Choose slices spread evenly through head, neck and intertrochanteric region."""
    regions = join_regions(reading)
    if regions is None:
        return []
    wanted = [REGION_NUMBERS[name] for name in ("femoral_head", "femoral_neck", "intertrochanteric")]
    present = np.flatnonzero(np.isin(regions.array, wanted).any(axis=(0, 1)))
    if present.size == 0:
        present = np.flatnonzero(regions.array.any(axis=(0, 1)))
    if present.size == 0:
        return []
    # The outermost slices hold only a rim: leave them out where there are enough others.
    if present.size > count + 1:
        present = present[1:-1]
    places = np.linspace(0, present.size - 1, min(count, present.size))
    chosen = [int(present[round(place)]) for place in places]
    if reading.replaced is not None and reading.replaced.array.any():
        # The slice that shows most of it takes the place of its neighbor.
        most = int(np.argmax(reading.replaced.array.sum(axis=(0, 1))))
        chosen[int(np.argmin(np.abs(np.array(chosen) - most)))] = most
    return chosen


@lru_cache(maxsize=4)
def _window(result: AnalysisResult, series: Series) -> tuple[float, float]:
    """Grey levels of a series, the same for both hips: from around the joints, not a bright bladder or dark air."""
    view = SliceView.radiological(series.volume.grid)
    values = []
    for reading in result.readings:
        if reading.series is series and reading.bones:
            crop = _crop(reading, view)
            for k in _slices(reading, SLICES_SHOWN):
                values.append(view.cut(view.picture(series.volume.array, k), crop)[0].ravel())
    low, high = np.percentile(np.concatenate(values), (1.0, 99.3))
    return float(low), float(max(high, low + 1.0))


def _crop(reading: JointReading, view: SliceView) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in mm around head, neck and trochanters."""
    femur = _femur(reading)
    if femur is not None:
        # All of the femur above the lesser trochanter, and the head's whole sphere.
        low = min((point[2] for name, point in femur.landmarks.items() if name.startswith("lesser")), default=-np.inf)
        sphere = femur.head_center_mm + femur.head_radius_mm * np.array(_CORNERS)
        placed = view.place(np.concatenate([femur.vertices[femur.vertices[:, 2] >= low], sphere]))
    else:
        placed = view.place(np.concatenate([bone.frame.vertices for bone in reading.bones]))
    left, right, bottom, top = view.extent
    return (
        max(left, float(placed[:, 0].min()) - MARGIN_MM),
        min(right, float(placed[:, 0].max()) + MARGIN_MM),
        min(bottom, float(placed[:, 1].max()) + MARGIN_MM),
        max(top, float(placed[:, 1].min()) - MARGIN_MM),
    )


_CORNERS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]


def _show(ax: Any, reading: JointReading, view: SliceView, k: int, window: tuple[float, float]) -> None:
    grid = reading.series.volume.grid
    crop = _crop(reading, view)
    page, extent = view.cut(view.picture(reading.series.volume.array, k), crop)
    ax.imshow(
        page,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        extent=extent,
        interpolation="bilinear",
    )
    left, right, bottom, top = crop
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "va": "center", "fontsize": 9}
    style["path_effects"] = RIM
    ax.text(0.02, 0.5, view.left_letter, ha="left", weight="bold", **style)
    ax.text(0.98, 0.5, view.right_letter, ha="right", weight="bold", **style)
    text = f"slice {k + 1} of {grid.shape[2]}"
    ax.text(0.02, 0.03, text, ha="left", **{**style, "fontsize": 6.5, "va": "bottom", "color": PALE})
    corner = f"{reading.side.value} {reading.joint.value}".upper()
    ax.text(0.02, 0.97, corner, ha="left", **{**style, "fontsize": 6.5, "va": "top", "color": PALE})


def _draw_outlines(ax: Any, reading: JointReading, view: SliceView, k: int) -> None:
    grid = reading.series.volume.grid
    for bone in reading.bones:
        color = BONE_COLORS.get(bone.frame.bone, "#FFFFFF")
        if bone.frame.frame_of_reference_uid == grid.frame_of_reference_uid:
            pieces = view.outline(bone.frame.vertices, bone.frame.faces, k)
            ax.add_collection(LineCollection(list(pieces), colors=color, linewidths=0.9))
        else:
            _draw_contour(ax, view, _crop(reading, view), view.picture(bone.mask.array, k), color)


def _draw_contour(
    ax: Any, view: SliceView, crop: tuple[float, float, float, float], page: NDArray[np.generic], color: str
) -> None:
    page, extent = view.cut(page, crop)
    if page.any():
        ax.contour(page.astype(float), levels=[0.5], colors=color, linewidths=0.9, extent=extent, origin="upper")


def _draw_plane(ax: Any, reading: JointReading, view: SliceView, k: int) -> None:
    """Draw the trace of the intertrochanteric plane where it crosses the femur."""
    bone = next((bone for bone in reading.bones if bone.frame.bone == "femur"), None)
    if bone is None:
        return
    grid = reading.series.volume.grid
    crop = _crop(reading, view)
    page, extent = view.cut(view.picture(bone.mask.array, k), crop)
    if not page.any():
        return
    inside = ndimage.binary_dilation(page, iterations=2)
    point, normal = bone.frame.intertrochanteric_plane
    steps = grid.affine[:3, :3].T @ normal
    start = float((grid.to_world((0, 0, k)) - point) @ normal)
    distance = start + np.arange(grid.shape[0])[:, None] * steps[0] + np.arange(grid.shape[1])[None, :] * steps[1]
    depth = view.cut(view.picture(distance[:, :, None], 0), crop)[0]
    shown = np.ma.masked_where(~inside, depth)
    if shown.min() < 0 < shown.max():
        ax.contour(
            shown,
            levels=[0.0],
            colors=PLANE_COLOR,
            linewidths=0.9,
            linestyles="dashed",
            extent=extent,
            origin="upper",
        )


def _tint() -> NDArray[np.float32]:
    """Region colors by number, shape (n, 4); background is transparent."""
    table = np.zeros((max(REGION_NUMBERS.values()) + 1, 4), np.float32)
    for name, color in REGION_COLORS.items():
        table[REGION_NUMBERS[name]] = (*to_rgb(color), 0.28)
    return table


def _shape(reading: JointReading, view: SliceView) -> float:
    left, right, bottom, top = _crop(reading, view)
    return (bottom - top) / max(right - left, 1.0)


def draw_bone_fit(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw the bones' fitted outlines and regions on slices through head, neck and trochanters."""
    slices = _slices(reading, SLICES_SHOWN)
    if not slices:
        return None
    with plain_style():
        view = SliceView.radiological(reading.series.volume.grid)
        columns = min(3, len(slices))
        rows = -(-len(slices) // columns)
        figure, axes = dark_panels(rows, columns, _shape(reading, view), 0.55)
        window, tint, regions = _window(result, reading.series), _tint(), join_regions(reading)
        assert regions is not None  # there are slices, so there are bones
        for ax, k in zip(axes.flat, slices, strict=False):
            _show(ax, reading, view, k, window)
            labels, extent = view.cut(view.picture(regions.array, k), _crop(reading, view))
            ax.imshow(tint[labels], extent=extent, interpolation="nearest")
            _draw_outlines(ax, reading, view, k)
            _draw_plane(ax, reading, view, k)
            if reading.replaced is not None:
                _draw_contour(ax, view, _crop(reading, view), view.picture(reading.replaced.array, k), CLOSED_COLOR)
        present = [name for name in REGION_COLORS if (regions.array == REGION_NUMBERS[name]).any()]
        handles: list[Any] = [
            Line2D([], [], color=BONE_COLORS[bone], label=f"{bone.replace('_', ' ')} outline")
            for bone in BONE_COLORS
            if any(b.frame.bone == bone for b in reading.bones)
        ]
        handles.append(Line2D([], [], color=PLANE_COLOR, linestyle="dashed", label="intertrochanteric plane"))
        if reading.replaced is not None and reading.replaced.array.any():
            handles.append(Line2D([], [], color=CLOSED_COLOR, label="marrow as dark as muscle"))
        handles += [Patch(color=REGION_COLORS[name], alpha=0.6, label=name.replace("_", " ")) for name in present]
        draw_legend(figure, handles)
        known = [b.frame for b in reading.bones if math.isfinite(b.frame.fit_rms_mm)]
        errors = ", ".join(f"{frame.bone.replace('_', ' ')} {frame.fit_rms_mm:.1f} mm" for frame in known) or "unknown"
        alt = (
            f"{len(slices)} slices of the {place_words(result, reading)} with fitted bone outlines; fit error {errors}."
        )
        return Picture("bone_fit", place_words(result, reading), "webp", webp(figure), alt)


def draw_edema(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw slices without and with edema membership and the closed region's outline."""
    slices = _slices(reading, 5)
    if not slices or reading.edema is None:
        return None
    edema = reading.edema
    with plain_style():
        view = SliceView.radiological(reading.series.volume.grid)
        figure, axes = dark_panels(2, len(slices), _shape(reading, view), 0.35)
        window = _window(result, reading.series)
        for column, k in enumerate(slices):
            for ax in axes[:, column]:
                _show(ax, reading, view, k, window)
            crop = _crop(reading, view)
            part, extent = view.cut(view.picture(edema.membership.array, k), crop)
            page = part.astype(float)
            colored = MEMBERSHIP_MAP(page)
            colored[..., 3] = np.where(page > 0.05, 0.25 + 0.4 * np.clip(page, 0, 1), 0.0)
            axes[1, column].imshow(colored, extent=extent, interpolation="nearest")
            _draw_contour(axes[1, column], view, crop, view.picture(edema.closed.array, k), CLOSED_COLOR)
        draw_legend(
            figure,
            [
                Patch(color=MEMBERSHIP_MAP(0.5), label="membership one half"),
                Patch(color=MEMBERSHIP_MAP(1.0), label="membership one"),
                Line2D([], [], color=CLOSED_COLOR, label="closed region a reader would draw"),
            ],
        )
        alt = (
            f"{len(slices)} slices of the {place_words(result, reading)}, plain above, with edema overlay below; "
            f"closed region {edema.closed.volume_ml:.1f} mL."
        )
        return Picture("edema", place_words(result, reading), "webp", webp(figure), alt)


SHOWN_BEYOND_PLANE_MM = 80.0


def draw_boundary(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw edema membership along the neck-shaft midline with the fitted edge, its plateau and the plane."""
    profile = reading.boundary
    if profile is None or profile.plateau < LEAST_PLATEAU or not np.isfinite(profile.membership).any():
        return None
    with plain_style():
        figure = Figure(figsize=(6.6, 3.0), layout="constrained")
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
        x = profile.positions_mm
        top = max(1.12, 1.05 * float(np.nanmax(profile.membership)))
        ax.text(0, top, " intertrochanteric plane", fontsize=7.5, color=INK, va="top", ha="left")
        ax.plot(x, profile.membership, "o", ms=3.6, color="#7a7a7a", label="mean share, by bin")
        if profile.fitted.size:
            ax.plot(x, profile.fitted, color="#0072B2", linewidth=1.8, label="fitted edge")
            ax.hlines(profile.plateau, x.min(), 0, color="#0072B2", linewidth=0.9, linestyle="dotted", label="plateau")
        if profile.position_mm is not None:
            position = profile.position_mm
            height = float(np.interp(position.value, x, profile.fitted))
            ax.plot(position.value, height, "D", ms=6, color="#D55E00", label="middle of the edge")
            if position.low is not None and position.high is not None:
                ax.axvspan(position.low, position.high, color="#D55E00", alpha=0.15, lw=0, label="95 % interval")
            if profile.width_mm is not None:
                half = profile.width_mm.value / 2
                ax.hlines(
                    0.06,
                    position.value - half,
                    position.value + half,
                    color="#009E73",
                    linewidth=4,
                    label="10–90 % width",
                )
        ax.set_ylim(-0.05, top)
        ax.set_xlim(float(x.min()), min(float(x.max()), SHOWN_BEYOND_PLANE_MM))
        ax.set_xlabel("position along the neck–shaft midline, mm (negative: neck, positive: distal)")
        ax.set_ylabel("share of edema signal")
        figure.legend(loc="outside right center", frameon=False, fontsize=7.5)
        edge = f"edge at {profile.position_mm}" if profile.position_mm else f"no edge measured: {profile.note}"
        alt = f"Edema membership along the midline of the {place_words(result, reading)}; {edge}."
        return Picture("boundary", place_words(result, reading), "svg", svg(figure), alt)


def draw_threshold_curve(result: AnalysisResult, reading: JointReading) -> Picture | None:
    """Draw edema volume against the threshold factor k with the declared k marked."""
    edema = reading.edema
    if edema is None or len(edema.curve_k) < 2:
        return None
    with plain_style():
        figure = Figure(figsize=(6.6, 2.7), layout="constrained")
        ax = figure.subplots()
        ax.plot(edema.curve_k, edema.curve_closed_ml, color="#0072B2", linewidth=1.8, label="closed region")
        ax.plot(
            edema.curve_k, edema.curve_voxel_ml, color="#CC79A7", linewidth=1.8, ls=(0, (4, 2)), label="voxels above"
        )
        chosen = float(np.interp(edema.k, edema.curve_k, edema.curve_closed_ml))
        ax.axvline(edema.k, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
        ax.plot(edema.k, chosen, "D", ms=6, color="#D55E00")
        ax.annotate(
            f"k = {edema.k:g}: {chosen:.1f} mL",
            (edema.k, chosen),
            xytext=(9, 9),
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
        )
        ax.set_ylim(0, max(float(np.max([edema.curve_voxel_ml, edema.curve_closed_ml])) * 1.08, 1.0))
        ax.set_xlim(float(np.min(edema.curve_k)), float(np.max(edema.curve_k)))
        ax.set_xlabel("threshold factor k (robust standard deviations above reference marrow)")
        ax.set_ylabel("volume, mL")
        ax.legend(loc="upper right", frameon=False, fontsize=8)
        place = place_words(result, reading)
        alt = f"Volume against threshold for the {place}: closed {chosen:.1f} mL at k = {edema.k:g}."
        return Picture("threshold", place, "svg", svg(figure), alt)


def _bone_plane(reading: JointReading) -> tuple[NDArray[np.float64], Any]:
    """Points of the plane of neck and shaft axes through the head center, shape (rows, columns, 3) LPS mm.

    Columns run laterally and rows downward on both sides, so a right hip comes out mirrored onto a left one.
    """
    femur = _femur(reading)
    assert femur is not None  # callers look first
    anterior = femur.axes[:, 2]
    up = np.array([0.0, 0.0, 1.0])
    up = up - (up @ anterior) * anterior
    up /= np.linalg.norm(up)
    lateral = femur.axes[:, 0] - (femur.axes[:, 0] @ up) * up
    lateral /= np.linalg.norm(lateral)
    u, v = np.arange(-42, 72, 0.5), np.arange(-40, 92, 0.5)
    points = femur.head_center_mm + u[None, :, None] * lateral - v[:, None, None] * up
    return points, (float(u[0]), float(u[-1]), float(v[-1]), float(v[0]))


def draw_comparison(result: AnalysisResult, readings: Sequence[JointReading]) -> Picture | None:
    """Draw both hips in the same bone coordinates, side by side, with the closed edema outlined."""
    pair = [r for r in readings if _femur(r) is not None]
    if len({r.side for r in pair}) < 2:
        return None
    pair = sorted(pair, key=lambda r: r.side is Side.LEFT)[:2]
    with plain_style():
        pages, closed = [], []
        for reading in pair:
            points, extent = _bone_plane(reading)
            index = np.moveaxis(reading.series.volume.grid.to_index(points), -1, 0)
            pages.append(ndimage.map_coordinates(reading.series.volume.array, index, order=1, mode="grid-constant"))
            mask = reading.edema.closed.array if reading.edema else np.zeros(reading.series.volume.grid.shape)
            closed.append(ndimage.map_coordinates(np.asarray(mask, np.float32), index, order=1, mode="grid-constant"))
        low, high = _window(result, pair[0].series)
        figure, axes = dark_panels(1, 2, 1.15)
        figure.set_size_inches(6.4, 3.8)
        for ax, reading, page, edema in zip(axes.flat, pair, pages, closed, strict=True):
            ax.imshow(page, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")
            if edema.max() > 0.5:
                ax.contour(edema, levels=[0.5], colors=CLOSED_COLOR, linewidths=0.9, extent=extent, origin="upper")
            style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "fontsize": 8, "path_effects": RIM}
            ax.text(0.02, 0.97, reading.side.value.upper(), va="top", weight="bold", **style)
            ax.text(0.02, 0.02, "medial", **style)
            ax.text(0.98, 0.02, "lateral", ha="right", **style)
        alt = "Right and left hip in the same bone coordinates, lateral on the right of each picture."
        return Picture("comparison", "both hips", "webp", webp(figure), alt)


def draw_regions(result: AnalysisResult) -> Picture | None:
    """Draw edema volume by region, right against left."""
    rows = [m for m in result.measurements if m.name == "edema_volume" and m.side and m.region in REGION_COLORS]
    regions = [name for name in REGION_COLORS if any(m.region == name for m in rows)]
    if not regions:
        return None
    with plain_style():
        figure = Figure(figsize=(6.6, 0.7 + 0.42 * len(regions)), layout="constrained")
        ax = figure.subplots()
        for side, offset in ((Side.RIGHT, -0.19), (Side.LEFT, 0.19)):
            mine: dict[str, Measurement] = {m.region: m for m in rows if m.side is side}
            for place, region in enumerate(regions):
                if region not in mine:
                    continue
                quantity = mine[region].quantity
                ax.barh(place + offset, quantity.value, 0.34, color=SIDE_COLORS[side])
                if quantity.low is not None and quantity.high is not None:
                    ax.hlines(place + offset, quantity.low, quantity.high, color=INK, linewidth=1.0)
                end = max(quantity.value, quantity.high or 0.0)
                ax.annotate(
                    f"{quantity.value:.1f}",
                    (end, place + offset),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color=INK,
                )
        ax.set_yticks(range(len(regions)), [name.replace("_", " ") for name in regions])
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.margins(x=0.12)
        ax.set_xlabel("edema volume, mL (line: 95 % interval)")
        figure.legend(
            handles=[Patch(color=SIDE_COLORS[side], label=side.value) for side in (Side.RIGHT, Side.LEFT)],
            loc="outside right upper",
            frameon=False,
            fontsize=8,
        )
        text = "; ".join(f"{m.side.value if m.side else ''} {m.region.replace('_', ' ')} {m.quantity}" for m in rows)
        return Picture("regions", "both sides", "svg", svg(figure), f"Edema volume by region: {text}.")
