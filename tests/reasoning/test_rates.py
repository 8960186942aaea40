from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marrowmap.reasoning.rates import believed
from marrowmap.reasoning.rates import counted

SPREAD = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def test_without_spread_it_is_the_beta_of_the_counts():
    rate = counted([(12, 12)], ())
    assert rate.mean == pytest.approx(12.5 / 13)
    low, high = rate.interval()
    assert (low, high) == pytest.approx(stats.beta(12.5, 0.5).interval(0.95), abs=0.01)


def test_with_ever_less_spread_it_comes_to_the_same():
    tight = counted([(8, 22)], (1e6,))
    assert tight.mean == pytest.approx(8.5 / 23, abs=2e-3)
    assert tight.interval() == pytest.approx(stats.beta(8.5, 14.5).interval(0.95), abs=0.015)


def test_jeffreys_prior_is_what_no_counts_give():
    drawn = counted([], (16.0,)).draw(np.random.default_rng(1), 200_000)
    assert counted([], (16.0,)).mean == pytest.approx(0.5, abs=1e-6)
    # A setting's rate spreads a little more than the mean rate: variance (1 + f/2) / (4 (1 + f)) with f = 16.
    assert drawn.var() == pytest.approx(0.125 + 0.125 / 17, abs=2e-3)


def test_studies_that_contradict_each_other_widen_the_interval():
    """Gemmel 2012 and Staudenherz 1997: averaging would give a narrow interval that neither of them supports."""
    low, high = counted([(12, 12), (8, 22)], SPREAD).interval()
    pooled_low, pooled_high = counted([(20, 34)], ()).interval()
    assert high - low > 1.8 * (pooled_high - pooled_low)
    assert low < 8 / 22 < pooled_low + 0.1
    assert high > 0.95


def test_studies_that_agree_narrow_it():
    one = counted([(15, 30)], SPREAD).interval()
    four = counted([(15, 30), (14, 30), (16, 30), (15, 30)], SPREAD).interval()
    assert four[1] - four[0] < one[1] - one[0]


def test_the_mean_of_draws_is_the_mean():
    rate = counted([(44, 50), (76, 155), (14, 43)], SPREAD)
    drawn = rate.draw(np.random.default_rng(2), 100_000)
    assert drawn.mean() == pytest.approx(rate.mean, abs=3e-3)
    assert ((drawn >= 0) & (drawn <= 1)).all()


def test_the_mean_agrees_with_brute_force():
    """Importance sampling of mu and f, with nothing of the code under test but the counts."""
    rng = np.random.default_rng(3)
    mu, f = rng.beta(0.5, 0.5, 400_000), rng.choice(SPREAD, 400_000)
    mu = np.clip(mu, 1e-9, 1 - 1e-9)
    weight = np.ones(len(mu))
    for present, assessed in ((12, 12), (8, 22)):
        weight *= stats.betabinom(assessed, mu * f, (1 - mu) * f).pmf(present)
    expected = float((weight * mu).sum() / weight.sum())
    assert counted([(12, 12), (8, 22)], SPREAD).mean == pytest.approx(expected, abs=0.01)


def test_a_belief_is_a_beta():
    assert believed(0.5, 9.5).mean == pytest.approx(0.05)
