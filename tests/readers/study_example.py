"""A small study to test with: two readers, three episodes of two people, two modalities read apart, then together."""

from __future__ import annotations

import copy
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

from marrowmap.readers.forms import Form
from marrowmap.readers.forms import forms_of
from marrowmap.readers.forms import parse_form
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import parse_as
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_create import create_study
from marrowmap.readers.storage_engine import open_engine

SHORT_FORM = """
schema = "marrowmap-form/1"
name = "short"
title = "Two items"
source = "for tests"
[[items]]
name = "edema"
kind = "state"
label = "Edema"
[[items]]
name = "grade"
kind = "ordinal"
label = "Grade"
levels = ["none", "some", "much"]
optional = true
"""

DOCUMENT: dict[str, Any] = {
    "schema": "marrowmap-study/1",
    "name": "small",
    "seed": 7,
    "readers": [{"id": "r1"}, {"id": "r2"}, {"id": "judge", "role": "adjudicator"}],
    "cases": [
        {
            "id": name,
            "person": person,
            "side": side,
            "images": [{"modality": "mr"}, {"modality": "dx"}],
            "training": name == "t1",
            "truth": {"edema": "present"} if name == "t1" else {},
        }
        for name, person, side in (
            ("e1", "p1", "left"),
            ("e2", "p1", "right"),
            ("e3", "p2", "left"),
            ("t1", "p3", "left"),
        )
    ],
    "sessions": [
        {"id": "train", "kind": "training", "modalities": ["mr"], "form": "short.toml"},
        {"id": "first", "modalities": ["mr", "dx"], "form": "short.toml"},
        {"id": "both", "modalities": ["mr", "dx"], "view": "combined", "form": "short.toml"},
        {
            "id": "again",
            "modalities": ["mr", "dx"],
            "form": "short.toml",
            "repeats": "first",
            "washout_days": 14,
        },
        {"id": "settle", "kind": "adjudication", "of": "first", "form": "short.toml"},
    ],
}


def document() -> dict[str, Any]:
    """A copy to change."""
    return copy.deepcopy(DOCUMENT)


def protocol(changed: dict[str, Any] | None = None) -> Protocol:
    return parse_as(Protocol, changed or DOCUMENT, "study.toml")


def form_texts(folder: Path) -> dict[str, str]:
    (folder / "short.toml").write_text(SHORT_FORM, encoding="utf-8")
    return forms_of(protocol(), folder)


def forms() -> dict[str, Form]:
    return {"short.toml": parse_form(SHORT_FORM, "short.toml")}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=timezone.utc)  # noqa: UP017

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=30)
        return self.now


def make_store(
    folder: Path, changed: dict[str, Any] | None = None, clock: Clock | None = None, database: str | None = None
) -> Store:
    folder.mkdir(exist_ok=True)
    return create_study(open_engine(folder, database), protocol(changed), form_texts(folder), clock or Clock())


def say(state: str, confidence: float | None = 80, **more: Any) -> dict[str, Any]:
    """An answer of the short form."""
    return {"edema": {"state": state, "confidence": None if state == "not_assessable" else confidence}, **more}


def read_all(store: Store, reader: str, session: str, state: str = "present") -> None:
    """Answer what comes until the session is over."""
    while True:
        task = store.turn(reader).task
        if task is None or task.read.session != session:
            return
        store.save(reader, task.code, say(state))
