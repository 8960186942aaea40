"""A fracture line across the femoral neck, as a stress fracture has it.

It begins at the medial (compressed) or lateral (tense) cortex. Half of stress fractures of the neck show one, the rest
edema alone (166 of 305, Steele 2018): that there is none rules out no stress fracture. From half of the neck's width on
it is flagged (Shin and Gillingham 1997, as quoted by others).
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.neck_line import SURE_EVIDENCE
from marrowmap.measure.neck_line import smallest_length_mm
from marrowmap.signs.head_judgement import read
from marrowmap.signs.judgement import not_assessable
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "neck_fracture_line"

WIDE_PERCENT = 50.0
"""Of the neck's width."""
PRESENT_CERTAINTY, ABSENT_CERTAINTY = 0.95, 0.9
"""Choices. In 44 virtual exams of pelves 3 of 3 lines were called, and 2 where none was drawn, of 46 necks that could
be read (benchmarks/cohort_signs.py)."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from what looks most like a line."""
    neck = hip.neck
    if neck is None or neck.fluid is None:
        # Why there is nothing to look at comes before what would have been looked for.
        return not_assessable(NAME, hip, hip.obstacle or (neck.obstacle if neck else "the neck was not read"))
    if neck.obstacle:
        return not_assessable(NAME, hip, neck.obstacle)
    length = smallest_length_mm(neck.blur_mm, neck.snr)
    smallest = None if length is None else Quantity(length, "mm")
    line = neck.line
    if line is None:
        if smallest is None:
            poor = f"slices blur the neck over {neck.blur_mm:.1f} mm, T1 signal is {neck.snr:.0f} times the noise"
            return not_assessable(NAME, hip, f"a line might not show: {poor}")
        none = f"no dark line crosses the neck's marrow; one 1 mm thick would show from {length:.0f} mm length on"
        return read(NAME, neck, State.ABSENT, ABSENT_CERTAINTY, smallest, none)
    note = (
        f"a dark line {line.length_mm:.0f} mm long from the {line.cortex} cortex, {line.place_mm:.0f} mm from the "
        f"head's center along the neck, across {line.share_percent:.0f} % of its width, "
        f"{line.breadth_mm:.0f} mm from back to front"
    )
    if line.share_percent >= WIDE_PERCENT:
        note += f": {WIDE_PERCENT:.0f} % or more of the neck"
    if line.evidence < SURE_EVIDENCE:
        return read(NAME, neck, State.UNDETERMINED, 0.5, smallest, f"{note}; weakly seen")
    return read(NAME, neck, State.PRESENT, PRESENT_CERTAINTY, smallest, note)
