"""Who was examined."""

from __future__ import annotations

from dataclasses import dataclass


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
        At the examination.
    """

    person_id: str = ""
    sex: str = ""
    birth_date: str = ""
    age_years: float | None = None
