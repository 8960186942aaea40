"""``marrowmap study export``: all answers as tables."""

from __future__ import annotations

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(study: StudyFolder, out: Out, database: Database = None, json: Json = False) -> None:
    """Write ratings and scores for statistics, all versions of all answers, the trail, and the consensus."""
    from marrowmap.workflow.study import open_study
    from marrowmap.workflow.study_tables import write_export

    opened = open_study(study, database=database)
    names = write_export(opened, out)
    if not opened.store.locked:
        say("note: the study is not locked: answers may still change")
    say(f"wrote {', '.join(names)} to {out}")
    if json:
        answer({"schema": "marrowmap/1", "files": names, "locked": opened.store.locked})
