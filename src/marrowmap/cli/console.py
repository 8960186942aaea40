"""What a person sees: text and progress on stderr, JSON on stdout."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn

from marrowmap.errors import UsageError

BANNER = "marrowmap: research use only, not a medical device"

Json = Annotated[bool, typer.Option("--json", help="Put one JSON document on stdout and nothing else there.")]


def expand_home(path: Path | None) -> Path | None:
    """Turn ``~`` into the home folder: most shells hand on ``--out=~/x`` as it is."""
    return None if path is None else Path(os.path.expanduser(path))


Out = Annotated[Path, typer.Option("--out", help="Folder for the results.", show_default=False, callback=expand_home)]


def _require_threshold(k: float) -> float:
    if not (math.isfinite(k) and k > 0):
        raise UsageError(f"--k {k:g}: give a number of standard deviations above 0")
    return k


Threshold = Annotated[
    float, typer.Option("--k", help="Edema starts k SD above reference marrow.", callback=_require_threshold)
]

errors = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Print a line for people, on stderr."""
    errors.print(text, markup=False)


def answer(document: Mapping[str, Any]) -> None:
    """Print the one JSON document of ``--json`` on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def fail(message: str, exit_code: int) -> int:
    """Print why it stopped as one line (and as JSON if that was asked for); return the exit code."""
    line = " ".join(message.split())
    say(f"marrowmap: {line}")
    if "--json" in sys.argv:
        answer({"schema": "marrowmap/1", "error": {"message": line, "exit_code": exit_code}})
    return exit_code


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar on stderr; yields a function taking the step's name and the share done (0 to 1)."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=1.0)

        def advance(step: str, share: float) -> None:
            bar.update(task, description=step, completed=min(max(share, 0.0), 1.0))

        yield advance
        bar.update(task, completed=1.0)
