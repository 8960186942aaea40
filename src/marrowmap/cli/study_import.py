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
from marrowmap.errors import UsageError


def command(
    study: StudyFolder,
    ratings: Annotated[
        Path | None,
        typer.Argument(
            help="CSV: case,person,reader,session,item,value; or answers.json of study export.",
            callback=expand_home,
            show_default=False,
        ),
    ] = None,
    analyzed: Annotated[
        list[str] | None,
        typer.Option(
            "--analyzed",
            metavar="[CASE=]DIR",
            help="Folder of marrowmap analyze, called as its case or CASE=DIR; repeat.",
            show_default=False,
        ),
    ] = None,
    reader: Annotated[
        str, typer.Option("--reader", help="With --analyzed: which software, where the protocol has several.")
    ] = "",
    edit: Annotated[bool, typer.Option("--edit", help="Change reads that have an answer; both are kept.")] = False,
    database: Database = None,
    json: Json = False,
) -> None:
    """Take in answers from a table, all or none: items are MODALITY.ITEM, a sign's confidence ITEM.confidence.

    With --analyzed take in what marrowmap found, as the answers of a reader with role software.
    """
    from marrowmap.workflow.study import open_study
    from marrowmap.workflow.study_import import import_answers
    from marrowmap.workflow.study_software import import_analyzed

    if (ratings is None) == (not analyzed):
        raise UsageError("give either a table of answers or --analyzed with folders of marrowmap analyze")
    opened = open_study(study, database=database)
    if ratings is None:
        number = import_analyzed(opened, analyzed or (), reader=reader, edit=edit)
    else:
        number = import_answers(opened, ratings, edit=edit)
    say(f"{number} reads taken in")
    if json:
        answer({"schema": "marrowmap/1", "reads": number})
