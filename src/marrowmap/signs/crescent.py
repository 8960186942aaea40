"""The crescent: a lucent line under the joint surface, a sign of radiographs and CT (Yoon 2020: ARCO III).

On a frontal radiograph most clefts lie across the rays. In virtual films (tuning seeds) the darkest line under the edge
of a head with a cleft was no darker than in well heads: a frontal view neither shows nor excludes it, and is not asked.
"""

from __future__ import annotations

from marrowmap.measure.crescent import CleftSearch
from marrowmap.measure.ct_head import CtHead
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import unread
from marrowmap.signs.radiograph_judgement import not_shown
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "crescent"

SURE = 3.5
"""A cleft this many times as thick as one that just reaches the limit of darkness is found: virtual heads of the tuning
seeds."""
COARSEST_MM = 1.5
"""Where only thicker clefts would show, none seen says nothing: a choice, most crescents are 1 to 2 mm thick."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the CT; MRI does not show it: a dark or bright line there is a fracture line."""
    head = hip.ct_head
    if head is None and hip.radiograph is not None:
        reason = "a frontal view hardly ever shows a crescent: a lateral view or CT would"
        return not_shown(NAME, hip.radiograph, reason)
    if head is None:
        reason = "a crescent is read from a radiograph or CT; what MRI shows there is the fracture line"
        return unread(NAME, hip, reason)
    if head.search is None:
        return _finding(head, State.NOT_ASSESSABLE, None, None, head.obstacle)
    return _judge(head, head.search)


def _judge(head: CtHead, search: CleftSearch) -> Finding:
    least = SURE * search.smallest_mm
    smallest = Quantity(least, "mm")
    cleft = search.crescent
    if cleft is not None:
        note = (
            f"a lucent cleft {cleft.length_mm:.0f} mm long in a coronal plane and {cleft.thickness_mm:.1f} mm thick "
            f"(taken to hold {cleft.filling}), {cleft.depth_mm:.1f} mm under the joint surface"
        )
        return _finding(head, State.PRESENT, min(0.99, 0.6 + cleft.longest_mm / 50), smallest, note)
    if least > COARSEST_MM:
        note = (
            f"only clefts thicker than {least:.1f} mm would stand out from noise and texture of this head "
            f"({search.marrow_hu:.0f} HU): seeing none says nothing"
        )
        return _finding(head, State.NOT_ASSESSABLE, None, None, note)
    doubtful = search.doubtful
    if doubtful is not None:
        note = f"a dark streak of {doubtful.longest_mm:.0f} mm under the joint surface: too small to tell from texture"
        return _finding(head, State.UNDETERMINED, 0.5, smallest, note)
    note = f"no lucent cleft; one of 15 mm length or more would show from {least:.1f} mm thickness"
    return _finding(head, State.ABSENT, 0.95, smallest, note)


def _finding(head: CtHead, state: State, certainty: float | None, smallest: Quantity | None, note: str) -> Finding:
    return Finding(NAME, Joint.HIP, head.side, state, certainty, smallest, "CT", head.date, head.evidence, note)
