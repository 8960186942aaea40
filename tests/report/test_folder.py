from __future__ import annotations

import json
from pathlib import Path

import pytest

from marrowmap.errors import UsageError
from marrowmap.report.folder import replacing_folder


def fill(folder: Path, value: int) -> None:
    (folder / "manifest.json").write_text(json.dumps({"schema": "marrowmap/1", "value": value}))


def value_of(out: Path) -> int:
    return json.loads((out / "manifest.json").read_text())["value"]


def test_appears_and_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    for value in (1, 2):
        with replacing_folder(out) as folder:
            fill(folder, value)
            assert folder != out
        assert value_of(out) == value
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_failure_leaves_the_earlier_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with replacing_folder(out) as folder:
        fill(folder, 1)
    with pytest.raises(TypeError), replacing_folder(out) as folder:
        (folder / "manifest.json").write_text(2)
    assert value_of(out) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_failure_leaves_no_parents(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no earlier marrowmap result"), replacing_folder(tmp_path):
        pytest.fail("must not start")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_own_file_among_results_is_not_swept_away(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.txt"), replacing_folder(tmp_path):
        pytest.fail("must not start")
    assert value_of(tmp_path) == 1


def test_someone_elses_manifest_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(UsageError, match="no earlier marrowmap result"), replacing_folder(tmp_path):
        pytest.fail("must not start")


def test_unwritable_place_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(UsageError, match="choose another --out") as caught, replacing_folder(out):
            pytest.fail("must not start")
        assert "\n" not in str(caught.value)
