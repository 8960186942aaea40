from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.agreement_summary import CATEGORICAL
from marrowmap.readers.agreement_summary import NUMERIC
from marrowmap.readers.agreement_summary import summarize_agreement
from marrowmap.readers.read_table import ReadTable


def table_of(codes, *, positions=None, numbers=None, people=None, categories=None):
    codes = np.array(codes)
    count = categories or int(codes.max()) + 1
    return ReadTable(
        readers=tuple("ABCD"[: codes.shape[1]]),
        categories=tuple(f"k{n}" for n in range(count)),
        codes=codes,
        positions=None if positions is None else np.array(positions, float),
        numbers=numbers,
        people=np.arange(len(codes)) if people is None else np.array(people),
    )


def test_every_statistic_is_there_and_finite_or_says_why():
    rng = np.random.default_rng(1)
    codes = rng.integers(-1, 3, (20, 3))
    numbers = np.where(codes >= 0, codes, np.nan)
    summary = summarize_agreement(table_of(codes, positions=[0, 1, 2], numbers=numbers))
    assert set(summary.estimates) == set(CATEGORICAL) | set(NUMERIC)
    assert all(np.isfinite([e.low, e.value, e.high]).all() for e in summary.estimates.values())
    assert len(summary.limits) == 3
    assert summary.reads + summary.missing == 60
    assert "left out" in summary.estimates["icc_a1"].note


def test_words_have_no_weights_and_no_correlation():
    estimates = summarize_agreement(table_of([[0, 1], [1, 1], [2, 2], [0, 0]])).estimates
    for name in ("weighted_kappa", "weighted_kappa_linear", "gwet_ac2", "krippendorff_alpha_ordinal"):
        assert "--scale" in estimates[name].note
    for name in (*NUMERIC, "krippendorff_alpha_interval"):
        assert "no numbers" in estimates[name].note
    # Three of four agree; by chance 1/2 * 1/4 of 0 with 0, 1/4 * 1/2 of 1 with 1, 1/4 * 1/4 of 2 with 2.
    assert estimates["cohen_kappa"].value == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))


def test_unanimous_reads_of_two_categories_bound_all_alike():
    estimates = summarize_agreement(table_of([[0, 0, 0]] * 6 + [[1, 1, 1]] * 6)).estimates
    fleiss = estimates["fleiss_kappa"]
    assert (fleiss.value, fleiss.high) == (1.0, 1.0)
    assert 0.3 < fleiss.low < 0.6
    assert estimates["krippendorff_alpha"].low == estimates["cohen_kappa"].low == fleiss.low
    assert fleiss.low < estimates["percent_agreement"].low / 100 < 0.8


def test_rare_findings_are_called_rare():
    rare = [[0, 0, 0]] * 40 + [[1, 1, 0]] * 3
    assert "3 people only" in summarize_agreement(table_of(rare)).estimates["fleiss_kappa"].note
    common = [[0, 0, 0]] * 40 + [[1, 1, 0]] * 9
    assert summarize_agreement(table_of(common)).estimates["fleiss_kappa"].note == ""


def test_measurements_are_no_categories():
    numbers = np.random.default_rng(1).normal(size=(20, 2))
    codes = np.argsort(np.argsort(numbers.ravel())).reshape(20, 2)
    table = table_of(codes, positions=np.sort(numbers.ravel()), numbers=numbers)
    estimates = summarize_agreement(table).estimates
    assert "measurement" in estimates["cohen_kappa"].note
    rest = numbers - numbers.mean(axis=1, keepdims=True) - numbers.mean(axis=0) + numbers.mean()
    between, error = 2 * numbers.mean(axis=1).var(ddof=1), (rest**2).sum() / 19
    assert estimates["icc_c1"].value == pytest.approx((between - error) / (between + error))


def test_negative_values_have_no_ratio():
    codes = np.array([[0, 1], [1, 1], [0, 0]])
    table = table_of(codes, positions=[-1, 1], numbers=np.where(codes, 1.0, -1.0))
    assert "0 or more" in summarize_agreement(table).estimates["krippendorff_alpha_ratio"].note


@pytest.mark.parametrize("codes", [[[0, 0, 0]], [[0], [1], [0]], [[0, 1]]])
def test_one_case_or_one_reader_is_answered(codes):
    estimates = summarize_agreement(table_of(codes, categories=2)).estimates
    for estimate in estimates.values():
        assert estimate.value is not None or estimate.note
        assert estimate.low is None or np.isfinite(estimate.low)
