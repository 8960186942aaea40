"""Area under the ROC curve by the trapezoidal rule, and how it varies with the people who were read.

The area is the share of pairs of a positive and a negative case whose scores are in the right order, ties half: a mean
of kernels. Scores are (..., cases); leading axes are curves (modalities, readers) of the same cases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


def pair_kernels(scores: Floats, truth: Bools) -> Floats:
    """Return for each pair 1 if the positive scores higher, 1/2 at a tie, else 0; (..., positives, negatives)."""
    positive, negative = scores[..., truth, None], scores[..., None, ~truth]
    return np.asarray((positive > negative) + 0.5 * (positive == negative), float)


def areas(scores: Floats, truth: Bools) -> Floats:
    """Return the area under each curve, (...)."""
    return np.asarray(pair_kernels(scores, truth).mean(axis=(-2, -1)))


def members(people: Ints, truth: Bools) -> tuple[Floats, Floats]:
    """Return whose each positive and each negative case is, 0 or 1, (cases of the kind, people)."""
    persons, numbers = np.unique(people, return_inverse=True)
    whose = np.eye(len(persons))[numbers]
    return whose[truth], whose[~truth]


def areas_without_each(scores: Floats, truth: Bools, people: Ints) -> Floats:
    """Return the areas with each person left out, (people, ...); not a number where no pair would be left.

    Closed form: a person's pairs are those of their positives, plus those of their negatives, less those within.
    """
    kernels = pair_kernels(scores, truth)
    positives, negatives = members(people, truth)
    rows = kernels.sum(axis=-1) @ positives
    columns = kernels.sum(axis=-2) @ negatives
    i, j = np.nonzero(people[truth][:, None] == people[~truth][None, :])
    own = kernels[..., i, j] @ positives[i]
    left = (len(positives) - positives.sum(axis=0)) * (len(negatives) - negatives.sum(axis=0))
    sums = kernels.sum(axis=(-2, -1))[..., None] - rows - columns + own
    without = np.divide(sums, left, out=np.full(sums.shape, np.nan), where=left > 0)
    return np.moveaxis(without, -1, 0)


def resampled_areas(scores: Floats, truth: Bools, people: Ints, *, samples: int, seed: int) -> Floats:
    """Return the areas of `samples` draws of people with replacement, (samples, ...).

    People with positive cases only, negative only and both are drawn apart, so that their numbers stay.
    """
    rng = np.random.default_rng(seed)
    persons, numbers = np.unique(people, return_inverse=True)
    kind = np.zeros(len(persons), int)
    np.bitwise_or.at(kind, numbers, np.where(truth, 2, 1))
    times = np.zeros((samples, len(persons)))
    for one in np.unique(kind):
        alike = np.flatnonzero(kind == one)
        times[:, alike] = rng.multinomial(len(alike), np.full(len(alike), 1 / len(alike)), size=samples)
    of_case = times[:, numbers]
    positive, negative = of_case[:, truth], of_case[:, ~truth]
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    sums = np.einsum("bi,...ij,bj->b...", positive, pair_kernels(scores, truth), negative, optimize=True)
    return np.asarray(sums / pairs.reshape(-1, *[1] * (sums.ndim - 1)))
