"""Masks as NIfTI on their source's grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.report.rows import dump_json
from marrowmap.terms.regions import REGIONS

REGION_NUMBERS = {name: number for number, name in enumerate(REGIONS, start=1)}
"""The number of each region in every ``*_regions.nii.gz``."""

# File names are built from these words and numbers only: a series description may hold a path.
_SEQUENCE_WORDS = {
    Sequence.T1: "t1",
    Sequence.T2: "t2",
    Sequence.PD: "pd",
    Sequence.FLUID_FAT_SUPPRESSED: "fluid",
    Sequence.DIXON_WATER: "water",
    Sequence.DIXON_FAT: "fat",
    Sequence.DIXON_IN_PHASE: "in-phase",
    Sequence.DIXON_OPPOSED_PHASE: "opposed-phase",
    Sequence.GRADIENT_ECHO: "gradient-echo",
    Sequence.MULTI_ECHO: "multi-echo",
    Sequence.CT: "ct",
    Sequence.UNKNOWN: "unknown",
}


@dataclass(frozen=True)
class MaskFile:
    """One file of ``masks/``: its path inside the output folder and, for a mask, the digest evidence names it by."""

    path: str
    sha256: str


def series_place(exam: Exam, series: Series) -> int:
    """Return the 1-based place of a series in its exam, the number the report and all file names use."""
    return next(place for place, other in enumerate(exam.series, start=1) if other is series)


def series_stem(exam: Exam, series: Series) -> str:
    """Return a safe start of a file name for a series, e.g. ``02-fluid``."""
    return f"{series_place(exam, series):02d}-{_SEQUENCE_WORDS[series.sequence]}"


@lru_cache(maxsize=4)
def join_regions(reading: JointReading) -> LabelMap | None:
    """Put the regions of all bones of a joint into one map, numbered by :data:`REGION_NUMBERS`."""
    if not reading.bones:
        return None
    grid = reading.series.volume.grid
    joined = np.zeros(grid.shape, np.uint16)
    for bone in reading.bones:
        for number, name in bone.regions.names.items():
            joined[(bone.regions.array == number) & (joined == 0)] = REGION_NUMBERS[name]
    return LabelMap(grid, joined, {number: name for name, number in REGION_NUMBERS.items()})


@lru_cache(maxsize=4)
def segment_mask(reading: JointReading) -> Mask | None:
    """Paint a reading's necrotic segment on its grid; None where there is none."""
    if reading.head is None or reading.head.segment is None:
        return None
    return reading.head.segment_mask(reading.series.volume.grid)


def _images_of(reading: JointReading) -> Iterator[tuple[str, Mask | LabelMap | Volume]]:
    """Yield the name and image of every mask of one joint."""
    for bone in reading.bones:
        yield bone.frame.bone, bone.mask
    regions = join_regions(reading)
    if regions is not None:
        yield "regions", regions
    if reading.edema is not None:
        yield "edema-membership", reading.edema.membership
        yield "edema-closed", reading.edema.closed
        yield "edema-voxels", reading.edema.voxels
    if reading.effusion is not None:
        yield "effusion", reading.effusion
    necrosis = segment_mask(reading)
    if necrosis is not None:
        yield "necrotic_segment", necrosis
    if reading.neck is not None and reading.neck.mask is not None:
        yield "neck_line", reading.neck.mask
    if reading.replaced is not None and reading.replaced.array.any():
        yield "replaced_marrow", reading.replaced


def write_masks(result: AnalysisResult, folder: Path) -> tuple[MaskFile, ...]:
    """Write ``masks/*.nii.gz`` and ``masks/regions.json`` (number to region) into the output folder.

    Returns
    -------
    tuple of MaskFile
        In the order of the readings; empty, and no folder made, where there is nothing to write.
    """
    written: list[MaskFile] = []
    for reading in result.readings:
        stem = f"{series_stem(result.exam, reading.series)}_{reading.joint.value}_{reading.side.value}"
        for name, image in _images_of(reading):
            path = f"masks/{stem}_{name}.nii.gz"
            (folder / "masks").mkdir(exist_ok=True)
            write_nifti(image, folder / path)
            written.append(MaskFile(path, image.sha256 if isinstance(image, Mask) else ""))
    if written:
        (folder / "masks" / "regions.json").write_text(
            dump_json({number: name for name, number in REGION_NUMBERS.items()}), encoding="utf-8"
        )
    return tuple(written)
