from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from marrowmap.readers.additive import LOG_DISAGREEMENT
from marrowmap.readers.agreement import estimate_agreement
from marrowmap.readers.agreement import fleiss_kappa
from marrowmap.readers.agreement import gwet_ac
from marrowmap.readers.agreement import percent_agreement
from marrowmap.readers.agreement import unanimous_agreement
from marrowmap.readers.weights import identity_weights
from marrowmap.readers.weights import linear_weights
from marrowmap.readers.weights import quadratic_weights
from tests.readers.published import KRIPPENDORFF
from tests.readers.published import codes as published_codes
from tests.readers.random_tables import CATEGORIES
from tests.readers.random_tables import observed_by_pairs
from tests.readers.random_tables import shares_by_case
from tests.readers.random_tables import tables

EQUAL = identity_weights(CATEGORIES)
LINEAR = linear_weights(np.arange(CATEGORIES, dtype=float))
FIVE = published_codes(KRIPPENDORFF)


@pytest.mark.parametrize(
    ("weights", "fleiss", "gwet"),
    [
        (identity_weights(5), 0.76117, 0.77544),
        (linear_weights(np.arange(5.0)), 0.81794, 0.85874),
        (quadratic_weights(np.arange(5.0)), 0.86494, 0.91400),
    ],
)
def test_values_of_gwets_program_on_krippendorffs_table(weights, fleiss, gwet):
    assert fleiss_kappa(FIVE, weights).value() == pytest.approx(fleiss, abs=5e-6)
    assert gwet_ac(FIVE, weights).value() == pytest.approx(gwet, abs=5e-6)
    assert percent_agreement(FIVE, identity_weights(5)).value() == pytest.approx(0.81818, abs=5e-6)


@given(tables)
def test_the_same_as_the_definitions_pair_by_pair(codes):
    for weights in (EQUAL, LINEAR):
        observed = observed_by_pairs(codes, lambda a, b, w=weights: w[a, b])
        if observed is None:
            assert percent_agreement(codes, weights).value() is None
            assert fleiss_kappa(codes, weights).value() is None
            assert gwet_ac(codes, weights).value() is None
            continue
        shares = np.array(shares_by_case(codes))
        chance = float(shares @ weights @ shares)
        guessed = weights.sum() / (CATEGORIES * (CATEGORIES - 1)) * float((shares * (1 - shares)).sum())
        assert percent_agreement(codes, weights).value() == pytest.approx(observed)
        assert gwet_ac(codes, weights).value() == pytest.approx((observed - guessed) / (1 - guessed))
        found = fleiss_kappa(codes, weights).value()
        if chance > 1 - 1e-9:
            assert found is None
        else:
            assert found == pytest.approx((observed - chance) / (1 - chance), abs=1e-9)


@given(tables)
def test_unanimous_is_a_share_of_cases(codes):
    cases = [{int(c) for c in case if c >= 0} for case in codes if (case >= 0).sum() > 1]
    expected = np.mean([len(case) == 1 for case in cases]) if cases else None
    found = unanimous_agreement(codes).value()
    assert found == expected or found == pytest.approx(expected)


def test_twelve_of_twelve_one_category_defines_ac1_and_not_kappa():
    codes = np.zeros((12, 3), dtype=np.intp)
    people = np.arange(12)
    kappa = estimate_agreement(fleiss_kappa(codes, identity_weights(2)), people, codes)
    ac1 = estimate_agreement(gwet_ac(codes, identity_weights(2)), people, codes, scale=LOG_DISAGREEMENT)
    assert kappa.value is None
    assert "one category" in kappa.note
    assert (ac1.value, ac1.high) == (1.0, 1.0)
    # The exact lower bound of 12 of 12 (Clopper and Pearson): 0.025 to the power 1/12.
    assert ac1.low == pytest.approx(0.025 ** (1 / 12))


def test_two_hips_of_six_people_bound_less_than_twelve_people():
    codes = np.zeros((12, 3), dtype=np.intp)
    six = estimate_agreement(gwet_ac(codes, identity_weights(2)), np.arange(12) // 2, codes)
    assert six.low == pytest.approx(0.025 ** (1 / 6))


def test_one_known_category_counts_as_one_of_two():
    codes = np.zeros((5, 2), dtype=np.intp)
    assert gwet_ac(codes, identity_weights(1)).value() == gwet_ac(codes, identity_weights(2)).value() == 1.0


def test_one_reader_is_not_defined():
    codes = np.array([[0, -1], [1, -1]])
    estimate = estimate_agreement(gwet_ac(codes, EQUAL), np.arange(2), codes)
    assert estimate.value is None
    assert "two readers" in estimate.note


def test_interval_is_wider_where_cases_belong_to_few_people():
    rng = np.random.default_rng(3)
    codes = np.repeat(rng.integers(0, 2, (20, 3)), 2, axis=0)
    apart = estimate_agreement(gwet_ac(codes, identity_weights(2)), np.arange(40), codes)
    together = estimate_agreement(gwet_ac(codes, identity_weights(2)), np.arange(40) // 2, codes)
    assert apart.value == together.value
    assert together.high - together.low > 1.3 * (apart.high - apart.low)
