"""What a clinician knows of the person and no image says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from enum import Enum


class Answer(Enum):
    """Yes, no, or stated not to be known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Pregnancy(Enum):
    """Whether a person is, or lately was, pregnant."""

    NO = "no"
    YES = "yes"
    POSTPARTUM = "postpartum"
    UNKNOWN = "unknown"


ANSWERS: dict[str, str] = {
    "corticosteroids": "corticosteroids, for weeks or in high doses, now or within two years",
    "alcohol": "habitual alcohol",
    "fever": "fever with this illness",
    "known_cancer": "a known cancer",
    "mass": "a mass, felt or seen",
    "unusual_load": "unusual or repeated load before the pain",
}
"""Questions answered with yes, no or unknown."""


@dataclass(frozen=True)
class ClinicalForm:
    """A clinical form, every question answered or stated to be unknown.

    Parameters
    ----------
    person : str
        Identifier; empty if not given.
    age_years : float or None
        None where stated unknown.
    sex : str
        ``M``, ``F`` or empty where stated unknown.
    pregnancy : Pregnancy
    trimester : int or None
        1 to 3, of a pregnancy.
    answers : mapping of str to Answer
        By the keys of :data:`ANSWERS`.
    onset : date or None
        When pain began; None where stated unknown.
    setting : str
        Name of a prior's setting; empty for the default.
    prior : mapping of str to float
        The user's own prior by entity; empty if none.
    day : date or None
        Of the exam that the form is of; None if not given.
    """

    person: str
    age_years: float | None
    sex: str
    pregnancy: Pregnancy
    trimester: int | None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    onset: date | None = None
    setting: str = ""
    prior: Mapping[str, float] = field(default_factory=dict)
    day: date | None = None


@dataclass(frozen=True)
class DatedForm:
    """A clinical form, the name of its file, and the day of the exam that it is of."""

    file: str
    day: date
    form: ClinicalForm

    @property
    def since(self) -> date:
        """The first day the form speaks of: onset where it is known, else its exam's."""
        return self.form.onset or self.day
