"""``marrowmap study status``: how far each reader is."""

from __future__ import annotations

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder


def command(study: StudyFolder, database: Database = None, json: Json = False) -> None:
    """Tell how many reads each reader has done, and the study's trail; never what was answered."""
    from marrowmap.workflow.study import open_study

    store = open_study(study, database=database).store
    rows = []
    for reader in store.protocol.readers:
        turn = store.turn(reader.id)
        session = turn.task.read.session if turn.task else None
        rows.append(
            {
                "reader": reader.id,
                "role": reader.role,
                "done": turn.done,
                "total": turn.total,
                "session": session,
                "reason": turn.reason,
            }
        )
        say(f"{reader.id}: {turn.done} of {turn.total} read, {f'in session {session}' if session else turn.reason}")
    events = store.events()
    for event in events:
        say(f"{event['at']}  {event['kind']}  {event['who']}  {event['detail']}")
    locked = store.locked
    say("locked" if locked else "open")
    if json:
        answer({"schema": "marrowmap/1", "locked": locked, "readers": rows, "events": events})
