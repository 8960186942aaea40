"""What a protocol knows of the truth of a case, and how reads stand to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrowmap.readers.accuracy import sensitivity
from marrowmap.readers.accuracy import specificity
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.protocol import Case
from marrowmap.values import State

SAMPLES = 2000


def item_label(modalities: Sequence[str], item: str) -> str:
    """Return an item's name with what was shown: the same sign on MRI and on a radiograph are two items."""
    return f"{'+'.join(modalities)}.{item}"


def truth_of(case: Case, modalities: Sequence[str], item: str) -> str | int | float | None:
    """Return the truth of an item: that of what was shown (``mr.head_collapse``), else that of the joint."""
    return case.truth.get(item_label(modalities, item), case.truth.get(item))


def is_positive(truth: str | float) -> bool:
    """Say whether a truth is a positive one: present, or a number above 0."""
    return truth == State.PRESENT.value if isinstance(truth, str) else truth > 0


@dataclass(frozen=True)
class CrossTable:
    """One reader's states of one sign against the truth.

    Parameters
    ----------
    true_positive, false_negative, false_positive, true_negative : int
        Called present or absent.
    undecided : int
        Undetermined or not assessable: counted apart, neither right nor wrong.
    sensitivity, specificity : Estimate
        Of the decided reads.
    """

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int
    undecided: int
    sensitivity: Estimate
    specificity: Estimate


def cross_table(states: Sequence[str], truths: Sequence[bool], people: Sequence[str], *, seed: int) -> CrossTable:
    """Set states against the truth, one of each for each case."""
    decided = np.array([state in (State.PRESENT.value, State.ABSENT.value) for state in states], bool)
    called = np.array([state == State.PRESENT.value for state in states], bool)[decided]
    truth = np.array(truths, bool)[decided]
    _, numbers = np.unique(np.array(people, str)[decided], return_inverse=True)
    return CrossTable(
        true_positive=int((called & truth).sum()),
        false_negative=int((~called & truth).sum()),
        false_positive=int((called & ~truth).sum()),
        true_negative=int((~called & ~truth).sum()),
        undecided=int((~decided).sum()),
        sensitivity=sensitivity(called, truth, numbers, samples=SAMPLES, seed=seed),
        specificity=specificity(called, truth, numbers, samples=SAMPLES, seed=seed),
    )
