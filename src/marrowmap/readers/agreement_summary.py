"""All statistics of agreement of one item, each defined or with the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from marrowmap.readers import krippendorff
from marrowmap.readers.additive import LOG_DISAGREEMENT
from marrowmap.readers.additive import Additive
from marrowmap.readers.additive import jackknife_interval
from marrowmap.readers.agreement import all_agree
from marrowmap.readers.agreement import count_categories
from marrowmap.readers.agreement import estimate_agreement
from marrowmap.readers.agreement import fleiss_kappa
from marrowmap.readers.agreement import gwet_ac
from marrowmap.readers.agreement import percent_agreement
from marrowmap.readers.agreement import unanimous_agreement
from marrowmap.readers.bland_altman import LimitsOfAgreement
from marrowmap.readers.bland_altman import limits_of_agreement
from marrowmap.readers.cohen import cohen_kappa
from marrowmap.readers.detectable_change import smallest_detectable_change
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined
from marrowmap.readers.icc import icc_1
from marrowmap.readers.icc import icc_a1
from marrowmap.readers.icc import icc_c1
from marrowmap.readers.icc import mean_of_readers
from marrowmap.readers.read_table import ReadTable
from marrowmap.readers.weights import identity_weights
from marrowmap.readers.weights import linear_weights
from marrowmap.readers.weights import quadratic_weights

Floats = NDArray[np.float64]

MOST_CATEGORIES = 30
MOST_FRACTIONS = 10
"""More different values than these, or than these with fractions, are a measurement, for which agreement by chance on a
value means nothing; choices."""
MEASUREMENT = "not defined: so many different values are a measurement, not categories: see icc"
NO_ORDER = "not defined: the categories are words without an order: give it by --scale"
NO_NUMBERS = "not defined: the values are no numbers"
NEGATIVE = "not defined: ratios need values of 0 or more"
FEW_AGREED = 5
"""Below so many people in whom two readers agree on a rarer category, intervals of kappa and alpha are too narrow
(benchmarks/reader_statistics.py)."""
MEAN_OF_PAIRS = "mean over pairs of readers (Light)"

CATEGORICAL = (
    "percent_agreement",
    "percent_unanimous",
    "cohen_kappa",
    "weighted_kappa",
    "weighted_kappa_linear",
    "fleiss_kappa",
    "gwet_ac1",
    "gwet_ac2",
    "krippendorff_alpha",
    "krippendorff_alpha_ordinal",
    "krippendorff_alpha_interval",
    "krippendorff_alpha_ratio",
)
NUMERIC = ("icc_1", "icc_a1", "icc_c1", "icc_1k", "icc_ak", "icc_ck", "smallest_detectable_change")


@dataclass(frozen=True)
class AgreementSummary:
    """What one item's reads say of agreement.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        By the names of `CATEGORICAL` and `NUMERIC`; percentages are 0 to 100.
    limits : tuple of (str, str, LimitsOfAgreement)
        Of each pair of readers; empty where values are no numbers.
    reads, missing : int
        Answers given, and those that are not there though another reader answered the case.
    """

    estimates: dict[str, Estimate]
    limits: tuple[tuple[str, str, LimitsOfAgreement], ...]
    reads: int
    missing: int


def summarize_agreement(table: ReadTable) -> AgreementSummary:
    """Return all statistics of agreement of an item; what a scale does not allow is None with the reason."""
    numbers = table.numbers
    return AgreementSummary(
        estimates={**_categorical(table), **_numeric(table)},
        limits=()
        if numbers is None
        else tuple(
            (table.readers[i], table.readers[k], limits_of_agreement(numbers[:, i], numbers[:, k], table.people))
            for i, k in combinations(range(len(table.readers)), 2)
        ),
        reads=int((table.codes >= 0).sum()),
        missing=int((table.codes < 0).sum()),
    )


def _categorical(table: ReadTable) -> dict[str, Estimate]:
    if _is_measurement(table):
        return dict.fromkeys(CATEGORICAL, undefined(MEASUREMENT))
    codes, people, positions = table.codes, table.people, table.positions
    equal = identity_weights(len(table.categories))
    rare = _rare_note(table)
    fleiss = _with_interval_note(estimate_agreement(fleiss_kappa(codes, equal), people, codes), rare)

    def bounded(statistic: Additive) -> Estimate:
        """Give coefficients of other layouts the bound of Fleiss' kappa: with unanimous reads they are the same."""
        estimate = jackknife_interval(statistic, people)
        if estimate.value is not None and estimate.low is None and all_agree(codes):
            return Estimate(estimate.value, fleiss.low, fleiss.high, fleiss.note)
        return _with_interval_note(estimate, rare)

    def ordered(make: Callable[[Floats], Estimate]) -> Estimate:
        return undefined(NO_ORDER) if positions is None else make(positions)

    def alpha(metric: krippendorff.Metric) -> Callable[[Floats], Estimate]:
        return lambda at: bounded(krippendorff.krippendorff_alpha(codes, at, metric))

    def cohen(weights: Floats) -> Estimate:
        return bounded(cohen_kappa(codes, weights)).with_note(MEAN_OF_PAIRS if len(table.readers) > 2 else "")

    def gwet(weights: Floats) -> Estimate:
        return estimate_agreement(gwet_ac(codes, weights), people, codes, scale=LOG_DISAGREEMENT)

    def percent(share: Additive) -> Estimate:
        return _percent(estimate_agreement(share, people, codes, scale=LOG_DISAGREEMENT))

    def of_numbers(metric: krippendorff.Metric) -> Estimate:
        return undefined(NO_NUMBERS) if table.numbers is None else ordered(alpha(metric))

    negative = table.numbers is not None and positions is not None and bool((positions < 0).any())
    return {
        "percent_agreement": percent(percent_agreement(codes, equal)),
        "percent_unanimous": percent(unanimous_agreement(codes)),
        "cohen_kappa": cohen(equal),
        "weighted_kappa": ordered(lambda at: cohen(quadratic_weights(at))),
        "weighted_kappa_linear": ordered(lambda at: cohen(linear_weights(at))),
        "fleiss_kappa": fleiss,
        "gwet_ac1": gwet(equal),
        "gwet_ac2": ordered(lambda at: gwet(quadratic_weights(at))),
        "krippendorff_alpha": alpha(krippendorff.nominal)(np.arange(len(table.categories), dtype=float)),
        "krippendorff_alpha_ordinal": ordered(alpha(krippendorff.ordinal)),
        "krippendorff_alpha_interval": of_numbers(krippendorff.interval),
        "krippendorff_alpha_ratio": undefined(NEGATIVE) if negative else of_numbers(krippendorff.ratio),
    }


def _is_measurement(table: ReadTable) -> bool:
    number = len(table.categories)
    fractions = table.numbers is not None and bool((np.nan_to_num(table.numbers) % 1 != 0).any())
    return number > (MOST_FRACTIONS if fractions else MOST_CATEGORIES)


def _numeric(table: ReadTable) -> dict[str, Estimate]:
    if table.numbers is None:
        return dict.fromkeys(NUMERIC, undefined(NO_NUMBERS))
    whole = np.isfinite(table.numbers).all(axis=1)
    values, people = table.numbers[whole], table.people[whole]
    left_out = int((~whole).sum())
    note = f"{left_out} cases not read by all readers left out" if left_out else ""
    single = {"icc_1": icc_1, "icc_a1": icc_a1, "icc_c1": icc_c1}
    singles = {name: form(values, people).with_note(note) for name, form in single.items()}
    means = {name.replace("1", "1k") if name == "icc_1" else name.replace("1", "k"): name for name in single}
    return {
        **singles,
        **{name: mean_of_readers(singles[of], values.shape[1]) for name, of in means.items()},
        "smallest_detectable_change": smallest_detectable_change(table.numbers),
    }


def _rare_note(table: ReadTable) -> str:
    """Say where kappa and alpha hang on too few people: those in whom two readers agree on a rarer category."""
    counts = count_categories(table.codes, len(table.categories))
    usual = int(counts.sum(axis=0).argmax())
    agreed = (np.delete(counts, usual, axis=1) >= 2).any(axis=1)
    number = len(np.unique(table.people[agreed]))
    if number >= FEW_AGREED:
        return ""
    return f"interval too narrow: two readers agree on anything but {table.categories[usual]} in {number} people only"


def _with_interval_note(estimate: Estimate, note: str) -> Estimate:
    return estimate if estimate.low is None else estimate.with_note(note)


def _percent(share: Estimate) -> Estimate:
    if share.value is None:
        return share
    low, high = (None if bound is None else 100 * max(bound, 0.0) for bound in (share.low, share.high))
    return Estimate(100 * share.value, low, high, share.note)
