"""``marrowmap study report``: tables for a paper, pictures, check-lists."""

from __future__ import annotations

from marrowmap.cli.console import Json
from marrowmap.cli.console import Out
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(study: StudyFolder, out: Out, database: Database = None, json: Json = False) -> None:
    """Write agreement, accuracy where the protocol holds a truth, GRRAS and STARD items, and all data."""
    from marrowmap.workflow.study import open_study
    from marrowmap.workflow.study_report import write_study_report

    opened = open_study(study, database=database)
    report = write_study_report(opened, out)
    if not opened.store.locked:
        say("note: the study is not locked: answers may still change")
    say(f"open the report: {report.resolve()}")
    if json:
        answer({"schema": "marrowmap/1", "report": str(report), "locked": opened.store.locked})
