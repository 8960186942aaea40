"""What an analysis hands to the report: everything that is known, nothing that is formatted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.registration import BoneRegistration
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Series
from marrowmap.ingest.scan import BoneScan
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side

if TYPE_CHECKING:
    from marrowmap.measure.boundary import BoundaryProfile
    from marrowmap.measure.ct_head import CtHead
    from marrowmap.measure.edema import EdemaResult
    from marrowmap.measure.head import HeadMeasurement
    from marrowmap.measure.neck import NeckMeasurement
    from marrowmap.measure.planar import PlanarExam
    from marrowmap.measure.projected_density import ArealHip
    from marrowmap.measure.radiograph import RadiographExam
    from marrowmap.measure.spect import SpectHip
    from marrowmap.reasoning.differential import JointDifferential


@dataclass(frozen=True, eq=False)
class BoneReading:
    """One bone carried into one series.

    Parameters
    ----------
    frame : BoneFrame
    mask : Mask
        The whole bone, cortex included, on the series' grid.
    regions : LabelMap
        Its regions on the same grid, named as in :mod:`marrowmap.terms.regions`.

    Raises
    ------
    GeometryError
        If mask and regions lie on different grids.
    """

    frame: BoneFrame
    mask: Mask
    regions: LabelMap

    def __post_init__(self) -> None:
        self.mask.grid.require_same(self.regions.grid)


@dataclass(frozen=True, eq=False)
class JointReading:
    """What was read at one joint in one series: a fluid-sensitive MR, or any other that carries bones only.

    Parameters
    ----------
    series : Series
        Every mask below lies on ``series.volume.grid``.
    joint, side : Joint, Side
    bones : tuple of BoneReading
        Empty where no bone was found.
    edema : EdemaResult, optional
        None where edema was not measured here; `note` says why.
    boundary : BoundaryProfile, optional
        Along the neck-shaft midline; None where there is no edema or no trusted femur.
    effusion : Mask, optional
        Joint fluid.
    note : str
        One line a radiologist understands.
    head : HeadMeasurement, optional
        What lies under the femoral head's joint surface, where this series is its T1.
    ct_head : CtHead, optional
        What a CT of the exam shows of it, beside `head` or with the first series.
    neck : NeckMeasurement, optional
        What was looked for in the femoral neck, where this series is its T1.
    replaced : Mask, optional
        Marrow as dark as muscle, where this series is the T1 it was read from.

    Raises
    ------
    GeometryError
        If a mask does not lie on the series' grid.
    """

    series: Series
    joint: Joint
    side: Side
    bones: tuple[BoneReading, ...] = ()
    edema: EdemaResult | None = None
    boundary: BoundaryProfile | None = None
    effusion: Mask | None = None
    note: str = ""
    head: HeadMeasurement | None = None
    ct_head: CtHead | None = None
    neck: NeckMeasurement | None = None
    replaced: Mask | None = None

    def __post_init__(self) -> None:
        grid = self.series.volume.grid
        for bone in self.bones:
            grid.require_same(bone.mask.grid)
        if self.edema is not None:
            grid.require_same(self.edema.membership.grid)
        if self.effusion is not None:
            grid.require_same(self.effusion.grid)
        if self.replaced is not None:
            grid.require_same(self.replaced.grid)


@dataclass(frozen=True, eq=False)
class SpectImage:
    """The SPECT that uptake was measured in.

    Parameters
    ----------
    scan : BoneScan
    volume : Volume
        SUV (``g/mL``) where known.
    ct : Series or None
        In the same frame of reference.
    frames : tuple of BoneFrame
        In that frame of reference.
    hips : tuple of SpectHip
    registrations : tuple of BoneRegistration
        From the exam's bones to these, where their frames of reference differ.
    """

    scan: BoneScan
    volume: Volume
    ct: Series | None
    frames: tuple[BoneFrame, ...]
    hips: tuple[SpectHip, ...]
    registrations: tuple[BoneRegistration, ...] = ()


@dataclass(frozen=True, eq=False)
class AnalysisResult:
    """One analyzed exam, complete.

    Parameters
    ----------
    exam : Exam
    sources : tuple of Path
        The files and folders the user named; the manifest names its inputs relative to them.
    frames : tuple of BoneFrame
        Every bone found, one for each bone and side.
    readings : tuple of JointReading
        One for each joint, side and series that was looked at.
    measurements : tuple of Measurement
    findings : tuple of Finding
    steps : mapping of str to float
        Step name to seconds, in the order they ran.
    options : mapping of str to str, number or None
        What the user or the defaults chose, as the manifest shall print it.
    warnings : tuple of str
        One line each; shown at the head of the report.
    planar : PlanarExam, optional
        The planar images of a bone scan, measured.
    spect : SpectImage, optional
    radiograph : RadiographExam, optional
        The radiograph that was measured.
    areal : tuple of ArealHip
        Areal bone density of each hip, from maps and from CT.
    differentials : tuple of JointDifferential
        What the findings of each joint support.
    clinical : Path, optional
        The clinical form that was read.

    Raises
    ------
    ValueError
        If a reading's series is not one of the exam's own.
    """

    exam: Exam
    sources: tuple[Path, ...]
    frames: tuple[BoneFrame, ...]
    readings: tuple[JointReading, ...]
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    steps: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, str | float | int | bool | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    planar: PlanarExam | None = None
    spect: SpectImage | None = None
    radiograph: RadiographExam | None = None
    areal: tuple[ArealHip, ...] = ()
    differentials: tuple[JointDifferential, ...] = ()
    clinical: Path | None = None

    def __post_init__(self) -> None:
        for reading in self.readings:
            if not any(reading.series is series for series in self.exam.series):
                raise ValueError(f"series {reading.series.uid} was read but is not in the exam")
