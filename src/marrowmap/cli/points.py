"""Points, sides and what a bone scan leaves open as words on the command line."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import UsageError
from marrowmap.image import View
from marrowmap.ingest.nm_geometry import POSITIONS
from marrowmap.ingest.scan import Phase
from marrowmap.ingest.scan_hint import PHASE_OPTION
from marrowmap.ingest.scan_hint import VIEW_OPTION
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.values import Side

_VIEWS = {view.value: view for view in (View.ANTERIOR, View.POSTERIOR)}
_PHASES = {"flow": Phase.FLOW, "pool": Phase.BLOOD_POOL, "delayed": Phase.DELAYED}


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


def read_date(option: str, text: str | None) -> datetime.date | None:
    """Read a date ``YYYY-MM-DD``.

    Raises
    ------
    UsageError
        If it is none, or lies in the future.
    """
    if text is None:
        return None
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r}: give a date as YYYY-MM-DD") from None
    if date > datetime.date.today():
        raise UsageError(f"{option} {text} lies in the future: correct the date")
    return date


def read_scan_hint(position: str | None, view: str | None, phase: str | None) -> ScanHint:
    """Read what the user says of a bone scan.

    Raises
    ------
    UsageError
        If the position is none of `POSITIONS`, or view or phase are none that are known.
    """
    for option, text, words in (
        ("--patient-position", position, POSITIONS),
        (VIEW_OPTION, view, tuple(_VIEWS)),
        (PHASE_OPTION, phase, tuple(_PHASES)),
    ):
        if text is not None and text.lower() not in {word.lower() for word in words}:
            raise UsageError(f"{option} {text!r}: use one of {', '.join(words)}")
    return ScanHint(
        (position or "").upper(),
        None if view is None else _VIEWS[view.lower()],
        Phase.UNKNOWN if phase is None else _PHASES[phase.lower()],
    )
