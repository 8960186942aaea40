"""Core values: side, quantity, measurement, finding, evidence. They know nothing of images or files."""

from marrowmap.values.density_record import DensityRecord
from marrowmap.values.density_record import Menopause
from marrowmap.values.evidence import Evidence
from marrowmap.values.finding import Finding
from marrowmap.values.finding import State
from marrowmap.values.measurement import Measurement
from marrowmap.values.quantity import Quantity
from marrowmap.values.side import Joint
from marrowmap.values.side import Side
from marrowmap.values.subject import Subject

__all__ = [
    "DensityRecord",
    "Evidence",
    "Finding",
    "Joint",
    "Measurement",
    "Menopause",
    "Quantity",
    "Side",
    "State",
    "Subject",
]
