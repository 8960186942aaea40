from __future__ import annotations

import tomllib
from datetime import timedelta

import numpy as np
import pytest

from marrowmap.ingest.clinical import parse_form
from marrowmap.phantom import KINDS
from marrowmap.phantom.clinical import ANY
from marrowmap.phantom.clinical import EXAM_DAY
from marrowmap.phantom.clinical import draw_form
from marrowmap.phantom.clinical import find_row
from marrowmap.phantom.clinical import form_as_toml
from marrowmap.phantom.clinical import known_weeks
from marrowmap.phantom.clinical import load_frequencies
from marrowmap.phantom.clinical import share_of
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.values import Side
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import Pregnancy

PEOPLE = 2000


def drawn(kind, sex="F", age=35, people=PEOPLE):
    return [draw_form(kind, seed, sex=sex, age_years=age) for seed in range(1000, 1000 + people)]


def assert_near(found, share, people=PEOPLE):
    # Five standard errors: one false alarm in about two million.
    assert abs(found - share) <= 5 * np.sqrt(share * (1 - share) / people) + 1 / people


def test_every_row_has_a_source_a_known_kind_and_a_possible_share():
    tables = load_frequencies()
    for table in ("frequency", "pregnancy", "onset"):
        for row in tables[table]:
            assert set(row["kinds"]) <= {*KINDS, ANY}
            assert {name.strip() for name in row["source"].split(",")} <= set(tables["source"])
            assert row["confidence"] in {"A", "C"}
            assert row["source"] != "choice" or row["confidence"] == "C"
            assert row.get("why") or row["confidence"] == "A"
            if table != "onset":
                assert ("share" in row) != ("counts" in row)
                assert 0 <= share_of(row) <= 1
    assert {row["question"] for row in tables["frequency"]} == set(ANSWERS)
    for source in tables["source"].values():
        assert source["citation"]
        assert source["read"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sex", ["F", "M"])
def test_drawn_people_answer_as_often_as_the_data_say(kind, sex):
    forms = drawn(kind, sex)
    for question in ANSWERS:
        said = np.mean([form.answers[question] is Answer.YES for form in forms])
        assert_near(said, share_of(find_row("frequency", kind, question=question, sex=sex)))
    expecting = np.mean([form.pregnancy is not Pregnancy.NO for form in forms])
    assert_near(expecting, share_of(find_row("pregnancy", kind)) if sex == "F" else 0.0)


def test_pooled_counts_are_people_not_series():
    assert share_of({"counts": [[1, 2], [3, 8]]}) == pytest.approx(0.4)


def test_nobody_with_osteonecrosis_has_both_causes():
    both = [form.answers["alcohol"] is form.answers["corticosteroids"] is Answer.YES for form in drawn("onfh", "M")]
    assert not any(both)
    apart = [form.answers["alcohol"] is form.answers["corticosteroids"] is Answer.YES for form in drawn("infection")]
    assert any(apart)


def test_neither_men_nor_old_women_are_pregnant():
    for sex, age in (("M", 35), ("F", 46), ("F", 17)):
        assert all(form.pregnancy is Pregnancy.NO and form.trimester is None for form in drawn("toh", sex, age))
    trimesters = {form.trimester for form in drawn("toh") if form.pregnancy is Pregnancy.YES}
    assert trimesters == {3}
    assert {form.trimester for form in drawn("normal") if form.pregnancy is Pregnancy.YES} == {1, 2, 3}


def test_the_same_seed_gives_the_same_form_and_another_another():
    first, again = (draw_form("infection", 7, sex="F", age_years=35) for _ in range(2))
    assert form_as_toml(first) == form_as_toml(again)
    assert len({form_as_toml(form) for form in drawn("infection", people=40)}) > 20


def test_onset_follows_the_weeks_asked_for_and_no_other_answer_does():
    told = draw_form("sif", 5, sex="F", age_years=70, weeks=10.0)
    assert told.onset == EXAM_DAY - timedelta(days=70)
    free = draw_form("sif", 5, sex="F", age_years=70)
    low, high = find_row("onset", "sif")["weeks"]
    assert 7 * low - 1 <= (EXAM_DAY - free.onset).days <= 7 * high + 1
    assert (free.answers, free.pregnancy) == (told.answers, told.pregnancy)
    assert draw_form("sif", 5, sex="F", age_years=70, weeks=1e9).onset is None


def test_the_weeks_that_pictures_show_come_first():
    assert known_weeks({Side.LEFT: WELL, Side.RIGHT: Lesion(weeks=6.0)}, 6.0) == 6.0
    assert known_weeks({Side.LEFT: WELL}, 9.0) == 9.0
    assert known_weeks({Side.LEFT: WELL}) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back_by_the_reader_of_forms(kind):
    for seed in range(1000, 1060):
        form = draw_form(kind, seed, sex="F", age_years=35, person_id=f"VIRTUAL-{kind.upper()}-{seed}")
        assert parse_form(tomllib.loads(form_as_toml(form)), "clinical.toml") == form
    ancient = draw_form(kind, 1, sex="M", age_years=35, weeks=1e9)
    assert parse_form(tomllib.loads(form_as_toml(ancient)), "clinical.toml") == ancient
