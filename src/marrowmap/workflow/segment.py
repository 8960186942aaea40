"""Bones and frames only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.anatomy import find_bones
from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.ingest import read_exam
from marrowmap.ingest import write_nifti
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.exam import Series
from marrowmap.report.folder import replacing_folder
from marrowmap.report.rows import dump_json
from marrowmap.report.rows import frame_row
from marrowmap.report.rows import order_frames
from marrowmap.report.rows import subject_row
from marrowmap.workflow.bones import BONE_IMAGES
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent


def segment(image: Path, out: Path, *, hint: BoneHint | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Find the bones of hips and knees in one image.

    Writes ``labels.nii.gz`` (numbers explained in ``labels.json``) and ``frames.json`` into `out`, all or nothing.
    Only trusted bones are drawn; a doubtful one is told of in ``frames.json``.

    Returns
    -------
    dict
        The document of ``frames.json``.

    Raises
    ------
    InputError
        If the image cannot be read, or shows neither hip nor knee that can be trusted.
    """
    exam = read_exam([image])
    progress("reading", 0.1)
    usable = [series for series in exam.series if series.sequence in BONE_IMAGES | {ImageSequence.MULTI_ECHO}]
    if not usable:
        raise InputError(f"{image.name}: no MR or CT volume in which bones can be looked for")
    main = max(usable, key=lambda series: int(np.prod(series.volume.grid.shape)))
    frame = main.volume.grid.frame_of_reference_uid
    together = [one for one in _first_echoes(usable) if one.volume.grid.frame_of_reference_uid == frame]
    frames = locate_bones(
        together, hint, find=find_bones, progress=lambda step, share: progress(step, 0.1 + 0.8 * share)
    )
    if not frames:
        raise InputError(
            f"{image.name}: no hip was found, nor a knee; if there is one, point at it with --points or --bone (for a "
            "knee with --joint knee)"
        )
    labels = _paint(main.volume.grid, tuple(frame for frame in frames if frame.trusted))
    document = {
        "schema": "marrowmap/1",
        "subject": subject_row(exam.subject),
        "rows": [frame_row(frame) for frame in order_frames(frames)],
    }
    with replacing_folder(out) as folder:
        write_nifti(labels, folder / "labels.nii.gz")
        (folder / "labels.json").write_text(dump_json({str(n): name for n, name in labels.names.items()}))
        (folder / "frames.json").write_text(dump_json(document), encoding="utf-8")
    return document


def _first_echoes(series: Sequence[Series]) -> list[Series]:
    """Keep one echo of each multi-echo series, the shortest: later ones show the same edges, only worse."""
    shortest: dict[str, Series] = {}
    for one in series:
        if one.sequence is ImageSequence.MULTI_ECHO:
            best = shortest.setdefault(one.uid, one)
            shortest[one.uid] = min(best, one, key=lambda s: s.echo_time_ms or 0.0)
    return [s for s in series if s.sequence is not ImageSequence.MULTI_ECHO or s is shortest[s.uid]]


def _paint(grid: Grid, frames: tuple[BoneFrame, ...]) -> LabelMap:
    """One label for each bone's region and side; a bone painted first keeps its voxels."""
    array = np.zeros(grid.shape, np.uint16)
    names: dict[int, str] = {}
    for frame in order_frames(frames):
        regions = region_labels(frame, grid)
        for number, name in sorted(regions.names.items()):
            label = len(names) + 1
            names[label] = f"{name}_{frame.side.value}"
            array[(regions.array == number) & (array == 0)] = label
    return LabelMap(grid, array, names)
