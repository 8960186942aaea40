"""Options that the commands on a running study share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import expand_home
from marrowmap.readers.storage_place import DATABASE_VARIABLE

StudyFolder = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Folder made by marrowmap study init.", callback=expand_home)
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="PostgreSQL instead of SQLite in the folder: postgresql://user:password@host:5432/name. "
        f"Better given as {DATABASE_VARIABLE}: other users of a machine see the arguments of commands.",
        show_default=False,
    ),
]
