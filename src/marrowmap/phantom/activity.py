"""Where in a virtual body the tracer is: the share of each pool at each place, on the coarse grid of the MR's scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.image.attenuation import attenuation_of_hu
from marrowmap.phantom.bone_loss import RESORBED
from marrowmap.phantom.ct import AIR_HU
from marrowmap.phantom.ct import HOUNSFIELD
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Box
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.person import Hip
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.uptake import Involvement
from marrowmap.phantom.uptake import Uptake
from marrowmap.phantom.uptake import involvement
from marrowmap.values import Side

BONES = ("cortical_bone", RESORBED, "yellow_marrow", "red_marrow", "edema", "granulation")
DEAD = ("necrotic_blood", "necrotic_fluid", "necrotic_fibrous", "tumor")
"""Bone or what has taken its place: measured uptake is of bone with its marrow."""

SOFT: dict[str, tuple[float, float]] = {
    "skin": (0.04, 0.30),
    "subcutaneous_fat": (0.015, 0.07),
    "fat": (0.015, 0.07),
    "septa": (0.02, 0.10),
    "fascia": (0.01, 0.12),
    "capsule": (0.03, 0.25),
    "muscle": (0.035, 0.18),
    "cartilage": (0.0, 0.10),
    "joint_fluid": (0.0, 0.10),
    "nerve": (0.02, 0.12),
    "bowel_wall": (0.06, 0.22),
    "bowel_content": (0.0, 0.02),
    "bladder_wall": (0.05, 0.22),
    "uterus": (0.10, 0.25),
    "endometrium": (0.10, 0.25),
    "prostate": (0.07, 0.25),
    "prostate_core": (0.07, 0.25),
    "disc": (0.0, 0.10),
}
"""Share that is capillary blood, and extracellular fluid; of the usual size, choices. What is not here has none."""
BONE_BLOOD, BONE_FLUID = 0.045, 0.20

HEAD_SUV = 2.18
"""Of a well head, 3 h after injection (Xiong 2015, 38 heads, SD 0.32); necks 2.32 (Ryoo 2019)."""
NECK_SUV = 2.32
SHAFT_SUV = 1.5
PELVIS_SUV = 1.6
"""Mean 1.15 to 2.07 (PMID 30103368)."""
SPINE_SUV = 4.6
"""Spongiosa 5.91 at 4 h (Cachovan 2013), 3.92 for whole vertebrae (Rohani 2020)."""
PERSON_SPREAD = 0.14
SIDE_SPREAD = 0.02
"""Between well hips of one person; no published range was found (facts.md 4.2), so a choice."""
TEXTURE = 0.06


@dataclass(frozen=True, eq=False)
class HipActivity:
    """One femur and what is involved of it.

    Parameters
    ----------
    truth : HipTruth
        Its bone, on part of the grid.
    box : tuple of slice
        That part.
    uptake : Uptake
    involved : Involvement
    usual_suv : array
        Bone uptake that it would have if it were well, at the reference time.
    """

    truth: HipTruth
    box: Box
    uptake: Uptake
    involved: Involvement
    usual_suv: Array


@dataclass(frozen=True, eq=False)
class Activity:
    """The tracer's pools in a body.

    Parameters
    ----------
    grid : Grid
        Axis-aligned, LPS mm.
    shares : dict of Pool to array, shape of the grid
        What its curve in :mod:`marrowmap.phantom.kinetics` is to be multiplied by; of bone, SUV at the reference time.
    attenuation : array, shape of the grid
        At 140.5 keV, 1/mm.
    hips : dict of Side to HipActivity
    """

    grid: Grid
    shares: dict[Pool, Array]
    attenuation: Array
    hips: dict[Side, HipActivity]

    def at(self, curves: Mapping[Pool, float]) -> Array:
        """Return the SUV at one time, given each pool's curve there."""
        total = np.zeros(self.grid.shape, np.float32)
        for pool, share in self.shares.items():
            total += np.float32(curves[pool]) * share
        return total


def box_of(part: Grid, whole: Grid) -> Box:
    """Return where a sub-grid lies in its grid."""
    start = np.rint(whole.to_index(part.affine[:3, 3])).astype(int)
    a, b, c = (slice(int(s), int(s + n)) for s, n in zip(start, part.shape, strict=True))
    return a, b, c


def _blood(tissue: str, column: int) -> float:
    if tissue in BONES or tissue in DEAD:
        return (BONE_BLOOD, BONE_FLUID)[column]
    return SOFT.get(tissue, (0.0, 0.0))[column]


def _other_bones_suv(grid: Grid, middle: NDArray[np.float64]) -> Array:
    """Return the SUV of pelvis and spine: most near the sacroiliac joints and above."""
    x, _, z = (a - np.float32(o) for a, o in zip(coordinates(grid), middle, strict=True))
    rise = smoothstep(z, 35, 120) * np.exp(-((x / 62) ** 2))
    return np.asarray(PELVIS_SUV + (SPINE_SUV - PELVIS_SUV) * rise + 0 * x, np.float32)


def usual_femur_suv(hip: Hip, points: Array) -> Array:
    """Return the bone uptake of a well femur at LPS points (..., 3): even in head and neck, less down the shaft."""
    along = hip.bone_coordinates(points)[..., 0]
    neck = smoothstep(along, 0.5 * hip.radius, 1.1 * hip.radius)
    below = (points - hip.landmarks["lesser_trochanter_tip"].astype(np.float32)) @ hip.shaft.astype(np.float32)
    upper = HEAD_SUV + (NECK_SUV - HEAD_SUV) * neck
    return np.asarray(upper + (SHAFT_SUV - upper) * smoothstep(below, -25, 40), np.float32)


def build_activity(scene: Scene, uptakes: Mapping[Side, Uptake], seed: int) -> Activity:
    """Lay the tracer out in a scene.

    Parameters
    ----------
    scene : Scene
        Its coarse part is used: a gamma camera sees nothing finer.
    uptakes : mapping of Side to Uptake
        What each hip draws; one that is left out is well.
    seed : int
        For unevenness.
    """
    part = scene.coarse
    grid, shape = part.grid, part.grid.shape

    def painted(value: dict[str, float]) -> Array:
        return np.maximum(paint_layers(part.layers, shape, lambda tissue: value.get(tissue, 0.0)), 0)

    bone = painted(dict.fromkeys((*BONES, *DEAD), 1.0))
    rng = np.random.default_rng([seed, 400])
    person = np.float32(np.exp(rng.normal(0, PERSON_SPREAD)))
    usual = _other_bones_suv(grid, scene.person.origin) * (1 + TEXTURE * noise(grid, rng, 14.0)) * person
    tissues = {layer.tissue for layer in part.layers}
    shares = {
        Pool.ARTERY: painted({"artery": 1.0}),
        Pool.VEIN: painted({"vein": 1.0}),
        Pool.CAPILLARY: painted({tissue: _blood(tissue, 0) for tissue in tissues}),
        Pool.EXTRACELLULAR: painted({tissue: _blood(tissue, 1) for tissue in tissues}),
        Pool.BONE: bone * usual,
        Pool.URINE: painted({"urine": 1.0}),
    }
    hips = {}
    for number, (side, truth) in enumerate(sorted(part.truths.items(), key=lambda item: item[0].value)):
        own = np.random.default_rng([seed, 410 + number])
        hip, lesion, box = scene.person.hips[side], scene.lesions[side], box_of(truth.grid, grid)
        suv = usual_femur_suv(hip, points_of(truth.grid)) * person * np.float32(own.normal(1, SIDE_SPREAD))
        suv = suv * (1 + TEXTURE * noise(truth.grid, own, 14.0))
        uptake = uptakes.get(side, Uptake())
        found = involvement(lesion, uptake, hip, truth.grid, noise(truth.grid, own, 14.0))
        other = np.clip(bone[box] - truth.bone, 0, 1) * found.socket
        for pool, base in ((Pool.BONE, suv), (Pool.CAPILLARY, BONE_BLOOD), (Pool.EXTRACELLULAR, BONE_FLUID)):
            share, factor = shares[pool][box], found.factor(uptake, pool)
            before = usual[box] if pool is Pool.BONE else np.float32(base)
            # Only what is bone of this femur changes; at its edge the rest of the voxel stays what it is.
            share += truth.bone * (base * factor - before)
            share += other * before * np.float32(uptake.involved.of(pool) - 1)
            np.maximum(share, 0, out=share)
        hips[side] = HipActivity(truth, box, uptake, found, np.asarray(suv, np.float32))
    # Loss of mineral changes how much a hip holds back at 140 keV by hundredths, and is left out.
    values = HOUNSFIELD | {RESORBED: HOUNSFIELD["cortical_bone"]}
    hu = paint_layers(part.layers, shape, lambda tissue: values[tissue] - AIR_HU) + np.float32(AIR_HU)
    return Activity(grid, shares, attenuation_of_hu(hu), hips)
