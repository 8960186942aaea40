"""How often an entity shows a sign in a setting nobody has counted yet: counts of several settings and their spread.

In setting j the rate is p_j ~ Beta(mu f, (1 - mu) f) and x_j of n_j people show the sign. mu has a Beta prior and f one
of a few values, so that settings which contradict each other make f small: the next setting's rate is then spread over
what either of them saw, and not narrowed about their average. With no spread between settings (f infinite) it is the
usual Beta(a + x, b + n - x). Beta-binomial as in Skellam 1948, J R Stat Soc B 10:257.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

Array = npt.NDArray[np.float64]

_NODES = 161


@dataclass(frozen=True, eq=False)
class Rate:
    """A rate between 0 and 1, known as a mixture of Beta distributions.

    Parameters
    ----------
    weights, a, b : array, shape (n,)
        Weights add up to 1.
    name : str
        Of what it is the rate; rates of one name are drawn alike.
    """

    weights: Array
    a: Array
    b: Array
    name: str = ""

    @cached_property
    def mean(self) -> float:
        """The chance that the next person shows the sign."""
        return float(np.sum(self.weights * self.a / (self.a + self.b)))

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Return `count` rates."""
        chosen = rng.choice(len(self.weights), size=count, p=self.weights)
        a, b = self.a[chosen], self.b[chosen]
        # Beta(0, b) is what cannot be.
        return np.where(a > 0, rng.beta(np.where(a > 0, a, 1.0), b), 0.0)

    @lru_cache(maxsize=1024)  # noqa: B019 - rates live as long as the tables they stand in
    def drawn(self, count: int, seed: int) -> Array:
        """Return `count` rates, the same ones for the same seed whatever else is drawn; shape (count, 1)."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        values = self.draw(rng, count)[:, None]
        values.setflags(write=False)
        return values

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the bounds that hold the rate with `confidence`, by simulation with a fixed seed."""
        drawn = self.draw(np.random.default_rng(0), 20_000)
        tail = (1 - confidence) / 2
        low, high = np.quantile(drawn, (tail, 1 - tail))
        return float(low), float(high)


def believed(a: float, b: float, name: str = "") -> Rate:
    """Return the rate where nobody counted: Beta(a, b)."""
    return Rate(np.ones(1), np.array([a]), np.array([b]), name)


def counted(
    counts: Sequence[tuple[float, float]],
    spread: Sequence[float],
    prior: tuple[float, float] = (0.5, 0.5),
    name: str = "",
) -> Rate:
    """Return the rate in a new setting.

    Parameters
    ----------
    counts : sequence of (float, float)
        Present and assessed, one pair a study; not whole where a study was given less weight.
    spread : sequence of float
        The values f may take, equally likely beforehand; empty for no spread between settings.
    prior : (float, float)
        Beta prior of the mean rate; Jeffreys' if not given.
    name : str
    """
    if not spread:
        present, assessed = (sum(pair[n] for pair in counts) for n in (0, 1))
        return believed(prior[0] + present, prior[1] + assessed - present, name)
    # Jeffreys' prior of mu is uniform in the arcsine of its root.
    angle = (np.arange(_NODES) + 0.5) * (np.pi / 2 / _NODES)
    mu = np.sin(angle) ** 2
    mean, f = (grid.ravel() for grid in np.meshgrid(mu, np.asarray(spread, float)))
    log_weight = (prior[0] - 0.5) * np.log(mean) + (prior[1] - 0.5) * np.log1p(-mean)
    a, b = mean * f, (1 - mean) * f
    for present, assessed in counts:
        log_weight += betaln(a + present, b + assessed - present) - betaln(a, b)
    weights = np.exp(log_weight - log_weight.max())
    return Rate(weights / weights.sum(), a, b, name)
