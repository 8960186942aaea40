"""How slices are laid on a page: radiological convention, whatever way the file counts its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid

# Normal's main LPS axis -> directions that shall point right and down on the page.
_PAGE: dict[int, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    0: ((0, 1, 0), (0, 0, -1)),  # sagittal: anterior on the left
    1: ((1, 0, 0), (0, 0, -1)),  # coronal: the patient's right on the left
    2: ((1, 0, 0), (0, 1, 0)),  # axial: seen from the feet
}
_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))


def direction_letter(direction: NDArray[np.float64]) -> str:
    """Return the patient direction a vector (LPS) mostly points to: R, L, A, P, H or F."""
    axis = int(np.argmax(np.abs(direction)))
    return _LETTERS[axis][int(direction[axis] > 0)]


@dataclass(frozen=True, eq=False)
class SliceView:
    """The slices of a grid (third index axis) as pictures, u to the right and v downward, both in mm.

    Parameters
    ----------
    grid : Grid
    across, down : int
        The index axes (0 and 1, or 1 and 0) that run to the right and downward.
    across_sign, down_sign : int
        -1 where the index runs the other way.
    """

    grid: Grid
    across: int
    down: int
    across_sign: int
    down_sign: int

    @classmethod
    def radiological(cls, grid: Grid) -> SliceView:
        """Choose the view a radiologist expects: the patient's right on the left, head or front up."""
        right, down = (np.array(v) for v in _PAGE[int(np.argmax(np.abs(grid.axes[:, 2])))])
        across_axis = int(np.argmax(np.abs(right @ grid.axes[:, :2])))
        down_axis = 1 - across_axis
        across_sign = 1 if right @ grid.axes[:, across_axis] > 0 else -1
        down_sign = 1 if down @ grid.axes[:, down_axis] > 0 else -1
        return cls(grid, across_axis, down_axis, across_sign, down_sign)

    def picture(self, array: NDArray[np.generic], k: int) -> NDArray[np.generic]:
        """Return slice `k` of an array on the grid as rows downward and columns to the right."""
        page = array[:, :, k]
        page = page.T if self.across == 0 else page
        return page[:: self.down_sign, :: self.across_sign]

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map LPS mm, shape (..., 3), to (u, v, k): mm to the right, mm downward, slice index."""
        index = self.grid.to_index(points)
        spacing = self.grid.spacing
        u = index[..., self.across] * spacing[self.across] * self.across_sign
        v = index[..., self.down] * spacing[self.down] * self.down_sign
        return np.stack([u, v, index[..., 2]], axis=-1)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top edges in mm (v grows downward), as matplotlib takes them."""
        edges = []
        for axis, sign in ((self.across, self.across_sign), (self.down, self.down_sign)):
            spacing, count = self.grid.spacing[axis], self.grid.shape[axis]
            ends = sorted((-0.5 * spacing * sign, (count - 0.5) * spacing * sign))
            edges.append((float(ends[0]), float(ends[1])))
        (left, right), (top, bottom) = edges
        return left, right, bottom, top

    def cut(
        self, page: NDArray[np.generic], crop: tuple[float, float, float, float]
    ) -> tuple[NDArray[np.generic], tuple[float, float, float, float]]:
        """Return the part of a picture within left, right, bottom, top (mm) and that part's own extent."""
        left, _, _, top = self.extent
        wide, high = self.grid.spacing[self.across], self.grid.spacing[self.down]
        rows, columns = page.shape[:2]
        first_column = max(0, int(np.floor((crop[0] - left) / wide)))
        last_column = min(columns, int(np.ceil((crop[1] - left) / wide)))
        first_row = max(0, int(np.floor((crop[3] - top) / high)))
        last_row = min(rows, int(np.ceil((crop[2] - top) / high)))
        part = page[first_row:last_row, first_column:last_column]
        return part, (
            left + first_column * wide,
            left + last_column * wide,
            top + last_row * high,
            top + first_row * high,
        )

    @property
    def left_letter(self) -> str:
        """Patient direction at the picture's left edge."""
        return direction_letter(-self.across_sign * self.grid.axes[:, self.across])

    @property
    def right_letter(self) -> str:
        """Patient direction at the picture's right edge."""
        return direction_letter(self.across_sign * self.grid.axes[:, self.across])

    def outline(self, vertices: NDArray[np.float64], faces: NDArray[np.int64], k: float) -> NDArray[np.float64]:
        """Cut a closed surface (LPS mm) by slice `k`; return line pieces, shape (n, 2, 2), as (u, v) in mm."""
        placed = self.place(vertices)
        depth = placed[:, 2] - k
        depth = np.where(depth == 0.0, 1e-9, depth)
        corner = depth[faces]
        cut = faces[(corner.min(axis=1) < 0) & (corner.max(axis=1) > 0)]
        start, end = cut, np.roll(cut, -1, axis=1)
        ahead, behind = depth[start], depth[end]
        crossing = ahead * behind < 0
        share = np.where(crossing, ahead / np.where(crossing, ahead - behind, 1.0), 0.0)[..., None]
        points = placed[start, :2] + share * (placed[end, :2] - placed[start, :2])
        pieces: NDArray[np.float64] = points[crossing].reshape(-1, 2, 2)
        return pieces
