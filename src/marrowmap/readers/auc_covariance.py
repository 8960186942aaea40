"""Covariances between areas under ROC curves of the same cases: jackknife, DeLong, bootstrap, each over people.

Scores are (curves, cases) or (modalities, readers, cases); covariances are (curves, curves) in C order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.readers.auc import areas
from marrowmap.readers.auc import areas_without_each
from marrowmap.readers.auc import members
from marrowmap.readers.auc import pair_kernels
from marrowmap.readers.auc import resampled_areas

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


def jackknife_influence(scores: Floats, truth: Bools, people: Ints) -> Floats:
    """Return how far each person moves each area, (people, curves): its products are the jackknife's covariances.

    Raises
    ------
    ValueError
        If without one of the people no positive or no negative case is left.
    """
    without = areas_without_each(scores.reshape(-1, scores.shape[-1]), truth, people)
    if np.isnan(without).any():
        raise ValueError("without one of the people no positive or no negative case is left")
    count = len(without)
    return np.asarray(np.sqrt((count - 1) / count) * (without - without.mean(axis=0)))


def jackknife_covariance(scores: Floats, truth: Bools, people: Ints) -> Floats:
    """Return the covariances of leaving out one person at a time, as in Dorfman, Berbaum and Metz 1992.

    Raises
    ------
    ValueError
        If without one of the people no positive or no negative case is left.
    """
    influence = jackknife_influence(scores, truth, people)
    return np.asarray(influence.T @ influence)


def delong_covariance(scores: Floats, truth: Bools, people: Ints) -> Floats:
    """Return DeLong's covariances (1988, Biometrics 44:837), for several cases a person by Obuchowski (1997).

    Raises
    ------
    ValueError
        If fewer than two people have a positive, or a negative, case.
    """
    flat = scores.reshape(-1, scores.shape[-1])
    kernels = pair_kernels(flat, truth)
    area = areas(flat, truth)[:, None]
    positives, negatives = members(people, truth)
    first = (kernels.mean(axis=-1) - area) @ positives / truth.sum()
    second = (kernels.mean(axis=-2) - area) @ negatives / (~truth).sum()
    with_positive, with_negative = (int((kind.sum(axis=0) > 0).sum()) for kind in (positives, negatives))
    count = positives.shape[1]
    if min(with_positive, with_negative) < 2:
        raise ValueError("fewer than two people with, or without, a positive case")
    crossed = first @ second.T
    return np.asarray(
        with_positive / (with_positive - 1) * first @ first.T
        + with_negative / (with_negative - 1) * second @ second.T
        + count / (count - 1) * (crossed + crossed.T)
    )


def bootstrap_covariance(scores: Floats, truth: Bools, people: Ints, *, samples: int, seed: int) -> Floats:
    """Return the covariances of areas of people drawn again."""
    drawn = resampled_areas(scores.reshape(-1, scores.shape[-1]), truth, people, samples=samples, seed=seed)
    return np.atleast_2d(np.cov(drawn, rowvar=False))
