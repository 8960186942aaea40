"""The bone scan of an exam: measured beside MRI and CT, or alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.ingest import Exam
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan import describe_scan
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar import measure_planar
from marrowmap.measure.planar_judgement import judge_patterns
from marrowmap.values import Side
from marrowmap.workflow.bones import BoneHint

NO_IMAGES = "there is no MRI or CT of this hip"


def measure_bone_scan(exam: Exam, frames: Sequence[BoneFrame]) -> tuple[PlanarExam | None, list[str]]:
    """Measure a bone scan beside MRI or CT, whose bones are laid onto it.

    Returns
    -------
    PlanarExam or None
        None where nothing could be measured.
    list of str
        Warnings: what was read and not measured, and why.

    Raises
    ------
    GeometryError
        If anterior and posterior are swapped.
    """
    if not exam.scans:
        return None, list(exam.scans_left_out)
    try:
        planar = measure_planar(exam.scans, date=exam.date, known=frames)
    except InputError as error:
        return None, [f"{_read(exam)}, but not measured: {error}", *exam.scans_left_out]
    return planar, [*planar.notes, *exam.scans_left_out]


def measure_lone_bone_scan(exam: Exam, hint: BoneHint | None) -> tuple[PlanarExam, list[str]]:
    """Measure a bone scan that comes without MRI or CT.

    Raises
    ------
    InputError
        If nothing in it can be measured.
    UsageError
        If the user says where the bone is in a way that planar images have no use for.
    GeometryError
        If anterior and posterior are swapped.
    """
    points = None
    if hint is not None:
        if hint.mask is not None or hint.finder is not None:
            raise UsageError("a planar bone scan takes --points, not --bone or --with: those need MRI or CT")
        points = _pointed(hint.points, hint.side)
    try:
        planar = measure_planar(exam.scans, date=exam.date, points=points)
    except InputError as error:
        raise InputError(f"{_read(exam)}, but not measured: {error}") from error
    return planar, [*planar.notes, *exam.scans_left_out]


def _read(exam: Exam) -> str:
    parts = "; ".join(describe_scan(scan) for scan in exam.scans)
    return f"the bone scan was read ({parts})"


def _pointed(points: NDArray[np.float64] | None, side: Side | None) -> tuple[Side, NDArray[np.float64]] | None:
    """Return points with their side: the greater trochanter lies lateral of the head."""
    if points is None:
        return None
    seen = Side.LEFT if points[1, 0] > points[0, 0] else Side.RIGHT
    if side is not None and side is not seen:
        raise UsageError(f"--points are those of a {seen.value} hip, --side says {side.value}: correct one of them")
    return seen, points


def scan_options(hint: ScanHint) -> dict[str, str | None]:
    """Return what the user said of the bone scan as the manifest prints it."""
    return {
        "patient_position": hint.patient_position or None,
        "view": hint.view.value if hint.view else None,
        "phase": None if hint.phase is Phase.UNKNOWN else hint.phase.value,
    }


def with_planar(
    hips: Sequence[HipMeasurement], planar: PlanarExam | None, obstacle: str, date: str
) -> tuple[HipMeasurement, ...]:
    """Add what the planar images show to each hip; a hip that no other image shows comes in."""
    if planar is None:
        return tuple(replace(hip, planar_obstacle=obstacle) for hip in hips)
    found = {hip.side: hip for hip in hips}
    both = [found.get(side, HipMeasurement(side, date, None, None, obstacle=NO_IMAGES)) for side in Side]
    return tuple(
        replace(hip, planar=planar.hips[hip.side], planar_patterns=judge_patterns(planar, hip.side)) for hip in both
    )
