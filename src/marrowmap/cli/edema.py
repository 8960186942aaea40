"""``marrowmap edema``: marrow edema inside a given region of any joint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import Threshold
from marrowmap.cli.console import answer
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.report.folder import require_writable
from marrowmap.workflow.edema_region import measure_edema_region


def command(
    image: Annotated[Path, typer.Argument(help="Fluid-sensitive fat-suppressed image, NIfTI.")],
    within: Annotated[Path, typer.Option("--within", help="NIfTI mask of the bone or region to look in.")],
    out: Out,
    reference: Annotated[Path | None, typer.Option("--reference", help="NIfTI mask of normal marrow.")] = None,
    t1: Annotated[Path | None, typer.Option("--t1", help="T1 image of the same exam, NIfTI.")] = None,
    k: Threshold = DEFAULT_K,
    json: Json = False,
) -> None:
    """Measure marrow edema inside any given region: edema.nii.gz and measurements.json."""
    require_writable(out)
    with progress_bar("Edema") as advance:
        document = measure_edema_region(image, within, out, reference=reference, t1=t1, k=k, progress=advance)
    for row in document["rows"]:
        say(f"{row['quantity']:22s} {row['value']:10.3f} {row['unit']}")
    say(f"mask: {out / 'edema.nii.gz'}")
    if json:
        answer(document)
