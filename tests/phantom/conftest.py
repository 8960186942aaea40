from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side

# Small and coarse: what is tested here does not hang on the number of pixels.
SMALL = Acquisition(slice_count=14, thickness_mm=4.0, gap_mm=4.0, pixel_mm=1.5, fov_mm=300.0)


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
