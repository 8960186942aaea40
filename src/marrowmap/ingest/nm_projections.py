"""SPECT as acquired: every frame with its angle, its radius and its energy window (PS3.3 C.8.4.12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from marrowmap.errors import GeometryError
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.nm_axes import ANGLE
from marrowmap.ingest.nm_axes import DETECTOR
from marrowmap.ingest.nm_axes import ROTATION
from marrowmap.ingest.nm_axes import WINDOW
from marrowmap.ingest.nm_axes import FrameAxes
from marrowmap.ingest.nm_geometry import Detector
from marrowmap.ingest.nm_geometry import ask_for_position
from marrowmap.ingest.nm_geometry import detector_axes
from marrowmap.ingest.nm_geometry import frame_of_reference
from marrowmap.ingest.nm_geometry import positive_numbers
from marrowmap.ingest.nm_geometry import read_detectors
from marrowmap.ingest.nm_geometry import read_spacing
from marrowmap.ingest.nm_tracer import photopeak
from marrowmap.ingest.nm_tracer import read_windows
from marrowmap.ingest.nm_values import read_counts
from marrowmap.ingest.scan import Projections
from marrowmap.ingest.scan import Source

_DIRECTIONS = {"CC": 1.0, "CCW": 1.0, "CW": -1.0}
_SAME_DEG = 0.5


def _apart(one: float, other: float) -> float:
    """Return by how many degrees two directions differ, 0 to 180."""
    return abs((one - other + 180.0) % 360.0 - 180.0)


def _rotation_value(header: Header, item: Dataset, keyword: str) -> float:
    value = as_number(get_value(item, keyword))
    if value is None:
        raise header.lack(
            keyword, f"in {tag_label('RotationInformationSequence')} is absent, so views have no angle: export again"
        )
    return value


def _starts(header: Header, detectors: tuple[Detector, ...], first_rotation: float) -> list[float]:
    """Return each detector's angle at the start of the acquisition: its own, or for a lone one the rotation's."""
    own = [detector.angle_deg for detector in detectors]
    if all(angle is None for angle in own):
        if len(own) > 1:
            raise header.lack(
                "StartAngle",
                f"is absent from {tag_label('DetectorInformationSequence')}, so where {len(own)} detectors stand is "
                "unknown: export the original",
            )
        return [first_rotation]
    known = [angle for angle in own if angle is not None]
    if len(known) < len(own):
        raise header.lack("StartAngle", "is stated for some detectors and not for others: export the original")
    if min(_apart(angle, first_rotation) for angle in known) > _SAME_DEG:
        listed = ", ".join(f"{angle:g}" for angle in known)
        raise header.lack(
            "StartAngle",
            f"of the rotation is {first_rotation:g} deg, of its detectors {listed} deg: they contradict each other, "
            "export the original",
        )
    return known


def _radii(detector: Detector, item: Dataset, views: int) -> NDArray[np.float64] | None:
    """Return the radius of each of a rotation's views; one value stands for all."""
    for stated in (detector.radius_mm, positive_numbers(get_value(item, "RadialPosition"))):
        if len(stated) in (1, views):
            return np.broadcast_to(np.array(stated, np.float64), views).copy()
    return None


def _require_all_views(header: Header, item: Dataset, found: int, detectors: int) -> None:
    """Raise where views were lost, as the angles of the others would be wrong; some cameras count all detectors'."""
    stated = _rotation_value(header, item, "NumberOfFramesInRotation")
    if stated not in (found, found * detectors):
        raise header.lack(
            "NumberOfFramesInRotation",
            f"is {stated:.0f}, {tag_label(ANGLE)} has {found} views: export the complete object",
        )


def _turn(header: Header, detector: Detector, start_deg: float, position: str) -> tuple[int, ...]:
    """Return which axes of (columns, rows) to reverse so that frames stand upright as seen from the detector."""
    if detector.axes is None:
        if not position:
            raise ask_for_position(header)
        return ()
    along = np.sum(detector.axes * detector_axes(start_deg), axis=1)
    if (np.abs(along) < np.cos(np.deg2rad(20.0))).any():
        raise GeometryError(
            f"{header.name}: {tag_label('ImageOrientationPatient')} of detector {detector.number} is none that a "
            f"detector at {tag_label('StartAngle')} {start_deg:g} deg sees: find out which is right"
        )
    if along[0] * along[1] < 0:
        raise GeometryError(
            f"{header.name}: {tag_label('ImageOrientationPatient')} of detector {detector.number} is mirrored against "
            f"what a detector at {tag_label('StartAngle')} {start_deg:g} deg sees: find out which is right"
        )
    return () if along[0] > 0 else (0, 1)


def _center(
    detector: Detector, start_deg: float, radius: float, shape: tuple[int, int], spacing: tuple[float, float]
) -> NDArray[np.float64] | None:
    """Return the point on the axis of rotation at the middle of the detector, LPS mm; None where it is not stated."""
    if detector.position_mm is None or detector.axes is None:
        return None
    half = (np.array(shape) - 1) / 2 * np.array(spacing)
    middle = detector.position_mm + half @ detector.axes
    angle = np.deg2rad(start_deg)
    result: NDArray[np.float64] = middle - radius * np.array([np.sin(angle), np.cos(angle), 0.0])
    return result


@dataclass(frozen=True, eq=False)
class _Views:
    """The views of one detector in one rotation."""

    angles_deg: NDArray[np.float64]
    radius_mm: NDArray[np.float64] | None
    detectors: NDArray[np.int64]
    frames: NDArray[np.int64]  # 0-based, (views, windows)
    turn: tuple[int, ...]
    direction: float
    duration_ms: float


def _read_views(
    header: Header, axes: FrameAxes, place: dict[str, int], item: Dataset, detector: Detector
) -> list[tuple[int, ...]]:
    """Return the frames of one detector in one rotation, a tuple for each energy window, in the order of views."""
    frames = [axes.sorted_by(ANGLE, axes.frames(**place, **{WINDOW: window})) for window in axes.values(WINDOW)]
    views = [axes.of(ANGLE)[n] for n in frames[0]]
    same = all([axes.of(ANGLE)[n] for n in found] == views for found in frames)
    if not views or not same or views != list(range(views[0], views[0] + len(views))):
        raise header.lack(
            ANGLE,
            f"leaves out views of detector {detector.number} in rotation {place[ROTATION]}: export the complete object",
        )
    _require_all_views(header, item, len(views), len(axes.values(DETECTOR)))
    return frames


def _read_rotation(
    header: Header,
    axes: FrameAxes,
    place: dict[str, int],
    item: Dataset,
    detector: Detector,
    start_deg: float,
    position: str,
) -> _Views:
    word = get_text(item, "RotationDirection").upper()
    if word not in _DIRECTIONS:
        raise header.lack("RotationDirection", f"is {word or 'absent'}, not CW or CC: export the original")
    step = _rotation_value(header, item, "AngularStep")
    if step <= 0:
        raise header.lack("AngularStep", f"is {step:g}, though the direction is told apart: export the original")
    frames = _read_views(header, axes, place, item, detector)
    count = len(frames[0])
    return _Views(
        angles_deg=np.asarray((start_deg + _DIRECTIONS[word] * step * np.arange(count)) % 360.0, np.float64),
        radius_mm=_radii(detector, item, count),
        detectors=np.full(count, detector.number, np.int64),
        frames=np.array(frames, np.int64).T,
        turn=_turn(header, detector, start_deg, position),
        direction=_DIRECTIONS[word],
        duration_ms=_rotation_value(header, item, "ActualFrameDuration"),
    )


def read_projections(header: Header, axes: FrameAxes, source: Source) -> Projections:
    """Read one file of projections.

    Raises
    ------
    InputError
        If angles, detectors or durations are not stated, or views are missing.
    GeometryError
        If a detector's orientation is not what one sees from its angle.
    """
    rotations: list[Dataset] = list(get_value(header.dataset, "RotationInformationSequence") or [])
    numbers = axes.values(ROTATION)
    if len(rotations) < max(numbers):
        raise header.lack(
            "RotationInformationSequence",
            f"describes {len(rotations)} rotations, frames speak of {max(numbers)}: export the complete object",
        )
    most = max(axes.values(DETECTOR))
    detectors = read_detectors(header, most)[:most]
    first = _rotation_value(header, rotations[0], "StartAngle")
    starts = _starts(header, detectors, first)
    used = axes.values(WINDOW)
    windows = read_windows(header, max(used))
    peak = photopeak(header, windows, used)
    spacing, _ = read_spacing(header)

    parts: list[_Views] = []
    for rotation in numbers:
        item = rotations[rotation - 1]
        shift = _rotation_value(header, item, "StartAngle") - first
        for number in axes.values(DETECTOR):
            place = {ROTATION: rotation, DETECTOR: number}
            begin = starts[number - 1] + shift
            head = detectors[number - 1]
            parts.append(_read_rotation(header, axes, place, item, head, begin, source.patient_position))
    duration = parts[0].duration_ms
    if any((part.direction, part.duration_ms) != (parts[0].direction, duration) for part in parts) or duration <= 0:
        raise header.lack(
            "RotationInformationSequence",
            "has rotations of both directions, of different or of no frame duration: export each rotation alone",
        )
    counts = read_counts(header, axes.count)
    shown = [np.flip(counts[:, :, part.frames], part.turn) for part in parts]  # (columns, rows, views, windows)
    array = np.ascontiguousarray(np.concatenate(shown, axis=2))
    radii = [part.radius_mm for part in parts if part.radius_mm is not None]
    known = len(radii) == len(parts)
    shape = (array.shape[0], array.shape[1])
    return Projections(
        source=source,
        array=array,
        angles_deg=np.concatenate([part.angles_deg for part in parts]),
        radius_mm=np.concatenate(radii) if known else None,
        detectors=np.concatenate([part.detectors for part in parts]),
        counterclockwise=parts[0].direction > 0,
        spacing_mm=spacing,
        center_mm=_center(detectors[0], starts[0], float(radii[0][0]), shape, spacing) if known else None,
        duration_s=duration / 1000.0,
        windows=tuple(windows[number - 1] for number in used),
        photopeak=used.index(peak),
        frame_numbers=np.concatenate([part.frames for part in parts]) + 1,
        frame_of_reference_uid=frame_of_reference(header),
    )
