"""A band that walls off part of the femoral head: the border of a necrotic segment.

A band is concave toward the joint surface or serpentine and reaches that surface on both sides; a fracture line is
parallel or convex to it and ends below it (Ikemura 2010; a concave fracture is on record, Skeletal Radiol 2010;39:185).
"""

from __future__ import annotations

from marrowmap.measure.head import LEAST_LINE_SHARE
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.necrosis_extent import steinberg_class
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "subchondral_band"

SMALLEST_PERCENT = 9.0
"""Share of the head from which on 95 % of segments are found; printed by ``benchmarks/head_limits.py``."""
LEAST_PERCENT = 4.0
"""What is found but smaller may be none: the same command lists what is found in heads without a segment."""
RATIO_CUTOFF, DEEPEST_CUTOFF = 0.22, 0.38
"""Band-depth ratios, mid-coronal and maximal, above which a band speaks for osteonecrosis (Ikemura 2018)."""
SHALLOW_RATIO = 0.14
"""A band that nowhere lies deeper could as well be a fracture line."""
CERTAINTY, LARGE_PERCENT = (0.80, 0.92), 30.0
"""Of a band that walls off next to nothing and of one that walls off this share of the head or more: between what 5 of
5 right in exams of tuning seeds (``benchmarks/false_bands.py``) and 30 of 30 in single hips (``femoral_heads.py``)
show, 0.86 and 0.97 by Laplace's rule; how it rises with size is a choice."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the segment that was found."""
    head = hip.head
    if head is None or head.obstacle:
        return unread(NAME, hip)
    smallest = Quantity(SMALLEST_PERCENT, "%")
    if head.segment is None and head.line_share is not None:
        note = (
            f"marrow ends at an edge in the head, but a line is seen along {100 * head.line_share:.0f} % of it, less "
            f"than {100 * LEAST_LINE_SHARE:.0f} %: the edge of edema, infection or a mass, or a band not told from one"
        )
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, note)
    if head.segment is None:
        return read(NAME, head, State.ABSENT, 0.95, smallest, "no part of the head is walled off by a band")
    ratio = "not cut" if head.band_ratio is None else f"{head.band_ratio:.2f}"
    deepest = head.deepest_ratio or 0.0
    note = (
        f"a band walls off {head.fraction_percent:.0f} % of the head (Steinberg extent "
        f"{steinberg_class(head.fraction_percent)}), closed to the joint surface; depth over head diameter {ratio} "
        f"mid-coronal (cut-off {RATIO_CUTOFF}), {deepest:.2f} at most (cut-off {DEEPEST_CUTOFF})"
    )
    if head.fraction_percent < LEAST_PERCENT:
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, f"{note}: too small to be sure")
    if deepest < SHALLOW_RATIO:
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, f"{note}: so shallow that it may be a fracture line")
    least, most = CERTAINTY
    certainty = least + (most - least) * min(1.0, head.fraction_percent / LARGE_PERCENT)
    return read(NAME, head, State.PRESENT, certainty, smallest, note)
