"""How a search tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Takes the name of the step and the share done, 0 to 1."""


def silent(step: str, share: float) -> None:
    """Show no progress."""
