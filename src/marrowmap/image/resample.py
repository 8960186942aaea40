"""The one way from one grid to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import GeometryError
from marrowmap.image.grid import Grid
from marrowmap.image.transform import Transform
from marrowmap.image.volume import LabelMap
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume


def _pull(
    array: NDArray[np.generic],
    source: Grid,
    target: Grid,
    transform: Transform | None,
    order: int,
    outside: float,
) -> NDArray[np.float32]:
    if transform is None:
        if source.frame_of_reference_uid != target.frame_of_reference_uid:
            raise GeometryError("the images have different frames of reference: register them and pass the transform")
        way_back: NDArray[np.floating] = np.eye(4)
    else:
        if (transform.source, transform.target) != (source.frame_of_reference_uid, target.frame_of_reference_uid):
            raise GeometryError("the transform does not lead from this image's frame of reference to the grid's")
        way_back = np.linalg.inv(transform.matrix)
    matrix = np.linalg.inv(source.affine) @ way_back @ target.affine
    result: NDArray[np.float32] = ndimage.affine_transform(
        np.asarray(array, np.float32),
        matrix[:3, :3],
        matrix[:3, 3],
        target.shape,
        order=order,
        mode="grid-constant",  # half a voxel beyond the outermost centers still belongs to the image
        cval=outside,
        output=np.float32,
    )
    return result


def resample(
    volume: Volume, grid: Grid, transform: Transform | None = None, *, order: int = 1, outside: float = 0.0
) -> Volume:
    """Sample a volume on another grid.

    Parameters
    ----------
    volume : Volume
    grid : Grid
        Where to sample.
    transform : Transform, optional
        From the volume's frame of reference to the grid's; needed where these differ.
    order : int
        Spline order: 1 linear, 3 cubic.
    outside : float
        Value beyond the volume.

    Raises
    ------
    GeometryError
        If the frames of reference differ and no transform between them is given.
    """
    if transform is None and volume.grid.same_as(grid):
        return volume
    return Volume(grid, _pull(volume.array, volume.grid, grid, transform, order, outside), volume.unit)


def resample_mask(mask: Mask, grid: Grid, transform: Transform | None = None) -> Mask:
    """Sample a mask on another grid: set where linear interpolation is at least one half."""
    if transform is None and mask.grid.same_as(grid):
        return mask
    return Mask(grid, _pull(mask.array, mask.grid, grid, transform, 1, 0.0) >= 0.5)


def resample_labels(labels: LabelMap, grid: Grid, transform: Transform | None = None) -> LabelMap:
    """Sample a label map on another grid by nearest neighbor."""
    if transform is None and labels.grid.same_as(grid):
        return labels
    return LabelMap(grid, _pull(labels.array, labels.grid, grid, transform, 0, 0.0).astype(np.uint16), labels.names)
