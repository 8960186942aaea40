"""Projects posed hip bones onto a radiograph by its cone of rays.

Space: mm in the plane of the hips (LPS x and z): the image divided by its magnification there. The source lies in front
of that plane (AP); bone nearer to the source comes out larger, bone nearer to the detector smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_cloud import BoneCloud

SOURCE_TO_HIPS_MM = 950.0
"""Where no distance is stated; 1000 to 1150 mm to the detector less 120 to 200 mm from hips to detector."""


@dataclass(frozen=True)
class Beam:
    """Where the rays come from.

    Parameters
    ----------
    source_to_hips_mm : float
        From the source to the plane of the hips.
    x_mm, z_mm : float
        Where the central ray meets that plane, LPS.
    from_front : bool
        True for AP, False for PA.
    """

    source_to_hips_mm: float = SOURCE_TO_HIPS_MM
    x_mm: float = 0.0
    z_mm: float = 0.0
    from_front: bool = True

    def onto_plane(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where rays through points, shape (..., 3), meet the plane of the hips: x and z, shape (..., 2)."""
        depth = points[..., 1] if self.from_front else -points[..., 1]
        middle = np.array([self.x_mm, self.z_mm])
        grown = self.source_to_hips_mm / (self.source_to_hips_mm + depth)
        return np.asarray(middle + (points[..., [0, 2]] - middle) * grown[..., None], np.float64)


class RadiographProjector:
    """Projects a posed cloud part by part onto a window.

    Parameters
    ----------
    cloud : BoneCloud
    beam : Beam
    corner_mm : array, shape (2,)
        LPS x and z of the first pixel's center; rows run to the feet.
    shape : tuple of 2 int
        Columns, rows.
    pixel_mm, blur_mm : float
        Side of a pixel, and standard deviation of what smooths the image.
    """

    def __init__(
        self,
        cloud: BoneCloud,
        beam: Beam,
        corner_mm: NDArray[np.float64],
        shape: tuple[int, int],
        pixel_mm: float,
        blur_mm: float,
    ) -> None:
        self.cloud, self.beam, self.corner_mm, self.shape = cloud, beam, corner_mm, shape
        self.pixel_mm, self.blur_mm = pixel_mm, blur_mm
        self.names, self._part = np.unique(np.array(cloud.part_names()), return_inverse=True)

    def thickness(self, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many of each part's points project into each pixel, blurred, shape (parts, columns, rows)."""
        where = self.beam.onto_plane(self.cloud.points(pose))
        column = (where[:, 0] - self.corner_mm[0]) / self.pixel_mm
        row = (self.corner_mm[1] - where[:, 1]) / self.pixel_mm
        low_c, low_r = np.floor(column).astype(int), np.floor(row).astype(int)
        inside = (low_c >= 0) & (low_c < self.shape[0] - 1) & (low_r >= 0) & (low_r < self.shape[1] - 1)
        low_c, low_r, part = low_c[inside], low_r[inside], self._part[inside]
        right, down = column[inside] - low_c, row[inside] - low_r
        image = np.zeros(len(self.names) * self.shape[0] * self.shape[1])
        for c, r in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = (right if c else 1 - right) * (down if r else 1 - down)
            index = (part * self.shape[0] + low_c + c) * self.shape[1] + low_r + r
            image += np.bincount(index, weight, minlength=image.size)
        sd = self.blur_mm / self.pixel_mm
        return np.asarray(ndimage.gaussian_filter(image.reshape(len(self.names), *self.shape), (0, sd, sd)), np.float64)
