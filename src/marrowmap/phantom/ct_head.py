"""CT of one virtual femoral head and its socket alone, in memory: what measures under the surface are tried on.

Around the joint there is muscle only, which saves most of the time that a whole body takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.phantom.ct import LOWEST_HU
from marrowmap.phantom.ct import CtScan
from marrowmap.phantom.ct import ct_grid
from marrowmap.phantom.ct import degrade_ct
from marrowmap.phantom.ct import render_ct
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Person
from marrowmap.phantom.scene import FINE_MM
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

REACH_MM = np.array([[-38.0, -36.0, -38.0], [44.0, 36.0, 38.0]])
"""The box around a left head center, LPS."""
NEEDED_MM = 2.0


@dataclass(frozen=True, eq=False)
class HeadScan:
    """One head in CT and what is true of it."""

    volume: Volume
    truth: HipTruth


def scan_head(
    person: Person,
    side: Side,
    lesion: Lesion,
    scan: CtScan,
    seed: int,
    frame_of_reference_uid: str,
    voxel_mm: float = FINE_MM,
) -> HeadScan:
    """Scan one head.

    Parameters
    ----------
    person : Person
    side : Side
    lesion : Lesion
        What that hip has.
    scan : CtScan
    seed : int
        Of texture and noise.
    frame_of_reference_uid : str
        Of the volume, so that it fits a frame made elsewhere.
    voxel_mm : float
        Of the model.
    """
    reach = REACH_MM if side is Side.LEFT else REACH_MM[::-1] * (-1, 1, 1)
    center = person.hips[side].center
    source = make_grid(reach.min(axis=0) + center, reach.max(axis=0) + center, voxel_mm)
    lesions = {side: lesion, side.opposite: WELL}
    bones = bone_layers(person, lesions, source, np.random.default_rng([seed, 0]), sides=(side,))
    whole = (slice(0, source.shape[0]), slice(0, source.shape[1]), slice(0, source.shape[2]))
    muscle = Layer("muscle", whole, np.ones(source.shape, np.float32))
    scene = Scene(person, lesions, Part(source, [muscle, *bones.layers], bones.truths), {})
    full = ct_grid(scan, person)
    corners = np.stack([source.to_world((NEEDED_MM,) * 3), source.to_world(np.array(source.shape) - 1 - NEEDED_MM)])
    box = box_around(full, corners, 0.0)
    if box is None:
        raise ValueError("the slices do not reach the femoral head")
    target = sub_grid(full, box)
    image = np.concatenate([slab for _, slab in render_ct(scene, target)], axis=2)
    stored = degrade_ct(image, scan, np.random.default_rng([seed, 1]))
    grid = Grid(target.shape, target.affine, frame_of_reference_uid)
    return HeadScan(Volume(grid, np.asarray(stored, np.float32) + np.float32(LOWEST_HU)), bones.truths[side])
