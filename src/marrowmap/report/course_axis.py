"""An axis of time that leaves out long gaps: exams of one episode stay apart where the next came decades later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from marrowmap.course.episodes import GAP_MONTHS
from marrowmap.values.course import DAYS_PER_MONTH
from marrowmap.values.course import months_between

CUT_SHARE = 0.12
"""Width of a cut over that of all that is drawn to scale."""
LEAST_DAYS = 45.0
"""Drawn to scale at least, on each side of a cut."""
TICKS = 6


@dataclass(frozen=True)
class BrokenAxis:
    """Days as places on a picture, days wide but for the cuts.

    Parameters
    ----------
    knots : tuple of (date, float)
        Days and their places, ascending; between them places are linear, beyond them a day is 1 wide.
    cuts : tuple of (date, date)
        What is left out.
    """

    knots: tuple[tuple[date, float], ...]
    cuts: tuple[tuple[date, date], ...]

    def at(self, day: date) -> float:
        """Return the place of a day."""
        days = [knot.toordinal() for knot, _ in self.knots]
        places = [place for _, place in self.knots]
        n = day.toordinal()
        if n <= days[0]:
            return places[0] + n - days[0]
        if n >= days[-1]:
            return places[-1] + n - days[-1]
        return float(np.interp(n, days, places))

    def draw(self, ax: Any) -> None:
        """Set ticks and mark each cut with its length."""
        ticks = [day for first, last in self._segments() for day in _ticks(first, last, self._count(first, last))]
        ax.set_xticks([self.at(day) for day in ticks], [f"{day:%Y-%m}" for day in ticks])
        ax.set_xlim(self.knots[0][1], self.knots[-1][1])
        for start, end in self.cuts:
            x = (self.at(start) + self.at(end)) / 2
            reach = (self.at(end) - self.at(start)) / 2
            ax.axvspan(x - 0.6 * reach, x + 0.6 * reach, color="white", zorder=2.5, linewidth=0)
            text = f"// {months_between(start, end) / 12:.1f} years //"
            style: dict[str, Any] = {"fontsize": 7, "rotation": 90, "ha": "center", "va": "center", "color": "#555555"}
            ax.text(x, 0.5, text, transform=ax.get_xaxis_transform(), zorder=5, **style)

    def _segments(self) -> list[tuple[date, date]]:
        starts = [self.knots[0][0], *(end for _, end in self.cuts)]
        ends = [*(start for start, _ in self.cuts), self.knots[-1][0]]
        return list(zip(starts, ends, strict=True))

    def _count(self, first: date, last: date) -> int:
        whole = self.knots[-1][1] - self.knots[0][1]
        return max(1, round(TICKS * (self.at(last) - self.at(first)) / whole)) if whole else 1


def _ticks(first: date, last: date, count: int) -> list[date]:
    """Return so many days of a stretch, evenly: from its first, or its middle where there is but one."""
    days = (last - first).days
    if count == 1:
        return [first + timedelta(days=days // 2)]
    return [first + timedelta(days=round(days * n / (count - 1))) for n in range(count)]


def break_axis(moments: Sequence[date]) -> BrokenAxis | None:
    """Cut gaps between moments that would squeeze all else; None where there is none.

    A gap is cut where it is longer than 18 months, beyond which activity is another episode, and longer than all that
    lies outside of such gaps together.
    """
    days = sorted(set(moments))
    long = [(a, b) for a, b in pairwise(days) if months_between(a, b) > GAP_MONTHS]
    if not long:
        return None
    rest = (days[-1] - days[0]).days - sum((b - a).days for a, b in long)
    pad = timedelta(days=max(LEAST_DAYS, 0.04 * rest))
    cuts = [(a + pad, b - pad) for a, b in long if (b - a).days > max(rest, GAP_MONTHS * DAYS_PER_MONTH)]
    cuts = [(a, b) for a, b in cuts if b > a]
    if not cuts:
        return None
    first, last = days[0] - pad, days[-1] + pad
    shown = (last - first).days - sum((b - a).days for a, b in cuts)
    knots = [(first, 0.0)]
    for start, end in cuts:
        knots.append((start, knots[-1][1] + (start - knots[-1][0]).days))
        knots.append((end, knots[-1][1] + CUT_SHARE * shown))
    knots.append((last, knots[-1][1] + (last - knots[-1][0]).days))
    return BrokenAxis(tuple(knots), tuple(cuts))
