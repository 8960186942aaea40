"""Run the command line as a user does: in a process of its own or, where a few hundred milliseconds count, here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from marrowmap.cli import main

PROGRAM = Path(sys.executable).with_name("marrowmap")


@dataclass(frozen=True)
class Run:
    """What a command left: exit code, stdout, stderr."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document of ``--json``."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document

    @property
    def complaint(self) -> str:
        """The last line for people; a traceback anywhere fails the test."""
        assert "Traceback" not in self.stderr, self.stderr
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def marrowmap(*arguments: str | Path, timeout: float = 280) -> Run:
    """Run ``marrowmap`` with the given arguments."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "MARROWMAP_DEBUG")}
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def marrowmap_here(*arguments: str | Path) -> Run:
    """Run ``marrowmap`` in this process: the same entry point, without seconds of imports for each refusal."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with (
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        mock.patch.object(sys, "argv", ["marrowmap", *map(str, arguments)]),
        warnings.catch_warnings(),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Run(code, stdout.getvalue(), stderr.getvalue())
