"""What a report is made of: tables, pictures, sections. HTML and PDF only lay them out."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.report.canvas import Picture


@dataclass(frozen=True)
class Table:
    """A table of strings; columns in `numeric` are set flush right, the last is the wide one with `text_last`."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    state_column: int | None = None
    text_last: bool = False


@dataclass(frozen=True)
class Plate:
    """A picture with what a reader needs to judge it."""

    number: int
    title: str
    text: str
    good: str
    bad: str
    picture: Picture


@dataclass(frozen=True)
class Section:
    """One section; `level` 2 stands in the table of contents, 3 below its predecessor."""

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plates: tuple[Plate, ...] = ()
    level: int = 2


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    notice: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    version: str
