"""How many readers and cases a study needs.

Power of the Obuchowski-Rockette test from a pilot's components: Hillis, Obuchowski and Berbaum 2011 (Acad Radiol
18:129). Cases for an intraclass correlation: Bonett 2002 (Stat Med 21:1331).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from marrowmap.errors import InputError
from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.mrmc import Components

MOST_CASES = 10_000
ALPHA = 1 - CONFIDENCE


@dataclass(frozen=True)
class Pilot:
    """What a pilot study of `cases` cases says of the variance of areas under the curve.

    Parameters
    ----------
    var_tr, var_error, cov1, cov2, cov3 : float
        Obuchowski-Rockette components.
    cases : int
        Cases of the pilot; the share of positive ones is taken to stay.
    """

    var_tr: float
    var_error: float
    cov1: float
    cov2: float
    cov3: float
    cases: int

    @staticmethod
    def of(c: Components, cases: int) -> Pilot:
        """Return the pilot that an analyzed study is."""
        return Pilot(c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3, cases)


@dataclass(frozen=True)
class Plan:
    """A study of `readers` and `cases` and its `power` to find the difference."""

    readers: int
    cases: int
    power: float


def mrmc_power(pilot: Pilot, difference: float, *, readers: int, cases: int) -> float:
    """Return the power of the test with random readers and cases at 5 %, two modalities.

    Negative estimates of the interaction, and of Cov2 - Cov3, count as 0.

    Raises
    ------
    InputError
        If there are fewer than two readers or cases, or the difference is none.
    """
    if readers < 2 or cases < 2 or not 0 < abs(difference) < 1:
        raise InputError("planning needs two readers and cases or more and a difference between 0 and 1")
    shrink = pilot.cases / cases
    var_tr = max(pilot.var_tr, 0.0)
    between = max(pilot.cov2 - pilot.cov3, 0.0)
    residual = shrink * (pilot.var_error - pilot.cov1 - between)
    interaction = max(var_tr + residual, 0.0)
    error = interaction + readers * shrink * between
    if error <= 0:
        raise InputError("the pilot's areas do not vary: it says nothing of a larger study")
    df = error**2 / (interaction**2 / (readers - 1)) if interaction > 0 else 1e6
    shift = readers * difference**2 / 2 / error
    limit = float(stats.f.ppf(1 - ALPHA, 1, df))
    return float(stats.ncf.sf(limit, 1, df, shift))


def plan_mrmc(pilot: Pilot, difference: float, *, readers: int, power: float = 0.8) -> Plan | None:
    """Return the least number of cases with which `readers` reach the power, or None if 10,000 do not."""
    if mrmc_power(pilot, difference, readers=readers, cases=MOST_CASES) < power:
        return None
    low, high = 2, MOST_CASES
    while low < high:
        middle = (low + high) // 2
        if mrmc_power(pilot, difference, readers=readers, cases=middle) >= power:
            high = middle
        else:
            low = middle + 1
    return Plan(readers, low, mrmc_power(pilot, difference, readers=readers, cases=low))


def cases_for_icc(icc: float, *, readers: int, width: float) -> int:
    """Return the cases for which the 95 % interval of an intraclass correlation is about `width` wide.

    Raises
    ------
    InputError
        If the correlation or the width is not between 0 and 1, or there is one reader only.
    """
    if not (0 <= icc < 1 and 0 < width < 1 and readers > 1):
        raise InputError("planning needs a correlation and a width between 0 and 1 and two readers or more")
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    spread = (1 - icc) ** 2 * (1 + (readers - 1) * icc) ** 2 / (readers * (readers - 1))
    return math.ceil(8 * z**2 * spread / width**2 + 1)
