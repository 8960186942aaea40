"""``marrowmap microarchitecture``: trabecular structure of a given region, alone or against the other side."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.errors import UsageError
from marrowmap.ingest.microstructure_spacing import parse_spacing
from marrowmap.report.folder import require_apart
from marrowmap.report.folder import require_writable
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.workflow.microarchitecture import measure_microarchitecture
from marrowmap.workflow.microarchitecture_request import Request


class Modality(Enum):
    """What the image is, for files that do not say."""

    MR = "mr"
    CT = "ct"


def command(
    image: Annotated[
        Path, typer.Argument(help="DICOM folder of one series, AIM, ISQ, MHA, NRRD, NIfTI or TIFF stack.")
    ],
    within: Annotated[
        Path, typer.Option("--within", help="Mask of the trabecular region: NIfTI, MHA, NRRD, AIM or TIFF.")
    ],
    out: Out,
    contralateral: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--contralateral", help="IMAGE MASK of the other side, same protocol and voxels."),
    ] = None,
    edema: Annotated[
        Path | None, typer.Option("--edema", help="MR: mask of marrow edema, or the word none where there is none.")
    ] = None,
    spared: Annotated[
        Path | None, typer.Option("--spared", help="MR: mask of marrow that edema spared, to calibrate on.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Resolved images: bone from this value on, in the image's unit.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option("--spacing", help="Voxel size with unit, 60.7um or 0.1x0.1x0.2mm, if the file has none."),
    ] = None,
    side: Annotated[Side | None, typer.Option("--side", help="Side of IMAGE, if its header does not say.")] = None,
    joint: Annotated[Joint | None, typer.Option("--joint", help="Joint, if the header does not say.")] = None,
    modality: Annotated[
        Modality | None, typer.Option("--modality", help="For files that do not say what they show.")
    ] = None,
    motion_score: Annotated[
        int | None, typer.Option("--motion-score", help="HR-pQCT: motion grade 1 to 5, the worse side; 4 is refused.")
    ] = None,
    frames: Annotated[
        Path | None, typer.Option("--frames", help="frames.json of marrowmap segment, to bring the sides together.")
    ] = None,
    precision: Annotated[
        Path | None, typer.Option("--precision", help="Your own repeatability (TOML, see docs/microarchitecture.md).")
    ] = None,
    other_spared: Annotated[
        Path | None, typer.Option("--other-spared", help="As --spared, on the other side's image.")
    ] = None,
    region: Annotated[
        str, typer.Option("--region", help="Name of the region in the rows, such as distal_femur.")
    ] = "given_region",
    repeat: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--repeat", help="IMAGE MASK of a second scan of the same bone, for its repeatability."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure trabecular structure: thickness, spacing, connectivity and more, as far as the voxels allow."""
    if region not in REGIONS:
        raise UsageError(f"--region {region}: unknown, use one of {', '.join(REGIONS)}")
    request = Request(
        image,
        within,
        contralateral,
        edema,
        spared,
        threshold,
        parse_spacing(spacing) if spacing is not None else None,
        side,
        joint,
        modality.value.upper() if modality else "",
        motion_score,
        frames,
        precision,
        other_spared,
        region,
        repeat,
    )
    require_apart(out, [path for path in (image, *(contralateral or ()), *(repeat or ())) if path.is_dir()])
    require_writable(out)
    with progress_bar("Microarchitecture") as advance:
        document = measure_microarchitecture(request, out, advance)
    refused = [row for reasons in document["refused"].values() for row in reasons.items()]
    said_below = {f"{quantity.replace('_', ' ')} not given: {reason}" for quantity, reason in refused}
    for note in document["notes"]:
        if note not in said_below:
            say(note)
    for row in document["rows"]:
        interval = "" if row["low"] is None else f" ({row['low']:.3g} to {row['high']:.3g})"
        say(f"{row['side'] or '':6s}{row['quantity']:24s}{row['value']:10.4g} {row['unit']}{interval}")
    for name, reasons in document["refused"].items():
        for quantity, reason in reasons.items():
            say(f"{name}: {quantity} not given: {reason}")
    for warning in document["warnings"]:
        say(f"warning: {warning}")
    for finding in document["findings"]:
        place, state = f"{finding['side']} {finding['joint']}", finding["state"].replace("_", " ")
        say(f"{place}: {finding['sign']} {state}: {finding['note']}")
    say(f"report: {out / 'report.html'}")
    if json:
        answer(document)
