"""Whether an exam shows a joint active, quiet or cannot say."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from marrowmap.values import State
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Row
from marrowmap.values.analyzed import SignRow

NORMAL_ML = 1.0
"""Edema of a whole bone up to this counts as none. Nobody has published a value: a choice, printed where it is used."""

WHOLE_BONES = ("proximal_femur", "distal_femur", "proximal_tibia", "talus", "given_region")
UPTAKE_SIGNS = ("diffuse_hyperemia", "homogeneous_uptake")


class Activity(Enum):
    """What an exam says of a joint's episode."""

    ACTIVE = "active"
    QUIET = "quiet"
    UNKNOWN = "unknown"


def whole_bone_edema(rows: Iterable[Row], place: Place) -> Row | None:
    """Return the edema volume of the joint's whole bone, else of the largest region that was measured."""
    mine = [row for row in rows if row.place == place and row.quantity == "edema_volume"]
    whole = [row for row in mine if row.region in WHOLE_BONES]
    if whole:
        return max(whole, key=lambda row: row.value)
    return max(mine, key=lambda row: row.value, default=None)


def _judge_mr(signs: list[SignRow], volume: Row | None) -> Activity:
    diffuse = [sign.state for sign in signs if sign.sign == "diffuse_edema"]
    low = volume.low if volume is not None and volume.low is not None else volume.value if volume else 0.0
    if State.PRESENT in diffuse or low > NORMAL_ML:
        return Activity.ACTIVE
    # Only a sign that was earned as absent, or a volume that was measured, makes a joint quiet. Where head and neck
    # were not seen, a small volume is that of what was.
    unsure = State.UNDETERMINED in diffuse or (State.NOT_ASSESSABLE in diffuse and State.ABSENT not in diffuse)
    high = 0.0 if volume is None else volume.value if volume.high is None else volume.high
    if volume is not None and high <= NORMAL_ML and not unsure:
        return Activity.QUIET
    if volume is None and State.ABSENT in diffuse:
        return Activity.QUIET
    return Activity.UNKNOWN


def _judge_scan(signs: list[SignRow]) -> Activity:
    # Their absence is no quiet joint: raised uptake that is uneven, or holds a cold area, is not homogeneous either.
    present = any(sign.sign in UPTAKE_SIGNS and sign.state is State.PRESENT for sign in signs)
    return Activity.ACTIVE if present else Activity.UNKNOWN


def judge_activity(exam: AnalyzedExam, place: Place) -> tuple[Activity, str]:
    """Return what an exam says of `place` and by which modality (``MR``, ``NM`` or nothing).

    MRI leads: a bone scan stays raised for months after edema has gone. A scan alone shows no joint quiet.
    """
    signs = [sign for sign in exam.signs if sign.place == place]
    by_mr = _judge_mr(signs, whole_bone_edema(exam.rows, place))
    if by_mr is not Activity.UNKNOWN:
        return by_mr, "MR"
    by_scan = _judge_scan(signs)
    return by_scan, "NM" if by_scan is not Activity.UNKNOWN else ""
