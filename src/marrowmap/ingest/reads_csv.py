"""What readers answered, from tables: ratings for agreement, scores with truth for accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marrowmap.errors import InputError
from marrowmap.ingest.csv_text import bare_cell
from marrowmap.ingest.csv_text import read_csv_rows
from marrowmap.ingest.csv_text import read_csv_text

RATING_COLUMNS = ("case", "person", "reader", "session", "item", "value")
SCORE_COLUMNS = ("case", "person", "truth", "reader", "modality", "score")
BLOCK_COLUMN = "block"
"""Of a split-plot study's scores: whose readers read whose cases."""

_TRUTHS = {"0": False, "1": True}


@dataclass(frozen=True)
class Rating:
    """One answer: a reader's `value` for an `item` of a `case` of a `person` in a `session`; empty if not given."""

    case: str
    person: str
    reader: str
    session: str
    item: str
    value: str


@dataclass(frozen=True)
class Score:
    """One reader's confidence that a `case` is positive, seen in one `modality`; `score` is None if not given.

    `block` is that of case and reader in a split-plot study, else empty.
    """

    case: str
    person: str
    truth: bool
    reader: str
    modality: str
    score: float | None
    block: str = ""


def read_ratings_csv(
    path: Path, *, readers: Sequence[str] = (), scales: Mapping[str, Sequence[str]] | None = None
) -> tuple[tuple[Rating, ...], tuple[str, ...]]:
    """Read a table of ratings, one answer a line; returns them with notes on what was done to read them.

    Parameters
    ----------
    path : Path
        CSV with the columns case, person, reader, session, item, value. Empty values are missing reads.
    readers : sequence of str
        All readers of the study; empty: those of the table.
    scales : mapping
        Categories of an item; the item ``""`` stands for all items without their own.

    Raises
    ------
    InputError
        If a column or a name is missing, a reader or category is unknown, a case belongs to two people, or a reader
        answered an item of a case twice in one session; the message names file and line.
    """
    known = dict(scales or {})
    answered: dict[tuple[str, ...], int] = {}
    owners: dict[str, str] = {}
    ratings: list[Rating] = []
    rows, notes = _rows(path, RATING_COLUMNS)
    for line, cells in rows:
        where = f"{path.name}, line {line}"
        _require_names(cells, RATING_COLUMNS[:-1], where)
        rating = Rating(**cells)
        _require_reader(rating.reader, readers, where)
        _require_one_person(rating.case, rating.person, owners, where)
        scale = known.get(rating.item, known.get("", ()))
        if rating.value and scale and rating.value not in scale:
            raise InputError(f"{where}: value {rating.value!r} of {rating.item} is none of {', '.join(scale)}")
        _require_first(
            answered,
            (rating.case, rating.reader, rating.session, rating.item),
            line,
            f"{where}: reader {rating.reader} answered {rating.item} of case {rating.case} twice in session "
            f"{rating.session}",
        )
        ratings.append(rating)
    if not any(rating.value for rating in ratings):
        raise InputError(f"{path.name}: no answer in it: give one line an answer")
    strange = sorted(set(known) - {""} - {rating.item for rating in ratings})
    if strange:
        raise InputError(f"{path.name}: no item {strange[0]!r}, for which a scale is given: check its name")
    return tuple(ratings), tuple(notes)


def read_scores_csv(path: Path, *, readers: Sequence[str] = ()) -> tuple[tuple[Score, ...], tuple[str, ...]]:
    """Read a table of scores with the truth, one score a line; returns them with notes.

    Parameters
    ----------
    path : Path
        CSV with the columns case, person, truth (1 positive, 0 negative), reader, modality, score (a number that rises
        with confidence). Empty scores are missing reads. A column block says that the study is split-plot: readers
        read the cases of their own block.
    readers : sequence of str
        All readers of the study; empty: those of the table.

    Raises
    ------
    InputError
        If a column or name is missing, a reader is unknown, a case has two people or two truths, a case or reader two
        blocks, a score is no number, or a reader scored a case twice in one modality; the message names file and line.
    """
    answered: dict[tuple[str, ...], int] = {}
    owners: dict[str, str] = {}
    truths: dict[str, bool] = {}
    blocks: dict[tuple[str, str], str] = {}
    scores: list[Score] = []
    rows, notes = _rows(path, SCORE_COLUMNS, (BLOCK_COLUMN,))
    for line, cells in rows:
        where = f"{path.name}, line {line}"
        _require_names(cells, SCORE_COLUMNS[:-1], where)
        case, reader, modality = cells["case"], cells["reader"], cells["modality"]
        _require_reader(reader, readers, where)
        _require_one_person(case, cells["person"], owners, where)
        if cells["truth"] not in _TRUTHS:
            raise InputError(f"{where}: truth {cells['truth']!r}: write 1 for positive or 0 for negative")
        truth = _TRUTHS[cells["truth"]]
        if truths.setdefault(case, truth) != truth:
            raise InputError(f"{where}: case {case} has truth 0 and 1: keep one")
        _require_first(
            answered,
            (case, reader, modality),
            line,
            f"{where}: reader {reader} scored case {case} twice in modality {modality}",
        )
        block = cells[BLOCK_COLUMN]
        for what, name in (("case", case), ("reader", reader)):
            _require_one_block(what, name, block, blocks, where)
        scores.append(Score(case, cells["person"], truth, reader, modality, _number(cells["score"], where), block))
    _require_all_blocks(scores, path)
    if not any(score.score is not None for score in scores):
        raise InputError(f"{path.name}: no score in it: give one line a score")
    return tuple(scores), tuple(notes)


def _rows(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> tuple[Iterator[tuple[int, dict[str, str]]], list[str]]:
    text, notes = read_csv_text(path)
    rows = read_csv_rows(text, path.name)
    if len(rows) < 2:
        raise InputError(f"{path.name}: no line below the header: the columns are {','.join(columns)}")
    header = [cell.strip().lower() for cell in rows[0][1]]
    lacking = [column for column in columns if column not in header]
    if lacking:
        raise InputError(f"{path.name}: no column {lacking[0]!r} in the header: the columns are {','.join(columns)}")
    wanted = (*columns, *optional)
    double = [column for column in wanted if header.count(column) > 1]
    if double:
        raise InputError(f"{path.name}: column {double[0]!r} stands twice in the header: keep one")
    strange = [column for column in header if column and column not in wanted]
    if strange:
        notes.append(f"columns not known and not read: {', '.join(strange)}")

    def cells() -> Iterator[tuple[int, dict[str, str]]]:
        for line, row in rows[1:]:
            if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
                raise InputError(
                    f"{path.name}, line {line}: {len(row)} fields under {len(header)} columns: fill it up or remove it"
                )
            read = dict(zip(header, row, strict=False))
            yield line, {column: bare_cell(read.get(column, "").strip()) for column in wanted}

    return cells(), [f"{path.name}: {note}" for note in notes]


def _require_names(cells: Mapping[str, str], names: Sequence[str], where: str) -> None:
    for name in names:
        if not cells[name]:
            raise InputError(f"{where}: {name} is empty: every answer needs {', '.join(names)}")


def _require_reader(reader: str, readers: Sequence[str], where: str) -> None:
    if readers and reader not in readers:
        raise InputError(f"{where}: reader {reader!r} is none of the study's: {', '.join(readers)}")


def _require_one_person(case: str, person: str, owners: dict[str, str], where: str) -> None:
    if owners.setdefault(case, person) != person:
        raise InputError(f"{where}: case {case} is of person {person} here and of {owners[case]} above: keep one")


def _require_one_block(what: str, name: str, block: str, blocks: dict[tuple[str, str], str], where: str) -> None:
    if blocks.setdefault((what, name), block) != block:
        raise InputError(
            f"{where}: {what} {name} is in block {block or '(empty)'} here and in {blocks[what, name] or '(empty)'} "
            "above: readers read the cases of their own block; keep one"
        )


def _require_all_blocks(scores: Sequence[Score], path: Path) -> None:
    without = [score for score in scores if not score.block]
    if 0 < len(without) < len(scores):
        raise InputError(f"{path.name}: case {without[0].case} has no block, others have: name all or none")


def _require_first(answered: dict[tuple[str, ...], int], key: tuple[str, ...], line: int, complaint: str) -> None:
    if answered.setdefault(key, line) != line:
        raise InputError(f"{complaint} (lines {answered[key]} and {line}): keep one")


def _number(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{where}: score {text!r} is no number: write one that rises with confidence") from error
    if not math.isfinite(value):
        raise InputError(f"{where}: score {text!r} is not finite: leave it empty if it is missing")
    return value
