"""The rows of a table that people saved as CSV: whatever the separator and the letters' encoding."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from marrowmap.errors import InputError

_MAX_BYTES = 20_000_000
# Outlines of a reader study stand in one field; the file's size is the limit.
csv.field_size_limit(_MAX_BYTES)


_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet would run (OWASP, CSV injection), behind apostrophes or none."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def guard_cell(text: str) -> str:
    """Put an apostrophe before words that a spreadsheet would run as a formula; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def bare_cell(text: str) -> str:
    """Return what `guard_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def read_csv_text(path: Path) -> tuple[str, list[str]]:
    """Return a file's text, and a note where its encoding had to be guessed.

    Raises
    ------
    InputError
        If the file cannot be read, is no text, or is larger than any table typed by people.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path.name}: larger than {_MAX_BYTES // 1_000_000} MB: this is no table of records")
        raw = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path.name}: cannot be read ({reason}): check the path and its rights") from error
    if b"\0" in raw:
        raise InputError(f"{path.name}: is not a text file: save the table as CSV")
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), ["is not UTF-8 and was read as Windows-1252: check its letters"]


def read_csv_rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with the line it ends on; fields end at comma, semicolon or tab.

    Raises
    ------
    InputError
        If the text is no CSV.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: is no CSV ({error}): save the table as CSV") from error
