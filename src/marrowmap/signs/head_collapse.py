"""Collapse: the head's joint surface has sunk below its own round shape; 2 mm part ARCO 3A from 3B (Yoon 2020)."""

from __future__ import annotations

import numpy as np

from marrowmap.measure.arco import LEAST_DEPRESSION_MM
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "head_collapse"

PRESENT_MM, ABSENT_MM = LEAST_DEPRESSION_MM, 0.8
"""What well virtual heads (tuning seeds) hardly reach, and what nearly all exceed that have sunk by 1 mm."""
SMALLEST_MM = 1.5
"""Depression that is found in 95 %; these three are printed by ``benchmarks/head_limits.py``."""
ERROR_MM = 0.4


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the greatest depression of the joint surface."""
    head = hip.head
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
