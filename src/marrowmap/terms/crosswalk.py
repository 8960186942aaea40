"""Names of the diseases around transient osteoporosis: what each means to whom, and its codes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

SCHEMES = ("SCT", "ICD-10-CM", "MeSH", "OIFM", "99MARROWMAP")
RELATIONS = ("same", "broader", "narrower", "sign")
FITS = ("same", "broader", "narrower")


@dataclass(frozen=True)
class NameCode:
    """A code of a name.

    Parameters
    ----------
    scheme, value, meaning : str
        Scheme is one of :data:`SCHEMES`.
    fit : str
        Whether the code means the same as the name, more (``broader``) or less (``narrower``).
    provisional : bool
        True where no open source confirmed it: not to be sent to others as standard.
    """

    scheme: str
    value: str
    meaning: str
    fit: str
    provisional: bool


@dataclass(frozen=True)
class DiseaseName:
    """One name as authors use it.

    Parameters
    ----------
    id, preferred : str
    entity : str
        The entity of :mod:`marrowmap.terms.entities` it belongs to; empty for a mere sign.
    relation : str
        Whether the name means the same as the entity, more, less, or only a sign.
    scope, note : str
    synonyms : tuple of str
    codes : tuple of NameCode
    """

    id: str
    preferred: str
    entity: str
    relation: str
    scope: str
    synonyms: tuple[str, ...]
    note: str
    codes: tuple[NameCode, ...]

    def coded(self, scheme: str, *, confirmed: bool = True) -> tuple[NameCode, ...]:
        """Return the codes of a scheme; provisional ones only where `confirmed` is not asked for."""
        return tuple(code for code in self.codes if code.scheme == scheme and not (confirmed and code.provisional))


@cache
def _table() -> tuple[str, tuple[DiseaseName, ...]]:
    text = resources.files("marrowmap.terms").joinpath("data", "crosswalk.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    names = tuple(
        DiseaseName(
            row["id"],
            row["preferred"],
            row["entity"],
            row["relation"],
            row["scope"],
            tuple(row["synonyms"]),
            row["note"],
            tuple(NameCode(**code) for code in row["codes"]),
        )
        for row in document["name"]
    )
    return document["version"], names


def crosswalk_version() -> str:
    """Return the version of the table, a date."""
    return _table()[0]


def disease_names() -> tuple[DiseaseName, ...]:
    """Return every name of the table."""
    return _table()[1]


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def find_names(text: str) -> tuple[DiseaseName, ...]:
    """Return the names that a word or abbreviation may stand for; case, spaces and hyphens do not matter.

    Parameters
    ----------
    text : str
        As a source wrote it, e.g. ``algodystrophy`` or ``TOH``.
    """
    wanted = _plain(text)
    return tuple(
        name
        for name in disease_names()
        if wanted and wanted in {_plain(word) for word in (name.id, name.preferred, *name.synonyms)}
    )


def names_of(entity: str) -> tuple[DiseaseName, ...]:
    """Return the names that belong to an entity, the one that means the same first."""
    mine = [name for name in disease_names() if name.entity == entity]
    return tuple(sorted(mine, key=lambda name: RELATIONS.index(name.relation)))
