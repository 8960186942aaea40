"""The marrow of each hip of an exam compared with muscle on T1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.ingest import Series
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.marrow_replacement import measure_replacement


def with_replacement(
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
