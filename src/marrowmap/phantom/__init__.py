"""Virtual people with known truth, written as DICOM like a scanner's."""

from marrowmap.phantom.exam import MODALITIES
from marrowmap.phantom.exam import write_virtual_exam
from marrowmap.phantom.kinds import KINDS
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation

__all__ = [
    "KINDS",
    "MODALITIES",
    "Acquisition",
    "Contrast",
    "Orientation",
    "draw_exam",
    "write_virtual_exam",
]
