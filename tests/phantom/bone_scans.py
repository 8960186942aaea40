"""Small virtual bone scans: coarse voxels, and soft tissue as one ellipse."""

from __future__ import annotations

import numpy as np

from marrowmap.phantom import draw_exam
from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.soft_tissue import organ_layers
from marrowmap.phantom.soft_tissue import vessel_layers
from marrowmap.phantom.uptake import sample_uptake
from marrowmap.values import Side


def coarse_scene(person, lesions, spacing=3.2):
    """Bones, organs, vessels and an ellipse of muscle; about a second instead of six."""
    low, high = (person.origin + np.array(corner) for corner in ((-200.0, -130.0, -150.0), (200.0, 130.0, 110.0)))
    grid = make_grid(low, high, spacing)
    x, y, _ = (a - np.float32(o) for a, o in zip(coordinates(grid), person.origin, strict=True))
    away = (np.hypot(x / person.half_width_mm, y / person.half_depth_mm) - 1) * person.half_depth_mm
    body = np.broadcast_to(occupancy(away, spacing), grid.shape)
    whole = tuple(slice(0, n) for n in grid.shape)
    found = bone_layers(person, lesions, grid, np.random.default_rng(1), sides=(Side.LEFT, Side.RIGHT))
    layers = [Layer("muscle", whole, body), *organ_layers(person, grid, np.random.default_rng(9))]
    layers += [*vessel_layers(person, grid), *found.layers]
    return Scene(person, lesions, Part(grid, layers, found.truths), {})


def scanned(kind, seed, side=Side.LEFT, uptake=None):
    """Person, lesions and activity of one kind."""
    person, lesions, _ = draw_exam(kind, seed, side, 8.0)
    uptakes = {
        one: sample_uptake(lesion, np.random.default_rng([seed, n])) for n, (one, lesion) in enumerate(lesions.items())
    }
    if uptake is not None:
        uptakes[side] = uptake
    return person, lesions, build_activity(coarse_scene(person, lesions), uptakes, seed)
