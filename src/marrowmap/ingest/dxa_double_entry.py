"""Two independent typings of the same densitometry records, compared field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from marrowmap.errors import InputError
from marrowmap.values import DensityRecord
from marrowmap.values import Menopause
from marrowmap.values import Side

_NOT_COMPARED = {"source", "place", "note", "last_digits"}
_SHOWN = 40


def compare_typings(first: Sequence[DensityRecord], again: Sequence[DensityRecord]) -> tuple[str, ...]:
    """List where two typings differ; numbers must be the same, texts may differ in case and spaces.

    Records are matched by person, date, region, side and vertebrae; those left over are matched in the order of their
    files, so that a mistyped date or side is named as such.
    """
    pairs, left, right = _match(first, again)
    differences = [line for one, other in pairs for line in _compare(one, other)]
    for one, other in zip(left, right, strict=False):
        differences += _compare(one, other)
    short = min(len(left), len(right))
    differences += [f"{record.where}: is not in the second typing" for record in left[short:]]
    differences += [f"{record.where}: is not in the first typing" for record in right[short:]]
    return tuple(differences)


def require_same_typing(first: Sequence[DensityRecord], again: Sequence[DensityRecord]) -> None:
    """Stop with the list of disagreements of two typings.

    Raises
    ------
    InputError
        If there is any.
    """
    differences = compare_typings(first, again)
    if differences:
        more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise InputError(
            f"the two typings disagree in {len(differences)} places, look them up: "
            f"{'; '.join(differences[:_SHOWN])}{more}"
        )


def _match(
    first: Sequence[DensityRecord], again: Sequence[DensityRecord]
) -> tuple[list[tuple[DensityRecord, DensityRecord]], list[DensityRecord], list[DensityRecord]]:
    waiting: dict[tuple[object, ...], list[DensityRecord]] = {}
    for record in again:
        waiting.setdefault(_key(record), []).append(record)
    pairs, left = [], []
    for record in first:
        same = waiting.get(_key(record))
        if same:
            pairs.append((record, same.pop(0)))
        else:
            left.append(record)
    matched = {id(other) for _, other in pairs}
    return pairs, left, [record for record in again if id(record) not in matched]


def _key(record: DensityRecord) -> tuple[object, ...]:
    return record.person.casefold(), record.date, record.site


def _compare(one: DensityRecord, other: DensityRecord) -> list[str]:
    lines = []
    for field in fields(DensityRecord):
        if field.name in _NOT_COMPARED:
            continue
        a, b = getattr(one, field.name), getattr(other, field.name)
        if _plain(a) != _plain(b):
            lines.append(f"{field.name} {_text(a)} ({one.where}) or {_text(b)} ({other.where})")
    return lines


def _plain(value: object) -> object:
    return value.casefold().split() if isinstance(value, str) else value


def _text(value: object) -> str:
    if isinstance(value, (Side, Menopause)):
        value = value.value
    if isinstance(value, tuple):
        value = ",".join(f"L{n}" for n in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value not in (None, "") else "empty"
