"""``marrowmap analyze``: files in, checked report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.anatomy import totalsegmentator
from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import Threshold
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.cli.points import read_date
from marrowmap.cli.points import read_points
from marrowmap.cli.points import read_scan_hint
from marrowmap.cli.points import read_side
from marrowmap.measure.ct_density import declared_calibration
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.report import write_report
from marrowmap.report.differential_rows import differential_rows
from marrowmap.report.differential_section import flag_lines
from marrowmap.report.differential_section import verdict_lines
from marrowmap.report.folder import require_writable
from marrowmap.report.rows import finding_row
from marrowmap.report.rows import measurement_row
from marrowmap.report.rows import order_findings
from marrowmap.report.rows import order_measurements
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import Finder
from marrowmap.workflow.differential import read_form

Bone = Annotated[
    Path | None,
    typer.Option(
        "--bone", help="The femur as someone drew it on one of the images: DICOM SEG, NIfTI mask or NIfTI label map."
    ),
]
BoneLabel = Annotated[
    str | None,
    typer.Option(
        "--bone-label",
        help="Which segments of --bone are the femur: numbers or names, with commas between. Needed only where names "
        "and codes leave it open.",
    ),
]
With = Annotated[
    Finder | None,
    typer.Option(
        "--with",
        help="Let another program find the femora, if you have it: TotalSegmentator, run without usage statistics.",
    ),
]
Points = Annotated[
    str | None,
    typer.Option(
        "--points",
        help="Three clicked points 'x,y,z x,y,z x,y,z' in LPS mm: femoral head center, tip of the greater "
        "trochanter, tip of the lesser trochanter.",
    ),
]
SideOption = Annotated[str | None, typer.Option("--side", help="left or right: the side of --bone or --points.")]
PatientPosition = Annotated[
    str | None,
    typer.Option(
        "--patient-position",
        help="HFS, HFP, FFS or FFP: how the patient lay under the gamma camera (head or feet first, supine or prone), "
        "for bone scans that do not say.",
    ),
]
ViewOption = Annotated[
    str | None,
    typer.Option(
        "--view",
        help="anterior or posterior: from where planar bone scans and radiographs are seen that do not say. A wrong "
        "word swaps left and right.",
    ),
]
PhaseOption = Annotated[
    str | None,
    typer.Option(
        "--phase", help="flow, pool or delayed: the phase of bone scans whose time and description are silent."
    ),
]

MineralSlope = Annotated[
    float | None,
    typer.Option(
        "--mineral-slope",
        help="mg/mL of bone mineral per HU of the CT, from a calibration phantom: for areal density from CT. Without "
        "it the usual slope is taken, with its wide error.",
    ),
]

ClinicalOption = Annotated[
    Path | None,
    typer.Option(
        "--clinical",
        help="Clinical form, TOML or JSON: age, sex, pregnancy, risk factors, fever, onset. What is not known is "
        "written as unknown; see docs/differential.md.",
        callback=expand_home,
    ),
]

Onset = Annotated[
    str | None,
    typer.Option(
        "--onset",
        help="Date pain began, YYYY-MM-DD: a normal radiograph in its first eight weeks excludes nothing.",
    ),
]


def command(
    sources: Annotated[list[Path], typer.Argument(help="Files or folders: DICOM in any nesting, NIfTI with sidecar.")],
    out: Out,
    bone: Bone = None,
    bone_label: BoneLabel = None,
    points: Points = None,
    side: SideOption = None,
    finder: With = None,
    patient_position: PatientPosition = None,
    view: ViewOption = None,
    phase: PhaseOption = None,
    onset: Onset = None,
    mineral_slope: MineralSlope = None,
    clinical: ClinicalOption = None,
    k: Threshold = DEFAULT_K,
    json: Json = False,
) -> None:
    """Measure one person's hip exam: bones, marrow edema by region, its boundary, joint fluid, signs, report."""
    hint = BoneHint(bone, read_points(points), read_side(side), bone_label, finder)
    scan_hint = read_scan_hint(patient_position, view, phase)
    began = read_date("--onset", onset)
    form = read_form(clinical, began)
    require_writable(out)
    with progress_bar("Analyzing") as advance:
        result = analyze(
            sources,
            hint=hint,
            k=k,
            scan_hint=scan_hint,
            onset=began,
            ct_mineral=None if mineral_slope is None else declared_calibration(mineral_slope),
            clinical=form,
            progress=lambda step, share: advance(step, 0.85 * share),
        )
        folder = write_report(result, out, progress=lambda step, share: advance(step, 0.85 + 0.15 * share))
    if finder is Finder.TOTALSEGMENTATOR:
        say(f"note: {totalsegmentator.NOTICE}")
    for warning in result.warnings:
        say(f"note: {warning}")
    for finding in order_findings(result.findings):
        say(
            f"{finding.joint.value} {finding.side.value:5s} {finding.sign:30s} {finding.state.value:15s} {finding.note}"
        )
    for line in (*flag_lines(result.differentials), *verdict_lines(result.differentials)):
        say(line)
    say(f"report: {folder / 'report.html'}")
    if json:
        answer(
            {
                "schema": "marrowmap/1",
                "report": str(folder / "report.html"),
                "measurements": [measurement_row(m, {}) for m in order_measurements(result.measurements)],
                "findings": [finding_row(f, {}) for f in order_findings(result.findings)],
                "differential": [row for one in result.differentials for row in differential_rows(one)],
                "warnings": list(result.warnings),
            }
        )
