"""``marrowmap study adjudicate``: hand what is in dispute to the adjudicators."""

from __future__ import annotations

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(study: StudyFolder, database: Database = None, json: Json = False) -> None:
    """Open the reads on which readers disagree to the adjudicators, once a session is finished."""
    from marrowmap.readers.adjudication import open_adjudication
    from marrowmap.workflow.study import open_study

    number = open_adjudication(open_study(study, database=database).store)
    say(f"{number} reads in dispute are open to the adjudicators")
    if json:
        answer({"schema": "marrowmap/1", "opened": number})
