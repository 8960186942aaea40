"""The femoral heads of an exam looked at in its CT."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import MarrowmapError
from marrowmap.ingest import Exam
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.measure.ct_head import measure_ct_head
from marrowmap.measure.hip import HipMeasurement
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress


def measure_ct_heads(
    hips: tuple[HipMeasurement, ...],
    exam: Exam,
    group: Sequence[Series],
    frames: Sequence[BoneFrame],
    progress: Progress,
    locate: Callable[[Series, Progress], tuple[BoneFrame, ...]] | None = None,
) -> tuple[tuple[HipMeasurement, ...], list[str]]:
    """Look at each femoral head in CT: one that shares the bones' coordinates, else one with bones of its own.

    Returns the hips, and a warning for each that the CT does not show.
    """
    every = [series for series in exam.series if series.sequence is ImageSequence.CT]
    if not every:
        return hips, []
    shared = [series for series in every if series in group]
    ct = min(shared or every, key=lambda one: float(one.volume.grid.spacing.max()))
    try:
        found = frames if shared else locate(ct, progress) if locate else locate_bones([ct], progress=progress)
    except MarrowmapError as error:
        return hips, [f"{series_name(ct)}: {error}: it was not read"]
    femora = {frame.side: frame for frame in found if frame.bone == "femur"}
    done, warnings = [], []
    for number, hip in enumerate(hips):
        progress(f"{hip.side.value} femoral head", number / len(hips))
        femur = femora.get(hip.side)
        if femur is None:
            warnings.append(f"{series_name(ct)}: the {hip.side.value} femur was not found in it: CT was not read there")
        done.append(hip if femur is None else replace(hip, ct_head=measure_ct_head(femur, ct, date=exam.date)))
    return tuple(done), warnings


def series_name(series: Series) -> str:
    """Return a series as a message names it."""
    number = "" if series.number is None else f"series {series.number} "
    return f"{number}({series.sequence.value})"
