"""Tables of densitometry kept as data: references, unit conversions, limits. A row without a source is refused."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.values.density_record import JOINT_OF_REGION

MAKERS = ("Hologic", "Lunar", "Norland")
"""Makers whose units differ and can be converted."""

CONFIDENCES = ("S", "A", "2", "C", "M")


@dataclass(frozen=True)
class Reference:
    """Mean and SD of one group, in one maker's units.

    Parameters
    ----------
    name, region, source : str
    sex : str
        ``M`` or ``F``.
    kind : str
        ``young_adult`` (gives T) or ``age`` (gives Z).
    age : tuple of float
        From and below, years; empty for young adults.
    units : str
        One of :data:`MAKERS`, or ``sBMD``.
    mean, sd : float
        g/cm2.
    confidence : str
        S, A, 2, C or M (from memory, not verified).
    """

    name: str
    region: str
    sex: str
    kind: str
    age: tuple[float, ...]
    units: str
    mean: float
    sd: float
    source: str
    confidence: str


@dataclass(frozen=True)
class Conversion:
    """``to = offset + slope * (from - center)``, g/cm2."""

    offset: float
    slope: float
    center: float
    source: str

    def apply(self, bmd: float) -> float:
        """Convert."""
        return self.offset + self.slope * (bmd - self.center)

    def undo(self, value: float) -> float:
        """Convert back."""
        return (value - self.offset) / self.slope + self.center


@dataclass(frozen=True)
class ChangeLimit:
    """Least significant change of a region as percent, where a site has none of its own."""

    region: str
    percent: float
    source: str
    confidence: str


@dataclass(frozen=True)
class SideReference:
    """How much the sides of well people differ; unit ``%`` (over the mean of both) or ``g/cm2``."""

    region: str
    unit: str
    mean: float
    sd: float
    n: int
    who: str
    source: str
    confidence: str


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("marrowmap.measure").joinpath("data", name).read_text(encoding="utf-8"))


def _need(row: dict[str, Any], keys: Sequence[str], where: str) -> None:
    if not isinstance(row, dict):
        raise InputError(f"{where}: is not a table of fields: write it under [[reference]]")
    missing = [key for key in keys if row.get(key) in (None, "")]
    if missing:
        raise InputError(f"{where}: no {', '.join(missing)}: a reference without it cannot be used")
    for key in ("mean", "sd", "percent"):
        if key in row and not (isinstance(row[key], (int, float)) and math.isfinite(row[key])):
            raise InputError(f"{where}: {key} {row[key]!r} is not a number")
    if str(row.get("region")) not in JOINT_OF_REGION:
        raise InputError(f"{where}: region {row.get('region')!r}: use one of {', '.join(JOINT_OF_REGION)}")
    if row["confidence"] not in CONFIDENCES:
        raise InputError(f"{where}: confidence {row['confidence']!r}: use one of {', '.join(CONFIDENCES)}")


def _reference(row: dict[str, Any], where: str) -> Reference:
    _need(row, ("name", "region", "sex", "kind", "units", "mean", "sd", "source", "confidence"), where)
    if row["sex"] not in ("M", "F"):
        raise InputError(f"{where}: sex {row['sex']!r}: use M or F")
    if row["units"] not in (*MAKERS, "sBMD"):
        raise InputError(f"{where}: units {row['units']!r}: use one of {', '.join(MAKERS)} or sBMD")
    if not 0 < row["sd"] < row["mean"] < 3:
        raise InputError(
            f"{where}: mean {row['mean']} and sd {row['sd']}: give g/cm2, the SD above 0 and below the mean"
        )
    age = row.get("age", [])
    if not isinstance(age, list) or not all(isinstance(year, (int, float)) for year in age):
        raise InputError(f"{where}: age {age!r}: write age = [from, below] in years")
    age = tuple(float(year) for year in age)
    if row["kind"] == "age" and not (len(age) == 2 and 0 <= age[0] < age[1]):
        raise InputError(f"{where}: kind age needs age = [from, below] in years")
    if row["kind"] not in ("age", "young_adult"):
        raise InputError(f"{where}: kind {row['kind']!r}: use young_adult (gives T) or age (gives Z)")
    return Reference(
        str(row["name"]),
        row["region"],
        row["sex"],
        row["kind"],
        age,
        row["units"],
        float(row["mean"]),
        float(row["sd"]),
        str(row["source"]),
        row["confidence"],
    )


@cache
def shipped_references() -> tuple[Reference, ...]:
    """Return the references that come with marrowmap."""
    rows = _load("density_references.toml")["reference"]
    return tuple(_reference(row, f"density_references.toml, row {n}") for n, row in enumerate(rows, 1))


def read_references(path: Path) -> tuple[Reference, ...]:
    """Read a user's table of references (TOML, ``[[reference]]`` rows as in the shipped file).

    Raises
    ------
    InputError
        If the file cannot be read, or a row lacks its source, units or another field; the message names the row.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path.name}: cannot be read as TOML ({error}): see docs/density.md for its form") from error
    rows = document.get("reference")
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path.name}: holds no [[reference]]: see docs/density.md for its form")
    return tuple(_reference(row, f"{path.name}, reference {n}") for n, row in enumerate(rows, 1))


@cache
def change_limits() -> dict[str, ChangeLimit]:
    """Return the least significant change to fall back on, by region."""
    limits = {}
    for n, row in enumerate(_load("density_limits.toml")["change"], 1):
        _need(row, ("region", "percent", "source", "confidence"), f"density_limits.toml, change {n}")
        limits[row["region"]] = ChangeLimit(row["region"], row["percent"], row["source"], row["confidence"])
    return limits


@cache
def side_references() -> dict[str, tuple[SideReference, ...]]:
    """Return the side differences of well people by region, the one of most people first."""
    found: dict[str, list[SideReference]] = {}
    for n, row in enumerate(_load("density_limits.toml")["side"], 1):
        _need(
            row, ("region", "unit", "mean", "sd", "n", "who", "source", "confidence"), f"density_limits.toml, side {n}"
        )
        found.setdefault(row["region"], []).append(SideReference(**row))
    return {region: tuple(sorted(rows, key=lambda row: -row.n)) for region, rows in found.items()}


@cache
def _conversions() -> tuple[dict[tuple[str, str], Conversion], dict[tuple[str, str, str], Conversion], float]:
    document = _load("density_units.toml")
    standard, direct = {}, {}
    for n, row in enumerate(document["standard"], 1):
        _need(row, ("region", "source", "confidence"), f"density_units.toml, standard {n}")
        for maker in MAKERS:
            standard[row["region"], maker] = Conversion(**row[maker], source=row["source"])
    for n, row in enumerate(document["direct"], 1):
        _need(row, ("region", "from", "to", "source", "confidence"), f"density_units.toml, direct {n}")
        direct[row["region"], row["from"], row["to"]] = Conversion(row["offset"], row["slope"], 0.0, row["source"])
    return standard, direct, float(document["individual_error"])


def conversion_error() -> float:
    """Return the average error of one person's converted BMD, as a part of it."""
    return _conversions()[2]


def maker_of(machine: str) -> str:
    """Return the maker a machine's name states, empty if it states none (or several)."""
    lowered = machine.lower()
    found = [maker for maker in MAKERS if maker.lower() in lowered]
    return found[0] if len(found) == 1 else ""


def convert_bmd(bmd: float, region: str, units: str, to: str) -> tuple[float, str] | None:
    """Convert BMD between makers' units.

    Parameters
    ----------
    bmd : float
        g/cm2 in `units`.
    units, to : str
        One of :data:`MAKERS` or ``sBMD``.

    Returns
    -------
    tuple of (float, str) or None
        g/cm2 and how; None where no conversion is published for the region.
    """
    if units == to:
        return bmd, ""
    standard, direct, _ = _conversions()
    if (region, units, to) in direct:
        way = direct[region, units, to]
        return way.apply(bmd), f"{units} to {to} ({way.source})"
    if (region, to, units) in direct:
        way = direct[region, to, units]
        return way.undo(bmd), f"{units} to {to} ({way.source})"
    first = standard.get((region, units)) if units != "sBMD" else Conversion(0.0, 1.0, 0.0, "")
    last = standard.get((region, to)) if to != "sBMD" else Conversion(0.0, 1.0, 0.0, "")
    if first is None or last is None:
        return None
    return last.undo(first.apply(bmd)), f"{units} to {to} over sBMD ({first.source or last.source})"
