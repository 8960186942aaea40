#!/usr/bin/env python3
"""Set marrowmap up in ``.venv`` from the hash-locked list, then run it. Standard library only.

python3 bootstrap.py demo    set up, make a virtual patient and analyze it
python3 bootstrap.py test    set up, check style and types, pass the tests
python3 bootstrap.py setup   set up only
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements" / "lock.txt"
VENV = ROOT / ".venv"


def fail(message: str) -> None:
    """Say why it cannot go on, and stop."""
    print(f"bootstrap: {message}", file=sys.stderr)
    raise SystemExit(1)


def environment() -> dict[str, str]:
    """Every cache inside the venv, no display and no HOME needed."""
    env = dict(os.environ)
    env.pop("PYTHONPATH", None)
    env.update(
        MPLBACKEND="Agg",
        MPLCONFIGDIR=str(VENV / "cache" / "matplotlib"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PATH=f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', '/usr/bin:/bin')}",
    )
    return env


def run(*command: str) -> None:
    """Run a command in the project folder; stop with its status if it fails."""
    print("+", " ".join(command), file=sys.stderr, flush=True)
    status = subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
    if status:
        raise SystemExit(status)


def setup() -> None:
    """Install the lock and the package; nothing to do while lock and project file are unchanged."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    stamp = VENV / "stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print("bootstrap: installing into .venv (about a minute the first time)", file=sys.stderr, flush=True)
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, ImportError):
        fail("Python's venv module is incomplete here; on Debian: apt-get install python3-venv")
    python = str(VENV / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(LOCK))
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    stamp.write_text(digest.hexdigest())


def demo() -> None:
    """Make a virtual patient and analyze it into ./demo."""
    run(str(VENV / "bin" / "marrowmap"), "demo", "--out", str(ROOT / "demo"))


def apt_packages() -> None:
    """Where apt-get is there for root, install what some tests run: a browser, a database server.

    Never a reason to fail: without them those tests are skipped and say so. ``MARROWMAP_NO_APT=1`` leaves it out.
    """
    lacking = [] if shutil.which("chromium") or shutil.which("chromium-browser") else ["chromium"]
    if not (shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        lacking.append("postgresql")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not lacking or not root or not shutil.which("apt-get") or os.environ.get("MARROWMAP_NO_APT"):
        return
    print(f"bootstrap: installing {' and '.join(lacking)} for tests", file=sys.stderr, flush=True)
    apt = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
    env = {**environment(), "DEBIAN_FRONTEND": "noninteractive"}
    # What is fetched first cannot leave a package half installed when time runs out.
    steps = (["update"], ["install", "-y", "--no-install-recommends", "--download-only", *lacking])
    try:
        for step in steps:
            subprocess.run([*apt, *step], env=env, check=True, capture_output=True, timeout=300)
        subprocess.run(
            [*apt, "install", "-y", "--no-install-recommends", *lacking], env=env, check=True, capture_output=True
        )
    except (OSError, subprocess.SubprocessError):
        print("bootstrap: apt-get could not: tests that need them are skipped", file=sys.stderr, flush=True)


def test() -> None:
    """Style, types, the one-way rule of imports, then the tests."""
    apt_packages()
    python = str(VENV / "bin" / "python")
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy")
    run(str(VENV / "bin" / "lint-imports"))
    run(python, "-m", "pytest", "-n", "2", "--dist", "loadfile", *sys.argv[2:])


def main() -> None:
    """Read the one word and do it."""
    commands: dict[str, Callable[[], None]] = {"demo": demo, "test": test, "setup": lambda: None}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        raise SystemExit(2)
    if sys.version_info < (3, 11):  # noqa: UP036  (this script must speak before the package is there)
        fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    setup()
    commands[sys.argv[1]]()


if __name__ == "__main__":
    main()
