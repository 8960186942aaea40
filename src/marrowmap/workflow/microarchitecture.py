"""Trabecular structure of a given region, alone or against the other side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.ingest.microstructure import read_microstructure
from marrowmap.ingest.microstructure import read_microstructure_mask
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_spacing import describe_voxel
from marrowmap.ingest.microstructure_spacing import is_hr_pqct
from marrowmap.measure.bone_fraction import require_region
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture import choose_regime
from marrowmap.measure.microarchitecture_apparent import measure_apparent
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_resolved import choose_threshold
from marrowmap.measure.microarchitecture_resolved import measure_resolved
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.report.microarchitecture_write import write_microarchitecture
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side
from marrowmap.workflow.microarchitecture_request import NO_EDEMA
from marrowmap.workflow.microarchitecture_request import Request
from marrowmap.workflow.microarchitecture_request import describe_options
from marrowmap.workflow.microarchitecture_request import require_regime
from marrowmap.workflow.microarchitecture_request import require_sense
from marrowmap.workflow.microarchitecture_sides import ReadSide
from marrowmap.workflow.microarchitecture_sides import compare
from marrowmap.workflow.microarchitecture_sides import find_place
from marrowmap.workflow.microarchitecture_sides import require_alike
from marrowmap.workflow.microarchitecture_sides import require_same_bone
from marrowmap.workflow.microarchitecture_sides import warn_of_less_there
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import Steps
from marrowmap.workflow.steps import silent

NO_SPARED = "the mask of spared marrow is empty: mark marrow that edema spared, or leave it out"
NOT_SPOKEN_OF = (
    "marrow edema was not spoken of: where there is some, darker marrow is taken for bone and brighter marrow for less "
    "of it; give --edema MASK, which also says what it changes, or --edema none"
)


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
    require_sense(request)
    steps = Steps(progress)
    with steps.step("reading", 0.0, 0.1):
        this = _read(request.image, request.within, request)
        other = _read(*request.contralateral, request) if request.contralateral else None
        repeat = _read(*request.repeat, request) if request.repeat else None
        side, joint = find_place(request, this.image, other.image if other else None)
        marked = None if request.edema == NO_EDEMA else request.edema
        edema = _mask(marked, this.image, request, "the mask of edema is empty: give --edema none where there is none")
        spared = _mask(request.spared, this.image, request, NO_SPARED)
        other_spared = _mask(request.other_spared, other.image, request, NO_SPARED) if other else None
    regime, reason = choose_regime(this.image, this.region)
    require_regime(request, regime)
    warnings: list[str] = []
    if other is not None:
        warnings += require_alike(this.image, other.image)
        other_regime, _ = choose_regime(other.image, other.region)
        if other_regime is not regime:
            raise InputError(f"{other.image.name}: can be measured as {other_regime.value} only, the other side as "
                             f"{regime.value}: pass two images of one protocol")  # fmt: skip
    if repeat is not None:
        warnings += require_same_bone(this.image, repeat.image, side, joint)
    with steps.step("measuring", 0.1, 0.4):
        measured = _measure(this, other, request, regime, reason, edema, spared)
    notes = _notes(request, this.image, measured)
    again: Microarchitecture | None = None
    if repeat is not None:
        with steps.step("measuring the second scan", 0.4, 0.5):
            again = _measure(repeat, other, request, regime, reason, None, None)
        if edema is not None or spared is not None:
            notes.append(
                "the second scan was measured without the masks of edema and spared marrow, which lie on the first: "
                "bone volume by texture needs neither, other measures may seem to repeat worse than they do"
            )
    comparison: SideComparison | None = None
    other_side: MicroSide | None = None
    if other is not None and request.contralateral is not None:
        with steps.step("measuring the other side", 0.5, 0.8):
            theirs = _measure(other, this, request, regime, reason, None, other_spared)
        other_side = MicroSide(
            other.image, other.region, theirs, side.opposite if side else None, request.contralateral[1]
        )
        with steps.step("comparing sides", 0.8, 0.9):
            comparison = compare(request, this, other, measured, theirs, side, joint, again)
        notes.append(f"sides matched by {comparison.match.how}")
        warnings += warn_of_less_there(comparison, other_side)
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
        options=describe_options(request),
        more_files=tuple(
            path
            for path in (
                request.edema,
                request.spared,
                request.other_spared,
                request.frames,
                request.precision,
                *(repeat.image.files if repeat else ()),
                request.repeat[1] if request.repeat else None,
            )
            if path not in (None, NO_EDEMA)
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


def _read(image: Path, within: Path, request: Request) -> ReadSide:
    found = read_microstructure(image, request.spacing)
    if request.modality:
        if found.modality not in ("OT", request.modality):
            raise InputError(
                f"{found.name}: its header says {found.modality}, not {request.modality}: leave --modality out"
            )
        found = replace(found, modality=request.modality)
    region = read_microstructure_mask(within, found, request.spacing)
    require_region(found.volume, region)
    return ReadSide(found, region)


def _mask(path: Path | None, image: MicroImage, request: Request, if_empty: str) -> Mask | None:
    return None if path is None else read_microstructure_mask(path, image, request.spacing, if_empty)


def _measure(
    one: ReadSide,
    opposite: ReadSide | None,
    request: Request,
    regime: Regime,
    reason: str,
    edema: Mask | None,
    spared: Mask | None,
) -> Microarchitecture:
    """Measure one side; what is wrong with it is said with its name."""
    volume = one.image.volume
    try:
        if regime is Regime.APPARENT:
            limit = load_precision("MR", request.precision).topology_voxel_mm
            return measure_apparent(volume, one.region, reason, edema=edema, spared=spared, topology_voxel_mm=limit)
        # Both sides share one threshold, so that none is cut where the other is not.
        values = [volume.within(one.region)]
        if opposite is not None:
            values.append(opposite.image.volume.within(opposite.region))
        threshold = choose_threshold(np.concatenate(values), volume.unit, request.threshold)
        if opposite is not None:
            threshold = replace(threshold, how=f"{threshold.how}, one for both sides")
        return measure_resolved(volume, one.region, reason, threshold)
    except InputError as error:
        raise InputError(f"{one.image.name}: {error}") from error


def _rows(one: MicroSide, prefix: str, joint: Joint | None, region: str) -> list[Measurement]:
    file = f"masks/{prefix}region.nii.gz"
    evidence = Evidence(one.image.uid, one.image.instance_uids, mask_sha256=one.region.sha256, mask_file=file)
    measured = one.measured
    return [
        Measurement(
            name,
            joint,
            one.side,
            region,
            quantity,
            one.image.modality,
            measured.methods[name],
            one.image.date,
            evidence,
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
            "marrow edema changes MR gray levels and nobody said where it is: give --edema MASK, or --edema none where "
            "the marrow was seen to be free of it"
        )
    if is_hr_pqct(image.volume.grid.spacing) and request.motion_score is None:
        obstacles.append("motion was not graded: give --motion-score")
    finding = microarchitecture_deterioration.assess(
        result.comparison, tuple(obstacles), result.joint, side, image.modality, image.date, evidence
    )
    return (finding,)


def _notes(request: Request, image: MicroImage, measured: Microarchitecture) -> list[str]:
    notes = [
        f"{measured.regime.value} regime: {measured.reason}",
        describe_voxel(image.volume.grid.spacing),
        *image.said,
    ]
    notes += measured.notes
    if measured.regime is Regime.APPARENT and image.modality != "CT" and request.edema is None:
        notes.append(NOT_SPOKEN_OF)
    if request.motion_score is not None:
        notes.append(f"motion grade {request.motion_score} of 5, given")
    notes += [f"{name.replace('_', ' ')} not given: {reason}" for name, reason in measured.refused.items()]
    return notes
