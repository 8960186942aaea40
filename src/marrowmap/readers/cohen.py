"""Agreement of two readers beyond chance, and of several as the mean of their pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from marrowmap.readers.additive import Additive
from marrowmap.readers.agreement import NO_PAIR
from marrowmap.readers.agreement import ONE_CATEGORY

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def _kappa(table: Floats, weights: Floats) -> Floats:
    """Return kappa of tables of counts, (..., q, q), one reader's category by the other's."""
    shares = table / table.sum(axis=(-2, -1), keepdims=True)
    observed = (shares * weights).sum(axis=(-2, -1))
    chance = np.einsum("...k,kl,...l->...", shares.sum(axis=-1), weights, shares.sum(axis=-2))
    return np.asarray((observed - chance) / np.where(chance < 1 - 1e-12, 1 - chance, np.nan))


def cohen_kappa(codes: Ints, weights: Floats) -> Additive:
    """Return Cohen's kappa of two readers; of more, the mean over their pairs (Light 1971, Psychol Bull 76:365).

    Cohen 1960, Educ Psychol Meas 20:37; weighted: Cohen 1968, Psychol Bull 70:213. Each pair's cases are those both
    have read. A pair for which kappa is 0/0 leaves the mean undefined: a mean over the others would be a mean over
    those who happen to differ.

    Parameters
    ----------
    codes : (cases, readers) array of int
        Category of each read, -1 where missing.
    weights : (q, q) array
    """
    q = len(weights)
    pairs = [
        (first, second)
        for first, second in combinations(range(codes.shape[1]), 2)
        if ((codes[:, first] >= 0) & (codes[:, second] >= 0)).any()
    ]
    features = np.zeros((len(codes), len(pairs), q, q))
    for number, (first, second) in enumerate(pairs):
        both = np.flatnonzero((codes[:, first] >= 0) & (codes[:, second] >= 0))
        features[both, number, codes[both, first], codes[both, second]] = 1

    def finish(sums: Floats) -> Floats:
        if not pairs:
            return np.full(sums.shape[:-1], np.nan)
        return np.asarray(_kappa(sums.reshape(*sums.shape[:-1], len(pairs), q, q), weights).mean(axis=-1))

    several = len(pairs) > 1
    why_not = ONE_CATEGORY.replace("all reads are", "all reads of a pair of readers are") if several else ONE_CATEGORY
    return Additive(features.reshape(len(codes), -1), finish, why_not if pairs else NO_PAIR)
