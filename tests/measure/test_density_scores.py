"""Which score counts, and what it would be against another reference."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.measure.density_scores import choose_score
from marrowmap.measure.density_scores import classify_exam
from marrowmap.measure.density_scores import implied_sd
from marrowmap.measure.density_scores import label_of
from marrowmap.measure.density_scores import recompute_scores
from marrowmap.measure.density_scores import reproduces
from marrowmap.measure.density_tables import shipped_references
from marrowmap.report.density_tables import explain_recomputed
from marrowmap.values import Menopause
from marrowmap.values import Side
from tests.measure.density_records import record


@pytest.mark.parametrize(
    ("changes", "kinds", "why"),
    [
        ({"birth_date": date(1970, 1, 3)}, ("Z",), "man of 49, under 50"),
        ({"birth_date": date(1969, 12, 31)}, ("T",), "man of 50"),
        ({"sex": "F", "menopause": Menopause.AFTER}, ("T",), "after menopause"),
        ({"sex": "F", "menopause": Menopause.BEFORE}, ("Z",), "before menopause"),
        ({"sex": "F"}, ("T", "Z"), "menopause not stated"),
        ({"sex": ""}, (), "sex not stated"),
        ({"birth_date": None}, (), "birth date"),
        ({"birth_date": date(2005, 1, 1)}, (), "under 20"),
        ({"birth_date": date(2005, 1, 1), "sex": "F", "menopause": Menopause.BEFORE}, (), "under 20"),
    ],
)
def test_z_under_fifty_in_men_and_before_menopause(changes, kinds, why):
    choice = choose_score(record(**changes))
    assert choice.kinds == kinds
    assert why in choice.why


@pytest.mark.parametrize(
    ("kind", "score", "label"),
    [
        ("Z", -2.0, "below the expected range"),
        ("Z", -1.9, "within the expected range"),
        ("T", -1.0, "normal"),
        ("T", -1.1, "low bone mass"),
        ("T", -2.5, "at or below WHO's limit"),
    ],
)
def test_words_and_no_diagnosis(kind, score, label):
    assert label in label_of(kind, score)
    assert "osteoporosis" not in label_of(kind, score)


def test_the_lowest_of_spine_total_hip_and_neck():
    old = {"birth_date": date(1950, 1, 1)}
    exam = [
        record(t_score=-1.2, **old),
        record(region="greater_trochanter", t_score=-3.0, **old),
        record(region="spine", side=None, vertebrae=(2,), t_score=-4.0, **old),
        record(region="spine", side=None, vertebrae=(1, 3), t_score=-1.9, **old),
        record(region="total_hip", side=Side.RIGHT, t_score=-1.5, z_score=-3.0, **old),
        record(region="forearm", side=None, t_score=-2.6, **old),
    ]
    ((kind, score, where),) = classify_exam(exam).lowest
    assert (kind, score, where.vertebrae) == ("T", -1.9, (1, 3))


def test_the_forearm_counts_only_alone():
    old = {"birth_date": date(1950, 1, 1)}
    ((_, score, _),) = classify_exam([record(region="forearm", side=None, t_score=-2.6, **old)]).lowest
    assert score == -2.6


def test_a_missing_score_is_said():
    assert "no Z-score" in classify_exam([record(t_score=-2.0)]).reason


BERMAN = [
    record(birth_date=None, sex="", bmd=0.783, t_score=-2.1),
    record(birth_date=None, sex="", bmd=1.111, side=Side.RIGHT),
    record(birth_date=None, sex="", bmd=0.836, t_score=-1.8, side=Side.RIGHT, date=date(2023, 1, 1)),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GE Lunar, men", (-2.21, 0.32, -1.80)),
        ("NHANES III, women of 20 to 29", (-1.84, 0.53, -1.45)),
        ("NHANES III, men of 20 to 29", (-2.16, -0.09, -1.83)),
    ],
)
def test_recomputed_scores_of_a_published_case(name, expected):
    for one, score in zip(BERMAN, expected, strict=True):
        found, _ = recompute_scores(one, shipped_references())
        (mine,) = [r for r in found if r.reference.name == name]
        assert mine.score == pytest.approx(score, abs=0.006)
        assert mine.method.startswith("recomputed, not as reported")
        assert mine.low is not None
        assert mine.low < mine.score
    if "GE Lunar" not in name:
        assert "over sBMD" in mine.method


def test_which_references_could_have_made_the_reported_scores():
    low, high = implied_sd(BERMAN)  # type: ignore[misc]
    assert (low, high) == pytest.approx((0.1325, 0.265), abs=1e-4)
    women = [r for one in BERMAN for r in recompute_scores(one, shipped_references())[0] if r.reference.sex == "F"]
    assert reproduces([r for r in women if r.reference.units == "Hologic"]) == (0, 2)
    assert implied_sd(BERMAN[:2]) is None


def test_no_reference_across_unknown_units():
    scores, why = recompute_scores(record(machine=""), shipped_references())
    assert scores == ()
    assert "units are unknown" in why
    scores, why = recompute_scores(record(region="distal_femur"), shipped_references())
    assert scores == ()
    assert "no reference" in why


def test_a_woman_is_not_compared_with_men_and_a_man_with_both():
    man, _ = recompute_scores(record(), shipped_references())
    woman, _ = recompute_scores(record(sex="F"), shipped_references())
    assert {one.reference.sex for one in man} == {"M", "F"}
    assert {one.reference.sex for one in woman} == {"F"}


def test_z_by_age():
    found, _ = recompute_scores(record(region="total_hip", machine="Hologic", bmd=0.9), shipped_references())
    (z,) = [one for one in found if one.kind == "Z"]
    assert z.reference.age == (31, 41)  # two days before 40 years
    assert z.score == pytest.approx((0.9 - 1.029) / 0.134)


def test_spine_of_three_vertebrae_has_no_reference():
    some = record(region="spine", side=None, vertebrae=(1, 2, 3), machine="Hologic", sex="F", bmd=1.0)
    assert recompute_scores(some, shipped_references())[0] == ()
    whole = record(region="spine", side=None, vertebrae=(1, 2, 3, 4), machine="Hologic", sex="F", bmd=1.0)
    assert len(recompute_scores(whole, shipped_references())[0]) == 1


def test_scores_that_no_reference_can_have_made():
    """Less density with a higher T: a score at the wrong side, say."""
    crossed = [record(bmd=0.783, t_score=0.3), record(bmd=1.111, t_score=-2.1, side=Side.RIGHT)]
    low, high = implied_sd(crossed)  # type: ignore[misc]
    assert low <= high < 0
    found = [one for r in crossed for one in recompute_scores(r, shipped_references())[0]]
    assert any("no one machine and reference" in line for line in explain_recomputed(crossed, found))


def test_unstated_vertebrae_are_said_to_be_taken_as_four():
    spine = record(region="spine", side=None, machine="Hologic", sex="F", bmd=1.0)
    assert "taken as L1-L4" in recompute_scores(spine, shipped_references())[0][0].method
