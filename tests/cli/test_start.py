"""What every start of the program pays for."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"fastapi", "uvicorn", "starlette", "sqlalchemy", "pg8000"}


def test_help_loads_no_web_server_and_no_database():
    code = (
        "import sys\n"
        "from marrowmap.cli import main\n"
        "sys.argv = ['marrowmap', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    print('code', stop.code, file=sys.stderr)\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, loaded = done.stderr.strip().splitlines()[-2:]
    assert "Usage" in done.stdout
    assert status == "code 0"
    assert "typer" in loaded.split()
    assert not HEAVY & set(loaded.split())
