"""One measured number with all that is needed to repeat it."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.terms.quantities import require_quantity
from marrowmap.terms.regions import require_region
from marrowmap.values.evidence import Evidence
from marrowmap.values.quantity import Quantity
from marrowmap.values.side import Joint
from marrowmap.values.side import Side


@dataclass(frozen=True)
class Measurement:
    """One row of ``measurements.json``, one NUM of an SR, one FHIR Observation.

    Parameters
    ----------
    name : str
        A quantity of :mod:`marrowmap.terms.quantities`, e.g. ``edema_volume``; its unit is fixed there.
    joint, side : Joint or None, Side or None
        Where in the body; None only where the user gave a free region of unknown joint.
    region : str
        A region of :mod:`marrowmap.terms.regions`.
    quantity : Quantity
        Value, unit, 95 % interval.
    modality : str
        DICOM modality, e.g. ``MR``.
    method : str
        Name, version and every choice that changes the number.
    date : str
        Date of the examination, ISO 8601, empty if unknown.
    evidence : Evidence
    """

    name: str
    joint: Joint | None
    side: Side | None
    region: str
    quantity: Quantity
    modality: str
    method: str
    date: str
    evidence: Evidence

    def __post_init__(self) -> None:
        unit = require_quantity(self.name).unit
        if self.quantity.unit != unit:
            raise ValueError(f"{self.name} is measured in {unit}, not {self.quantity.unit}")
        require_region(self.region)
