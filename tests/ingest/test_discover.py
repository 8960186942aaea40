import os

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.discover import find_files


def test_every_file_is_found_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/one", "a/two.dcm", "three"):
        (tmp_path / name).write_text("x")
    files, left_out = find_files([tmp_path, tmp_path / "a", tmp_path / "three"])
    assert [path.name for path in files] == ["one", "two.dcm", "three"]
    assert left_out == []


def test_hidden_files_are_told_and_links_make_no_circle(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    (tmp_path / "Thumbs.db").write_text("x")
    (tmp_path / "good").write_text("x")
    os.symlink(tmp_path, tmp_path / "circle")
    os.symlink(tmp_path / "gone", tmp_path / "dangling")
    files, left_out = find_files([tmp_path])
    assert [path.name for path in files] == ["good"]
    assert left_out[0].text == "2 hidden or system files left out (.git, Thumbs.db)"


def test_names_of_any_bytes_make_one_line(tmp_path):
    with pytest.raises(InputError) as caught:
        find_files([tmp_path / "two\nlines"])
    assert "\n" not in str(caught.value)
