"""Ask dciodvfy (of the test group's dicom3tools) whether a DICOM file conforms to the standard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("dciodvfy")


def assert_conforms(path: Path) -> None:
    """Fail with dciodvfy's own lines where it finds an error in a file."""
    done = subprocess.run([PROGRAM, path], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "Error" not in said
    assert done.returncode == 0, said
