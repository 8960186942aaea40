"""Pictures of a reader study: agreement by item with its interval, and how long reads took."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from marrowmap.report.canvas import INK
from marrowmap.report.canvas import Picture
from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.workflow.study_names import named

_SERIES = (("gwet_ac1", "Gwet AC1", "o", "#0072B2", -0.15), ("fleiss_kappa", "Fleiss kappa", "s", "#D55E00", 0.15))


def draw_agreement(items: Mapping[str, Mapping[str, Any]]) -> Picture | None:
    """Draw AC1 and Fleiss' kappa of each item with 95 % intervals; what is not defined has no mark."""
    shown = [name for name, row in items.items() if row.get("gwet_ac1") is not None]
    if not shown:
        return None
    with plain_style():
        figure = Figure(figsize=(9.5, 0.34 * len(shown) + 1.1), layout="constrained")
        ax = figure.subplots()
        for name, words, marker, color, shift in _SERIES:
            label: str | None = words
            for place, item in enumerate(shown):
                value, low, high = (items[item].get(f"{name}{end}") for end in ("", "_low", "_high"))
                if value is None:
                    continue
                y = place + shift
                if low is not None and high is not None:
                    ax.plot([low, high], [y, y], color=color, linewidth=1.2)
                ax.plot(value, y, marker, color=color, markersize=4.5, label=label)
                label = None
        ax.set_yticks(range(len(shown)), [named(item) for item in shown], fontsize=8)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set_xlim(right=1.02)
        ax.axvline(0, color="#999999", linewidth=0.7)
        ax.set_xlabel("agreement beyond chance")
        ax.grid(axis="x", color="#e2e2e2", linewidth=0.6)
        figure.legend(frameon=False, loc="outside upper left", ncols=2)
        data = svg(figure)
    return Picture("agreement", "agreement of readers", "svg", data, "Gwet AC1 and Fleiss kappa of each item")


def draw_times(reads: Sequence[tuple[str, int]]) -> Picture | None:
    """Draw seconds a read by reader, in the order they read; None where no time was taken."""
    timed = [(reader, seconds) for reader, seconds in reads if seconds > 0]
    if not timed:
        return None
    with plain_style():
        figure = Figure(figsize=(9.5, 2.4), layout="constrained")
        ax = figure.subplots()
        for number, reader in enumerate(dict.fromkeys(reader for reader, _ in timed)):
            seconds = [s for name, s in timed if name == reader]
            ax.plot(range(1, len(seconds) + 1), seconds, marker=".", linewidth=0.8, label=reader, color=f"C{number}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("read, in order")
        ax.set_ylabel("seconds")
        ax.set_ylim(bottom=0)
        ax.tick_params(colors=INK)
        figure.legend(frameon=False, loc="outside upper left", ncols=6)
        data = svg(figure)
    return Picture("times", "time a read", "svg", data, "Seconds that each read took, by reader")
