from __future__ import annotations

import random

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.csv_text import bare_cell
from marrowmap.ingest.csv_text import guard_cell
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


@pytest.mark.parametrize(
    ("words", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-", "'-"),
        ("@name", "'@name"),
        ("\tx", "'\tx"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("-1.5e-3", "-1.5e-3"),
        ("+3", "+3"),
        ("'quoted'", "'quoted'"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_no_cell_runs_in_a_spreadsheet(words, cell):
    assert guard_cell(words) == cell
    assert bare_cell(cell) == words


def test_any_words_come_back():
    rng = random.Random(1)
    for _ in range(5000):
        words = "".join(rng.choices("='+-@\t\r\n ,;\"a1.e\uff20", k=rng.randrange(6)))
        assert bare_cell(guard_cell(words)) == words
