from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from marrowmap.readers.additive import jackknife_interval
from marrowmap.readers.cohen import cohen_kappa
from marrowmap.readers.weights import identity_weights
from marrowmap.readers.weights import linear_weights
from marrowmap.readers.weights import quadratic_weights
from tests.readers.random_tables import CATEGORIES
from tests.readers.random_tables import cohen_by_pairs
from tests.readers.random_tables import tables

LINEAR = linear_weights(np.arange(CATEGORIES, dtype=float))
QUADRATIC = quadratic_weights(np.arange(CATEGORIES, dtype=float))


def table_of(counts):
    """Reads of two readers with these counts, (q, q)."""
    return np.array([(a, b) for (a, b), n in np.ndenumerate(np.array(counts)) for _ in range(n)])


@given(tables)
def test_the_same_as_the_definition_pair_by_pair(codes):
    for weights in (identity_weights(CATEGORIES), LINEAR, QUADRATIC):
        expected = cohen_by_pairs(codes, lambda a, b, w=weights: w[a, b])
        found = cohen_kappa(codes, weights).value()
        assert found is expected is None or found == pytest.approx(expected, abs=1e-9)


def test_a_textbook_table():
    """20 and 15 of 50 agree: observed 0.7, chance 0.5, kappa 0.4."""
    codes = table_of([[20, 5], [10, 15]])
    estimate = jackknife_interval(cohen_kappa(codes, identity_weights(2)), np.arange(50))
    assert estimate.value == pytest.approx(0.4)
    # Fleiss, Cohen and Everitt 1969: asymptotic standard error 0.1271, 1.96 times it on either side.
    assert estimate.low == pytest.approx(0.4 - 1.96 * 0.1271, abs=0.02)
    assert estimate.high == pytest.approx(0.4 + 1.96 * 0.1271, abs=0.02)


def test_one_category_is_not_defined():
    estimate = jackknife_interval(cohen_kappa(np.zeros((12, 2), dtype=np.intp), identity_weights(2)), np.arange(12))
    assert estimate.value is None
    assert "0/0" in estimate.note


def test_a_pair_without_a_common_case_is_left_out_of_the_mean():
    codes = np.array([[0, 0, -1], [1, 1, -1], [0, 1, -1], [-1, 0, 1], [-1, 1, 1], [-1, 0, 0]])
    expected = np.mean([cohen_kappa(codes[:, pair], identity_weights(2)).value() for pair in ([0, 1], [1, 2])])
    assert cohen_kappa(codes, identity_weights(2)).value() == pytest.approx(expected)


def test_readers_without_any_common_case():
    statistic = cohen_kappa(np.array([[0, -1], [-1, 1]]), identity_weights(2))
    assert statistic.value() is None
    assert "two readers" in statistic.why_not
