"""What one cell of a densitometry table says: numbers with their units, dates, sides, regions. Nothing is guessed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date

from marrowmap.errors import InputError
from marrowmap.values import Menopause
from marrowmap.values import Side
from marrowmap.values.density_record import JOINT_OF_REGION

FACTORS: dict[str, dict[str, float]] = {
    "bmd": {"g/cm2": 1.0, "mg/cm2": 1e-3},
    "bmc": {"g": 1.0, "mg": 1e-3},
    "area": {"cm2": 1.0, "mm2": 1e-2},
    "t_score": {"1": 1.0, "sd": 1.0},
    "z_score": {"1": 1.0, "sd": 1.0},
}
"""Column to the units it may be stated in, and what turns each into ours (the first)."""

_ALIASES = {
    "neck": "femoral_neck",
    "fn": "femoral_neck",
    "femur_neck": "femoral_neck",
    "total": "total_hip",
    "total_femur": "total_hip",
    "hip_total": "total_hip",
    "trochanter": "greater_trochanter",
    "troch": "greater_trochanter",
    "inter": "intertrochanteric",
    "lumbar_spine": "spine",
    "radius_33%": "forearm",
    "1/3_radius": "forearm",
    "33%_radius": "forearm",
}
_SIDES = {"left": Side.LEFT, "l": Side.LEFT, "right": Side.RIGHT, "r": Side.RIGHT}
_SEXES = {"": "", "f": "F", "female": "F", "w": "F", "woman": "F", "m": "M", "male": "M", "man": "M"}
_MENOPAUSE = {
    "": Menopause.UNKNOWN,
    "unknown": Menopause.UNKNOWN,
    "before": Menopause.BEFORE,
    "pre": Menopause.BEFORE,
    "premenopausal": Menopause.BEFORE,
    "after": Menopause.AFTER,
    "post": Menopause.AFTER,
    "postmenopausal": Menopause.AFTER,
}
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+))\s*(?P<unit>[^\d\s.,+-].*)?")
_VERTEBRAE = re.compile(r"l\s*([1-4])(?:\s*-\s*l?\s*([1-4]))?")


@dataclass(frozen=True)
class NumberRead:
    """A number in our unit, what had to be done for it (empty if nothing), and whether it had a decimal comma.

    `last_digit` is what one of its last digit is worth, in our unit.
    """

    value: float
    done: str
    last_digit: float
    comma: bool = False


def normalize_unit(text: str) -> str:
    """Return a unit as :data:`FACTORS` writes it: ``g/cm²``, ``g/cm^2`` and ``G / CM2`` are one."""
    return re.sub(r"[\s^]", "", text).replace("²", "2").lower()


def read_number(text: str, column: str, unit: str, where: str) -> NumberRead | None:
    """Read one number.

    Parameters
    ----------
    text : str
        E.g. ``0.783``, ``0,783``, ``783 mg/cm2``, ``−2.1``; empty gives None.
    column : str
        A key of :data:`FACTORS`.
    unit : str
        The unit of the column's header; empty means ours.
    where : str
        File, line and column, for messages.

    Raises
    ------
    InputError
        If it is no number, or its unit is not one of the column's.
    """
    cleaned = text.strip().replace("−", "-").replace("–", "-")
    if not cleaned:
        return None
    match = _NUMBER.fullmatch(cleaned)
    if match is None:
        raise InputError(f"{where}: {text.strip()!r} is not a number: write it like 0.783, or leave the field empty")
    digits = match["number"].replace(",", ".")
    stated = normalize_unit(match["unit"] or "")
    if stated and unit and stated != unit:
        raise InputError(f"{where}: {text.strip()!r} stands under a header in {unit}: state one unit only")
    factor, ours = _factor(stated or unit, column, where, text.strip())
    value = float(digits) * factor
    if not math.isfinite(value):
        raise InputError(f"{where}: a number of {len(digits)} digits cannot be: write it like 0.783")
    done = "" if factor == 1.0 else f"{float(digits):g} {stated or unit}, as stated, is {value:g} {ours}"
    last_digit = factor * 10.0 ** -len(digits.partition(".")[2])
    return NumberRead(value, done, last_digit, "," in match["number"])


def _factor(unit: str, column: str, where: str, text: str) -> tuple[float, str]:
    units = FACTORS[column]
    ours = next(iter(units))
    if not unit:
        return 1.0, ours
    if unit not in units:
        known = " or ".join(name for name in units if name not in ("1", "sd")) or "no unit"
        raise InputError(f"{where}: unit {unit!r} of {text!r} is not one of {column}: give {known}")
    return units[unit], ours


def read_date(text: str, where: str) -> date | None:
    """Read an ISO 8601 date; other orders of day and month cannot be told apart and are refused."""
    cleaned = text.strip()
    if not cleaned:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", cleaned):
            raise ValueError
        return date.fromisoformat(cleaned)
    except ValueError:
        raise InputError(f"{where}: date {cleaned!r}: write year-month-day, like 2026-03-21") from None


def read_side(text: str, where: str) -> Side | None:
    """Read ``left`` or ``right``; empty gives None."""
    cleaned = text.strip().lower()
    if cleaned and cleaned not in _SIDES:
        raise InputError(f"{where}: side {text.strip()!r}: write left or right")
    return _SIDES.get(cleaned)


def read_sex(text: str, where: str) -> str:
    """Read ``M``, ``F`` or nothing."""
    cleaned = text.strip().lower()
    if cleaned not in _SEXES:
        raise InputError(f"{where}: sex {text.strip()!r}: write M or F, or leave it empty")
    return _SEXES[cleaned]


def read_menopause(text: str, where: str) -> Menopause:
    """Read ``before`` or ``after``; empty means unknown."""
    cleaned = text.strip().lower()
    if cleaned not in _MENOPAUSE:
        raise InputError(f"{where}: menopause {text.strip()!r}: write before or after, or leave it empty")
    return _MENOPAUSE[cleaned]


def read_vertebrae(text: str, where: str) -> tuple[int, ...]:
    """Read lumbar vertebrae: ``L1-L4``, ``L1, L3``, ``L2``; empty gives none."""
    cleaned = text.strip().lower().replace("–", "-")
    if not cleaned:
        return ()
    found: list[int] = []
    for part in re.split(r"\s*[,;+]\s*", cleaned):
        match = _VERTEBRAE.fullmatch(part)
        if match is None:
            raise InputError(f"{where}: vertebrae {text.strip()!r}: write L1-L4, or L1,L3")
        first = int(match[1])
        found += range(first, int(match[2] or first) + 1)
    if not found or len(set(found)) != len(found):
        raise InputError(f"{where}: vertebrae {text.strip()!r}: name each once, from above, like L1-L4")
    return tuple(sorted(found))


def read_region(text: str, where: str) -> tuple[str, tuple[int, ...]]:
    """Read a region's name as the contract or a machine prints it, with the vertebrae it may name.

    Raises
    ------
    InputError
        If it is none that DXA measures.
    """
    cleaned = re.sub(r"[\s_]+", "_", text.strip().lower())
    if re.match(r"l[1-4]", cleaned):
        return "spine", read_vertebrae(text, where)
    name = _ALIASES.get(cleaned, cleaned)
    if name not in JOINT_OF_REGION:
        ward = " (Ward's area is not used, ISCD)" if "ward" in cleaned else ""
        raise InputError(f"{where}: region {text.strip()!r}{ward}: use one of {', '.join(JOINT_OF_REGION)}")
    return name, ()


def write_vertebrae(vertebrae: tuple[int, ...]) -> str:
    """Return lumbar vertebrae as they are written: ``L1-L4``, ``L1,L3``."""
    if len(vertebrae) > 2 and vertebrae == tuple(range(vertebrae[0], vertebrae[-1] + 1)):
        return f"L{vertebrae[0]}-L{vertebrae[-1]}"
    return ",".join(f"L{n}" for n in vertebrae)
