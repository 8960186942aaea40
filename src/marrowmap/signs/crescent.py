"""The crescent: a lucent line under the joint surface, a sign of radiographs and CT (Yoon 2020: ARCO III)."""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Finding

NAME = "crescent"


def assess(hip: HipMeasurement) -> Finding:
    """Say that MRI does not show it: a dark or bright line there is a fracture line."""
    reason = "a crescent is read from a radiograph or CT; what MRI shows there is the fracture line"
    return unread(NAME, hip, reason)
