"""``marrowmap density``: bone densitometry records of one or several persons."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.errors import UsageError
from marrowmap.report.folder import require_writable
from marrowmap.workflow.density import EXAMPLE
from marrowmap.workflow.density import analyze_density

_SHOWN = ("bmd_side_difference", "bmd_change", "least_significant_change")


def command(
    out: Out,
    records: Annotated[
        list[Path] | None,
        typer.Argument(
            help="CSV with the columns of docs/density.md, or DICOM objects of a densitometer.", show_default=False
        ),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Read the shipped published case (Berman 2016, case 1).")
    ] = False,
    again: Annotated[
        Path | None, typer.Option("--again", help="A second, independent typing (CSV): stops where the two disagree.")
    ] = None,
    references: Annotated[
        Path | None, typer.Option("--references", help="Your own reference values (TOML), beside the shipped ones.")
    ] = None,
    precision: Annotated[
        Path | None, typer.Option("--precision", help="precision.json of your site (marrowmap density-precision).")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", help="calibration.json of two machines (marrowmap density-calibration)."),
    ] = None,
    json: Json = False,
) -> None:
    """Read bone density records: as reported, checked; change and side difference against what error explains."""
    if example == bool(records):
        raise UsageError("give either files with density records or --example")
    require_writable(out)
    document = analyze_density(
        records or [EXAMPLE],
        out,
        again=again,
        references=references,
        precision=precision,
        calibration=calibration,
        today=datetime.now().astimezone().date(),
    )
    for note in document["notes"]:
        say(f"note: {note}")
    for warning in document["warnings"]:
        say(f"warning: {warning}")
    for row in document["rows"]:
        if row["quantity"] in _SHOWN:
            where = f"{_person(row)}{row['date']} {row['side'] or ''} {row['region']}"
            say(f"{where:38s} {row['quantity']:25s} {row['value']:8.3f} {row['unit']}")
    for row in document["findings"]:
        say(f"{_person(row)}{row['date']} {row['side']} {row['joint']}: {row['sign']} {row['state'].replace('_', ' ')}")
    say(f"report: {out / 'report.html'}")
    if json:
        answer(document)


def _person(row: dict[str, Any]) -> str:
    """Name the person where the table holds several."""
    return f"{row['person']}: " if "person" in row else ""
