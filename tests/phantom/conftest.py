from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.lesion import WELL
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
    lesion = Lesion(boundary_mm=2.0, width_mm=4.0, amount=0.7, medial_sparing=True, fracture_line=True, effusion_mm=6.0)
    one_side = Acquisition(sides=(Side.LEFT,))
    built = build_scene(person, {Side.LEFT: lesion, Side.RIGHT: WELL}, one_side, 5)
    return built, slice_grid(Acquisition(), person)


@pytest.fixture(scope="session")
def necrotic_scene():
    person = sample_person(np.random.default_rng(5))
    necrosis = Necrosis(upright(person.hips[Side.LEFT])[0], 50.0, 0.75, "fat", granulation_mm=1.6, sclerosis_mm=1.6)
    lesions = {Side.LEFT: Lesion(necrosis=necrosis), Side.RIGHT: WELL}
    return build_scene(person, lesions, Acquisition(sides=(Side.LEFT,)), 5)
