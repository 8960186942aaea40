"""How much two categories agree: 1 where they are the same, less the further apart they stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def identity_weights(categories: int) -> Floats:
    """Return weights for names without an order, (categories, categories)."""
    return np.eye(categories)


def linear_weights(positions: Floats) -> Floats:
    """Return 1 - distance over the largest distance (Cicchetti and Allison 1971); `positions` ascend."""
    distance = np.abs(positions[:, None] - positions[None, :])
    return 1 - distance / distance.max() if distance.max() > 0 else np.ones_like(distance)


def quadratic_weights(positions: Floats) -> Floats:
    """Return 1 - squared distance over the largest one (Fleiss and Cohen 1973); `positions` ascend."""
    distance = (positions[:, None] - positions[None, :]) ** 2
    return 1 - distance / distance.max() if distance.max() > 0 else np.ones_like(distance)
