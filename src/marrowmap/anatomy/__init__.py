"""Bones found in images, and places defined in their own coordinates."""

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.bones import find_bones
from marrowmap.anatomy.hips import find_hips
from marrowmap.anatomy.laterality import image_side
from marrowmap.anatomy.midline import Midline
from marrowmap.anatomy.regions import FEMUR_REGIONS
from marrowmap.anatomy.regions import bone_mask
from marrowmap.anatomy.regions import joint_capsule_mask
from marrowmap.anatomy.regions import marrow_mask
from marrowmap.anatomy.regions import region_labels
from marrowmap.anatomy.start import frames_from_mask
from marrowmap.anatomy.start import frames_from_points

__all__ = [
    "FEMUR_REGIONS",
    "BoneFrame",
    "Midline",
    "bone_mask",
    "find_bones",
    "find_hips",
    "frames_from_mask",
    "frames_from_points",
    "image_side",
    "joint_capsule_mask",
    "marrow_mask",
    "region_labels",
]
