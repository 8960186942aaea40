"""``marrowmap study lock``: no answer can be given or changed from now on."""

from __future__ import annotations

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(study: StudyFolder, database: Database = None, json: Json = False) -> None:
    """Lock a study for good, before anyone looks at its answers. There is no way back."""
    from marrowmap.workflow.study import open_study

    store = open_study(study, database=database).store
    number = store.require_intact()
    left = sum(not task.version for task in store.tasks())
    new = store.lock()
    say(f"{'locked' if new else 'was locked already'}: {number} answers, {left} reads without one")
    if json:
        answer({"schema": "marrowmap/1", "locked": True, "new": new, "answers": number, "unread": left})
