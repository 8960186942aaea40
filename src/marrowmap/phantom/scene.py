"""A virtual body at two finenesses: coarse everywhere, fine at each hip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.image import Grid
from marrowmap.phantom.hip import BoneScene
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.hip import metal_layers
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import feather
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import through_slices
from marrowmap.phantom.person import Person
from marrowmap.phantom.soft_tissue import REACH_MM
from marrowmap.phantom.soft_tissue import body_layers
from marrowmap.phantom.soft_tissue import lay_out
from marrowmap.phantom.soft_tissue import organ_layers
from marrowmap.phantom.soft_tissue import vessel_layers
from marrowmap.values import Side

COARSE_MM = 1.7
FINE_MM = 0.8
HIP_REACH_MM = np.array([[-42.0, -52.0, -118.0], [74.0, 62.0, 48.0]])
"""The fine box around a left head center, LPS."""


@dataclass(frozen=True, eq=False)
class Part:
    """Layers and truth on one grid."""

    grid: Grid
    layers: list[Layer]
    truths: dict[Side, HipTruth]


@dataclass(frozen=True, eq=False)
class Scene:
    """The whole body as one coarse part and a fine part for each hip in view."""

    person: Person
    lesions: dict[Side, Lesion]
    coarse: Part
    fine: dict[Side, Part]


def build_scene(
    person: Person,
    lesions: dict[Side, Lesion],
    acquisition: Acquisition,
    seed: int,
    coarse_mm: float = COARSE_MM,
) -> Scene:
    """Build all layers of a body once; every sequence paints them anew.

    A larger `coarse_mm` is for what a gamma camera sees: it makes no fine parts, where `acquisition` shows no side.
    """
    # Each part draws from its own stream, so that a change in one leaves the others as they were.
    streams = [np.random.default_rng([seed, n]) for n in range(5)]
    tissue = lay_out(person, streams[0])
    grid = make_grid(REACH_MM[0] + person.origin, REACH_MM[1] + person.origin, coarse_mm)
    both = (Side.LEFT, Side.RIGHT)

    def part(grid: Grid, sides: tuple[Side, ...], rng: np.random.Generator) -> Part:
        bones: BoneScene = bone_layers(person, lesions, grid, rng, sides=sides)
        layers = body_layers(person, tissue, grid, rng)
        layers += organ_layers(person, grid, np.random.default_rng([seed, 9]))
        layers += vessel_layers(person, grid)
        layers += bones.layers
        if acquisition.metal_side in sides and acquisition.metal_side is not None:
            strength = 1.6 if acquisition.field_t > 2 else 1.1
            layers += metal_layers(person.hips[acquisition.metal_side], grid, strength)
        return Part(grid, layers, bones.truths)

    coarse = part(grid, both, streams[1])
    fine = {}
    for number, side in enumerate(acquisition.sides):
        reach = HIP_REACH_MM if side is Side.LEFT else HIP_REACH_MM[::-1] * (-1, 1, 1)
        reach = np.stack([reach.min(axis=0), reach.max(axis=0)])
        center = person.hips[side].center
        fine[side] = part(make_grid(reach[0] + center, reach[1] + center, FINE_MM), (side,), streams[2 + number])
    return Scene(person, lesions, coarse, fine)


def _combine(scene: Scene, coarse: Array, fine: dict[Side, Array], target: Grid, thickness_mm: float) -> Array:
    """Sample coarse and fine images through the slices of a target grid, the fine ones taking over at the hips."""
    out = np.zeros(target.shape, np.float32)
    rest = np.array(coarse)
    for side, image in fine.items():
        grid = scene.fine[side].grid
        rest *= 1 - feather(grid, scene.coarse.grid)
        through_slices(image * feather(grid, grid), grid, target, thickness_mm, out)
    through_slices(rest, scene.coarse.grid, target, thickness_mm, out)
    return out


def render(scene: Scene, target: Grid, acquisition: Acquisition, contrast: Contrast) -> Array:
    """Return the noise-free signal of one sequence on its slices."""
    field_t = acquisition.field_t
    coarse = paint(scene.coarse.layers, scene.coarse.grid.shape, contrast, field_t)
    fine = {side: paint(part.layers, part.grid.shape, contrast, field_t) for side, part in scene.fine.items()}
    return _combine(scene, coarse, fine, target, acquisition.thickness_mm)


def truth_on_slices(scene: Scene, target: Grid, thickness_mm: float, side: Side) -> dict[str, Array]:
    """Return the shares of each voxel of a slice grid that are ``femur``, ``marrow``, ``edema`` and ``fluid``.

    Where the hip has a necrotic segment, also ``lesion`` (its band included) and ``band``; where a mass has replaced
    the femur's marrow, ``lesion``; where it has a fracture line, ``line``.
    """
    names = ["femur", "marrow", "edema", "fluid"]
    lesion = scene.lesions[side]
    if lesion.necrosis is not None:
        names += ["lesion", "band"]
    elif any(mass.bone == "femur" for mass in lesion.masses):
        names.append("lesion")
    if lesion.fracture_line is not None or lesion.cross_line is not None:
        names.append("line")
    result = {name: np.zeros(target.shape, np.float32) for name in names}
    fine = scene.fine.get(side)
    parts = [scene.coarse] if fine is None else [scene.coarse, fine]
    for part in parts:
        truth = part.truths.get(side)
        if truth is None:
            continue
        if fine is None:
            weight = np.ones(truth.grid.shape, np.float32)
        else:
            weight = feather(fine.grid, truth.grid)
            weight = weight if part is fine else 1 - weight
        images = {
            "femur": truth.bone,
            "marrow": truth.marrow,
            "edema": truth.membership * truth.marrow,
            "fluid": truth.fluid,
            "lesion": truth.lesion,
            "band": truth.band,
            "line": truth.line,
        }
        for name in names:
            through_slices(images[name] * weight, truth.grid, target, thickness_mm, result[name])
    return result
