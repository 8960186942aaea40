"""Pictures of densitometry: BMD over time against measurement error, sides against the sides of well people."""

from __future__ import annotations

from datetime import date
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.dates import ConciseDateFormatter
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from marrowmap.ingest.dxa_fields import write_vertebrae
from marrowmap.measure.density_change import error_of
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_sides import SideDifference
from marrowmap.report.canvas import INK
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.values import DensityRecord
from marrowmap.values import Side

COLORS = {Side.LEFT: "#0072B2", Side.RIGHT: "#D55E00", None: "#444444"}
_MARKERS = {Side.LEFT: "o", Side.RIGHT: "s", None: "D"}
_WORDS = {Side.LEFT: "left", Side.RIGHT: "right", None: "spine or forearm"}
_ONE_COLUMN = 3
"""More regions are drawn in two columns, so that all of them fit a page."""


def draw_density_course(
    records: tuple[DensityRecord, ...], studies: tuple[SitePrecision, ...], place: str
) -> Picture | None:
    """Draw BMD against date, one panel a region; None where no region has two dates.

    The bar of a point is the interval of one measurement, the band around a side's first value its least significant
    change: a later point outside the band has changed by more than error explains.
    """
    dated = [record for record in records if record.date and record.bmd is not None]
    regions = [r for r in dict.fromkeys(record.region for record in dated) if _dates(dated, r) > 1]
    if not regions:
        return None
    with plain_style():
        columns = 1 if len(regions) <= _ONE_COLUMN else 2
        rows = -(-len(regions) // columns)
        height = 2.6 if columns == 1 else min(2.1, 10.0 / rows)
        figure = Figure(figsize=(7.2, height * rows + 0.2), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in axes[len(regions) :]:
            ax.set_axis_off()
        for ax, region in zip(axes, regions, strict=False):
            _draw_region(ax, [record for record in dated if record.region == region], studies)
            if columns == 1:
                ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
            else:
                ax.tick_params(labelsize=7)
                ax.legend(frameon=False, fontsize=6.5, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        data = svg(figure)
    words = ", ".join(region.replace("_", " ") for region in regions)
    return Picture("density_course", place, "svg", data, f"Bone density over time: {words}")


def _dates(records: list[DensityRecord], region: str) -> int:
    return len({record.date for record in records if record.region == region})


def _day(when: date) -> float:
    return float(date2num(when))  # type: ignore[no-untyped-call]


def _draw_region(ax: Axes, records: list[DensityRecord], studies: tuple[SitePrecision, ...]) -> None:
    days = [_day(record.date) for record in records if record.date]
    span = max(days) - min(days)
    left, right = min(days) - 0.2 * span, max(days) + 0.1 * span

    # Exams of two machines, or of other vertebrae, are not joined: what differs between them is no change of bone.
    def bone(r: DensityRecord) -> tuple[bool, bool, tuple[int, ...], list[str]]:
        return r.side is not Side.RIGHT, r.side is not Side.LEFT, r.vertebrae, r.machine.casefold().split()

    told: set[str] = set()
    for _, group in groupby(sorted(records, key=lambda r: (bone(r), r.iso_date)), key=bone):
        exams = list(group)
        first = exams[0]
        side, word = first.side, write_vertebrae(first.vertebrae) or _WORDS[first.side]
        error = error_of(first.region, first.vertebrae, first.machine, first.bmd or 0.0, studies)
        color = COLORS[side]
        x = [_day(record.date) for record in exams if record.date]
        y = [record.bmd for record in exams if record.bmd is not None]
        half = None
        if error is not None:
            base = y[0]
            if len(exams) > 1:
                ax.fill_between([x[0], right], base - error.lsc, base + error.lsc, color=color, alpha=0.12, linewidth=0)
            half = 1.96 * error.sd / 2**0.5
        ax.errorbar(
            x,
            y,
            yerr=half,
            color=color,
            marker=_MARKERS[side],
            markersize=5,
            capsize=3,
            linewidth=1.2,
            label="_" if word in told else word,
        )
        told.add(word)
        for place, value in zip(x, y, strict=True):
            ax.annotate(
                f"{value:.3f}", (place, value), xytext=(-6, -11 if side is Side.LEFT else 5),
                textcoords="offset points", color=color, fontsize=7.5, ha="right",
            )  # fmt: skip
    ax.set_xlim(left, right)
    ax.set_ylabel("BMD, g/cm²")
    ax.set_title(records[0].region.replace("_", " "), loc="left", fontsize=9.5, color=INK)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def draw_density_sides(sides: tuple[SideDifference, ...], place: str) -> Picture | None:
    """Draw each side difference on the range that holds 95 % of well people; None where there is none to draw."""
    able = [one for one in sides if one.reference is not None and not one.reason]
    if not able:
        return None
    with plain_style():
        figure = Figure(figsize=(7.2, 0.95 + 0.42 * len(able)), layout="constrained")
        ax = figure.subplots()
        for row, one in enumerate(able):
            mean = ((one.left.bmd or 0.0) + (one.right.bmd or 0.0)) / 2
            scale = 100.0 / mean if one.reference and one.reference.unit == "g/cm2" else 1.0
            limit, value = one.limit() * scale, one.in_reference_unit(Side.LEFT) * scale
            lower = Side.LEFT if value < 0 else Side.RIGHT
            beyond = abs(value) >= limit
            ax.barh(row, 2 * limit, left=-limit, height=0.55, color="#dddddd")
            ax.plot(value, row, marker=_MARKERS[lower], color=COLORS[lower], markersize=8 if beyond else 6)
            ax.annotate(
                f"{_WORDS[lower]} lower, {abs(one.percent(lower)):.1f} %", (value, row), xytext=(0, 7),
                textcoords="offset points", ha="center", fontsize=7.5, color=COLORS[lower],
            )  # fmt: skip
        ax.axvline(0, color="#777777", linewidth=0.8)
        ax.set_yticks(range(len(able)), [f"{o.left.region.replace('_', ' ')}  {o.left.iso_date}" for o in able])
        ax.set_ylim(len(able) - 0.4, -0.7)
        reach = 1.15 * max(abs(bound) for bound in ax.get_xlim())
        ax.set_xlim(-reach, reach)
        ax.set_xlabel("left less right, % of the mean of both; gray: 95 % of well people")
        data = svg(figure)
    return Picture("density_sides", place, "svg", data, "Side differences of bone density against those of well people")
