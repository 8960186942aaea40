"""One hip's bone less dense than the other's in a radiograph.

Early in the course a normal film says nothing (Hayes 1993). Densitometry judges the same sign by side from its records:
`focal_osteopenia_by_side`.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.radiograph_bone import TOGETHER
from marrowmap.measure.radiograph_osteopenia import judge_osteopenia
from marrowmap.signs.radiograph_judgement import not_shown
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import State

NAME = "focal_osteopenia"


def assess(hip: HipMeasurement) -> Finding:
    """Judge head and neck together against the other side."""
    film = hip.radiograph
    if film is None:
        reason = hip.radiograph_obstacle or "there is no radiograph"
        return Finding(NAME, Joint.HIP, hip.side, State.NOT_ASSESSABLE, None, None, "DX", hip.date, None, reason)
    index = film.index.get(TOGETHER)
    if index is None:
        return not_shown(NAME, film, film.obstacle or film.index_obstacle or "bone of both sides could not be compared")
    state, certainty, smallest, note = judge_osteopenia(index, weeks=hip.weeks)
    return Finding(
        *(NAME, Joint.HIP, hip.side, state, certainty, smallest, film.film.modality, film.date, film.evidence, note)
    )
