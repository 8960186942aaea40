"""What was not used, and why: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Weight(IntEnum):
    """How much a reason tells a user who got nothing at all; the smaller comes first."""

    SERIES = 0
    FILE = 1
    MODALITY = 2
    OTHER = 3


@dataclass(frozen=True, order=True)
class LeftOut:
    """One line on a file or series that was left out, or that is used with a reserve."""

    weight: Weight
    text: str


def one_line(text: str) -> str:
    """Return text from a file (a description, a name) as one printable line of at most 120 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 120 else line[:117] + "..."
