"""``marrowmap demo``: a virtual patient, analyzed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import BANNER
from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.workflow.demo import DEMO_SEED
from marrowmap.workflow.demo import run_demo


def command(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the virtual patient and the report.", callback=expand_home)
    ] = Path("demo"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same patient.")] = DEMO_SEED,
    json: Json = False,
) -> None:
    """Make a virtual patient with transient osteoporosis of the hip, analyze their MRI, say where the report is."""
    with progress_bar("Demo") as advance:
        report = run_demo(out, seed=seed, progress=advance)
    say(BANNER)
    say(f"The virtual patient's MRI is in {out / 'patient'}, the truth and the clinical form beside it.")
    say(f"Open the report: {report.resolve()}")
    if json:
        answer({"schema": "marrowmap/1", "report": str(report), "patient": str(out / "patient")})
