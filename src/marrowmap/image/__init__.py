"""Images as values: grids, volumes, masks, transforms. Read-only, in LPS millimeters."""

from marrowmap.image.grid import Grid
from marrowmap.image.resample import resample
from marrowmap.image.resample import resample_labels
from marrowmap.image.resample import resample_mask
from marrowmap.image.transform import Transform
from marrowmap.image.volume import LabelMap
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume

__all__ = ["Grid", "LabelMap", "Mask", "Transform", "Volume", "resample", "resample_labels", "resample_mask"]
