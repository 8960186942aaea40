"""Random tables of reads, and the coefficients' definitions written out pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from itertools import permutations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

CATEGORIES = 4

tables = st.tuples(st.integers(1, 12), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.intp, shape, elements=st.integers(-1, CATEGORIES - 1))
)
"""(cases, readers) codes, -1 where missing."""


def readers_of(case: np.ndarray) -> list[int]:
    return [int(code) for code in case if code >= 0]


def observed_by_pairs(codes: np.ndarray, agree: Callable[[int, int], float]) -> float | None:
    """Mean over cases of the mean over ordered pairs of reads."""
    cases = [
        np.mean([agree(a, b) for a, b in permutations(reads, 2)]) for reads in map(readers_of, codes) if len(reads) > 1
    ]
    return float(np.mean(cases)) if cases else None


def shares_by_case(codes: np.ndarray) -> list[float]:
    """Mean over cases of the share of reads in each category."""
    cases = [reads for reads in map(readers_of, codes) if reads]
    return [float(np.mean([reads.count(c) / len(reads) for reads in cases])) for c in range(CATEGORIES)]


def cohen_by_pairs(codes: np.ndarray, agree: Callable[[int, int], float]) -> float | None:
    """Mean over pairs of readers of (observed - chance) / (1 - chance)."""
    kappas = []
    for first, second in combinations(range(codes.shape[1]), 2):
        both = [(int(a), int(b)) for a, b in codes[:, [first, second]] if a >= 0 and b >= 0]
        if not both:
            continue
        observed = np.mean([agree(a, b) for a, b in both])
        chance = np.mean([agree(a, b) for a, _ in both for _, b in both])
        if chance > 1 - 1e-9:
            return None
        kappas.append((observed - chance) / (1 - chance))
    return float(np.mean(kappas)) if kappas else None


def alpha_by_pairs(codes: np.ndarray, square: Callable[[int, int], float]) -> float | None:
    """One minus the disagreement of pairs within cases over that of all pairs of paired reads."""
    cases = [reads for reads in map(readers_of, codes) if len(reads) > 1]
    everything = [read for reads in cases for read in reads]
    if not everything:
        return None
    within = sum(sum(square(a, b) for a, b in permutations(reads, 2)) / (len(reads) - 1) for reads in cases)
    between = sum(square(a, b) for a, b in permutations(everything, 2)) / (len(everything) - 1)
    return 1 - within / between if between > 0 else None
