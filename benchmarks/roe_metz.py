"""Simulated scores of readers in two modalities: the model of Roe and Metz (1997, Acad Radiol 4:298) and its settings.

Used by reader_statistics.py; prints nothing by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

CASE_VARIANCE = {"H": (0.3, 0.3, 0.2, 0.2), "L": (0.1, 0.1, 0.2, 0.6)}
"""Variances of case, modality by case, reader by case and error: high and low correlation of the data."""
READER_VARIANCE = {"L": {0.75: 0.0055, 1.5: 0.0055, 2.5: 0.0055}, "H": {0.75: 0.011, 1.5: 0.03, 2.5: 0.056}}
"""Variance of readers, and of modality by reader, by the separation of the means."""


@dataclass(frozen=True)
class RoeMetz:
    """A setting: correlation of the data and variance of readers (H, L), separation, size, hips of a person, scale.

    `alike` is the share of case variance that two hips of a person have in common; `categories` of 0 keeps scores
    continuous.
    """

    structure: str
    separation: float
    readers: int
    positive: int
    negative: int
    alike: float = 0.0
    categories: int = 0
    gain: float = 0.0

    @property
    def truth(self) -> Bools:
        """Which cases are positive."""
        return np.arange(self.positive + self.negative) < self.positive

    @property
    def people(self) -> Ints:
        """Two hips a person where they are alike; a third of the positive hips have a negative one beside them."""
        if not self.alike:
            return np.arange(self.positive + self.negative)
        mixed = self.positive // 3 // 2 * 2
        return np.concatenate(
            [
                np.arange(mixed),
                mixed + np.arange(self.positive - mixed) // 2,
                np.arange(mixed),
                self.positive + np.arange(self.negative - mixed) // 2,
            ]
        )

    @property
    def area(self) -> float:
        """Expected area of the first modality."""
        return float(stats.norm.cdf(self.separation / math.sqrt(2 * (1 + 2 * self.reader_variance))))

    @property
    def reader_variance(self) -> float:
        """Variance of readers, and of modality by reader."""
        return READER_VARIANCE[self.structure[1]][self.separation]

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw scores, (2, readers, cases)."""
        case, by_modality, by_reader, error = CASE_VARIANCE[self.structure[0]]
        n, r = self.positive + self.negative, self.readers
        truth, people = self.truth, self.people

        def effect(variance: float, *shape: int) -> Floats:
            return rng.normal(scale=math.sqrt(variance), size=shape)

        def of_readers(*shape: int) -> Floats:
            """Draw effects of readers, other ones for positive and negative cases."""
            both = effect(self.reader_variance, 2, *shape)
            return np.where(truth, both[0], both[1])

        def of_cases(variance: float, *shape: int) -> Floats:
            own, shared = effect(variance, *shape, n), effect(variance, *shape, int(people.max()) + 1)[..., people]
            return math.sqrt(1 - self.alike) * own + math.sqrt(self.alike) * shared

        mean = np.where(truth, 1.0, 0.0) * np.array([self.separation, self.separation + self.gain])[:, None, None]
        scores = (
            mean
            + of_readers(1, r, 1)
            + of_readers(2, r, 1)
            + of_cases(case, 1, 1)
            + of_cases(by_modality, 2, 1)
            + effect(by_reader, 1, r, n)
            + effect(error, 2, r, n)
        )
        if not self.categories:
            return scores
        cuts = np.linspace(-0.5, self.separation + 0.5, self.categories - 1)
        return np.digitize(scores, cuts).astype(float)

    def __str__(self) -> str:
        words = f"{self.structure} {self.area:.3f} {self.readers:3d} {self.positive:4d}+{self.negative:<4d}"
        words += f" {self.categories} categories" if self.categories else ""
        return words + (" two hips a person" if self.alike else "")
