"""The double line: a bright line inside a dark band on fluid-sensitive images (45 of 56 in Mitchell 1987)."""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "double_line"

SMALLEST_MM = 1.0
"""The thinnest bright line of virtual hips that was seen where the interior is not bright itself."""
PRESENT_SHARE = 0.15
"""Of the band's length along which a bright line must be seen; ``benchmarks/head_limits.py`` prints what bands without
one reach."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the share of the band along which a bright inner line is seen."""
    head = hip.head
    if head is None or head.obstacle:
        return unread(NAME, hip)
    smallest = Quantity(SMALLEST_MM, "mm")
    if head.segment is None and head.line_share is not None:
        note = "it is not certain that what was found in the head is a band"
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, note)
    if head.segment is None:
        return read(NAME, head, State.ABSENT, 0.95, smallest, "there is no band that could be double")
    line = head.double_line
    if line is None:
        return unread(NAME, hip, "too little of the band lies deep enough to tell a bright line from cartilage")
    note = f"a bright line runs inside {100 * line.share:.0f} % of the band"
    if line.share >= PRESENT_SHARE:
        return read(NAME, head, State.PRESENT, 0.5 + line.share / 2, smallest, note)
    # Beside a bright interior, fluid or fibrous, a bright line does not stand out: its absence is not earned.
    return read(NAME, head, State.UNDETERMINED, 0.5, smallest, f"{note}; in a bright interior none would be seen")
