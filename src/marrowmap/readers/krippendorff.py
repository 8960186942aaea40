"""Krippendorff's alpha: one minus observed over expected disagreement, whatever the scale and with missing reads.

Krippendorff 2011, Computing Krippendorff's Alpha-Reliability; Hayes and Krippendorff 2007, Commun Methods Meas 1:77.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marrowmap.readers.additive import Additive
from marrowmap.readers.agreement import NO_PAIR
from marrowmap.readers.agreement import ONE_CATEGORY
from marrowmap.readers.agreement import count_categories

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

Metric = Callable[[Floats, Floats], Floats]
"""Squared differences, (..., q, q), of categories at `positions`, (q,), that occur in `totals`, (..., q)."""


def nominal(positions: Floats, totals: Floats) -> Floats:
    """Return 1 for different categories."""
    return np.broadcast_to(1 - np.eye(len(positions)), (*totals.shape, len(positions)))


def ordinal(positions: Floats, totals: Floats) -> Floats:
    """Return the squared number of reads between two ranks, half of those at the ends counted."""
    upto = np.cumsum(totals, axis=-1) - totals / 2
    return np.asarray((upto[..., :, None] - upto[..., None, :]) ** 2)


def interval(positions: Floats, totals: Floats) -> Floats:
    """Return squared differences of values."""
    squares = (positions[:, None] - positions[None, :]) ** 2
    return np.broadcast_to(squares, (*totals.shape, len(positions)))


def ratio(positions: Floats, totals: Floats) -> Floats:
    """Return squared differences over sums; of values of 0 or more."""
    sums = np.abs(positions[:, None] + positions[None, :])
    difference = np.abs(positions[:, None] - positions[None, :])
    share = np.divide(difference, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.broadcast_to(share**2, (*totals.shape, len(positions)))


def krippendorff_alpha(codes: Ints, positions: Floats, metric: Metric) -> Additive:
    """Return Krippendorff's alpha of (cases, readers) codes, -1 where missing.

    Parameters
    ----------
    codes : (cases, readers) array of int
    positions : (q,) array
        Values of the categories, ascending; for `nominal` and `ordinal` any.
    metric : Metric
        `nominal`, `ordinal`, `interval` or `ratio`.
    """
    q = len(positions)
    counts = count_categories(codes, q)
    reads = counts.sum(axis=1)
    paired = reads >= 2
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, range(q), range(q)] -= counts
    coincidences = np.divide(
        pairs, (reads - 1)[:, None, None], out=np.zeros_like(pairs), where=paired[:, None, None]
    ).reshape(len(codes), -1)

    def finish(sums: Floats) -> Floats:
        together = sums.reshape(*sums.shape[:-1], q, q)
        totals = together.sum(axis=-1)
        squares = metric(positions, totals)
        number = totals.sum(axis=-1)
        observed = (together * squares).sum(axis=(-2, -1))
        expected = np.einsum("...k,...kl,...l->...", totals, squares, totals) / (number - 1)
        return np.asarray(1 - observed / np.where(expected > 0, expected, np.nan))

    return Additive(coincidences, finish, ONE_CATEGORY if paired.any() else NO_PAIR)
