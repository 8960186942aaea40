from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marrowmap.readers.icc import icc_1
from marrowmap.readers.icc import icc_a1
from marrowmap.readers.icc import icc_c1
from marrowmap.readers.icc import mean_of_readers
from tests.readers.published import SHROUT_FLEISS


@pytest.mark.parametrize(("form", "single", "mean"), [(icc_1, 0.17, 0.44), (icc_a1, 0.29, 0.62), (icc_c1, 0.71, 0.91)])
def test_shrout_and_fleiss(form, single, mean):
    estimate = form(SHROUT_FLEISS, np.arange(6))
    assert round(estimate.value, 2) == single
    assert round(mean_of_readers(estimate, 4).value, 2) == mean


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [
        # McGraw and Wong's intervals as psych and pingouin print them for this table.
        (icc_1, 0.166, -0.133, 0.723),
        (icc_a1, 0.290, 0.019, 0.761),
        (icc_c1, 0.715, 0.342, 0.946),
    ],
)
def test_intervals_of_mcgraw_and_wong(form, value, low, high):
    estimate = form(SHROUT_FLEISS, np.arange(6))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high), abs=6e-4)


@pytest.mark.parametrize(("form", "printed"), [(icc_1, 0.1750), (icc_a1, 0.1980), (icc_c1, 0.2160)])
def test_ratings_of_anxiety(shared_data, form, printed):
    path = shared_data / "mrmc-reader-studies" / "irr" / "anxiety.csv"
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    assert form(values, np.arange(len(values))).value == pytest.approx(printed, abs=5e-5)


def test_a_reader_off_by_a_constant_counts_for_agreement_only():
    values = SHROUT_FLEISS[:, [0, 0]] + np.array([0.0, 3.0])
    assert icc_c1(values, np.arange(6)).value == pytest.approx(1.0)
    assert icc_a1(values, np.arange(6)).value < 0.5
    assert "constant" in icc_c1(values, np.arange(6)).note


def test_unit_and_offset_do_not_matter():
    shifted = 1e6 + 0.001 * SHROUT_FLEISS
    for form in (icc_1, icc_a1, icc_c1):
        assert form(shifted, np.arange(6)).value == pytest.approx(form(SHROUT_FLEISS, np.arange(6)).value, abs=1e-6)


@pytest.mark.parametrize("form", [icc_1, icc_a1, icc_c1])
def test_what_has_no_answer_says_why(form):
    assert "equal" in form(np.full((5, 3), 2.0), np.arange(5)).note
    assert "two cases" in form(np.ones((1, 3)), np.arange(1)).note
    assert "two readers" in form(np.arange(5.0)[:, None], np.arange(5)).note
    same = form(np.repeat(np.arange(5.0)[:, None], 2, axis=1), np.arange(5))
    assert same.value == pytest.approx(1.0)
    assert "same values" in same.note


def test_people_with_two_hips_widen_the_interval():
    rng = np.random.default_rng(5)
    level = np.repeat(rng.normal(size=15), 2)
    values = level[:, None] + 0.7 * rng.normal(size=(30, 3))
    apart, together = icc_c1(values, np.arange(30)), icc_c1(values, np.arange(30) // 2)
    assert apart.value == together.value
    assert together.high - together.low > apart.high - apart.low
    assert "people" in together.note


def test_a_mean_of_readers_who_contradict_each_other():
    contradicting = icc_1(np.array([[1.0, 3.0], [3.0, 1.0], [1.0, 3.1], [3.0, 1.0]]), np.arange(4))
    assert contradicting.value < -0.9
    assert mean_of_readers(contradicting, 3).value is None


def test_few_readers_widen_agreement_of_people_with_two_hips():
    """Two readers may be two kinds of people: agreement must know it less well than consistency."""
    rng = np.random.default_rng(8)
    level = np.repeat(rng.normal(size=40), 2)
    values = level[:, None] + 0.3 * rng.normal(size=(80, 2)) + np.array([0.0, 0.6])
    people = np.arange(80) // 2
    agreement, consistency = icc_a1(values, people), icc_c1(values, people)
    assert agreement.high - agreement.low > 2 * (consistency.high - consistency.low)


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 4)).flatmap(
        lambda shape: arrays(float, shape, elements=st.integers(0, 2).map(float))
    ),
    st.integers(1, 2),
)
def test_small_tables_have_finite_answers_or_reasons(values, hips):
    people = np.arange(len(values)) // hips
    for form in (icc_1, icc_a1, icc_c1):
        estimate = form(values, people)
        mean = mean_of_readers(estimate, values.shape[1])
        for found in (estimate, mean):
            assert found.value is not None or found.note
            assert found.low is None or found.low <= found.high
