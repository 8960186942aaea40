"""What an earlier run of marrowmap left of one examination, read back: rows, signs, frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import Any

from marrowmap.values.finding import State
from marrowmap.values.side import Joint
from marrowmap.values.side import Side
from marrowmap.values.subject import Subject


@dataclass(frozen=True, order=True)
class Place:
    """One joint of one side of the body."""

    joint_name: str
    side_name: str

    @classmethod
    def of(cls, joint: Joint, side: Side) -> Place:
        """Return the place of `joint` and `side`."""
        return cls(joint.value, side.value)

    @property
    def joint(self) -> Joint:
        """The joint."""
        return Joint(self.joint_name)

    @property
    def side(self) -> Side:
        """The side."""
        return Side(self.side_name)

    def __str__(self) -> str:
        return f"{self.side_name} {self.joint_name}"


@dataclass(frozen=True)
class Row:
    """One row of ``measurements.json`` as it was written.

    Looser than `Measurement`: a quantity this version does not know is kept, never dropped.

    Parameters
    ----------
    day : date
    place : Place or None
        None for the spine, the forearm or a free region.
    region, quantity, unit, modality, method : str
    value : float
    low, high : float or None
        Bounds of the 95 % interval.
    document : mapping
        The row itself, to be written on unchanged.
    """

    day: date
    place: Place | None
    region: str
    quantity: str
    value: float
    unit: str
    low: float | None
    high: float | None
    modality: str
    method: str
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class SignRow:
    """One row of ``findings.json`` as it was written; `limit` is the smallest detectable extent with its unit."""

    day: date
    place: Place
    sign: str
    state: State
    modality: str
    note: str
    limit: tuple[float, str] | None = None
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class FrameRow:
    """A femur's or other bone's own coordinates in one examination.

    Space: LPS mm of the images' frame of reference.

    Parameters
    ----------
    place : Place
    bone : str
    center_mm : tuple of 3 float
        Of the femoral head, origin of the bone's coordinates.
    radius_mm : float
    axes : tuple of 3 tuples of 3 float
        Unit vectors neck, superior, anterior.
    fit_rms_mm : float or None
    trusted : bool
    series, frame_of_reference_uid : str
        UIDs of the series it was found in and of that series' space; empty where not said.
    """

    place: Place
    bone: str
    center_mm: tuple[float, float, float]
    radius_mm: float
    axes: tuple[tuple[float, float, float], ...]
    fit_rms_mm: float | None
    trusted: bool
    series: str = ""
    frame_of_reference_uid: str = ""


@dataclass(frozen=True)
class Protocol:
    """How a series was made, as the manifest of its analysis says; None or empty where the images did not.

    Parameters
    ----------
    scanner : str
        Maker and model.
    sequence : str
    numbers : mapping of str to float
        Field strength (T), repetition, echo and inversion time (ms), slice thickness and voxel (mm), by name.
    """

    scanner: str
    sequence: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class AnalyzedExam:
    """One examination of one day in one folder.

    Parameters
    ----------
    label : str
        The folder's name, for people.
    folder : Path
    day : date
    person : Subject
    rows : tuple of Row
    signs : tuple of SignRow
    frames : tuple of FrameRow
    series : frozenset of str
        UIDs of the series behind the rows: two exams that share one are the same exam.
    protocols : mapping of str to Protocol
        By series UID; empty where the folder does not say.
    """

    label: str
    folder: Path
    day: date
    person: Subject
    rows: tuple[Row, ...]
    signs: tuple[SignRow, ...]
    frames: tuple[FrameRow, ...] = ()
    series: frozenset[str] = frozenset()
    protocols: Mapping[str, Protocol] = field(default_factory=dict, compare=False)

    @property
    def places(self) -> frozenset[Place]:
        """Every joint this exam says anything of."""
        return frozenset(row.place for row in self.rows if row.place) | frozenset(sign.place for sign in self.signs)
