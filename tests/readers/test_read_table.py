from __future__ import annotations

import numpy as np

from marrowmap.ingest.reads_csv import Rating
from marrowmap.readers.read_table import as_number
from marrowmap.readers.read_table import first_reads
from marrowmap.readers.read_table import make_table
from marrowmap.readers.read_table import natural_order
from marrowmap.readers.read_table import repeated_reads


def rating(case, reader, value, session="1", person=None):
    return Rating(case, person or f"p{case}", reader, session, "edema", value)


def test_numbers_stand_by_size_and_before_words():
    assert natural_order(["10", "9", "b", "a", "9"]) == ["9", "10", "a", "b"]
    assert as_number("nan") is None
    assert as_number("1e3") == 1000.0


def test_words_have_no_order_unless_one_is_given():
    reads = [rating("1", "A", "severe"), rating("1", "B", "mild"), rating("2", "A", "mild")]
    free = make_table(reads)
    assert free.positions is None
    assert free.numbers is None
    ordered = make_table(reads, ("none", "mild", "severe"))
    assert list(ordered.positions) == [0.0, 1.0, 2.0]
    assert np.array_equal(ordered.codes, [[2, 1], [1, -1]])


def test_one_number_written_in_two_ways_is_one_category():
    table = make_table([rating("1", "A", "1"), rating("1", "B", "1.0"), rating("2", "A", "2"), rating("2", "B", "10")])
    assert table.categories == ("1", "2", "10")
    assert np.array_equal(table.codes, [[0, 0], [1, 2]])
    assert np.array_equal(table.numbers, [[1.0, 1.0], [2.0, 10.0]])


def test_a_scale_of_numbers_keeps_their_distances():
    table = make_table([rating("1", "A", "0"), rating("1", "B", "4")], ("0", "1", "4"))
    assert list(table.positions) == [0.0, 1.0, 4.0]
    assert np.array_equal(table.numbers, [[0.0, 4.0]])


def test_people_are_numbered_by_case():
    table = make_table(
        [rating("1", "A", "x", person="B"), rating("2", "A", "x", person="A"), rating("3", "A", "x", person="B")]
    )
    assert table.people[0] == table.people[2] != table.people[1]


def test_first_and_repeated_reads():
    reads = [
        rating("1", "A", "late", session="10"),
        rating("1", "A", "early", session="9"),
        rating("2", "A", "once", session="10"),
        rating("1", "B", "", session="9"),
        rating("1", "B", "second", session="10"),
    ]
    first = {(r.case, r.reader): r.value for r in first_reads(reads)}
    assert first == {("1", "A"): "early", ("2", "A"): "once", ("1", "B"): "second"}
    assert [(r.reader, r.value) for r in repeated_reads(reads, "A")] == [("1", "early"), ("2", "late")]
    assert repeated_reads(reads, "B") == []
