"""Collapse: the head's joint surface has sunk below its own round shape; 2 mm part ARCO 3A from 3B (Yoon 2020)."""

from __future__ import annotations

import numpy as np

from marrowmap.measure.arco import LEAST_DEPRESSION_MM
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.radiograph import RadiographHip
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.signs.judgement import sureness
from marrowmap.signs.radiograph_judgement import not_shown
from marrowmap.signs.radiograph_judgement import shown
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "head_collapse"

PRESENT_MM, ABSENT_MM = LEAST_DEPRESSION_MM, 0.8
"""What well virtual heads (tuning seeds) hardly reach, and what nearly all exceed that have sunk by 1 mm."""
SMALLEST_MM = 1.5
"""Depression that is found in 95 %; these three are printed by ``benchmarks/head_limits.py``."""
ERROR_MM = 0.4
OUTLINE_MM, OUTLINE_WELL_MM = 2.0, 0.9
"""Of the outline in a radiograph: more than any well virtual head of the tuning seeds shows, twice over, and the most
that one shows."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the greatest depression of the joint surface."""
    head = hip.head
    if (head is None or head.obstacle) and hip.radiograph is not None:
        return _assess_outline(hip.radiograph)
    if head is None or head.obstacle:
        return unread(NAME, hip)
    if head.surface is None or not np.isfinite(head.surface.noise_mm):
        return unread(NAME, hip, "too little of the joint surface is seen to say where it would lie")
    depth = max(0.0, head.surface.depression_mm)
    smallest = Quantity(SMALLEST_MM, "mm")
    note = f"the joint surface lies {depth:.1f} mm within the head's own shape"
    quantity = Quantity(depth, "mm")
    if depth >= PRESENT_MM:
        certainty = sureness(quantity, (PRESENT_MM + ABSENT_MM) / 2, ERROR_MM)
        return read(NAME, head, State.PRESENT, certainty, smallest, note)
    if depth <= ABSENT_MM:
        certainty = sureness(quantity, (PRESENT_MM + ABSENT_MM) / 2, ERROR_MM)
        return read(NAME, head, State.ABSENT, certainty, smallest, note)
    return read(NAME, head, State.UNDETERMINED, 0.5, smallest, f"{note}: too close to call")


def _assess_outline(film: RadiographHip) -> Finding:
    """Judge from the outline in a frontal radiograph: what has sunk at the front or the back alone leaves it round."""
    if film.depression is None:
        return not_shown(NAME, film, film.obstacle or film.length_obstacle or "too little of the head's edge is clear")
    depth = film.depression
    smallest = Quantity(OUTLINE_MM, "mm")
    note = f"the outline of the head lies {depth.value:.1f} mm within its circle"
    if depth.low is not None and depth.value >= OUTLINE_MM:
        certainty = sureness(depth, (OUTLINE_MM + OUTLINE_WELL_MM) / 2, ERROR_MM)
        return shown(NAME, film, State.PRESENT, certainty, smallest, note)
    where = "a frontal view does not show what has sunk at the front or the back of the head"
    return shown(NAME, film, State.UNDETERMINED, 0.5, smallest, f"{note}; {where}")
