from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.mrmc import random_readers_random_cases
from marrowmap.readers.sample_size import Pilot
from marrowmap.readers.sample_size import cases_for_icc
from marrowmap.readers.sample_size import mrmc_power
from marrowmap.readers.sample_size import plan_mrmc

VAN_DYKE = Pilot(var_tr=0.00020040, var_error=0.00080229, cov1=0.00034661, cov2=0.00034407, cov3=0.00023903, cases=114)


def test_power_is_what_the_test_of_the_model_has():
    """Areas drawn from the Obuchowski-Rockette model itself, whose covariances are known, are found that often."""
    rng = np.random.default_rng(1)
    readers, difference = 5, 0.06
    same_reader, same_modality = (
        np.kron(np.ones((2, 2)), np.eye(readers)),
        np.kron(np.eye(2), np.ones((readers, readers))),
    )
    identity = np.eye(2 * readers)
    covariance = (
        VAN_DYKE.var_error * identity
        + VAN_DYKE.cov1 * (same_reader - identity)
        + VAN_DYKE.cov2 * (same_modality - identity)
        + VAN_DYKE.cov3 * (1 - same_reader - same_modality + identity)
    )
    mean = np.repeat([0.85, 0.85 + difference], readers)
    draws = rng.multivariate_normal(mean, covariance + VAN_DYKE.var_tr * identity, size=500)
    found = [
        random_readers_random_cases(find_components(draw.reshape(2, readers), covariance)).p < 0.05 for draw in draws
    ]
    planned = mrmc_power(VAN_DYKE, difference, readers=readers, cases=114)
    assert np.mean(found) == pytest.approx(planned, abs=0.05)


def test_more_of_either_finds_more():
    powers = [mrmc_power(VAN_DYKE, 0.05, readers=r, cases=c) for r, c in ((4, 100), (8, 100), (8, 200), (8, 400))]
    assert powers == sorted(powers)


def test_plan_is_the_least_that_suffices():
    plan = plan_mrmc(VAN_DYKE, 0.05, readers=6)
    assert plan.power >= 0.8
    assert mrmc_power(VAN_DYKE, 0.05, readers=6, cases=plan.cases - 1) < 0.8
    assert plan_mrmc(VAN_DYKE, 0.01, readers=3) is None


@pytest.mark.parametrize(("readers", "cases", "difference"), [(1, 50, 0.1), (3, 1, 0.1), (3, 50, 0.0)])
def test_what_cannot_be_planned_is_refused(readers, cases, difference):
    with pytest.raises(InputError, match="planning needs"):
        mrmc_power(VAN_DYKE, difference, readers=readers, cases=cases)


def test_a_pilot_without_variance_is_refused():
    with pytest.raises(InputError, match="do not vary"):
        mrmc_power(Pilot(0, 0, 0, 0, 0, 50), 0.05, readers=3, cases=50)


def test_cases_for_a_correlation():
    """Bonett 2002: two readers, correlation 0.8, width 0.2 needs 51 cases."""
    expected = 8 * stats.norm.ppf(0.975) ** 2 * (0.2 * 1.8) ** 2 / (2 * 0.04) + 1
    assert cases_for_icc(0.8, readers=2, width=0.2) == np.ceil(expected) == 51
    with pytest.raises(InputError, match="planning needs"):
        cases_for_icc(1.0, readers=2, width=0.2)
