"""Virtual readers: they know the truth and err at stated rates. They test a study's machinery, not a radiologist."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from marrowmap.errors import InputError
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.protocol import Case
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_rows import Task
from marrowmap.readers.truth import is_positive
from marrowmap.readers.truth import truth_of
from marrowmap.values import State


@dataclass(frozen=True)
class VirtualReader:
    """How one virtual reader errs.

    Parameters
    ----------
    sensitivity, specificity : float
        Chance to call a present sign present, an absent one absent.
    undetermined : float
        Chance to leave a sign open.
    separation : float
        Distance of the latent normal distributions behind a suspicion of 0 to 100, in their standard deviation: the
        area under the ROC curve is Phi(separation / sqrt 2).
    """

    sensitivity: float
    specificity: float
    undetermined: float
    separation: float


def _random(seed: int, task: Task, item: str) -> np.random.Generator:
    """Return a stream of its own for each read and item: nothing depends on the order of reading."""
    read = task.read
    text = "\x1f".join((str(seed), read.reader, read.session, read.case, *read.modalities, item))
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def _answer(item: Item, case: Case, task: Task, reader: VirtualReader, rng: np.random.Generator) -> Any:
    truth = truth_of(case, task.read.modalities, item.name)
    if isinstance(item, NumberItem):
        if truth is None:
            raise InputError(f"case {case.id!r} has no truth for item {item.name!r}: a virtual reader cannot read it")
        latent = rng.normal((0.5 if is_positive(truth) else -0.5) * reader.separation)
        return round(item.low + (item.high - item.low) * float(ndtr(latent)))
    if not isinstance(item, StateItem):
        if item.optional:
            return None
        raise InputError(f"item {item.name!r}: virtual readers judge signs and give numbers only: use another form")
    if truth is None or truth == State.NOT_ASSESSABLE.value:
        return {"state": State.NOT_ASSESSABLE.value, "confidence": None}
    if rng.random() < reader.undetermined:
        return {"state": State.UNDETERMINED.value, "confidence": int(rng.integers(20, 60))}
    positive = is_positive(truth)
    right = rng.random() < (reader.sensitivity if positive else reader.specificity)
    called = State.PRESENT if positive == right else State.ABSENT
    low, high = (70, 100) if right else (50, 85)
    return {"state": called.value, "confidence": int(rng.integers(low, high + 1))}


def read_virtually(store: Store, name: str, reader: VirtualReader, *, seed: int) -> int:
    """Let a virtual reader read all that is open to it, in its order and through the storage of any reader.

    Returns
    -------
    int
        Reads done.
    """
    done = 0
    while (task := store.turn(name).task) is not None:
        case = store.protocol.case(task.read.case)
        values = _answers(store.items(task), case, task, reader, seed)
        store.save(name, task.code, values, origin="virtual")
        done += 1
    return done


def _answers(items: Sequence[Item], case: Case, task: Task, reader: VirtualReader, seed: int) -> dict[str, Any]:
    given = {item.name: _answer(item, case, task, reader, _random(seed, task, item.name)) for item in items}
    return {name: value for name, value in given.items() if value is not None}
