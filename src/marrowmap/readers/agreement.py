"""Agreement of several readers on categories, with missing reads: percent, Fleiss, Gwet.

Codes are (cases, readers) integers, 0 to q - 1, and -1 where a reader gave no answer. Weights are (q, q), 1 on the
diagonal. Every coefficient is (observed - chance) / (1 - chance); they differ in what they call chance.
Gwet 2014, Handbook of Inter-Rater Reliability, 4th edition, chapter 2, treats missing reads so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.additive import PLAIN
from marrowmap.readers.additive import Additive
from marrowmap.readers.additive import Scale
from marrowmap.readers.additive import jackknife_interval
from marrowmap.readers.estimate import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

NO_PAIR = "not defined: no case was read by two readers"
ONE_CATEGORY = "not defined: all reads are of one category, so chance alone would agree always (0/0)"


def count_categories(codes: Ints, categories: int) -> Floats:
    """Return how many readers gave each category, (cases, categories)."""
    return np.stack([(codes == c).sum(axis=1) for c in range(categories)], axis=1).astype(float)


def _observed(counts: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the agreement within each case, 0 where fewer than two read it, and whether two did, both (cases,)."""
    reads = counts.sum(axis=1)
    paired = reads >= 2
    alike = (counts * (counts @ weights.T - 1)).sum(axis=1)
    return np.divide(alike, reads * (reads - 1), out=np.zeros_like(alike), where=paired), paired.astype(float)


def _additive(counts: Floats, weights: Floats) -> Floats:
    """Return what each case adds: agreement, paired or not, shares of categories, read or not; (cases, q + 3)."""
    reads = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, reads, out=np.zeros_like(counts), where=reads > 0)
    return np.column_stack([*_observed(counts, weights), shares, reads > 0]).astype(float)


def _split(sums: Floats) -> tuple[Floats, Floats]:
    """Return observed agreement, (...), and the share of each category, (..., q)."""
    return sums[..., 0] / sums[..., 1], sums[..., 2:-1] / sums[..., -1:]


def percent_agreement(codes: Ints, weights: Floats) -> Additive:
    """Return the share of pairs of readers that agree, mean over cases (0 to 1)."""
    counts = count_categories(codes, len(weights))
    return Additive(np.column_stack(_observed(counts, weights)), lambda sums: sums[..., 0] / sums[..., 1], NO_PAIR)


def unanimous_agreement(codes: Ints) -> Additive:
    """Return the share of cases, of those read by two readers or more, in which all readers agree (0 to 1)."""
    paired = (codes >= 0).sum(axis=1) >= 2
    alike = paired & ((codes == codes.max(axis=1)[:, None]) | (codes < 0)).all(axis=1)
    return Additive(np.column_stack([alike, paired]).astype(float), lambda sums: sums[..., 0] / sums[..., 1], NO_PAIR)


def fleiss_kappa(codes: Ints, weights: Floats) -> Additive:
    """Return Fleiss' kappa: chance is that of readers who draw from one common distribution.

    Fleiss 1971, Psychol Bull 76:378; with weights and missing reads as in Gwet 2014.
    """

    def finish(sums: Floats) -> Floats:
        observed, shares = _split(sums)
        chance = np.einsum("...k,kl,...l->...", shares, weights, shares)
        return np.asarray((observed - chance) / np.where(chance < 1 - 1e-12, 1 - chance, np.nan))

    counts = count_categories(codes, len(weights))
    return Additive(_additive(counts, weights), finish, ONE_CATEGORY if (counts.sum(axis=1) >= 2).any() else NO_PAIR)


def gwet_ac(codes: Ints, weights: Floats) -> Additive:
    """Return Gwet's AC1 (identity weights) or AC2: chance is that of cases that readers guess.

    Gwet 2008, Br J Math Stat Psychol 61:29. It stays defined where one category has all reads, if at least two were
    to be had: `weights` must hold those that nobody used, too; a scale of one category counts as one of two.
    """

    def finish(sums: Floats) -> Floats:
        observed, shares = _split(sums)
        q = max(len(weights), 2)
        chance = weights.sum() / (q * (q - 1)) * (shares * (1 - shares)).sum(axis=-1)
        return np.asarray((observed - chance) / (1 - chance))

    return Additive(_additive(count_categories(codes, len(weights)), weights), finish, NO_PAIR)


def estimate_agreement(statistic: Additive, people: Ints, codes: Ints, *, scale: Scale = PLAIN) -> Estimate:
    """Estimate `percent_agreement`, `fleiss_kappa` or `gwet_ac`, bounded by the number of people if all reads agree.

    Unanimous reads have no spread, so the jackknife is silent; yet 12 of 12 prove no 100 %. The lower bound is then the
    coefficient with observed agreement at Clopper and Pearson's (1934) lower bound for n people of n, the others read
    as differently as can be, and chance as it was seen.
    """
    estimate = jackknife_interval(statistic, people, scale=scale)
    read = (codes >= 0).sum(axis=1) >= 2
    if estimate.value is None or estimate.low is not None or not all_agree(codes):
        return estimate
    count = len(np.unique(people[read]))
    sums = statistic.features.sum(axis=0)
    sums[0] *= float(stats.beta.ppf((1 - CONFIDENCE) / 2, count, 1))
    return Estimate(
        estimate.value,
        max(float(statistic.of(sums)), -1.0),
        1.0,
        f"all readers agree: the lower bound is the exact one of {count} people of {count}, with chance as seen",
    )


def all_agree(codes: Ints) -> bool:
    """Return whether no case has two different answers."""
    return bool(((codes == codes.max(axis=1)[:, None]) | (codes < 0)).all())
