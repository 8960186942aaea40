"""What a reader's browser is told: their own reads, and of each no more than the protocol shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.readers.adjudication import reads_to_settle
from marrowmap.readers.storage_rows import Task
from marrowmap.workflow.study import Study


def _find(study: Study, reader: str, code: str) -> Task:
    """Return a task that is open to a reader: the next one, or one they have answered.

    Raises
    ------
    InputError
        If it is another's, or not yet to be seen.
    """
    task = next((task for task in study.store.tasks(reader) if task.code == code), None)
    if task is not None and not task.version:
        turn = study.store.turn(reader)
        if turn.task is None or turn.task.id != task.id:
            task = None
    if task is None:
        raise InputError(f"case {code!r}: is not open to this reader")
    return task


def image_file(study: Study, reader: str, code: str, number: int) -> Path:
    """Return the file of gray values of one image of an open task."""
    images = study.images(_find(study, reader, code))
    if not 0 <= number < len(images):
        raise InputError(f"case {code!r}: has no image {number}")
    return images[number][1]


def describe_task(study: Study, reader: str, code: str) -> dict[str, Any]:
    """Return what is needed to show and answer a task."""
    task = _find(study, reader, code)
    return _describe(study, task)


def _describe(study: Study, task: Task) -> dict[str, Any]:
    protocol, store = study.protocol, study.store
    session = protocol.session(task.read.session)
    case = protocol.case(task.read.case)
    number = [one.id for one in protocol.sessions].index(session.id) + 1
    told: dict[str, Any] = {
        "code": task.code,
        "session": number,
        "kind": session.kind,
        "joint": case.joint,
        "side": case.side,
        "images": [row for row, _ in study.images(task)],
        "items": [item.model_dump(mode="json", exclude={"modalities"}) for item in store.items(task)],
        "version": task.version,
        "answer": store.answer(task),
        "measurements": study.measurements(task),
    }
    if not told["images"]:
        told["elsewhere"] = case.id  # read in another viewer, where it is known by this name
    if session.kind == "training" and task.version:
        told["feedback"] = case.truth
    if session.kind == "adjudication" and protocol.blinding.show_reads_to_adjudicator:
        told["reads"] = reads_to_settle(store, task)
    return told


def describe_turn(study: Study, reader: str) -> dict[str, Any]:
    """Return what a reader is to do now, and how far they are."""
    turn = study.store.turn(reader)
    told: dict[str, Any] = {
        "study": study.protocol.title or study.protocol.name,
        "done": turn.done,
        "total": turn.total,
        "reason": turn.reason,
        "edits": study.protocol.edits,
        "task": None,
    }
    if turn.task is not None:
        told["task"] = _describe(study, turn.task)
    return told


def list_answered(study: Study, reader: str) -> list[dict[str, Any]]:
    """Return the reader's own answered reads, in their order."""
    return [
        {"code": task.code, "version": task.version, "position": number}
        for number, task in enumerate(study.store.tasks(reader), start=1)
        if task.version
    ]
