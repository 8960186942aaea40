"""Bodies that are quick to make and to send X-rays through: bones in a block of muscle, coarse."""

from __future__ import annotations

from functools import cache

import numpy as np

from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

FAST = DxScan(pixel_mm=0.8, source_detector_mm=1050.0, tilt_deg=(1.5, -0.8, 1.0), off_center_mm=(4.0, -6.0))
BOTH = (Side.LEFT, Side.RIGHT)


def quick_scene(person, lesions):
    """Lay bones of both hips in muscle, as :func:`marrowmap.phantom.scene.build_scene` lays a body."""

    def part(low, high, spacing, sides, seed):
        grid = make_grid(low, high, spacing)
        x, y, _ = (a - np.float32(o) for a, o in zip(coordinates(grid), person.origin, strict=True))
        away = np.sqrt((x / 190) ** 2 + (y / 110) ** 2)
        muscle = np.broadcast_to(occupancy((away - 1) * 110, spacing), grid.shape).astype(np.float32)
        found = bone_layers(person, lesions, grid, np.random.default_rng(seed), sides=sides)
        everywhere = tuple(slice(0, n) for n in grid.shape)
        return Part(grid, [Layer("muscle", everywhere, muscle), *found.layers], found.truths)

    fine = {}
    for number, side in enumerate(BOTH):
        reach = np.array([[-38.0, -48.0, -100.0], [70.0, 60.0, 44.0]])
        reach = reach if side is Side.LEFT else reach[::-1] * (-1, 1, 1)
        center = person.hips[side].center
        fine[side] = part(reach.min(axis=0) + center, reach.max(axis=0) + center, 1.5, (side,), 2 + number)
    low, high = (person.origin + np.array(corner) for corner in ((-200.0, -115.0, -130.0), (200.0, 115.0, 190.0)))
    return Scene(person, lesions, part(low, high, 3.5, BOTH, 1), fine)


@cache
def quick_person():
    """Someone with two well-built hips."""
    return sample_person(np.random.default_rng(5))


@cache
def well_scene():
    """A well person's scene, made once."""
    return quick_scene(quick_person(), {Side.LEFT: WELL, Side.RIGHT: WELL})
