"""Whether a protocol makes a sound study: refusals in one line each, and notes on what it cannot tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from marrowmap.errors import InputError
from marrowmap.readers.forms import Form
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import Session


def _require_unique(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"protocol: {what} {twice[0]!r} is there twice: give each its own id")


def _require_known(where: str, names: Iterable[str], known: Iterable[str], what: str) -> None:
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise InputError(f"protocol: {where} names {what} {name!r}, which is not there: use one of {allowed[:8]}")


def _require_blocks(protocol: Protocol) -> None:
    readers = [reader for reader in protocol.readers if reader.role == "reader"]
    cases = [case for case in protocol.cases if not case.training]
    for what, named in (("reader", readers), ("case", cases)):
        for one in named:
            if not one.block:
                raise InputError(
                    f"protocol: {what} {one.id!r} has no block, which a split-plot design needs: add block"
                )
    for block in sorted({case.block for case in cases} ^ {reader.block for reader in readers}):
        lacks = "reader" if any(case.block == block for case in cases) else "case"
        raise InputError(f"protocol: block {block!r} has no {lacks}: a split-plot design needs both in each block")


def _require_design(protocol: Protocol) -> None:
    ids = [case.id for case in protocol.cases]
    if protocol.design == "split_plot":
        _require_blocks(protocol)
    if protocol.design != "partial":
        if protocol.assignments:
            raise InputError(f"protocol: assignments belong to design 'partial', this is {protocol.design!r}")
        return
    readers = [reader.id for reader in protocol.readers if reader.role == "reader"]
    _require_known("an assignment", (row.reader for row in protocol.assignments), readers, "reader")
    for row in protocol.assignments:
        _require_known(f"the assignment of {row.reader!r}", row.cases, ids, "case")
    assigned = {name for row in protocol.assignments for name in row.cases}
    for reader in readers:
        if not any(row.reader == reader and row.cases for row in protocol.assignments):
            raise InputError(f"protocol: reader {reader!r} has no case: add it to assignments")
    for case in protocol.cases:
        if not case.training and case.id not in assigned:
            raise InputError(f"protocol: case {case.id!r} is read by nobody: add it to assignments")


def _require_images(protocol: Protocol, session: Session) -> None:
    cases = protocol.cases_of(session)
    if not cases:
        what = "training case (training = true)" if session.kind == "training" else "case"
        raise InputError(f"protocol: session {session.id!r} has no {what}: add one or leave the session out")
    for case in cases:
        for modality in session.modalities:
            for time_point in session.time_points:
                if case.image(modality, time_point) is None:
                    raise InputError(
                        f"protocol: case {case.id!r} has no {modality} at {time_point!r}, which session "
                        f"{session.id!r} shows: add it to the case's images or name the session's cases"
                    )


def _require_forms(protocol: Protocol, session: Session, form: Form) -> None:
    shown = [(name,) for name in session.modalities] if session.view == "separate" else [session.modalities]
    for modalities in shown:
        if not form.items_for(modalities):
            raise InputError(
                f"protocol: form {session.form!r} has no item for {'+'.join(modalities)}, which session {session.id!r} "
                "shows: use another form"
            )
    if session.kind != "training":
        return
    names = {item.name for item in form.items}
    for case in protocol.cases_of(session):
        if not case.truth:
            raise InputError(f"protocol: training case {case.id!r} has no truth to give as feedback: add cases.truth")
        _require_known(f"the truth of case {case.id!r}", case.truth, names, "item")


def _require_adjudication(protocol: Protocol, session: Session, earlier: dict[str, Session]) -> None:
    if session.of not in earlier or earlier[session.of].kind != "reading":
        raise InputError(
            f"protocol: session {session.id!r} adjudicates {session.of!r}, which is no reading session before it: "
            "set of to one"
        )
    if not any(reader.role == "adjudicator" for reader in protocol.readers):
        raise InputError(f"protocol: session {session.id!r} needs a reader with role 'adjudicator': add one")
    if session.modalities or session.cases:
        raise InputError(
            f"protocol: session {session.id!r} shows what {session.of!r} showed: leave out modalities and cases"
        )


def _require_session(protocol: Protocol, session: Session, earlier: dict[str, Session], form: Form) -> None:
    if session.kind == "adjudication":
        _require_adjudication(protocol, session, earlier)
        return
    if session.of:
        raise InputError(f"protocol: session {session.id!r} is no adjudication: leave out of")
    if not session.modalities:
        raise InputError(f"protocol: session {session.id!r} shows nothing: add modalities")
    if len(set(session.modalities)) < len(session.modalities):
        raise InputError(f"protocol: session {session.id!r} names a modality twice: name each once")
    _require_known(f"session {session.id!r}", session.cases, (case.id for case in protocol.cases), "case")
    if session.repeats:
        first = earlier.get(session.repeats)
        if first is None or first.kind != "reading":
            raise InputError(
                f"protocol: session {session.id!r} repeats {session.repeats!r}, which is no reading session before it"
            )
        if (first.modalities, first.view, first.form) != (session.modalities, session.view, session.form):
            raise InputError(
                f"protocol: session {session.id!r} repeats {first.id!r} with other modalities, view or form: a repeat "
                "must show the same"
            )
    _require_images(protocol, session)
    _require_forms(protocol, session, form)


def require_sound(protocol: Protocol, forms: dict[str, Form]) -> None:
    """Raise unless the protocol makes a study that can be run.

    Parameters
    ----------
    protocol : Protocol
    forms : dict of str to Form
        By the name sessions call them.

    Raises
    ------
    InputError
        With the first thing that is wrong, where, and what to do.
    """
    _require_unique("reader", (reader.id for reader in protocol.readers))
    _require_unique("case", (case.id for case in protocol.cases))
    _require_unique("session", (session.id for session in protocol.sessions))
    for case in protocol.cases:
        shown = Counter((image.modality, image.time_point) for image in case.images)
        for (modality, time_point), count in shown.items():
            if count > 1:
                raise InputError(
                    f"protocol: case {case.id!r} has {modality} at {time_point!r} twice: give one folder for both"
                )
    if not any(reader.role == "reader" for reader in protocol.readers):
        raise InputError("protocol: there is no reader (role 'reader'): add one")
    if not any(session.kind == "reading" for session in protocol.sessions):
        raise InputError("protocol: there is no session of kind 'reading': add one")
    _require_design(protocol)
    earlier: dict[str, Session] = {}
    for session in protocol.sessions:
        _require_session(protocol, session, earlier, forms[session.form])
        earlier[session.id] = session


def _notes_on_blocks(protocol: Protocol) -> list[str]:
    blocks_of: dict[str, set[str]] = {}
    for case in protocol.cases:
        if not case.training:
            blocks_of.setdefault(case.person, set()).add(case.block)
    notes = [
        f"person {person} has cases in blocks {' and '.join(sorted(blocks))}: blocks are not independent"
        for person, blocks in blocks_of.items()
        if len(blocks) > 1
    ]
    sizes = Counter(reader.block for reader in protocol.readers if reader.role == "reader")
    if max(sizes.values()) == 1:
        notes.append("one reader in each block: agreement between readers is not defined")
    return notes


def notes_on(protocol: Protocol) -> tuple[str, ...]:
    """Say what a sound protocol cannot tell, or where it departs from what readers of its paper will expect."""
    notes = []
    readers = [reader for reader in protocol.readers if reader.role == "reader"]
    cases = [case for case in protocol.cases if not case.training]
    people = {case.person for case in cases}
    repeated = [session for session in protocol.sessions if session.repeats]
    if len(readers) == 1:
        notes.append("one reader: agreement between readers is not defined, only with a repeat or a reference")
    if len(cases) == 1:
        notes.append("one case: no agreement beyond chance, no interval and no comparison is defined")
    if len(people) < len(cases):
        notes.append(f"{len(cases)} cases of {len(people)} people: intervals are to be computed by person")
    if protocol.design == "split_plot":
        notes += _notes_on_blocks(protocol)
    if not repeated:
        notes.append("no session repeats another: agreement of readers with themselves is not measured")
    notes += [
        f"session {session.id} repeats {session.repeats} without washout: readers may remember"
        for session in repeated
        if not session.washout_days
    ]
    trained = {case.person for case in protocol.cases if case.training}
    both = sorted(trained & people)
    if both:
        notes.append(f"person {both[0]} is in training and in reading: the read is not of a new person")
    if any(not image.source for case in protocol.cases for image in case.images):
        notes.append("some images have no source: those cases are read elsewhere and imported as CSV")
    return tuple(notes)
