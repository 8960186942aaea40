"""How connected trabeculae are: Euler number and connectivity density, exact and free of border effects.

Odgaard and Gundersen 1993, Bone 14:173-182: what lies on the border of a region belongs to it in part only. Each
vertex, edge and face of the voxel body is shared out evenly among the voxel places around it and counts for the
region by its places there. In a box that is their 1/2, 1/4 and 1/8 of what lies on faces, edges and corners; in any
region it is additive: the parts of a region sum to the whole.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Mask

PLANES = 16
"""Planes of the first axis worked on together, to keep memory low."""


def euler_number(bone: Mask, region: Mask | None = None) -> float:
    """Return the Euler number of bone in a region: parts less tunnels plus cavities (26 neighbors).

    Bone beyond the region, if in the image, is used to tell what lies on the region's border.

    Parameters
    ----------
    bone : Mask
    region : Mask, optional
        The whole image if not given. Of bone that ends within it the answer is a whole number, exactly.

    Raises
    ------
    InputError
        If the region is empty.
    """
    if region is not None:
        bone.grid.require_same(region.grid)
        if not region.array.any():
            raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    eighths = 0
    planes = bone.array.shape[0]
    for low in range(0, planes + 1, PLANES):
        high = min(planes + 1, low + PLANES)
        # Vertex i lies between planes i - 1 and i; one plane more on each side is read for it.
        within = _planes(None if region is None else region.array, bone.array.shape, low - 1, high)
        eighths += _share(_planes(bone.array, bone.array.shape, low - 1, high), within)
    return eighths / 8


def _planes(array: NDArray[np.bool_] | None, shape: tuple[int, ...], low: int, high: int) -> NDArray[np.bool_]:
    """Return planes low to high with a margin of nothing around the image; all of the image if `array` is None."""
    first, last = max(low, 0), min(high, shape[0])
    part = np.ones((last - first, *shape[1:]), bool) if array is None else array[first:last]
    return np.pad(part, ((first - low, high - last), (1, 1), (1, 1)))


def _share(bone: NDArray[np.bool_], region: NDArray[np.bool_]) -> int:
    """Return eight times the region's share of vertices - edges + faces - voxels, of vertices between these planes.

    Each cell of the complex is looked up at one of the vertices it ends in, the one with the highest indices.
    """
    total = 0
    for spans in product((0, 1), repeat=3):
        # A cell that spans an axis has one voxel place along it, another two.
        places = list(product(*[(1,) if span else (0, 1) for span in spans]))
        held = np.zeros([n - 1 for n in bone.shape], bool)
        inside = np.zeros(held.shape, np.uint8)
        for place in places:
            window = tuple(slice(p, p + n) for p, n in zip(place, held.shape, strict=True))
            held |= bone[window]
            inside += region[window]
        count = int(inside[held].sum(dtype=np.int64)) * (8 // len(places))
        total += count if sum(spans) % 2 == 0 else -count
    return total


def connectivity_density(bone: Mask, region: Mask | None = None) -> float:
    """Return Conn.D, one less the Euler number over the region's volume, 1/mm3.

    Loose bits and closed cavities, of which bone has next to none, change it: see :func:`purified`.
    """
    voxels = bone.array.size if region is None else int(region.array.sum())
    number = euler_number(bone, region)
    return (1 - number) / (voxels * float(np.prod(bone.grid.spacing)))


def purified(bone: Mask) -> Mask:
    """Return the largest connected piece of bone, its closed cavities filled, as Odgaard and Gundersen count it.

    Raises
    ------
    InputError
        If there is no bone.
    """
    pieces, count = ndimage.label(bone.array, ndimage.generate_binary_structure(3, 3))
    if count == 0:
        raise InputError("there is no bone in the image: check the threshold")
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    solid = pieces == int(sizes.argmax())
    marrow, count = ndimage.label(~solid)
    border = np.zeros(count + 1, bool)
    for axis in range(3):
        for end in (0, -1):
            border[np.unique(np.take(marrow, end, axis=axis))] = True
    largest = np.bincount(marrow.ravel(), minlength=count + 1)
    largest[0] = 0
    # Marrow that reaches the image's edge may go on beyond it.
    border[int(largest.argmax())] = True
    return Mask(bone.grid, solid | ((marrow > 0) & ~border[marrow]))
