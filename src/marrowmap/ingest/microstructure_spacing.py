"""Voxel sizes of trabecular images: units asked for, never guessed, and what no such image has refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.errors import UsageError

MM_PER_UNIT = {
    "um": 1e-3,
    "µm": 1e-3,
    "μm": 1e-3,
    "micron": 1e-3,
    "microns": 1e-3,
    "micrometer": 1e-3,
    "nm": 1e-6,
    "mm": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "inch": 25.4,
}
LEAST_MM = 0.001
MOST_MM = 2.0
"""Below a micrometer no bone is scanned whole, beyond two millimeters no trabecula leaves a trace (choices)."""
LEAST_UNITLESS, MOST_UNITLESS = 0.02, 1.0
"""A bare number between these can only be millimeters: as meters it would be 2 cm or more, as micrometers less than one
micrometer. Below, 0.004 may be 4 um or slices of 4 mm written in meters; from 1 on it may be micrometers or nothing at
all, as 1 is what files have that know no spacing."""
HR_PQCT_MM = {"first": 0.082, "second": 0.0607}
"""Nominal voxels of the two generations of HR-pQCT (Whittier et al. Osteoporos Int 2020;31:1607; from memory)."""
NOMINAL_TOLERANCE = 0.01

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_EXAMPLE = "give --spacing 60.7um or --spacing 0.234x0.234x1mm"


@dataclass(frozen=True)
class Spacing:
    """Distance between voxel centers along i, j, k in mm, and what said so."""

    mm: tuple[float, float, float]
    source: str


def parse_spacing(text: str) -> Spacing:
    """Read what the user says: one number or three joined by ``x``, and a unit.

    Raises
    ------
    UsageError
        If there is no unit, an unknown one, or not one or three numbers above 0.
    """
    match = re.fullmatch(r"\s*([0-9.eE+\-]+(?:\s*[x,]\s*[0-9.eE+\-]+)*)\s*([A-Za-zµμ]*)\s*", text)
    words = re.split(r"\s*[x,]\s*", match.group(1)) if match else []
    if not match or len(words) not in (1, 3) or not all(re.fullmatch(_NUMBER, word) for word in words):
        raise UsageError(f"--spacing {text}: not one or three lengths: {_EXAMPLE}")
    unit = match.group(2)
    if not unit:
        raise UsageError(f"--spacing {text}: {match.group(1)} of what? mm, m or um: {_EXAMPLE}")
    if unit.lower() not in MM_PER_UNIT:
        raise UsageError(f"--spacing {text}: unknown unit {unit!r}: use mm, um or m")
    lengths = [float(word) * MM_PER_UNIT[unit.lower()] for word in words]
    if min(lengths) <= 0:
        raise UsageError(f"--spacing {text}: a voxel has lengths above 0: {_EXAMPLE}")
    i, j, k = lengths if len(lengths) == 3 else lengths * 3
    return Spacing((i, j, k), f"--spacing {text}")


def spacing_in(name: str, numbers: tuple[float, float, float], unit: str, field: str) -> Spacing:
    """Make millimeters of what a file says.

    Parameters
    ----------
    name : str
        The file, for messages.
    numbers : tuple of float
    unit : str
        As the file names it; empty where it does not.
    field : str
        Where in the file the numbers stand.

    Raises
    ------
    InputError
        If the unit is unknown, or not given where the numbers could be of several.
    """
    if min(numbers) <= 0 or not np.isfinite(numbers).all():
        raise InputError(f"{name}: voxel size {_written(numbers)} ({field}) is no length: {_EXAMPLE}")
    word = unit.strip().strip('"').lower()
    if word and word not in ("pixel", "pixels", "unknown", "none", "?"):
        if word not in MM_PER_UNIT:
            raise InputError(f"{name}: unknown unit of length {unit!r} ({field}): {_EXAMPLE}")
        i, j, k = (number * MM_PER_UNIT[word] for number in numbers)
        return Spacing((i, j, k), f"{field}, in {word}")
    if not LEAST_UNITLESS <= min(numbers) < MOST_UNITLESS:
        raise InputError(f"{name}: voxel size {_written(numbers)} ({field}) of what? mm, m or um: {_EXAMPLE}")
    return Spacing(numbers, f"{field}, which names no unit: taken for mm, as no other gives a possible voxel")


def require_plausible(name: str, spacing_mm: NDArray[np.float64]) -> None:
    """Refuse voxels that no image of trabecular bone has.

    Raises
    ------
    InputError
    """
    low, high = float(spacing_mm.min()), float(spacing_mm.max())
    if low < LEAST_MM or high > MOST_MM:
        raise InputError(
            f"{name}: voxels of {_written(tuple(spacing_mm))} mm are no image of trabecular bone ("
            f"{LEAST_MM * 1000:g} um to {MOST_MM:g} mm): correct the header, or {_EXAMPLE}"
        )


def describe_voxel(spacing_mm: NDArray[np.float64]) -> str:
    """Return the voxel in words, with the scanner's nominal size where it is one of HR-pQCT's."""
    text = f"voxels {_written(tuple(spacing_mm))} mm"
    for generation, nominal in HR_PQCT_MM.items():
        if is_nominal(spacing_mm, nominal):
            text += f" (nominal {1000 * nominal:g} um of {generation}-generation HR-pQCT)"
    return text


def is_nominal(spacing_mm: NDArray[np.float64], nominal_mm: float) -> bool:
    """Say whether voxels are cubes of a scanner's nominal size."""
    return bool((np.abs(spacing_mm / nominal_mm - 1) <= NOMINAL_TOLERANCE).all())


def is_hr_pqct(spacing_mm: NDArray[np.float64]) -> bool:
    """Say whether voxels are those of HR-pQCT."""
    return any(is_nominal(spacing_mm, nominal) for nominal in HR_PQCT_MM.values())


def _written(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)
