"""``marrowmap study init``: lay out a study from its protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import progress_bar
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.readers.protocol_checks import notes_on


def command(
    protocol: Annotated[Path, typer.Argument(help="The protocol, a TOML file.", callback=expand_home)],
    out: Out,
    database: Database = None,
    json: Json = False,
) -> None:
    """Copy the images without their headers, draw every reader's order, and freeze the protocol."""
    from marrowmap.workflow.study import init_study

    with progress_bar("Study") as advance:
        study = init_study(protocol, out, database=database, progress=advance)
    notes = notes_on(study.protocol)
    tasks = study.store.tasks()
    say(f"{len(tasks)} reads in {out}; protocol {study.store.digest[:12]} is frozen")
    for note in notes:
        say(f"note: {note}")
    say(f"next: marrowmap study serve {out}")
    if json:
        document = {"study": study.protocol.name, "digest": study.store.digest, "reads": len(tasks)}
        answer({"schema": "marrowmap/1", **document, "notes": list(notes)})
