"""What all pictures of the report share: the picture itself, one style, colors, panels and legends.

Colors are told apart by color-blind readers (Okabe and Ito 2008).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading

CLOSED_COLOR = "#F0E442"
INK = "#222222"
DARK = "#0b0b0c"
PALE = "#d8d8d8"

# Marks must be read on fat as well as on air.
RIM = (withStroke(linewidth=2.0, foreground="black"),)


@dataclass(frozen=True)
class Picture:
    """One picture.

    Parameters
    ----------
    key : str
        Its reportlet in ``reportlets.toml``.
    place : str
        Joint, side and series in words, for title and file name.
    suffix : str
        ``webp`` or ``svg``.
    data : bytes
    alt : str
        What it shows, for those who cannot see it.
    """

    key: str
    place: str
    suffix: str
    data: bytes
    alt: str


@contextmanager
def plain_style() -> Iterator[None]:
    """One style, and the same bytes every time, whatever the user's own settings."""
    settings: dict[str, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.edgecolor": "#777777",
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "marrowmap",
        "svg.fonttype": "path",
    }
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in settings.items():
            mpl.rcParams[name] = value  # type: ignore[index]  # the stubs list names one by one
        yield


def webp(figure: Figure) -> bytes:
    """Draw a figure as WebP."""
    out = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(out, format="webp", facecolor=figure.get_facecolor(), pil_kwargs={"quality": 82, "method": 4})
    return out.getvalue()


def svg(figure: Figure) -> bytes:
    """Draw a figure as SVG, text as paths."""
    out = io.BytesIO()
    FigureCanvasSVG(figure)
    figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    return out.getvalue()


def dark_panels(rows: int, columns: int, shape: float, footer: float = 0.0) -> tuple[Figure, Any]:
    """Return a dark figure of panels without axes; `shape` is height over width of one, `footer` inches below."""
    width = 2.25
    figure = Figure(
        figsize=(columns * width, rows * width * shape + footer), dpi=130, facecolor=DARK, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, axes


def place_words(result: AnalysisResult, reading: JointReading) -> str:
    """Return joint, side and series in words."""
    number = next(n for n, series in enumerate(result.exam.series, start=1) if series is reading.series)
    return f"{reading.side.value} {reading.joint.value}, series {number} ({reading.series.sequence.value})"


def draw_legend(figure: Figure, handles: Sequence[Any], columns: int = 5) -> None:
    """Put a legend of at most so many columns under the panels of a dark figure."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=min(len(handles), columns),
        frameon=False,
        labelcolor=PALE,
        fontsize=7,
        handlelength=1.6,
        columnspacing=1.4,
    )
