"""How well stated probabilities agree with the truth: calibration error with its interval, Brier score, reliability.

Arrays: `shares` is the probability by hip and entity, in the order of ENTITIES; `truths` the index of what each hip
has; `weights` by hip, together 1. The leader is the entity of the greatest probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrowmap.reasoning.priors import prior_of
from marrowmap.terms.entities import ENTITIES

BINS = 5
DRAWS = 1000
"""Of the bootstrap."""


def weights_of(truths: np.ndarray, setting: str, least: int) -> tuple[np.ndarray, list[str]]:
    """Return each hip's weight by a setting's frequencies, and the entities of fewer than `least` hips, left out."""
    counts = np.bincount(truths, minlength=len(ENTITIES))
    enough = counts >= least
    each = np.where(enough, np.array(prior_of(setting).shares), 0.0) / np.maximum(counts, 1)
    weights = each[truths]
    few = [entity for entity, is_enough in zip(ENTITIES, enough, strict=True) if not is_enough]
    return (weights / weights.sum() if weights.sum() > 0 else weights), few


@dataclass(frozen=True)
class Bin:
    """Hips whose leaders have a like probability: their weight, what is said of them and how often it is right."""

    weight: float
    said: float
    right: float


def reliability(shares: np.ndarray, truths: np.ndarray, weights: np.ndarray) -> list[Bin]:
    """Return the bins, of equal weight as nearly as hips allow, the least probable leaders first."""
    leads = shares.max(axis=1)
    right = (shares.argmax(axis=1) == truths).astype(float)
    order = np.argsort(leads, kind="stable")
    numbers = np.minimum((np.cumsum(weights[order]) - weights[order] / 2) * BINS, BINS - 1).astype(int)
    found = []
    for number in range(BINS):
        mine = order[numbers == number]
        weight = float(weights[mine].sum())
        if weight > 0:
            said, true = (float(weights[mine] @ values[mine] / weight) for values in (leads, right))
            found.append(Bin(weight, said, true))
    return found


def calibration_error(shares: np.ndarray, truths: np.ndarray, weights: np.ndarray) -> float:
    """Return the expected calibration error of the leader's probability over the bins of :func:`reliability`."""
    return sum(one.weight * abs(one.said - one.right) for one in reliability(shares, truths, weights))


def brier_score(shares: np.ndarray, truths: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean of the squared distance between probabilities and truth, 0 to 2 (Brier 1950)."""
    return float(weights @ ((shares - np.eye(len(ENTITIES))[truths]) ** 2).sum(axis=1))


def calibration_interval(
    shares: np.ndarray, truths: np.ndarray, persons: Sequence[tuple[str, int]], setting: str, least: int
) -> tuple[float, float]:
    """Return the percentile 95 % bootstrap interval of the calibration error.

    Persons are drawn again, both hips of one together, within their kind: how many there are of each is fixed. An error
    cannot be negative, so that few hips lift the interval as they lift the error.
    """
    by_kind: dict[str, dict[tuple[str, int], list[int]]] = {}
    for number, person in enumerate(persons):
        by_kind.setdefault(person[0], {}).setdefault(person, []).append(number)
    groups = [list(people.values()) for people in by_kind.values()]
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(DRAWS):
        chosen = np.array(
            [hip for people in groups for n in rng.integers(len(people), size=len(people)) for hip in people[n]]
        )
        weights, _ = weights_of(truths[chosen], setting, least)
        if weights.sum() > 0:
            errors.append(calibration_error(shares[chosen], truths[chosen], weights))
    low, high = np.percentile(errors, (2.5, 97.5))
    return float(low), float(high)
