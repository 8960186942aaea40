"""What T1 shows of each hip of an exam: under the joint surface, across the neck, and its marrow against muscle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.ingest import Series
from marrowmap.measure.head import head_rows
from marrowmap.measure.head import measure_head
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.marrow_replacement import measure_replacement
from marrowmap.measure.marrow_replacement import replacement_rows
from marrowmap.measure.neck import measure_neck
from marrowmap.values import Measurement
from marrowmap.workflow.steps import Progress


def read_t1(
    hips: Sequence[HipMeasurement],
    frames: Sequence[BoneFrame],
    t1: Series | None,
    fluid: Series | None,
    date: str,
    progress: Progress,
) -> tuple[tuple[HipMeasurement, ...], tuple[Measurement, ...]]:
    """Return the hips with what their T1 shows, read beside the fluid-sensitive series, and the rows of it.

    What could not be read is told in its place, with the reason.
    """
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    read = []
    for number, hip in enumerate(hips):
        progress(f"{hip.side.value} femoral head", number / len(hips))
        femur = femora.get(hip.side)
        read.append(_with_replacement(_with_head(hip, femur, t1, fluid, date), femur, frames, t1))
    rows = [row for hip in read if hip.head for row in head_rows(hip.head)]
    rows += [row for hip in read if hip.replacement for row in replacement_rows(hip.side, hip.replacement, date)]
    return tuple(read), tuple(rows)


def _with_head(
    hip: HipMeasurement, femur: BoneFrame | None, t1: Series | None, fluid: Series | None, date: str
) -> HipMeasurement:
    """Return a hip with what lies under its head's joint surface and across its neck."""
    if femur is None:
        return hip
    head = measure_head(femur, t1, fluid, date=date)
    return replace(hip, head=head, neck=measure_neck(femur, t1, fluid, date=date))


def _with_replacement(
    hip: HipMeasurement, femur: BoneFrame | None, frames: Sequence[BoneFrame], t1: Series | None
) -> HipMeasurement:
    """Return a hip with what of its marrow is as dark as muscle on T1, or why that was not measured."""
    if hip.obstacle:
        return replace(hip, replacement_obstacle=hip.obstacle)
    if t1 is None or femur is None:
        missing = "there is no T1 series" if t1 is None else "the femur was not found"
        return replace(hip, replacement_obstacle=f"{missing}: marrow cannot be compared with muscle")
    try:
        return replace(hip, replacement=measure_replacement(femur, frames, t1, hip.head))
    except InputError as error:
        return replace(hip, replacement_obstacle=str(error))
