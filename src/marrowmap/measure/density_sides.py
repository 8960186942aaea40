"""Side difference of bone density, against how much the sides of well people differ.

The least significant change is the wrong measure here: 31 to 58 % of all who come for densitometry exceed it from side
to side (Osteoporos Int 2006;17:1772; Mounach et al. ISRN Rheumatol 2012;617535).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from marrowmap.measure.density_change import same_machine
from marrowmap.measure.density_tables import SideReference
from marrowmap.measure.density_tables import side_references
from marrowmap.values import DensityRecord
from marrowmap.values import Side

ALPHA = 0.05


@dataclass(frozen=True)
class SideDifference:
    """One region on both sides at one exam.

    Parameters
    ----------
    left, right : DensityRecord
    reference : SideReference or None
        None where no side difference of well people is published.
    reason : str
        Why the sides cannot be compared; empty if they can.
    """

    left: DensityRecord
    right: DensityRecord
    reference: SideReference | None
    reason: str = ""

    def _values(self, side: Side) -> tuple[float, float]:
        """BMD of this and of the other side."""
        this, other = (self.left, self.right) if side is Side.LEFT else (self.right, self.left)
        if this.bmd is None or other.bmd is None:
            raise ValueError("a side difference needs both values")
        return this.bmd, other.bmd

    def percent(self, side: Side) -> float:
        """Return this side less the other, over the other, percent."""
        this, other = self._values(side)
        return 100.0 * (this / other - 1.0)

    def in_reference_unit(self, side: Side) -> float:
        """Return this side less the other as the reference counts it: percent of the mean of both, or g/cm2."""
        this, other = self._values(side)
        if self.reference is not None and self.reference.unit == "g/cm2":
            return this - other
        return 200.0 * (this - other) / (this + other)

    def limit(self, comparisons: int = 1) -> float:
        """Half width of the range that holds 95 % of well people, over so many comparisons, in the reference's unit.

        A prediction interval for one new person; the reference's mean is added, as its sides are not left and right.
        """
        reference = self.reference
        if reference is None:
            raise ValueError("no reference for the side difference")
        t = float(stats.t.ppf(1 - ALPHA / (2 * comparisons), reference.n - 1))
        return abs(reference.mean) + t * reference.sd * math.sqrt(1 + 1 / reference.n)

    def tail(self, side: Side) -> float:
        """Part of well people whose sides differ at least so much."""
        reference = self.reference
        if reference is None:
            raise ValueError("no reference for the side difference")
        beyond = max(abs(self.in_reference_unit(side)) - abs(reference.mean), 0.0)
        return float(2 * stats.t.sf(beyond / (reference.sd * math.sqrt(1 + 1 / reference.n)), reference.n - 1))


def compare_sides(records: Sequence[DensityRecord]) -> tuple[SideDifference, ...]:
    """Compare the sides of one person, exam by exam and region by region."""
    exams: dict[tuple[str, str], dict[Side, list[DensityRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.side is not None and record.bmd is not None:
            exams[record.iso_date, record.region][record.side].append(record)
    found = []
    for (date, region), sides in sorted(exams.items()):
        references = side_references().get(region, ())
        reference = references[0] if references else None
        for left in sides[Side.LEFT]:
            same = [right for right in sides[Side.RIGHT] if same_machine(left.machine, right.machine)]
            blank = [right for right in sides[Side.RIGHT] if not (left.machine.strip() or right.machine.strip())]
            for right in (same or blank or sides[Side.RIGHT])[:1]:
                reason = "" if same or blank else "the two sides were measured on different machines"
                reason = reason if date else "the date of the exam is unknown"
                found.append(SideDifference(left, right, reference, reason))
    return tuple(found)
