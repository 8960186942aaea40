"""The steps of a job: their time for the manifest, their progress for the person who waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Takes the name of the step and the share done, 0 to 1."""


def silent(_step: str, _share: float) -> None:
    """Report progress to nobody."""


class Steps:
    """A stopwatch for named steps; times of steps with the same name add up.

    Parameters
    ----------
    progress : callable
        Told of every step as it starts and advances.
    """

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, start: float, end: float) -> Iterator[Progress]:
        """Time a step that covers the shares `start` to `end` of the job; yields its own progress function."""
        self._progress(name, start)
        began = time.perf_counter()

        def inner(detail: str, share: float) -> None:
            self._progress(f"{name}: {detail}" if detail else name, start + (end - start) * share)

        try:
            yield inner
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
