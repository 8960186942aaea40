"""A surface seen from a point: one distance along each of many rays, found for all rays together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull
from scipy.spatial import cKDTree

from marrowmap.image.grid import read_only

RAYS = 2600
"""Over the whole sphere."""
RAY_SPACING = float(np.sqrt(4 * np.pi / RAYS))
"""Of neighboring rays, radians."""
ROUNDS = 15
DAMPING = 0.3


@dataclass(frozen=True, eq=False)
class Rays:
    """Unit vectors and which of them are neighbors.

    Parameters
    ----------
    directions : array, shape (n, 3)
    edges : array of int, shape (m, 2)
    """

    directions: NDArray[np.float64]
    edges: NDArray[np.int64]

    def within(self, kept: NDArray[np.bool_]) -> Rays:
        """Return only the rays of a mask, shape (n,), and the edges among them."""
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        edges = number[self.edges]
        return Rays(self.directions[kept], edges[(edges >= 0).all(axis=1)])


@lru_cache(maxsize=4)
def spread_rays(count: int) -> Rays:
    """Spread rays evenly over the sphere (a Fibonacci lattice), neighbors by its Delaunay triangles."""
    number = np.arange(count) + 0.5
    z = 1 - 2 * number / count
    angle = np.pi * (1 + np.sqrt(5)) * number
    across = np.sqrt(1 - z**2)
    points = np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=-1)
    triangles = ConvexHull(points).simplices
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
    return Rays(np.asarray(read_only(points), np.float64), np.asarray(read_only(edges), np.int64))


def find_surface(
    cost: NDArray[np.float32], edges: NDArray[np.int64], slope_cost: float, most: float
) -> NDArray[np.int64]:
    """Choose one step along each ray so that costs and differences between neighboring rays are small together.

    Loopy min-sum belief propagation (Felzenszwalb and Huttenlocher, Int J Comput Vis 2006; 70:41-54): two neighbors
    whose steps differ by d cost ``min(slope_cost * d, most)``.

    Parameters
    ----------
    cost : array, shape (rays, steps)
    edges : array of int, shape (m, 2)
    slope_cost, most : float

    Returns
    -------
    array of int, shape (rays,)
    """
    steps = cost.shape[1]
    source, target = np.concatenate([edges, edges[:, ::-1]]).T
    back = np.r_[len(edges) : 2 * len(edges), : len(edges)]
    order = np.argsort(target, kind="stable")
    present, starts = np.unique(target[order], return_index=True)
    messages = np.zeros((2 * len(edges), steps), np.float32)

    def belief() -> NDArray[np.float32]:
        total = cost.astype(np.float32)
        if len(order):
            total[present] += np.add.reduceat(messages[order], starts, axis=0)
        return total

    for number in range(ROUNDS):
        sent = (belief()[source] - messages[back]).T.copy()
        best = sent.min(axis=0)
        for step in range(1, steps):
            np.minimum(sent[step], sent[step - 1] + np.float32(slope_cost), out=sent[step])
        for step in range(steps - 2, -1, -1):
            np.minimum(sent[step], sent[step + 1] + np.float32(slope_cost), out=sent[step])
        sent = np.minimum(sent, best + np.float32(most)) - best
        messages = sent.T if number == 0 else (1 - DAMPING) * sent.T + DAMPING * messages
    result: NDArray[np.int64] = belief().argmin(axis=1)
    return result


def group_rays(found: NDArray[np.bool_], edges: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the groups of neighboring rays in a mask (n,), the largest first, as ray numbers."""
    kept = edges[found[edges].all(axis=1)]
    graph = coo_array((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=(len(found), len(found)))
    _, group = connected_components(graph, directed=False)
    numbers = np.flatnonzero(found)
    groups = [numbers[group[numbers] == one] for one in np.unique(group[numbers])]
    return sorted(groups, key=len, reverse=True)


def interpolate_rays(
    directions: NDArray[np.float64], values: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values of rays (n,) at other unit vectors (..., 3), from the three nearest rays by inverse distance."""
    distance, nearest = cKDTree(directions).query(wanted, k=3)
    weight = 1 / np.maximum(distance, 1e-4)
    result: NDArray[np.float64] = (weight * values[nearest]).sum(axis=-1) / weight.sum(axis=-1)
    return result
