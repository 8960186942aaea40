"""The page is served on loopback, and a stop is no failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from marrowmap.errors import UsageError
from marrowmap.server.serve import bind
from marrowmap.server.serve import is_loopback
from tests.readers.image_study import make_study


def test_what_only_this_machine_can_reach():
    assert all(is_loopback(host) for host in ("127.0.0.1", "localhost", "127.8.9.1", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "192.168.1.2", "example.org", ""))


def test_a_port_in_use_is_one_line():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(UsageError, match="choose another --port"):
            bind("127.0.0.1", first.getsockname()[1])


def test_a_stop_by_hand_is_no_failure_and_links_come_at_once(tmp_path):
    study = make_study(tmp_path)
    study.store.close()
    command = [sys.executable, "-c", "from marrowmap.cli import main; main()", "study", "serve", str(study.folder)]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
    ) as process:
        lines = ""
        while not lines.rstrip().endswith("\n}"):
            lines += process.stdout.readline()
        links = json.loads(lines)["links"]
        assert set(links) == {"reader_1", "reader_2", "judge"}
        assert all(link.startswith("http://127.0.0.1:") and "/#" in link for link in links.values())
        while "Ctrl-C stops" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
