"""The likelihood of a recovery curve, on a grid that closes in on the region that counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.special import log_ndtr
from scipy.stats import chi2

CHI2_95 = float(chi2.ppf(0.95, 1))
LONGEST_MONTHS = 240.0
SHORTEST_MONTHS = 0.02
"""Time constants are looked for between these; beyond, an interval has no bound."""
LATEST_MIDDLE_MONTHS = 60.0
NODES = {"exponential": (45, 31), "logistic": (25, 17, 13)}
FINE_NODES = {"exponential": (61, 41), "logistic": (41, 31, 15)}
"""Along each axis while closing in, and at last, where the edges of intervals are read."""
PASSES = 10
NEWTON_STEPS = 8
FAR = 60.0
"""Deviance above the least beyond which a node plays no part."""

Array = NDArray[np.float64]


class Shape(Enum):
    """The form of the decline."""

    EXPONENTIAL = "exponential"
    LOGISTIC = "logistic"


@dataclass(frozen=True)
class Observation:
    """One measurement: months since the start of the fit, value, standard error, and whether it is only a limit."""

    months: float
    value: float
    error: float
    below: bool = False


def basis_of(shape: Shape, first: Array | float, second: Array | float, t: Array) -> Array:
    """Return the fall of unit amplitude at times `t`."""
    if shape is Shape.EXPONENTIAL:
        return np.asarray(np.exp(-t / first))
    return np.asarray(expit((first - t) / second))


@dataclass(frozen=True, eq=False)
class Nodes:
    """The likelihood on a grid: axes, and for each node residual, amplitude, its curvature and the deviance."""

    axes: tuple[Array, ...]
    first: Array
    second: Array
    residual: Array
    amplitude: Array
    curvature: Array
    deviance: Array

    @property
    def best(self) -> tuple[int, ...]:
        """Index of the node with the least deviance."""
        return tuple(int(n) for n in np.unravel_index(np.argmin(self.deviance), self.deviance.shape))


class Likelihood:
    """Deviance of one shape given the data; the amplitude is solved for wherever it is asked."""

    def __init__(self, observed: Sequence[Observation], shape: Shape, scale: float) -> None:
        self.shape = shape
        self.scale = scale
        self.times = np.array([o.months for o in observed])
        self.value = np.array([o.value for o in observed])
        self.error = scale * np.array([o.error for o in observed])
        self.below = np.array([o.below for o in observed])
        self.top = 1.5 * float(self.value.max())
        # Two measurements cannot show a residual.
        self.fixed = len(observed) < 3

    def outer_box(self) -> list[tuple[float, float]]:
        """Return the widest range of each axis: ln tau or m, ln s; square root of residual over top."""
        times = (math.log(SHORTEST_MONTHS), math.log(LONGEST_MONTHS))
        rates = [times] if self.shape is Shape.EXPONENTIAL else [(-6.0, LATEST_MIDDLE_MONTHS), (-3.0, 3.0)]
        return [*rates, (0.0, 0.0 if self.fixed else 1.0)]

    def on(
        self, box: Sequence[tuple[float, float]], nodes: Mapping[str, tuple[int, ...]] = MappingProxyType(NODES)
    ) -> Nodes:
        """Evaluate the likelihood on a grid over `box`."""
        counts = nodes[self.shape.value]
        axes = tuple(
            np.linspace(low, high, n) if high > low else np.array([low])
            for (low, high), n in zip(box, counts, strict=True)
        )
        mesh = np.meshgrid(*axes, indexing="ij")
        residual = self.top * mesh[-1] ** 2
        if self.shape is Shape.EXPONENTIAL:
            first, second = np.exp(mesh[0]), np.ones_like(mesh[0])
        else:
            first, second = mesh[0], np.exp(mesh[1])
        basis = basis_of(self.shape, first[..., None], second[..., None], self.times)
        amplitude, curvature, deviance = self._solve(basis, residual)
        return Nodes(axes, first, second, residual, amplitude, curvature, deviance)

    def _solve(self, basis: Array, residual: Array) -> tuple[Array, Array, Array]:
        """Return the best amplitude at each node, half the deviance's second derivative there, and the deviance."""
        seen = ~self.below
        slope = basis / self.error
        gap = (self.value - residual[..., None]) / self.error
        curvature = np.sum(slope[..., seen] ** 2, axis=-1) + 1e-30
        amplitude = np.maximum(np.sum((slope * gap)[..., seen], axis=-1) / curvature, 0.0)
        deviance = np.sum((gap - amplitude[..., None] * slope)[..., seen] ** 2, axis=-1)
        if not self.below.any():
            return amplitude, curvature, deviance
        # Limits only add to the deviance: a node that is far without them needs no better amplitude.
        limits = gap[..., self.below] - amplitude[..., None] * slope[..., self.below]
        total = deviance - 2 * log_ndtr(limits).sum(axis=-1)
        near = deviance <= total.min() + FAR
        found = self._newton(slope[near], gap[near], amplitude[near])
        deviance = total
        amplitude[near], curvature[near], deviance[near] = found
        return amplitude, curvature, deviance

    def _newton(self, slope: Array, gap: Array, amplitude: Array) -> tuple[Array, Array, Array]:
        """Improve amplitudes of nodes, shape (p,), with the limits counted; from the solution without them.

        The likelihood is concave in the amplitude: Newton's steps go down without overshooting much.
        """
        seen, below = ~self.below, self.below
        own = np.sum(slope[:, seen] ** 2, axis=-1) + 1e-30
        pull = np.sum(slope[:, seen] * gap[:, seen], axis=-1)
        curvature = own
        for _ in range(NEWTON_STEPS):
            z = gap[:, below] - amplitude[:, None] * slope[:, below]
            mills = np.exp(-0.5 * z**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(z))
            first = own * amplitude - pull + np.sum(slope[:, below] * mills, axis=-1)
            curvature = own + np.sum(slope[:, below] ** 2 * mills * (z + mills), axis=-1)
            amplitude = np.maximum(amplitude - first / curvature, 0.0)
        z = gap - amplitude[:, None] * slope
        deviance = np.sum(z[:, seen] ** 2, axis=-1) - 2 * log_ndtr(z[:, below]).sum(axis=-1)
        return amplitude, curvature, deviance

    def closing_in(self) -> Nodes:
        """Return the likelihood on the box that holds the 95 % region and little else."""
        outer = self.outer_box()
        box = outer
        least = math.inf
        nodes = self.on(box)
        for number in range(PASSES):
            least = min(least, float(nodes.deviance.min()))
            # Far from the region a node may miss a narrow ridge: the first passes keep more.
            room = CHI2_95 + max(0.0, 30.0 - 10.0 * number)
            new = self._around(nodes, least + room, outer)
            shrunk = any(
                high - low < 0.9 * (high_was - low_was) or low < low_was or high > high_was
                for (low, high), (low_was, high_was) in zip(new, box, strict=True)
            )
            if not shrunk and room == CHI2_95:
                break
            box = new
            nodes = self.on(box)
        return self.on(box, FINE_NODES)

    @staticmethod
    def _around(nodes: Nodes, limit: float, outer: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return the box of all nodes within `limit` and two cells about it, further where it meets its border."""
        inside = nodes.deviance <= limit
        box = []
        for number, (axis, (least, most)) in enumerate(zip(nodes.axes, outer, strict=True)):
            if len(axis) == 1:
                box.append((float(axis[0]), float(axis[0])))
                continue
            along = inside.any(axis=tuple(n for n in range(inside.ndim) if n != number))
            here = np.flatnonzero(along)
            cell = float(axis[1] - axis[0])
            low, high = float(axis[here[0]]) - 2 * cell, float(axis[here[-1]]) + 2 * cell
            width = float(axis[-1] - axis[0])
            low -= 0.5 * width if here[0] == 0 else 0.0
            high += 0.5 * width if here[-1] == len(axis) - 1 else 0.0
            box.append((max(low, least), min(high, most)))
        return box
