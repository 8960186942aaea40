from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.image import Grid
from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import pose_hip
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import HIP_REACH_MM
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side

# Small and coarse: what is tested here does not hang on the number of pixels.
SMALL = Acquisition(slice_count=14, thickness_mm=4.0, gap_mm=4.0, pixel_mm=1.5, fov_mm=300.0)


@dataclass(frozen=True, eq=False)
class PaintedHip:
    """One hip's bones and joint alone, without the soft tissue around them."""

    hip: Hip
    grid: Grid
    truth: HipTruth
    box: tuple[slice, ...]
    t1: np.ndarray
    stir: np.ndarray

    def bone(self):
        """Bone coordinates of the truth's grid."""
        return self.hip.bone_coordinates(self.truth.grid.points().astype(np.float32))


def paint_hip(person, side, lesion, spacing=1.0, seed=1):
    """Paint one hip of a person; images are cut to the femur's truth."""
    hip = person.hips[side]
    low, high = np.array([-45.0, -45.0, -70.0]), np.array([60.0, 45.0, 42.0])
    low, high = (low, high) if side is Side.LEFT else (np.array([-60.0, -45, -70]), np.array([45.0, 45, 42]))
    grid = make_grid(hip.center + low, hip.center + high, spacing)
    rng = np.random.default_rng(seed)
    scene = bone_layers(person, {side: lesion}, grid, rng, sides=(side,))
    truth = scene.truths[side]
    start = np.rint(grid.to_index(truth.grid.to_world((0, 0, 0)))).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(start, truth.grid.shape, strict=True))
    t1, stir = (paint(scene.layers, grid.shape, contrast, 1.5)[box] for contrast in (Contrast.T1, Contrast.STIR))
    return PaintedHip(hip, grid, truth, box, t1, stir)


def bone_scene(person, lesions, side):
    """A scene of bones and joints alone: what truth needs, without the time that soft tissue takes."""

    def part(low, high, spacing, sides):
        grid = make_grid(low, high, spacing)
        found = bone_layers(person, lesions, grid, np.random.default_rng(1), sides=sides)
        return Part(grid, found.layers, found.truths)

    reach = HIP_REACH_MM if side is Side.LEFT else HIP_REACH_MM[::-1] * (-1, 1, 1)
    center = person.hips[side].center
    fine = part(reach.min(axis=0) + center, reach.max(axis=0) + center, 1.1, (side,))
    low, high = (person.origin + np.array(corner) for corner in ((-170.0, -80.0, -150.0), (170.0, 90.0, 90.0)))
    coarse = part(low, high, 2.6, (Side.LEFT, Side.RIGHT))
    return Scene(person, lesions, coarse, {side: fine})


def still_hip(side=Side.LEFT):
    """The mean hip in the pose of the shape model."""
    still = Rotation.identity()
    return pose_hip(np.zeros(26), side, still, still)


@pytest.fixture(scope="session")
def small_exam(tmp_path_factory):
    out = tmp_path_factory.mktemp("virtual") / "toh"
    return write_virtual_exam("toh", out, seed=3, side=Side.LEFT, acquisition=SMALL)


@pytest.fixture(scope="session")
def scene():
    person = sample_person(np.random.default_rng(5))
    line = FractureLine(upright(person.hips[Side.LEFT])[0], 14.0, 10.0, 3.5, 2.0, bow_mm=1.0)
    lesion = Lesion(boundary_mm=2.0, width_mm=4.0, amount=0.7, medial_sparing=True, fracture_line=line, effusion_mm=6.0)
    one_side = Acquisition(sides=(Side.LEFT,))
    built = build_scene(person, {Side.LEFT: lesion, Side.RIGHT: WELL}, one_side, 5)
    return built, slice_grid(Acquisition(), person)


@pytest.fixture(scope="session")
def collapsed_scene(necrotic_scene):
    """The necrotic scene after its head has collapsed, with an open crescent."""
    person = necrotic_scene.person
    sunken = replace(necrotic_scene.lesions[Side.LEFT].necrosis, depression_mm=3.0)
    crescent = FractureLine(sunken.toward, 20.0, 16.0, 2.2, 1.6, filling="fluid")
    lesions = {Side.LEFT: Lesion(necrosis=sunken, fracture_line=crescent), Side.RIGHT: WELL}
    return build_scene(person, lesions, Acquisition(sides=(Side.LEFT,)), 5)


@pytest.fixture(scope="session")
def necrotic_scene():
    person = sample_person(np.random.default_rng(5))
    necrosis = Necrosis(upright(person.hips[Side.LEFT])[0], 50.0, 0.75, "fat", granulation_mm=1.6, sclerosis_mm=1.6)
    lesions = {Side.LEFT: Lesion(necrosis=necrosis), Side.RIGHT: WELL}
    return build_scene(person, lesions, Acquisition(sides=(Side.LEFT,)), 5)
