"""Refuses evidence that says what nobody can check: ``python -m marrowmap.reasoning.lint``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from marrowmap.errors import InputError
from marrowmap.reasoning.items import ITEMS
from marrowmap.reasoning.literature import Count
from marrowmap.reasoning.literature import ItemEvidence
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import Stated
from marrowmap.reasoning.literature import shipped
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS

JOINTS = ("hip", "knee", "ankle", "any")


def complaints(literature: Literature) -> list[str]:
    """Return what is wrong with the evidence, one line each; empty if nothing is."""
    found = [line for item in literature.items.values() for line in _of_item(item, literature)]
    for group in literature.groups:
        leads = [item.item for item in literature.items.values() if item.group == group.name and item.is_lead]
        if len(leads) != 1:
            found.append(f"model.toml: group {group.name!r} needs one lead, has {len(leads)} ({', '.join(leads)})")
    covered = set(literature.items) | set(literature.unused)
    found += [
        f"model.toml: {sign} has no evidence file and no reason in [[unused]]" for sign in SIGNS if sign not in covered
    ]
    return found


def require_sound(literature: Literature) -> None:
    """Raise unless every row can be checked.

    Raises
    ------
    InputError
        With the first complaint.
    """
    found = complaints(literature)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(f"evidence: {found[0]}{more}")


def _of_item(item: ItemEvidence, literature: Literature) -> Iterator[str]:
    where = f"{item.item}.toml"
    if item.item not in ITEMS:
        yield f"{where}: unknown sign {item.item!r}: use one of {', '.join(ITEMS)}"
    if item.group not in {group.name for group in literature.groups}:
        yield f"{where}: unknown group {item.group!r}"
    if not item.counts and not item.stated:
        yield f"{where}: holds no row"
    for number, count in enumerate(item.counts, 1):
        yield from (f"{where}, count {number}: {line}" for line in _of_count(count, literature))
    for number, stated in enumerate(item.stated, 1):
        yield from (f"{where}, stated {number}: {line}" for line in _of_stated(stated, item, literature))
    seen: set[tuple[str, bool]] = set()
    for stated in item.stated:
        if (stated.entity, stated.otherwise) in seen:
            yield f"{where}: two beliefs of {stated.entity or 'all'}: keep one"
        seen.add((stated.entity, stated.otherwise))


def _of_source(source: str, confidence: str, literature: Literature) -> Iterator[str]:
    if not source.strip():
        yield "has no source: name one of sources.toml"
    elif source not in literature.sources:
        yield f"unknown source {source!r}: add it to sources.toml"
    if confidence not in literature.model["counts"]["confidence"]:
        yield f"confidence {confidence!r} is none of {', '.join(literature.model['counts']['confidence'])}"


def _of_count(count: Count, literature: Literature) -> Iterator[str]:
    yield from _of_source(count.source, count.confidence, literature)
    if count.entity not in ENTITIES:
        yield f"unknown entity {count.entity!r}: use one of {', '.join(ENTITIES)}"
    if count.assessed < 1:
        yield f"{count.assessed} people assessed: give at least one"
    elif not 0 <= count.present <= count.assessed:
        percent = 100 * count.present / count.assessed
        yield f"{count.present} of {count.assessed} is {percent:.0f} %: a share lies within 0 and 100 %"
    if count.joint not in JOINTS:
        yield f"joint {count.joint!r} is none of {', '.join(JOINTS)}"
    if count.fit not in literature.model["counts"]["fit"]:
        yield f"fit {count.fit!r} is none of {', '.join(literature.model['counts']['fit'])}"
    for field, text in (("population", count.population), ("compared_with", count.compared_with)):
        if not text.strip():
            yield f"{field} is empty: say who was counted and against whom"


def _of_stated(stated: Stated, item: ItemEvidence, literature: Literature) -> Iterator[str]:
    yield from _of_source(stated.source, stated.confidence, literature)
    if stated.entity and stated.entity not in ENTITIES:
        yield f"unknown entity {stated.entity!r}: use one of {', '.join(ENTITIES)}"
    if not stated.entity and item.is_lead and not stated.otherwise:
        yield "names no entity"
    if stated.belief not in literature.model["beliefs"]:
        yield f"belief {stated.belief!r} is none of {', '.join(literature.model['beliefs'])}"
    if not stated.why.strip():
        yield "says no reason: a belief without one is a guess"


def main() -> int:
    """Print what is wrong with the shipped evidence; return 0 if nothing is, else 3."""
    try:
        literature = shipped()
    except InputError as error:
        print(f"evidence: {error}", file=sys.stderr)
        return error.exit_code
    found = complaints(literature)
    for line in found:
        print(line, file=sys.stderr)
    rows = sum(len(item.counts) for item in literature.items.values())
    beliefs = sum(len(item.stated) for item in literature.items.values())
    print(f"{len(literature.items)} evidence files, {rows} counts, {beliefs} beliefs: {len(found)} complaints")
    return InputError.exit_code if found else 0


if __name__ == "__main__":
    sys.exit(main())
