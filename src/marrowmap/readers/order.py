"""In which order a reader meets the cases: drawn from the protocol's seed, the same on every machine and for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from marrowmap.readers.protocol import Case
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import Reader
from marrowmap.readers.protocol import Session


@dataclass(frozen=True)
class Read:
    """One case to be read once by one reader.

    Parameters
    ----------
    reader, session, case : str
    modalities : tuple of str
        Shown together.
    """

    reader: str
    session: str
    case: str
    modalities: tuple[str, ...]


def _rank(*parts: object) -> str:
    """Return a number as text that is uniform over its arguments: sorting by it is a fair shuffle.

    A digest rather than a random generator, whose stream may change with the library's version.
    """
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def _apart(cases: Sequence[Case]) -> list[Case]:
    """Move episodes of one person apart where they would follow each other: the second would not be read afresh."""
    left = list(cases)
    ordered: list[Case] = []
    while left:
        before = ordered[-1].person if ordered else None
        counts: dict[str, int] = {}
        for case in left:
            counts[case.person] = counts.get(case.person, 0) + 1
        # A person with more than half of what is left must come now, or two of theirs will meet in the end.
        crowded = [case for case in left if counts[case.person] * 2 > len(left) and case.person != before]
        others = [case for case in left if case.person != before]
        chosen = (crowded or others or left)[0]
        ordered.append(chosen)
        left.remove(chosen)
    return ordered


def reads_of(protocol: Protocol, reader: Reader, session: Session) -> tuple[Read, ...]:
    """Return what a reader reads in a session, in order.

    Separate modalities come one after the other, as the session lists them, each in an order of its own: a case's place
    tells nothing of it. Adjudication has no reads before readers have disagreed. Software learns nothing from training
    and says the same again: it has neither training nor repeats.
    """
    if session.kind == "adjudication" or reader.role == "adjudicator":
        return ()
    if reader.role == "software" and (session.kind == "training" or session.repeats):
        return ()
    shown = [session.modalities] if session.view == "combined" else [(modality,) for modality in session.modalities]
    reads = []
    for modalities in shown:
        cases = sorted(
            protocol.cases_for(reader, session),
            key=lambda case, seen=modalities: _rank(protocol.seed, reader.id, session.id, "+".join(seen), case.id),  # type: ignore[misc]
        )
        reads += [Read(reader.id, session.id, case.id, tuple(modalities)) for case in _apart(cases)]
    return tuple(reads)
