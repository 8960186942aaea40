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
    read = _with_replacement(_with_heads(hips, frames, t1, fluid, date, progress), frames, t1)
    rows = [row for hip in read if hip.head for row in head_rows(hip.head)]
    rows += [row for hip in read if hip.replacement for row in replacement_rows(hip.side, hip.replacement, date)]
    return read, tuple(rows)


def _with_heads(
    hips: Sequence[HipMeasurement],
    frames: Sequence[BoneFrame],
    t1: Series | None,
    fluid: Series | None,
    date: str,
    progress: Progress,
) -> tuple[HipMeasurement, ...]:
    """Look under the joint surface of each hip's femoral head, and across its neck."""
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    done = []
    for number, hip in enumerate(hips):
        progress(f"{hip.side.value} femoral head", number / len(hips))
        femur = femora.get(hip.side)
        if femur is None:
            done.append(hip)
            continue
        head = measure_head(femur, t1, fluid, date=date)
        done.append(replace(hip, head=head, neck=measure_neck(femur, t1, fluid, date=date)))
    return tuple(done)


def _with_replacement(
    hips: Sequence[HipMeasurement], frames: Sequence[BoneFrame], t1: Series | None
) -> tuple[HipMeasurement, ...]:
    """Return the hips with what of their marrow is as dark as muscle on T1, or why that was not measured."""
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    done = []
    for hip in hips:
        femur = femora.get(hip.side)
        if hip.obstacle:
            done.append(replace(hip, replacement_obstacle=hip.obstacle))
            continue
        if t1 is None or femur is None:
            missing = "there is no T1 series" if t1 is None else "the femur was not found"
            done.append(replace(hip, replacement_obstacle=f"{missing}: marrow cannot be compared with muscle"))
            continue
        try:
            done.append(replace(hip, replacement=measure_replacement(femur, frames, t1, hip.head)))
        except InputError as error:
            done.append(replace(hip, replacement_obstacle=str(error)))
    return tuple(done)
