"""Points, sides and patient positions as words on the command line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import UsageError
from marrowmap.ingest.nm_geometry import POSITIONS
from marrowmap.values import Side


def read_points(text: str | None) -> NDArray[np.float64] | None:
    """Read three points ``x,y,z x,y,z x,y,z`` (LPS mm) as an array, shape (3, 3).

    Raises
    ------
    UsageError
        If these are not nine finite numbers.
    """
    if text is None:
        return None
    try:
        points = np.array([[float(number) for number in point.split(",")] for point in text.replace(";", " ").split()])
    except ValueError:
        points = np.empty(0)
    if points.shape != (3, 3) or not np.isfinite(points).all():
        raise UsageError(f"--points {text!r}: give three points as 'x,y,z x,y,z x,y,z' in LPS mm")
    return points


def read_side(text: str | None) -> Side | None:
    """Read ``left`` or ``right``.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text is None:
        return None
    if text.lower() not in ("left", "right"):
        raise UsageError(f"--side {text!r}: use left or right")
    return Side(text.lower())


def read_patient_position(text: str | None) -> str:
    """Read how the patient lay; empty if it was not said.

    Raises
    ------
    UsageError
        If it is none of `POSITIONS`.
    """
    if text is None:
        return ""
    if text.upper() not in POSITIONS:
        raise UsageError(f"--patient-position {text!r}: use one of {', '.join(POSITIONS)}")
    return text.upper()
