"""Bone of one joint less dense than that of the other side, beyond what well people show (densitometry)."""

from __future__ import annotations

from collections.abc import Sequence

from marrowmap.measure.density import MODALITY
from marrowmap.measure.density import signed
from marrowmap.measure.density_sides import SideDifference
from marrowmap.values import DensityRecord
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

NAME = "focal_osteopenia"


def assess(
    records: Sequence[DensityRecord], differences: Sequence[SideDifference], joint: Joint, side: Side
) -> Finding:
    """Judge one joint and side at one exam, by all regions measured on both sides.

    PRESENT if this side lies below the other by more than 95 % of well people show over so many regions, UNDETERMINED
    if by more than they show in that region alone, ABSENT if not. NOT_ASSESSABLE where the other side was not measured
    or nobody published how much the sides of well people differ, as at the knee.
    """
    date = records[0].iso_date
    places = [record.place for record in records]
    places += [record.place for one in differences for record in (one.left, one.right)]
    evidence = Evidence(records[0].source, tuple(dict.fromkeys(places)))
    able = [one for one in differences if one.reference is not None and not one.reason]
    if not able:
        reasons = [one.reason or "no side difference of well people is published for the region" for one in differences]
        why = "; ".join(dict.fromkeys(reasons)) or "BMD of both sides is not reported at this exam"
        return Finding(NAME, joint, side, State.NOT_ASSESSABLE, None, None, MODALITY, date, evidence, why)
    note = "; ".join(_words(one, side) for one in able)
    below = [one for one in able if one.in_reference_unit(side) <= -one.limit(len(able))]
    if below:
        # So rare a difference in any of so many regions, not in this one alone.
        certainty = 1.0 - min(1.0, len(able) * min(one.tail(side) for one in below))
        return Finding(NAME, joint, side, State.PRESENT, certainty, None, MODALITY, date, evidence, note)
    if any(one.in_reference_unit(side) <= -one.limit() for one in able):
        return Finding(NAME, joint, side, State.UNDETERMINED, 0.5, None, MODALITY, date, evidence, note)
    widest = max(able, key=_as_percent)
    smallest = Quantity(_as_percent(widest, len(able)), "%")
    tails = [one.tail(side) for one in able if one.in_reference_unit(side) < 0]
    certainty = 0.5 + min(tails) / 2 if tails else 1.0
    return Finding(NAME, joint, side, State.ABSENT, certainty, smallest, MODALITY, date, evidence, note)


def _as_percent(one: SideDifference, comparisons: int = 1) -> float:
    """Return the limit as percent of the mean of both sides."""
    if one.reference is not None and one.reference.unit == "%":
        return one.limit(comparisons)
    return 200.0 * one.limit(comparisons) / ((one.left.bmd or 0.0) + (one.right.bmd or 0.0))


def _words(one: SideDifference, side: Side) -> str:
    percent = one.reference is None or one.reference.unit == "%"
    mine, unit = signed(one.in_reference_unit(side), 1 if percent else 3), "% of the mean" if percent else "g/cm2"
    return (
        f"{one.left.region.replace('_', ' ')} {signed(one.percent(side), 1)} % against the other side "
        f"({mine} {unit}; 95 % of well people within ±{one.limit():.3g})"
    )
