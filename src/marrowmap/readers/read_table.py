"""The reads of one item as a table, cases by readers, as statistics want them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.ingest.reads_csv import Rating

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class ReadTable:
    """One item's reads.

    Parameters
    ----------
    readers : tuple of str
        Of the columns; for repeated reads of one reader, the number of the read.
    categories : tuple of str
        In order, where they have one.
    codes : (cases, readers) array of int
        Category of each read, -1 where missing.
    positions : (categories,) array or None
        Where categories stand on their scale, ascending; None for names without an order.
    numbers : (cases, readers) array or None
        The values, not a number where missing; None where values are words.
    people : (cases,) array of int
        Person of each case, numbered from 0.
    """

    readers: tuple[str, ...]
    categories: tuple[str, ...]
    codes: Ints
    positions: Floats | None
    numbers: Floats | None
    people: Ints


def natural_order(names: Iterable[str]) -> list[str]:
    """Return different names in order, numbers by size and before words."""

    def key(name: str) -> tuple[bool, float, str]:
        number = as_number(name)
        return (number is None, 0.0 if number is None else number, name)

    return sorted(set(names), key=key)


def as_number(text: str) -> float | None:
    """Return a finite number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def first_reads(ratings: Sequence[Rating]) -> list[Rating]:
    """Return each reader's first answer to each case, by the order of sessions, of the ratings of one item."""
    order = {session: n for n, session in enumerate(natural_order(rating.session for rating in ratings))}
    first: dict[tuple[str, str], Rating] = {}
    for rating in sorted((rating for rating in ratings if rating.value), key=lambda r: order[r.session]):
        first.setdefault((rating.case, rating.reader), rating)
    return list(first.values())


def repeated_reads(ratings: Sequence[Rating], reader: str) -> list[Rating]:
    """Return one reader's answers to the cases read more than once, the number of the read in place of the reader."""
    order = {session: n for n, session in enumerate(natural_order(rating.session for rating in ratings))}
    of_case: dict[str, list[Rating]] = {}
    for rating in ratings:
        if rating.reader == reader and rating.value:
            of_case.setdefault(rating.case, []).append(rating)
    return [
        Rating(read.case, read.person, str(number), read.session, read.item, read.value)
        for reads in of_case.values()
        if len(reads) > 1
        for number, read in enumerate(sorted(reads, key=lambda r: order[r.session]), start=1)
    ]


def make_table(ratings: Sequence[Rating], scale: Sequence[str] = ()) -> ReadTable:
    """Arrange answers, one a case and reader, as a table.

    Parameters
    ----------
    ratings : sequence of Rating
        Of one item, none of them empty.
    scale : sequence of str
        All categories in their order; empty: those that occur, in order only if all are numbers.
    """
    readers, cases = (natural_order(r.reader for r in ratings), natural_order(r.case for r in ratings))
    categories = tuple(scale) or tuple(natural_order(r.value for r in ratings))
    values = [as_number(category) for category in categories]
    known = [value for value in values if value is not None]
    numeric = len(known) == len(values)
    if not scale and numeric:
        # 1 and 1.0 are one category.
        known = sorted(set(known))
        categories = tuple(f"{value:g}" for value in known)
        code_of = {r.value: known.index(float(r.value)) for r in ratings}
    else:
        code_of = {category: n for n, category in enumerate(categories)}
    row = {case: n for n, case in enumerate(cases)}
    column = {reader: n for n, reader in enumerate(readers)}
    codes = np.full((len(cases), len(readers)), -1, dtype=np.intp)
    person_of = {}
    for rating in ratings:
        codes[row[rating.case], column[rating.reader]] = code_of[rating.value]
        person_of[rating.case] = rating.person
    _, people = np.unique([person_of[case] for case in cases], return_inverse=True)
    positions = np.array(known) if numeric else np.arange(len(categories), dtype=float)
    ordered = bool(scale) or numeric
    return ReadTable(
        readers=tuple(readers),
        categories=categories,
        codes=codes,
        positions=positions if ordered else None,
        numbers=np.where(codes >= 0, np.array(known)[codes], np.nan) if numeric else None,
        people=people.astype(np.intp),
    )
