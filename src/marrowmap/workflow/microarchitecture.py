"""Trabecular structure of a given region, alone or against the other side."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Mask
from marrowmap.image.nifti import file_label
from marrowmap.ingest.analyzed import read_frames
from marrowmap.ingest.microstructure import read_microstructure
from marrowmap.ingest.microstructure import read_microstructure_mask
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_spacing import Spacing
from marrowmap.ingest.microstructure_spacing import describe_voxel
from marrowmap.ingest.microstructure_spacing import is_hr_pqct
from marrowmap.measure.bone_fraction import require_region
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture import choose_regime
from marrowmap.measure.microarchitecture_apparent import measure_apparent
from marrowmap.measure.microarchitecture_match import SideMatch
from marrowmap.measure.microarchitecture_match import match_by_frames
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_resolved import choose_threshold
from marrowmap.measure.microarchitecture_resolved import measure_resolved
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.report.microarchitecture_write import write_microarchitecture
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side
from marrowmap.values.analyzed import FrameRow
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import Steps
from marrowmap.workflow.steps import silent

NO_EDEMA = Path("none")
"""What the user gives in place of a mask to say that the marrow is free of edema."""
MOTION_LIMIT = 4
"""HR-pQCT of motion grade 4 or 5 is not measured (Whittier et al. Osteoporos Int 2020;31:1607)."""
PROTOCOL_TOLERANCE = 0.02
"""Numbers of two protocols this much alike, relatively, are the same but for rounding."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Parameters
    ----------
    image, within : Path
        Image and its region.
    contralateral : (Path, Path) or None
        The other side's image and region.
    edema : Path or None
        Mask of edema on `image`, or :data:`NO_EDEMA`.
    spared : Path or None
        Mask of marrow free of edema, on `image`.
    threshold : float or None
        Of bone in resolved images, in the image's unit.
    spacing : Spacing or None
    side, joint : Side or None, Joint or None
    modality : str
        ``MR``, ``CT`` or empty: for files that do not say.
    motion_score : int or None
        1 to 5, the worse of the two sides.
    frames, precision : Path or None
        ``frames.json`` of ``marrowmap segment``; precision of one's own.
    region : str
        Name of the region in the rows.
    """

    image: Path
    within: Path
    contralateral: tuple[Path, Path] | None = None
    edema: Path | None = None
    spared: Path | None = None
    threshold: float | None = None
    spacing: Spacing | None = None
    side: Side | None = None
    joint: Joint | None = None
    modality: str = ""
    motion_score: int | None = None
    frames: Path | None = None
    precision: Path | None = None
    region: str = "given_region"


@dataclass(frozen=True, eq=False)
class _Read:
    image: MicroImage
    region: Mask


def measure_microarchitecture(request: Request, out: Path, progress: Progress = silent) -> dict[str, Any]:
    """Measure trabecular structure and write everything into `out`, all or nothing.

    Returns
    -------
    dict
        As ``--json`` puts it out.

    Raises
    ------
    InputError
        If a file cannot be read or does not suit, motion forbids it, or the sides were imaged differently.
    GeometryError
        If masks do not lie on their images, sides contradict each other, or have different voxels.
    UsageError
        If options do not go together.
    """
    _require_sense(request)
    steps = Steps(progress)
    with steps.step("reading", 0.0, 0.1):
        this = _read(request.image, request.within, request)
        other = _read(*request.contralateral, request) if request.contralateral else None
        side, joint = _place(request, this.image, other.image if other else None)
        edema = _mask(request.edema, this.image, request) if request.edema not in (None, NO_EDEMA) else None
        spared = _mask(request.spared, this.image, request)
    regime, reason = choose_regime(this.image, this.region)
    _require_regime(request, regime)
    warnings: list[str] = []
    if other is not None:
        warnings += _require_alike(this.image, other.image)
        other_regime, _ = choose_regime(other.image, other.region)
        if other_regime is not regime:
            raise InputError(f"{other.image.name}: can be measured as {other_regime.value} only, the other side as "
                             f"{regime.value}: pass two images of one protocol")  # fmt: skip
    with steps.step("measuring", 0.1, 0.5):
        measured = _measure(this, other, request, regime, reason, edema, spared)
    notes = _notes(request, this.image, measured)
    comparison: SideComparison | None = None
    other_side: MicroSide | None = None
    if other is not None and request.contralateral is not None:
        with steps.step("measuring the other side", 0.5, 0.8):
            theirs = _measure(other, this, request, regime, reason, None, None)
        other_side = MicroSide(
            other.image, other.region, theirs, side.opposite if side else None, request.contralateral[1]
        )
        with steps.step("comparing sides", 0.8, 0.9):
            comparison = _compare(request, this, other, measured, theirs, side, joint)
        notes.append(f"sides matched by {comparison.match.how}")
        warnings += _lower_there(comparison, other_side)
        if not (this.image.oriented and other.image.oriented):
            notes.append("the files name no directions: the other side was mirrored along the first axis as it lies")
    if joint is None or side is None:
        notes.append("no sign is judged: joint or side are not known; give --joint and --side")
    result = MicroResult(
        this=MicroSide(this.image, this.region, measured, side, request.within),
        other=other_side,
        comparison=comparison,
        joint=joint,
        measurements=(),
        findings=(),
        notes=tuple(notes),
        warnings=tuple(warnings),
        options=_options(request),
        more_files=tuple(
            path for path in (request.edema, request.spared, request.frames, request.precision) if path not in (None, NO_EDEMA)
        ),
        seconds=steps.seconds,
    )
    result = replace(
        result,
        measurements=tuple(
            row
            for one, prefix in zip(result.sides, ("", "other_"), strict=False)
            for row in _rows(one, prefix, joint, request.region)
        ),
        findings=_findings(request, result, side),
    )
    with steps.step("writing", 0.9, 1.0):
        return write_microarchitecture(result, out)


def _require_sense(request: Request) -> None:
    if request.motion_score is not None:
        if not 1 <= request.motion_score <= 5:
            raise UsageError(f"--motion-score {request.motion_score}: grades go from 1 (none) to 5 (severe)")
        if request.motion_score >= MOTION_LIMIT:
            raise InputError(
                f"motion grade {request.motion_score} (--motion-score): images of grade {MOTION_LIMIT} or 5 show the "
                "movement, not the trabeculae (Whittier 2020): scan again"
            )
    if request.threshold is not None and not np.isfinite(request.threshold):
        raise UsageError(f"--threshold {request.threshold}: give a number in the image's unit")
    if request.frames is not None and request.contralateral is None:
        raise UsageError("--frames brings two sides together: give --contralateral, too, or leave it out")


def _require_regime(request: Request, regime: Regime) -> None:
    if regime is Regime.APPARENT and request.threshold is not None:
        raise UsageError("--threshold parts bone that voxels resolve; this image gives apparent measures only: leave it out")
    if regime is Regime.RESOLVED and (request.spared is not None or request.edema not in (None, NO_EDEMA)):
        raise UsageError("--edema and --spared are for MR, whose gray levels edema changes: leave them out")


def _read(image: Path, within: Path, request: Request) -> _Read:
    found = read_microstructure(image, request.spacing)
    if request.modality:
        if found.modality not in ("OT", request.modality):
            raise InputError(f"{found.name}: its header says {found.modality}, not {request.modality}: leave --modality out")
        found = replace(found, modality=request.modality)
    region = read_microstructure_mask(within, found, request.spacing)
    require_region(found.volume, region)
    return _Read(found, region)


def _mask(path: Path | None, image: MicroImage, request: Request) -> Mask | None:
    return None if path is None else read_microstructure_mask(path, image, request.spacing)


def _place(request: Request, this: MicroImage, other: MicroImage | None) -> tuple[Side | None, Joint | None]:
    """Return side and joint of the image; what files, user and the other side's file say must agree."""
    if request.side and this.side and request.side is not this.side:
        raise GeometryError(
            f"{this.name}: its header says {this.side.value}, --side {request.side.value}: find out which is right"
        )
    side = request.side or this.side
    if other is not None:
        if side is None and other.side is not None:
            side = other.side.opposite
        elif side is not None and other.side is side:
            raise GeometryError(
                f"{other.name}: its header says {side.value}, as the image it is compared with: pass the other side"
            )
    if request.joint and this.joint and request.joint is not this.joint:
        raise GeometryError(
            f"{this.name}: its header says {this.joint.value}, --joint {request.joint.value}: find out which is right"
        )
    joint = request.joint or this.joint
    if other is not None and joint and other.joint and other.joint is not joint:
        raise GeometryError(f"{other.name}: its header says {other.joint.value}, not {joint.value}: pass the same joint")
    return side, joint


def _require_alike(this: MicroImage, other: MicroImage) -> list[str]:
    """Refuse two sides that were not imaged alike; return what is unlike but may stand.

    Raises
    ------
    GeometryError
        If it is the same image, another person's, or its voxels have another size.
    InputError
        If modality, calibration or protocol differ.
    """
    names = f"{this.name} and {other.name}"
    if this.volume.array.shape == other.volume.array.shape and np.array_equal(this.volume.array, other.volume.array):
        raise GeometryError(f"{names}: the two sides are one image: pass the other side's")
    people = {image.subject.person_id for image in (this, other)} - {""}
    if len(people) > 1:
        raise GeometryError(f"{names}: two persons by (0010,0020) Patient ID: pass one person's sides")
    sizes = [np.sort(image.volume.grid.spacing) for image in (this, other)]
    if not np.allclose(sizes[0], sizes[1], rtol=0.01):
        texts = [" x ".join(f"{x:.4g}" for x in image.volume.grid.spacing) for image in (this, other)]
        raise GeometryError(
            f"{names}: voxels of {texts[0]} and {texts[1]} mm: every measure here depends on the voxel, so the sides cannot "
            "be compared; pass images of one protocol"
        )
    if this.modality != other.modality or this.volume.unit != other.volume.unit:
        raise InputError(
            f"{names}: {this.modality} in {this.volume.unit} against {other.modality} in {other.volume.unit}: pass images of "
            "one protocol"
        )
    for field, value in this.protocol.items():
        theirs = other.protocol.get(field)
        if value in (None, "") or theirs in (None, ""):
            continue
        numbers = isinstance(value, float | int) and isinstance(theirs, float | int)
        if not (np.isclose(value, theirs, rtol=PROTOCOL_TOLERANCE) if numbers else value == theirs):  # type: ignore[arg-type]
            raise InputError(f"{names}: {field} {value} against {theirs}: pass images of one protocol and field")
    if this.date and other.date and this.date != other.date:
        return [f"the sides were imaged on different days, {this.date} and {other.date}: bone may have changed between"]
    return []


def _measure(
    one: _Read,
    opposite: _Read | None,
    request: Request,
    regime: Regime,
    reason: str,
    edema: Mask | None,
    spared: Mask | None,
) -> Microarchitecture:
    volume = one.image.volume
    if regime is Regime.APPARENT:
        return measure_apparent(volume, one.region, reason, edema=edema, spared=spared)
    # Both sides share one threshold, so that none is cut where the other is not.
    values = [volume.within(one.region)]
    if opposite is not None:
        values.append(opposite.image.volume.within(opposite.region))
    threshold = choose_threshold(np.concatenate(values), volume.unit, request.threshold)
    if opposite is not None:
        threshold = replace(threshold, how=f"{threshold.how}, one for both sides")
    return measure_resolved(volume, one.region, reason, threshold)


def _compare(
    request: Request,
    this: _Read,
    other: _Read,
    measured: Microarchitecture,
    theirs: Microarchitecture,
    side: Side | None,
    joint: Joint | None,
) -> SideComparison:
    match: SideMatch
    if request.frames is not None:
        here, there = _frames(request.frames, side, joint)
        match = match_by_frames(measured.region, theirs.region, here, there)
    else:
        match = match_by_masks(measured.region, theirs.region, side.sign if side else 1)
    precision = load_precision(_kind(this.image, measured), request.precision)
    return compare_sides(measured, theirs, match, precision, "lateral" if side else "left")


def _kind(image: MicroImage, measured: Microarchitecture) -> str:
    """Return the kind of image under which its repeatability is published."""
    if measured.regime is Regime.APPARENT:
        return "CT" if image.modality == "CT" else "MR"
    return "HR-pQCT" if is_hr_pqct(image.volume.grid.spacing) else "micro-CT"


def _frames(path: Path, side: Side | None, joint: Joint | None) -> tuple[FrameRow, FrameRow]:
    """Return the fitted frames of both sides' femora."""
    name = file_label(path)
    if side is None or joint is None:
        raise UsageError("--frames needs to know which bone: give --side and --joint")
    frames = read_frames(path)
    found = []
    for wanted in (side, side.opposite):
        mine = [f for f in frames if (f.place.joint, f.place.side) == (joint, wanted) and f.trusted and f.bone == "femur"]
        if len(mine) != 1:
            raise InputError(
                f"{name}: {len(mine)} trusted frames of the {wanted.value} {joint.value}'s femur, one is needed: pass the "
                "frames.json of marrowmap segment on these images, or leave --frames out"
            )
        found.append(mine[0])
    return found[0], found[1]


def _rows(one: MicroSide, prefix: str, joint: Joint | None, region: str) -> list[Measurement]:
    file = f"masks/{prefix}region.nii.gz"
    evidence = Evidence(one.image.uid, one.image.instance_uids, mask_sha256=one.region.sha256, mask_file=file)
    measured = one.measured
    return [
        Measurement(
            name, joint, one.side, region, quantity, one.image.modality, measured.methods[name], one.image.date, evidence
        )
        for name, quantity in measured.values.items()
    ]


def _findings(request: Request, result: MicroResult, side: Side | None) -> tuple[Finding, ...]:
    if result.joint is None or side is None:
        return ()
    image = result.this.image
    evidence = Evidence(
        image.uid, image.instance_uids, mask_sha256=result.this.region.sha256, mask_file="masks/region.nii.gz"
    )
    obstacles = []
    if result.this.measured.regime is Regime.APPARENT and image.modality != "CT" and request.edema is None:
        obstacles.append(
            "marrow edema changes MR gray levels and nobody said where it is: give --edema MASK, or --edema none where the "
            "marrow was seen to be free of it"
        )
    if is_hr_pqct(image.volume.grid.spacing) and request.motion_score is None:
        obstacles.append("motion was not graded: give --motion-score")
    finding = microarchitecture_deterioration.assess(
        result.comparison, tuple(obstacles), result.joint, side, image.modality, image.date, evidence
    )
    return (finding,)


def _notes(request: Request, image: MicroImage, measured: Microarchitecture) -> list[str]:
    notes = [f"{measured.regime.value} regime: {measured.reason}", describe_voxel(image.volume.grid.spacing), *image.said]
    notes += measured.notes
    if request.motion_score is not None:
        notes.append(f"motion grade {request.motion_score} of 5, given")
    notes += [f"{name.replace('_', ' ')} not given: {reason}" for name, reason in measured.refused.items()]
    return notes


def _lower_there(comparison: SideComparison, other: MicroSide) -> list[str]:
    """Say where it is the other side that has less bone: the sign is judged for the image's own side alone."""
    main = comparison.of(microarchitecture_deterioration.DECIDES)
    if main is None or main.side_limit is None or main.percent < main.side_limit:
        return []
    return [
        f"{other.image.name} has less bone than the image it was compared with, by more than sides of well people show: to "
        "judge that side, give it as IMAGE"
    ]


def _options(request: Request) -> dict[str, object]:
    """Return what was chosen, without the places of files on this machine."""
    return {
        "image": request.image.name,
        "within": request.within.name,
        "contralateral": [path.name for path in request.contralateral] if request.contralateral else None,
        "edema": request.edema.name if request.edema else None,
        "spared": request.spared.name if request.spared else None,
        "threshold": request.threshold,
        "spacing": request.spacing.source if request.spacing else None,
        "side": request.side.value if request.side else None,
        "joint": request.joint.value if request.joint else None,
        "modality": request.modality or None,
        "motion_score": request.motion_score,
        "frames": request.frames.name if request.frames else None,
        "precision": request.precision.name if request.precision else None,
        "region": request.region,
    }
