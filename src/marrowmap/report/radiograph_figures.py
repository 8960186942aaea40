"""Radiographs in the report: the film itself, and a table of what is known of it and what said so."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.projection import project_regions
from marrowmap.image import SpacingSource
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.radiograph import describe_radiograph
from marrowmap.measure.radiograph import RadiographExam
from marrowmap.measure.radiograph import hip_window
from marrowmap.report.canvas import PALE
from marrowmap.report.canvas import RIM
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import dark_panels
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import webp
from marrowmap.report.result import AnalysisResult
from marrowmap.values import Side

MOST_PIXELS = 900
"""A film is averaged down to at most so many pixels on a side."""
WINDOW_PERCENT = (0.5, 99.5)
"""Grey levels run between these percentiles of what the beam reached."""
SCALE_MM = 50.0
DIMMED = 0.25
"""What the beam did not reach is shown this bright: a white collimator would blind the eye."""
WIDTH_INCHES = 5.0
REGION_COLORS = {"femoral_head": "#56b4e9", "femoral_neck": "#e69f00", "intertrochanteric": "#009e73"}
HEAD_COLOR, ROOF_COLOR = "#f0e442", "#cc79a7"

RADIOGRAPH_COLUMNS = ("", "Known", "Said by")


def _words(value: str) -> str:
    return value.replace("_", " ").lower() if len(value) > 2 else value


def radiograph_rows(film: Radiograph) -> tuple[tuple[str, ...], ...]:
    """Return what is known of a radiograph, and what said so."""
    grid = film.plane.grid
    size = " × ".join(f"{side:g}" for side in dict.fromkeys(grid.spacing_mm))
    spacing = "not stated" if grid.spacing_source is SpacingSource.UNKNOWN else f"{size} mm"
    where = {
        SpacingSource.DETECTOR: "at the detector",
        SpacingSource.CALIBRATED: "calibrated",
        SpacingSource.NOMINAL: "stated, not proven",
        SpacingSource.UNKNOWN: "",
    }
    left = "columns run to the patient's left" if film.knows_left else "left unknown"
    if grid.mirrored:
        left += ", shown as the mirror image of the file"
    meaning = {
        Intensity.ATTENUATION: "attenuation along the ray, up to offset and gain",
        Intensity.DISPLAY: "made for the eye: brightness is no measure of bone",
    }
    return (
        ("View", _words(film.view_name.value), film.view_reason),
        ("Side", film.side.value if film.side else "both or not said", film.side_reason),
        ("Left and right", left, film.orientation_reason),
        ("Pixel size", spacing, where[grid.spacing_source]),
        (
            "Magnification",
            "unknown" if film.magnification is None else f"{film.magnification:.3g}",
            film.magnification_source,
        ),
        ("Values", meaning[film.intensity], film.intensity_reason),
        ("Field", f"{100 * film.lit.mean():.0f} % of the image was reached by the beam", film.lit_reason),
        ("Compression", "with loss" if film.lossy else "no loss stated", ""),
        ("Lengths in mm", "no" if film.length_doubt else "yes", film.length_doubt),
    )


def _averaged(film: Radiograph) -> NDArray[np.float64]:
    """Return the film in rows and columns, averaged down, windowed to 0 to 1, dark outside the field."""
    low, high = np.percentile(film.plane.array[film.lit] if film.lit.any() else film.plane.array, WINDOW_PERCENT)
    shown = np.clip((film.plane.array - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    shown = np.where(film.lit, shown, DIMMED * shown)
    step = max(1, -(-max(shown.shape) // MOST_PIXELS))
    columns, rows = (n // step for n in shown.shape)
    blocks = shown[: columns * step, : rows * step].reshape(columns, step, rows, step)
    return np.asarray(blocks.mean(axis=(1, 3)).T, np.float64)


def _mark(ax: Any, film: Radiograph, width: float, height: float) -> None:
    style: dict[str, Any] = {"color": "white", "transform": ax.transAxes, "path_effects": RIM}
    if film.knows_left:
        ax.text(0.02, 0.5, "R", ha="left", fontsize=12, weight="bold", **style)
        ax.text(0.98, 0.5, "L", ha="right", fontsize=12, weight="bold", **style)
    view = _words(film.view_name.value)
    words = ["view unknown" if view == "unknown" else view, *([film.side.value] if film.side else [])]
    words += [] if film.knows_left else ["left and right unknown"]
    ax.text(0.02, 0.98, ", ".join(words), ha="left", va="top", fontsize=7, **{**style, "color": PALE})
    if film.length_doubt:
        ax.text(0.02, 0.02, "no lengths in mm", ha="left", va="bottom", fontsize=7, **{**style, "color": PALE})
        return
    bar = SCALE_MM * (film.magnification or 1.0)
    start, level = 0.04 * width, 0.96 * height
    ax.plot([start, start + bar], [level, level], color="white", linewidth=2.0, path_effects=RIM)
    ax.text(0.04, 0.055, f"{SCALE_MM:g} mm at the bone", ha="left", va="bottom", fontsize=7, **style)


def _draw(film: Radiograph, number: int) -> Picture:
    grid = film.plane.grid
    width, height = (n * side for n, side in zip(grid.shape, grid.spacing_mm, strict=True))
    with plain_style():
        figure, axes = dark_panels(1, 1, height / width)
        figure.set_size_inches(WIDTH_INCHES, WIDTH_INCHES * height / width)
        ax = axes[0, 0]
        ax.imshow(_averaged(film), cmap="gray", vmin=0.0, vmax=1.0, extent=(0, width, height, 0))
        _mark(ax, film, width, height)
        ax.set_xlim(0, width)
        ax.set_ylim(height, 0)
        place = f"radiograph {number}"
        return Picture("radiograph", place, "webp", webp(figure), f"{describe_radiograph(film)}, {film.description}")


def _draw_hips(measured: RadiographExam) -> Picture:
    """Draw both hips as they were measured: regions, the head's circle, the edges of head and socket."""
    film = measured.film
    shown = measured.bones.image
    pixel = np.asarray(shown.pixel_mm)
    half = (np.array(shown.attenuation.shape) - 1) / 2
    with plain_style():
        figure, axes = dark_panels(1, 2, 1.15)
        # The patient's right hip on the viewer's left.
        for ax, side in zip(axes[0], (Side.RIGHT, Side.LEFT), strict=True):
            femur, hip = measured.femora[side], measured.hips[side]
            grid = hip_window(femur)
            low = grid.locate((0, 0))[[0, 2]] * (1.0, -1.0)
            high = low + np.array(grid.shape) * grid.spacing_mm
            first = np.clip(np.floor(low / pixel + half).astype(int), 0, None)
            last = np.clip(np.ceil(high / pixel + half).astype(int), first + 1, shown.attenuation.shape)
            part = shown.attenuation[first[0] : last[0], first[1] : last[1]]
            ends = [*((first - half) * pixel), *((last - half) * pixel)]
            dark, bright = np.percentile(part, WINDOW_PERCENT)
            ax.imshow(part.T, cmap="gray", vmin=dark, vmax=bright, extent=(ends[0], ends[2], ends[3], ends[1]))
            across = low[0] + (np.arange(grid.shape[0]) + 0.5) * grid.spacing_mm[0]
            down = low[1] + (np.arange(grid.shape[1]) + 0.5) * grid.spacing_mm[1]
            for name, share in project_regions(femur, grid).items():
                if name in REGION_COLORS and share.max() > 0.5:
                    ax.contour(across, down, share.T, [0.5], colors=REGION_COLORS[name], linewidths=0.8)
            if hip.outline is not None:
                for radius, color in ((hip.outline.head_mm, HEAD_COLOR), (hip.outline.roof_mm, ROOF_COLOR)):
                    where = hip.outline.points(radius)
                    ax.plot(where[:, 0], -where[:, 1], color=color, linewidth=1.4)
            ax.set_xlim(low[0], high[0])
            ax.set_ylim(high[1], low[1])
            ax.set_title(f"{side.value} hip", fontsize=8, color=PALE)
        alt = f"Both hips of {describe_radiograph(film)} with regions and edges"
        return Picture("radiograph_hips", "radiograph", "webp", webp(figure), alt)


def draw_radiographs(result: AnalysisResult) -> tuple[Picture, ...]:
    """Draw every radiograph, with side letters where left is known and a scale where lengths may be told."""
    films = tuple(_draw(film, number) for number, film in enumerate(result.exam.radiographs, start=1))
    return films if result.radiograph is None else (*films, _draw_hips(result.radiograph))
