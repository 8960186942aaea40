from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import BLOCK_COLUMN
from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.ingest.reads_csv import SCORE_COLUMNS
from marrowmap.ingest.reads_csv import Rating
from marrowmap.ingest.reads_csv import Score
from marrowmap.ingest.reads_csv import read_ratings_csv
from marrowmap.ingest.reads_csv import read_scores_csv


def write(path, columns, *lines):
    path.write_text("\n".join((",".join(columns), *lines)) + "\n", encoding="utf-8")
    return path


def test_ratings_and_what_is_missing(tmp_path):
    path = write(tmp_path / "r.csv", RATING_COLUMNS, "1,A,x,1,edema,present", "1,A,y,1,edema,")
    ratings, notes = read_ratings_csv(path)
    assert ratings == (Rating("1", "A", "x", "1", "edema", "present"), Rating("1", "A", "y", "1", "edema", ""))
    assert notes == ()


def test_other_separators_other_columns_and_another_order(tmp_path):
    path = write(tmp_path / "r.csv", (), "item;value;reader;session;person;case;minutes", "edema;1,5;x;1;A;1;3")
    path.write_text(path.read_text(encoding="utf-8").lstrip(), encoding="utf-8")
    ratings, notes = read_ratings_csv(path)
    assert ratings[0].value == "1,5"
    assert "minutes" in notes[0]


def test_scores_with_truth(tmp_path):
    path = write(tmp_path / "s.csv", SCORE_COLUMNS, "1,A,1,x,MR,4.5", "2,B,0,x,MR,")
    scores, _ = read_scores_csv(path)
    assert scores == (Score("1", "A", True, "x", "MR", 4.5), Score("2", "B", False, "x", "MR", None))


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("1,A,x,1,edema,p", "1,A,x,1,edema,p"), "twice in session 1 (lines 2 and 3)"),
        (("1,A,z,1,edema,present",), "reader 'z' is none of the study's: x, y"),
        (("1,A,x,1,edema,perhaps",), "'perhaps' of edema is none of p, present"),
        (("1,A,x,1,edema,p", "1,B,y,1,edema,p"), "case 1 is of person B here and of A above"),
        (("1,A,,1,edema,p",), "line 2: reader is empty"),
        (("1,A,x,1,edema",), "5 fields under 6 columns"),
        (("1,A,x,1,edema,p,more",), "7 fields under 6 columns"),
        (("1,A,x,1,edema,",), "no answer in it"),
        ((), "no line below the header"),
    ],
)
def test_ratings_that_are_refused(tmp_path, lines, complaint):
    path = write(tmp_path / "r.csv", RATING_COLUMNS, *lines)
    with pytest.raises(InputError) as refused:
        read_ratings_csv(path, readers=("x", "y"), scales={"edema": ("p", "present")})
    assert complaint in str(refused.value)
    assert "r.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("1,A,1,x,MR,4", "1,A,1,x,MR,3"), "scored case 1 twice in modality MR (lines 2 and 3)"),
        (("1,A,1,x,MR,4", "1,A,0,x,CT,3"), "case 1 has truth 0 and 1"),
        (("1,A,yes,x,MR,4",), "truth 'yes': write 1 for positive or 0 for negative"),
        (("1,A,1,x,MR,high",), "score 'high' is no number"),
        (("1,A,1,x,MR,inf",), "not finite"),
        (("1,A,1,z,MR,4",), "reader 'z' is none"),
        (("1,A,1,x,MR,",), "no score in it"),
    ],
)
def test_scores_that_are_refused(tmp_path, lines, complaint):
    path = write(tmp_path / "s.csv", SCORE_COLUMNS, *lines)
    with pytest.raises(InputError) as refused:
        read_scores_csv(path, readers=("x",))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("1,A,1,x,MR,4,a", "1,A,1,y,MR,3,b"), "line 3: case 1 is in block b here and in a above"),
        (("1,A,1,x,MR,4,a", "2,B,1,x,MR,3,b"), "line 3: reader x is in block b here and in a above"),
        (("1,A,1,x,MR,4,a", "2,B,1,y,MR,3,"), "case 2 has no block, others have"),
    ],
)
def test_blocks_that_are_refused(tmp_path, lines, complaint):
    with pytest.raises(InputError, match=complaint):
        read_scores_csv(write(tmp_path / "s.csv", (*SCORE_COLUMNS, BLOCK_COLUMN), *lines))


def test_blocks_of_scores(tmp_path):
    path = write(tmp_path / "s.csv", (*SCORE_COLUMNS, BLOCK_COLUMN), "1,A,1,x,MR,4,a", "2,B,0,y,MR,3,b")
    scores, notes = read_scores_csv(path)
    assert ([score.block for score in scores], notes) == (["a", "b"], ())
    path = write(tmp_path / "s.csv", (*SCORE_COLUMNS, BLOCK_COLUMN), "1,A,1,x,MR,4,", "2,B,0,x,MR,3,")
    assert {score.block for score in read_scores_csv(path)[0]} == {""}


def test_headers_and_files_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="no column 'session'"):
        read_ratings_csv(write(tmp_path / "r.csv", ("case", "person", "reader", "item", "value"), "1,A,x,edema,p"))
    with pytest.raises(InputError, match="stands twice"):
        read_ratings_csv(write(tmp_path / "r.csv", (*RATING_COLUMNS, "case"), "1,A,x,1,edema,p,1"))
    with pytest.raises(InputError, match="cannot be read"):
        read_ratings_csv(tmp_path / "none.csv")
    path = write(tmp_path / "r.csv", RATING_COLUMNS, "1,A,x,1,edema,p")
    with pytest.raises(InputError, match="no item 'edma'"):
        read_ratings_csv(path, scales={"edma": ("p", "q")})
