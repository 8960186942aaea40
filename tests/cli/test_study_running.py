"""The commands that run a study, as a user calls them."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from marrowmap.readers.study_images import INDEX
from tests.cli.command_line import marrowmap_here
from tests.readers.image_study import write_sources


@pytest.fixture
def protocol(tmp_path):
    return write_sources(tmp_path / "sources")


def test_a_study_runs_from_check_to_report(protocol, tmp_path, monkeypatch):
    study = tmp_path / "study"
    checked = marrowmap_here("study", "check", protocol, "--json").document
    assert checked["reads"] == {"reader_1": 4, "reader_2": 4, "judge": 0}
    made = marrowmap_here("study", "init", protocol, "--out", study, "--json")
    assert made.document["digest"] == checked["digest"]
    assert len(list((study / "images").glob(f"*/{INDEX}"))) == 2
    assert marrowmap_here("study", "report", study, "--out", tmp_path / "early").code == 3
    for reader in ("reader_1", "reader_2"):
        monkeypatch.setattr(sys, "stdin", io.StringIO("x\np 200\np 80\n1\na 60\n\nn\n2\nu 30\n0\n"))
        run = marrowmap_here("study", "read", study, "--reader", reader)
        assert (run.code, run.complaint) == (0, "all is read: thank you")
        assert "confidence 0 to 100" in run.stderr
    status = marrowmap_here("study", "status", study, "--json").document
    assert [(row["reader"], row["done"]) for row in status["readers"]] == [
        ("reader_1", 4),
        ("reader_2", 4),
        ("judge", 0),
    ]
    opened = marrowmap_here("study", "adjudicate", study, "--json").document["opened"]
    assert opened >= 0
    locked = marrowmap_here("study", "lock", study, "--json").document
    assert (locked["new"], locked["answers"]) == (True, 8)
    intact = marrowmap_here("study", "check", study, "--json").document
    assert intact["answers"] == 8
    assert marrowmap_here("study", "export", study, "--out", tmp_path / "tables").code == 0
    assert marrowmap_here("study", "report", study, "--out", tmp_path / "report", "--json").document["locked"]
    ratings = tmp_path / "ratings.csv"
    lines = (tmp_path / "tables" / "ratings.csv").read_text().splitlines(keepends=True)
    ratings.write_text("".join(line for line in lines if ".confidence" not in line))
    agreement = marrowmap_here("study", "agreement", ratings, "--json").document
    assert set(agreement["items"]) == {"mr.edema", "mr.grade"}
    late = marrowmap_here("study", "import", study, tmp_path / "tables" / "ratings.csv")
    assert (late.code, "the study is locked" in late.complaint) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("serve", "STUDY", "--host", "0.0.0.0"), 2, "add --share"),
        (("read", "STUDY", "--reader", "nobody"), 2, "the study has reader_1"),
        (("adjudicate", "STUDY"), 3, "reads without answer"),
        (("status", "."), 3, "holds no study.db"),
        (("status", "alpha"), 3, "holds no study.toml"),
        (("check", "none.toml"), 3, "cannot be read"),
        (("status", "STUDY", "--database", "mysql://a/b"), 2, "PostgreSQL"),
    ],
)
def test_what_cannot_work_is_one_line(protocol, tmp_path, monkeypatch, arguments, code, words):
    study = tmp_path / "study"
    marrowmap_here("study", "init", protocol, "--out", study)
    monkeypatch.chdir(tmp_path / "sources")
    run = marrowmap_here("study", *(str(study) if part == "STUDY" else part for part in arguments))
    assert run.code == code
    assert words in run.complaint
    assert not (tmp_path / "sources" / "study.db").exists()


def test_a_read_that_is_broken_off_keeps_the_reads_before(protocol, tmp_path, monkeypatch):
    study = tmp_path / "study"
    marrowmap_here("study", "init", protocol, "--out", study)
    monkeypatch.setattr(sys, "stdin", io.StringIO("p 80\n1\na 60\n"))
    run = marrowmap_here("study", "read", study, "--reader", "reader_1")
    assert (run.code, "earlier ones were" in run.complaint) == (2, True)
    assert marrowmap_here("study", "status", study, "--json").document["readers"][0]["done"] == 1


STOPPED_WHILE_WRITING = """
import os, signal, sys, time
from pathlib import Path
from marrowmap.cli import main
write = Path.write_text
def stop(self, *arguments, **options):
    written = write(self, *arguments, **options)
    if ".part" in str(self):
        os.kill(os.getpid(), getattr(signal, os.environ["STOP"]))
        time.sleep(60)
    return written
Path.write_text = stop
main()
"""


@pytest.mark.parametrize(("command", "stop"), [("report", "SIGTERM"), ("export", "SIGTERM"), ("export", "SIGHUP")])
def test_a_stop_while_tables_are_written_leaves_nothing(protocol, tmp_path, monkeypatch, command, stop):
    study, out = tmp_path / "study", tmp_path / "place" / "out"
    out.parent.mkdir()
    marrowmap_here("study", "init", protocol, "--out", study)
    monkeypatch.setattr(sys, "stdin", io.StringIO("p 80\n1\na 60\n\nn\n2\nu 30\n0\n"))
    assert marrowmap_here("study", "read", study, "--reader", "reader_1").code == 0
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_WRITING, "study", command, study, "--out", out],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | {"STOP": stop},
    )
    assert (done.returncode, done.stderr) == (1, "marrowmap: stopped; no result was written\n")
    assert list(out.parent.iterdir()) == []
