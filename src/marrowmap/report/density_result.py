"""What a densitometry command hands to its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marrowmap.measure.density import DensityReading
from marrowmap.measure.density_scores import Classification
from marrowmap.values import Finding
from marrowmap.values import Subject


@dataclass(frozen=True)
class DensityPerson:
    """One person: records and what follows from them."""

    name: str
    reading: DensityReading
    findings: tuple[Finding, ...]
    classifications: tuple[Classification, ...]

    @property
    def subject(self) -> Subject:
        """Who it is; age at the last exam."""
        last = self.reading.records[-1]
        sex = next((record.sex for record in self.reading.records if record.sex), "")
        return Subject(self.name, sex, age_years=last.age_years)


@dataclass(frozen=True)
class DensityResult:
    """Everything that is known, nothing that is formatted.

    Parameters
    ----------
    persons : tuple of DensityPerson
    warnings : tuple of str
        What is unlikely but possible.
    notes : tuple of str
        What was done to read the files, and objects that could not be read.
    inputs : tuple of Path
    options : mapping of str to object
    """

    persons: tuple[DensityPerson, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    inputs: tuple[Path, ...]
    options: Mapping[str, object]
