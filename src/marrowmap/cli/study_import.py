"""``marrowmap study import``: answers given elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import expand_home
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(
    study: StudyFolder,
    ratings: Annotated[Path, typer.Argument(help="CSV: case,person,reader,session,item,value.", callback=expand_home)],
    edit: Annotated[bool, typer.Option("--edit", help="Change reads that have an answer; both are kept.")] = False,
    database: Database = None,
    json: Json = False,
) -> None:
    """Take in answers from a table, all or none: items are MODALITY.ITEM, a sign's confidence ITEM.confidence."""
    from marrowmap.workflow.study import open_study
    from marrowmap.workflow.study_import import import_ratings

    number = import_ratings(open_study(study, database=database), ratings, edit=edit)
    say(f"{number} reads taken in from {ratings.name}")
    if json:
        answer({"schema": "marrowmap/1", "reads": number})
