"""Described cases as data: findings in words of a paper, made into what can be weighed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.reasoning.course_items import CourseSeen
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.literature import read_toml
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject

FIELDS = frozenset({"title", "source", "note", "joint", "side", "subject", "finding", "course"})
LEAST = Quantity(1.0, "mL")
"""Stands for the extent that a paper's reader would have seen; the papers do not say."""


@dataclass(frozen=True)
class Case:
    """A described case.

    Parameters
    ----------
    title, source, note : str
        The note says what the paper leaves open.
    joint, side : Joint, Side
    subject : Subject
    findings : tuple of Finding
    course : CourseSeen or None
    """

    title: str
    source: str
    note: str
    joint: Joint
    side: Side
    subject: Subject
    findings: tuple[Finding, ...]
    course: CourseSeen | None

    def weigh(self, *, with_course: bool = True) -> JointDifferential:
        """Return what the case's findings support, with or without what became of it."""
        return differential(
            self.findings,
            self.joint,
            self.side,
            subject=self.subject,
            course=self.course if with_course else None,
        )


def read_case(path: Path) -> Case:
    """Read a case.

    Parameters
    ----------
    path : Path
        TOML, as in ``docs/examples/case_gemmel2012.toml``.

    Raises
    ------
    InputError
        If it cannot be read, a field is unknown or missing, or a word is none of those known.
    """
    document = read_toml(path)
    unknown = sorted(set(document) - FIELDS)
    if unknown:
        raise InputError(f"{path.name}: unknown field {unknown[0]!r}: use {', '.join(sorted(FIELDS))}")
    try:
        joint, side = Joint(document["joint"]), Side(document["side"])
        subject = document.get("subject", {})
        return Case(
            document["title"],
            document["source"],
            document["note"],
            joint,
            side,
            Subject(sex=subject.get("sex", ""), age_years=subject.get("age")),
            tuple(_finding(row, joint, side) for row in document["finding"]),
            CourseSeen(**document["course"]) if "course" in document else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: {error}: see docs/examples") from error


def _finding(row: dict[str, Any], joint: Joint, side: Side) -> Finding:
    state = State(row["state"])
    certainty = None if state is State.NOT_ASSESSABLE else float(row["certainty"])
    least = LEAST if state is State.ABSENT else None
    return Finding(row["sign"], joint, side, state, certainty, least, row["modality"], "", None, row["words"])
