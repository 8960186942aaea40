"""One region of one densitometry (DXA) exam, as the machine reported it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import Enum

from marrowmap.terms.regions import require_region
from marrowmap.values.side import Joint
from marrowmap.values.side import Side

JOINT_OF_REGION: dict[str, Joint | None] = {
    "total_hip": Joint.HIP,
    "femoral_neck": Joint.HIP,
    "greater_trochanter": Joint.HIP,
    "intertrochanteric": Joint.HIP,
    "distal_femur": Joint.KNEE,
    "medial_condyle": Joint.KNEE,
    "lateral_condyle": Joint.KNEE,
    "proximal_tibia": Joint.KNEE,
    "medial_plateau": Joint.KNEE,
    "lateral_plateau": Joint.KNEE,
    "patella": Joint.KNEE,
    "spine": None,
    "forearm": None,
}
"""Regions that are measured by DXA and their joint; spine and forearm belong to none of ours."""

DAYS_A_YEAR = 365.25


class Menopause(Enum):
    """Whether a woman is before or after menopause; it decides between Z and T."""

    BEFORE = "before"
    AFTER = "after"
    UNKNOWN = ""


@dataclass(frozen=True)
class DensityRecord:
    """Bone density of one region, never changed, never recomputed.

    Parameters
    ----------
    person : str
        As in the file; may be empty.
    birth_date, date : datetime.date or None
    sex : str
        ``M``, ``F`` or empty.
    menopause : Menopause
    region : str
        A key of :data:`JOINT_OF_REGION`.
    side : Side or None
        None only for the spine (and a forearm of unknown side).
    vertebrae : tuple of int
        Lumbar vertebrae measured, e.g. ``(1, 2, 3, 4)``; empty for other regions or where not said.
    bmd, bmc, area : float or None
        g/cm2, g, cm2.
    t_score, z_score : float or None
        As printed by the machine, against its own reference.
    machine, software, reference : str
        As in the file: the T-score belongs to them.
    source : str
        File name, or Series Instance UID.
    place : str
        Where in the source: ``line 3``, or the SOP Instance UID.
    note : str
    last_digits : mapping of str to float
        What one of the last digit given is worth, for ``bmd``, ``bmc``, ``area``; see :meth:`last_digit`.

    Raises
    ------
    ValueError
        If a number is not finite, the region is not one of DXA, or a region of a limb joint lacks its side.
    """

    person: str
    birth_date: date | None
    sex: str
    menopause: Menopause
    date: date | None
    region: str
    side: Side | None
    vertebrae: tuple[int, ...]
    bmd: float | None
    bmc: float | None
    area: float | None
    t_score: float | None
    z_score: float | None
    machine: str
    software: str
    reference: str
    source: str
    place: str
    note: str = ""
    last_digits: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        require_region(self.region)
        if self.region not in JOINT_OF_REGION:
            raise ValueError(f"{self.region} is no region of densitometry")
        if self.joint is not None and self.side is None:
            raise ValueError(f"{self.region} needs its side")
        numbers = (self.bmd, self.bmc, self.area, self.t_score, self.z_score)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError("a density record holds finite numbers only")
        if self.sex not in ("M", "F", ""):
            raise ValueError(f"sex {self.sex!r}: use M, F or nothing")

    def last_digit(self, name: str) -> float:
        """Return what one of the last digit of a number is worth, in its unit; 0 where there is no number.

        Where it was not kept, the fewest digits that write the number are taken: it may have had zeros behind them.
        """
        value = getattr(self, name)
        if value is None:
            return 0.0
        if name in self.last_digits:
            return self.last_digits[name]
        exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
        assert isinstance(exponent, int)
        return 10.0 ** min(exponent, 0)

    @property
    def joint(self) -> Joint | None:
        """The joint of the region; None for spine and forearm."""
        return JOINT_OF_REGION[self.region]

    @property
    def age_years(self) -> float | None:
        """Age at the exam, whole years by birthdays as limits of age are; None where either date is missing."""
        if self.birth_date is None or self.date is None:
            return None
        born, day = self.birth_date, self.date
        whole = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        return min(max((day - born).days / DAYS_A_YEAR, whole), whole + 0.999)

    @property
    def iso_date(self) -> str:
        """Date of the exam as ISO 8601, empty if unknown."""
        return self.date.isoformat() if self.date else ""

    @property
    def where(self) -> str:
        """Source and place, for messages."""
        return f"{self.source}, {self.place}"

    @property
    def site(self) -> tuple[str, Side | None, tuple[int, ...]]:
        """What must be the same for two records to be of the same bone: region, side, vertebrae."""
        return self.region, self.side, self.vertebrae
