"""Where the beam reached: collimator and shutter tags, else straight borders found in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from skimage.draw import polygon2mask

from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label

_SHARE_OF_EDGE = 0.85
"""Least share of a column (or row) on which a border must stand out, all the same way."""
_OUTER = 0.45
"""A border is looked for in this outer share of each side."""
_LEAST_STEP = 0.05
"""Least height of a border's step, in parts of the image's range."""
_EMPTIER = 2.0
"""Outside a border values must vary this much less along it than inside."""


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    value = get_value(dataset, keyword)
    parts = list(value) if hasattr(value, "__iter__") else [value]
    numbers = [as_number(part) for part in parts]
    return [n for n in numbers if n is not None]


def _edges(dataset: Dataset, name: str, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return the field of one module's shapes (``Shutter`` or ``Collimator``); pixel (1, 1) is the first."""
    columns, rows = shape
    lit: NDArray[np.bool_] | None = None
    kinds = as_words(get_value(dataset, f"{name}Shape"))
    column, row = np.meshgrid(np.arange(1, columns + 1), np.arange(1, rows + 1), indexing="ij")
    for kind in kinds:
        inside: NDArray[np.bool_] | None = None
        if kind == "RECTANGULAR":
            left, right, upper, lower = (
                as_number(get_value(dataset, f"{name}{edge}Edge"))
                for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
            )
            if left is not None and right is not None and upper is not None and lower is not None:
                inside = (column >= left) & (column <= right) & (row >= upper) & (row <= lower)
        elif kind == "CIRCULAR":
            center = _numbers(dataset, f"CenterOfCircular{name}")
            radius = as_number(get_value(dataset, f"RadiusOfCircular{name}"))
            if len(center) == 2 and radius is not None:
                inside = (column - center[1]) ** 2 + (row - center[0]) ** 2 <= radius**2
        elif kind == "POLYGONAL":
            corners = _numbers(dataset, f"VerticesOfThePolygonal{name}")
            if len(corners) >= 6 and len(corners) % 2 == 0:
                points = np.reshape(corners, (-1, 2))[:, ::-1] - 1.0
                inside = polygon2mask((columns, rows), points)  # type: ignore[no-untyped-call]
        if inside is not None:
            lit = inside if lit is None else lit & inside
    return lit


def _outside(image: NDArray[np.float64]) -> int:
    """Count the blocks before the first straight border; `image` runs along its first axis, values in 0 to 1."""
    step = np.diff(image, axis=0)
    height = np.median(step, axis=1)
    share = (step * np.sign(height)[:, None] >= _LEAST_STEP / 2).mean(axis=1)
    low, high = np.percentile(image, (10, 90), axis=1)
    spread = high - low
    outside = 0
    for at in range(1, int(_OUTER * len(image))):
        stands_out = abs(height[at - 1]) >= _LEAST_STEP and share[at - 1] >= _SHARE_OF_EDGE
        if stands_out and spread[:at].max() < spread[at:].max() / _EMPTIER:
            outside = at
    return outside


def estimate_field(values: NDArray[np.float32], blocks: int = 128) -> NDArray[np.bool_]:
    """Find straight borders parallel to the image's edges, outside of which next to nothing is seen.

    A border is a step, all the same way along nearly the whole of it; outside, the values vary far less than inside.
    Borders that lie askew or are round are not found.

    Parameters
    ----------
    values : ndarray, shape (columns, rows)
    blocks : int
        The image is first averaged to about this many pixels on a side; in a smaller one nothing is looked for.

    Returns
    -------
    ndarray of bool, the same shape
    """
    if min(values.shape) < blocks:  # too small to tell a border from anatomy
        return np.ones(values.shape, bool)
    step = min(values.shape) // blocks
    size = (values.shape[0] // step, values.shape[1] // step)
    cut = values[: size[0] * step, : size[1] * step].astype(np.float64)
    image = cut.reshape(size[0], step, size[1], step).mean(axis=(1, 3))
    low, high = np.percentile(image, (1, 99))
    image = np.clip((image - low) / max(high - low, 1e-9), 0, 1)
    lit = np.ones(values.shape, bool)
    first, last = _outside(image), _outside(image[::-1])
    inner = image[first : size[0] - last]
    upper, lower = _outside(inner.T), _outside(inner.T[::-1])
    # One block more on each side: the border itself is a penumbra.
    lit[: (first + 1) * step if first else 0] = False
    lit[values.shape[0] - ((last + 1) * step if last else 0) :] = False
    lit[:, : (upper + 1) * step if upper else 0] = False
    lit[:, values.shape[1] - ((lower + 1) * step if lower else 0) :] = False
    return lit


def read_field(
    header: Header, values: NDArray[np.float32], padding: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], str]:
    """Say which pixels the beam reached, in the file's order, and what said so.

    Parameters
    ----------
    header : Header
    values : ndarray, shape (columns, rows)
    padding : ndarray of bool, the same shape
    """
    shape = (values.shape[0], values.shape[1])
    lit = ~padding
    reasons = []
    for name in ("Collimator", "Shutter"):
        field = _edges(header.dataset, name, shape)
        if field is not None and (lit & field).any():
            lit &= field
            reasons.append(tag_label(f"{name}Shape"))
    if not reasons:
        lit &= estimate_field(values)
        reasons.append("estimated from straight borders in the image" if not lit[~padding].all() else "no border found")
    if padding.any():
        reasons.append(tag_label("PixelPaddingValue"))
    return lit, ", ".join(reasons)
