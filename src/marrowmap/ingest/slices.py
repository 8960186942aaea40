"""From loose frames to stacks of parallel, evenly spaced slices.

Only Image Position and Image Orientation (Patient) order the slices: instance numbers, file names and slice thickness
never do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.ingest.header import Frame
from marrowmap.ingest.header import tag_label

MIN_SLICES = 3
"""Fewer slices have no volume that could be measured."""

SAME_POSITION_MM = 0.01
"""Slices closer than this lie at the same place."""

_STEP_TOLERANCE = 0.05
_CONTRAST_TEXT = """
M P R I MAGNITUDE PHASE REAL IMAGINARY W F IP OP WATER FAT IN_PHASE OUT_PHASE OPP_PHASE OPPOSED_PHASE FF T1 T2 R2
R2_STAR T2_STAR ADC FA LOCALIZER MPR MIP MIN_IP PROJECTION
"""
_CONTRAST_WORDS = frozenset(_CONTRAST_TEXT.split())
_SOFT_KEYS = ("temporal", "acquisition", "trigger", "b_value", "flip_angle", "image_type")


def slice_normal(orientation: Sequence[float]) -> NDArray[np.float64]:
    """Return the unit normal of a slice, LPS: column direction x row direction.

    Raises
    ------
    InputError
        If the two directions are no unit vectors at right angles.
    """
    along, down = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    lengths = np.linalg.norm(along), np.linalg.norm(down)
    if not np.allclose(lengths, 1.0, atol=1e-2) or abs(along @ down) > 2e-3:
        raise InputError(
            f"{tag_label('ImageOrientationPatient')} is not two directions at right angles: export it again"
        )
    normal = np.cross(along, down)
    return np.asarray(normal / np.linalg.norm(normal), np.float64)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _contrast(frame: Frame) -> Hashable:
    """What must be alike in one volume."""
    return (
        frame.size,
        tuple(round(spacing, 4) for spacing in frame.spacing),
        _rounded(frame.echo_time, 2),
        _rounded(frame.inversion_time, 1),
        tuple(sorted(_CONTRAST_WORDS.intersection(frame.image_type))),
        frame.stack,
        frame.frame_of_reference,
    )


def _by_orientation(frames: Sequence[Frame]) -> list[list[Frame]]:
    clusters: list[list[Frame]] = []
    for frame in sorted(frames, key=lambda f: (f.orientation, f.position)):
        for cluster in clusters:
            if np.abs(np.subtract(frame.orientation, cluster[0].orientation)).max() < 2e-3:
                cluster.append(frame)
                break
        else:
            clusters.append([frame])
    return clusters


def _depths(frames: Sequence[Frame]) -> NDArray[np.float64]:
    normal = slice_normal(frames[0].orientation)
    return np.asarray([normal @ np.asarray(frame.position) for frame in frames], np.float64)


def _has_doubles(frames: Sequence[Frame]) -> bool:
    return len(frames) > 1 and bool(np.diff(np.sort(_depths(frames))).min() < SAME_POSITION_MM)


def _group(frames: Sequence[Frame], keys: Sequence[str]) -> list[list[Frame]]:
    groups: dict[tuple[Hashable, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(getattr(frame, key) for key in keys), []).append(frame)
    return [groups[key] for key in sorted(groups, key=repr)]


def _split_doubles(frames: list[Frame]) -> list[list[Frame]]:
    """Split frames at the same places by time, acquisition and the like; leave them where nothing tells them apart."""
    if not _has_doubles(frames):
        return [frames]
    for count in (1, 2):
        for keys in combinations(_SOFT_KEYS, count):
            groups = _group(frames, keys)
            if len(groups) > 1 and not any(_has_doubles(group) for group in groups):
                return groups
    return [frames]


def count_orientations(frames: Sequence[Frame]) -> int:
    """Return in how many orientations the frames lie."""
    return len(_by_orientation(frames))


def split_stacks(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Split the frames of one series into those that make one volume each.

    By size, pixel spacing, echo time, inversion time, image type, stack, frame of reference and orientation; where
    several frames still lie at one place, also by temporal position, acquisition number, trigger time, b-value or
    flip angle.

    Returns
    -------
    list of list of Frame
        In an order that depends on the frames alone, not on theirs.
    """
    contrasts: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        contrasts.setdefault(_contrast(frame), []).append(frame)
    stacks: list[list[Frame]] = []
    for key in sorted(contrasts, key=repr):
        for cluster in _by_orientation(contrasts[key]):
            try:
                stacks += _split_doubles(cluster)
            except InputError:  # a broken orientation is reported when the stack is built
                stacks.append(cluster)
    return stacks


def _check_steps(depths: NDArray[np.float64]) -> None:
    """Raise unless sorted depths (mm along the normal) are evenly spaced."""
    steps = np.diff(depths)
    position = tag_label("ImagePositionPatient")
    if steps.min() < SAME_POSITION_MM:
        doubles = int((steps < SAME_POSITION_MM).sum())
        raise InputError(
            f"{doubles + 1} slices or more lie at the same place by {position} and no tag tells them apart: "
            "separate the acquisitions"
        )
    step = float(np.median(steps))
    off = np.abs(steps - step) > max(_STEP_TOLERANCE * step, 0.02)
    if not off.any():
        return
    multiples = steps[off] / step
    if (np.abs(multiples - np.round(multiples)) < 0.1).all() and (multiples > 1.5).all():
        missing = int(np.sum(np.round(multiples) - 1))
        after = int(np.flatnonzero(off)[0]) + 1
        raise InputError(
            f"{missing} slices are missing, the first after slice {after} of {len(depths)} "
            f"by {position} ({step:.3g} mm apart elsewhere): export the complete series"
        )
    raise InputError(
        f"slice spacing is uneven, {steps.min():.3g} to {steps.max():.3g} mm by {position}: "
        "export the original series, not a selection"
    )


def order_slices(frames: Sequence[Frame]) -> tuple[tuple[Frame, ...], Grid]:
    """Sort the frames of one volume along their normal and place them.

    Space: k rises with position along the slice normal (column direction x row direction); the distance between
    slices is taken from the positions alone.

    Raises
    ------
    InputError
        If slices are too few, missing, doubled, unevenly spaced or shifted against each other in their plane.
    """
    if len(frames) < MIN_SLICES:
        count = "only one slice" if len(frames) == 1 else f"only {len(frames)} slices"
        raise InputError(
            f"{count} by {tag_label('ImagePositionPatient')}, a volume needs {MIN_SLICES}: pass the whole series"
        )
    normal = slice_normal(frames[0].orientation)
    depths = _depths(frames)
    order = np.argsort(depths, kind="stable")
    ordered = tuple(frames[n] for n in order)
    depths = depths[order]
    _check_steps(depths)
    origin = np.asarray(ordered[0].position)
    drift = np.asarray([f.position for f in ordered]) - origin
    drift -= np.outer(drift @ normal, normal)
    shift = float(np.linalg.norm(drift, axis=1).max())
    if shift > max(0.1, 0.25 * min(ordered[0].spacing)):
        raise InputError(
            f"slices are shifted against each other by up to {shift:.1f} mm in their plane "
            f"by {tag_label('ImagePositionPatient')} (gantry tilt?): resample the series at right angles first"
        )
    first = ordered[0]
    along = np.asarray(first.orientation[:3], float)
    along /= np.linalg.norm(along)
    affine = np.eye(4)
    affine[:3, 0] = along * first.spacing[0]
    affine[:3, 1] = np.cross(normal, along) * first.spacing[1]
    affine[:3, 2] = normal * (depths[-1] - depths[0]) / (len(ordered) - 1)
    affine[:3, 3] = origin
    return ordered, Grid((*first.size, len(ordered)), affine, first.frame_of_reference)


def common_thickness(frames: Sequence[Frame]) -> float | None:
    """Return the slice thickness most frames state, None where none does."""
    stated = Counter(frame.thickness for frame in frames if frame.thickness is not None)
    return min(stated, key=lambda value: (-stated[value], value)) if stated else None
