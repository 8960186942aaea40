"""What each frame of a nuclear medicine image is: the axes that the Frame Increment Pointer names (PS3.3 C.8.4.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydicom
from pydicom.datadict import keyword_for_tag

from marrowmap.errors import InputError
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label

WINDOW, DETECTOR = "EnergyWindowVector", "DetectorVector"
PHASE, TIME = "PhaseVector", "TimeSliceVector"
ROTATION, ANGLE = "RotationVector", "AngularViewVector"
SLICE = "SliceVector"
GATES = ("RRIntervalVector", "TimeSlotVector")

_COUNTS = {
    WINDOW: "NumberOfEnergyWindows",
    DETECTOR: "NumberOfDetectors",
    PHASE: "NumberOfPhases",
    ROTATION: "NumberOfRotations",
    SLICE: "NumberOfSlices",
}
_VECTORS = (WINDOW, DETECTOR, PHASE, ROTATION, *GATES, SLICE, ANGLE, TIME)


@dataclass(frozen=True)
class FrameAxes:
    """The place of every frame on every axis.

    Parameters
    ----------
    count : int
        Number of frames.
    vectors : dict of str to tuple of int
        Keyword of each axis to its 1-based index for each frame.
    """

    count: int
    vectors: dict[str, tuple[int, ...]]

    def values(self, axis: str) -> tuple[int, ...]:
        """Return the indices that occur on an axis, sorted; 1 where the file does not have it."""
        return tuple(sorted(set(self.of(axis))))

    def of(self, axis: str) -> tuple[int, ...]:
        """Return the index of every frame on an axis; 1 where the file does not have it."""
        return self.vectors.get(axis, (1,) * self.count)

    def frames(self, **wanted: int) -> tuple[int, ...]:
        """Return the 0-based frames at the given places, e.g. ``frames(DetectorVector=1)``, in the file's order."""
        return tuple(n for n in range(self.count) if all(self.of(axis)[n] == at for axis, at in wanted.items()))

    def sorted_by(self, axis: str, frames: Sequence[int]) -> tuple[int, ...]:
        """Return frames in the order of one axis."""
        place = self.of(axis)
        return tuple(sorted(frames, key=lambda n: place[n]))


def _numbers(value: Any) -> list[Any]:
    many = isinstance(value, (list, tuple, pydicom.multival.MultiValue)) or (
        hasattr(value, "__iter__") and not isinstance(value, (str, bytes))
    )
    return list(value) if many else [value]


def _pointer(header: Header, count: int) -> tuple[str, ...]:
    """Return the axes by keyword; where the pointer is absent from an old file, those it has vectors for."""
    value = get_value(header.dataset, "FrameIncrementPointer")
    if value is None:
        present = tuple(name for name in _VECTORS if get_value(header.dataset, name) is not None)
        if count > 1 and not present:
            raise header.lack(
                "FrameIncrementPointer", f"is absent, so its {count} frames cannot be told apart: export the original"
            )
        return present
    axes = tuple(keyword_for_tag(tag) or str(tag) for tag in _numbers(value))
    strange = [axis for axis in axes if axis not in _VECTORS]
    if strange:
        raise header.lack(
            "FrameIncrementPointer",
            f"names {strange[0]}, no axis of a nuclear medicine image: export the original",
        )
    if len(set(axes)) != len(axes):
        raise header.lack("FrameIncrementPointer", "names an axis twice: export the original")
    return axes


def _vector(header: Header, axis: str, count: int) -> tuple[int, ...]:
    value = get_value(header.dataset, axis)
    if value is None:
        if count == 1:
            return (1,)
        raise header.lack(axis, f"is absent, but {tag_label('FrameIncrementPointer')} names it: export the original")
    numbers = [as_number(part) for part in _numbers(value)]
    if len(numbers) != count:
        raise header.lack(
            axis,
            f"has {len(numbers)} entries, {tag_label('NumberOfFrames')} says {count}: export the complete object again",
        )
    if any(n is None or n != int(n) or n < 1 for n in numbers):
        raise header.lack(axis, "holds entries that are no indices from 1 on: export the original")
    vector = tuple(int(n) for n in numbers if n is not None)
    stated = None if axis not in _COUNTS else header.number(_COUNTS[axis])
    if stated is not None and max(vector) > stated:
        raise header.lack(axis, f"goes up to {max(vector)}, {tag_label(_COUNTS[axis])} says {stated:.0f}: export again")
    return vector


def read_axes(header: Header) -> FrameAxes:
    """Read the axes of one file.

    Raises
    ------
    InputError
        If vectors are absent, of the wrong length, beyond their stated number, or put two frames at one place; if the
        object is gated.
    """
    claimed = header.number("NumberOfFrames")
    count = 1 if claimed is None else int(claimed)
    if count < 1:
        raise header.lack("NumberOfFrames", f"is {count}: export it again")
    vectors = {axis: _vector(header, axis, count) for axis in _pointer(header, count)}
    for axis in GATES:
        if len(set(vectors.get(axis, ()))) > 1:
            raise header.lack(axis, "parts the frames by heartbeat: a gated study is no bone scan")
    places = list(zip(*vectors.values(), strict=True)) if vectors else [()]
    if len(set(places)) != count:
        raise InputError(
            f"{header.name}: several of its {count} frames lie at one place by {tag_label('FrameIncrementPointer')} "
            "and its vectors: export the original"
        )
    return FrameAxes(count, vectors)
