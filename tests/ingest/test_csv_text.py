from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.csv_text import read_csv_rows
from marrowmap.ingest.csv_text import read_csv_text


def test_lines_count_as_in_the_file():
    assert read_csv_rows('a;b\n\n"1;2";3\n', "t.csv") == [(1, ["a", "b"]), (3, ["1;2", "3"])]
    assert read_csv_rows("", "t.csv") == []


def test_letters_of_old_spreadsheets(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("case,Ödem\n".encode("cp1252"))
    text, notes = read_csv_text(path)
    assert text == "case,Ödem\n"
    assert "Windows-1252" in notes[0]


def test_what_is_no_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"PK\0\0")
    with pytest.raises(InputError, match="not a text file"):
        read_csv_text(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv_text(tmp_path)
