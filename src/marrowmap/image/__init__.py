"""Images as values: grids, volumes, masks, projections, transforms. Read-only, in LPS millimeters."""

from marrowmap.image.dynamic import Dynamic
from marrowmap.image.grid import Grid
from marrowmap.image.plane import Plane
from marrowmap.image.plane import PlaneGrid
from marrowmap.image.plane import SpacingSource
from marrowmap.image.plane import View
from marrowmap.image.plane import geometric_mean
from marrowmap.image.resample import resample
from marrowmap.image.resample import resample_labels
from marrowmap.image.resample import resample_mask
from marrowmap.image.transform import Transform
from marrowmap.image.volume import LabelMap
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume

__all__ = [
    "Dynamic",
    "Grid",
    "LabelMap",
    "Mask",
    "Plane",
    "PlaneGrid",
    "SpacingSource",
    "Transform",
    "View",
    "Volume",
    "geometric_mean",
    "resample",
    "resample_labels",
    "resample_mask",
]
