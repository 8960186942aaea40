"""Who was examined."""

from __future__ import annotations

from dataclasses import dataclass

OLDEST_YEARS = 130.0
"""No one is older: an age beyond is an error of writing."""


@dataclass(frozen=True)
class Subject:
    """The person, as far as the files say.

    Parameters
    ----------
    person_id : str
        Patient ID; empty if the files carry none.
    sex : str
        ``M``, ``F``, ``O`` or empty.
    birth_date : str
        ISO 8601 or empty.
    age_years : float, optional
        At the examination; None where unknown.

    Raises
    ------
    ValueError
        If the age is no person's: below 0, over 130 or not a number.
    """

    person_id: str = ""
    sex: str = ""
    birth_date: str = ""
    age_years: float | None = None

    def __post_init__(self) -> None:
        if self.age_years is not None and not 0.0 <= self.age_years <= OLDEST_YEARS:
            raise ValueError(f"{self.age_years:g} years is no person's age: give 0 to {OLDEST_YEARS:g}, or none")
