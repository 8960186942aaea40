"""What a study's protocol and answers can fill of GRRAS and STARD; the rest is the authors' to write."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from marrowmap.readers.protocol import Protocol
from marrowmap.readers.storage import Store

LEFT = "for the authors to write"
LISTS = ("grras", "stard")


def _planned(protocol: Protocol) -> str:
    readers = [reader for reader in protocol.readers if reader.role == "reader"]
    cases = [case for case in protocol.cases if not case.training]
    repeats = [session for session in protocol.sessions if session.repeats]
    text = (
        f"{len(readers)} readers, {len(cases)} cases of {len({case.person for case in cases})} people, design "
        f"{protocol.design.replace('_', ' ')}, {len(repeats)} repeated session{'' if len(repeats) == 1 else 's'}"
    )
    return f"{text}. How the number was chosen: {LEFT}"


def _process(protocol: Protocol) -> str:
    parts = []
    for session in protocol.sessions:
        shown = "+".join(session.modalities) or f"what {session.of!r} showed"
        washout = f", {session.washout_days:g} days after the one before" if session.washout_days else ""
        parts.append(f"{session.id} ({session.kind}, {shown}, {session.view}{washout})")
    given = "our measurements" if protocol.blinding.show_measurements else "nothing but pixels and the joint to judge"
    return (
        f"Sessions in order: {'; '.join(parts)}. Readers were shown {given}; cases under names that differ by reader, "
        f"session and modality; order drawn from seed {protocol.seed} for each reader and session"
    )


def _actual(store: Store) -> str:
    tasks = [task for task in store.tasks() if store.protocol.session(task.read.session).kind == "reading"]
    done = sum(task.version > 0 for task in tasks)
    edits = sum(answer.version > 1 for answer in store.answers())
    return f"{done} of {len(tasks)} planned reads done, {edits} answers edited, every version kept"


def _fillers(store: Store, results: Mapping[str, Any]) -> dict[str, str]:
    protocol = store.protocol
    forms = ", ".join(f"{form.name} ({form.title})" for form in store.forms.values())
    estimates = "see the tables of agreement" + (" and of accuracy" if results["accuracy"] else "")
    filled = {
        "instrument": f"Reading forms {forms}, in marrowmap's reading page, terminal or tables",
        "planned": _planned(protocol),
        "process": _process(protocol),
        "independence": "Each reader saw no other reader's answers"
        + (
            "; the adjudicator saw them without names"
            if protocol.blinding.show_reads_to_adjudicator
            else "; nor did the adjudicator"
            if any(reader.role == "adjudicator" for reader in protocol.readers)
            else ""
        ),
        "statistics": "Percent agreement, Fleiss and Cohen kappa, Gwet AC1, Krippendorff alpha, intraclass "
        "correlation, limits of agreement; 95 % intervals by jackknife or bootstrap over people, exact where all "
        "cases are alike",
        "actual": _actual(store),
        "estimates": estimates,
        "details": "Every answer is in answers.csv and answers.json, the trail in events.csv",
        "indeterminate": "Undetermined and not assessable are categories of their own in agreement; in accuracy they "
        "are counted apart and enter neither sensitivity nor specificity",
        "missing": "Missing reads are left out pairwise in agreement",
        "flow": f"{_actual(store)}. Who was found, left out and lost: {LEFT}",
        "protocol": f"Protocol {protocol.name}, SHA-256 {store.digest}, frozen before the first read. Where it can be "
        f"read: {LEFT}",
    }
    if results["accuracy"]:
        filled |= {
            "reference": f"The truth stated in the protocol. How it was found: {LEFT}",
            "cutoffs": "A sign counts as positive where the reader called it present",
            "variability": "By reader: see the tables",
            "cross": "See the table of accuracy: true and false positives and negatives by reader",
        }
    return filled


def fill_checklists(store: Store, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the check-lists with what can be filled in.

    Returns
    -------
    list of dict
        ``name, citation, rows``; of a row ``number, asks, text, filled``.
    """
    filled = _fillers(store, results)
    lists = []
    for name in LISTS:
        text = resources.files("marrowmap.readers").joinpath("reporting", f"{name}.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text)
        rows = []
        for item in document["items"]:
            words = filled.get(item.get("filled_by", ""))
            rows.append(
                {"number": item["number"], "asks": item["asks"], "text": words or LEFT, "filled": words is not None}
            )
        lists.append({"name": document["name"], "citation": document["citation"], "rows": rows})
    return lists
