"""``marrowmap density-form``: a page to type densitometry records in, twice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import say
from marrowmap.errors import UsageError
from marrowmap.report.density_form import render_density_form


def command(
    page: Annotated[Path, typer.Argument(help="File to write, e.g. form.html.", callback=expand_home)],
    json: Json = False,
) -> None:
    """Write a form that opens offline in a browser: every record is typed twice and saved as CSV for density."""
    if page.exists():
        raise UsageError(f"{page.name}: is there already: choose another name")
    try:
        page.write_text(render_density_form(), encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{page.name}: cannot be written ({reason}): choose another place") from error
    say(f"open it in a browser: {page}")
    if json:
        answer({"schema": "marrowmap/1", "page": page.name})
