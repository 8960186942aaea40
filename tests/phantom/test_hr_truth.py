from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.phantom.hr_truth import CUBES
from marrowmap.phantom.hr_truth import Structure
from marrowmap.phantom.hr_truth import _interval
from marrowmap.phantom.hr_truth import anisotropy
from marrowmap.phantom.hr_truth import ball_diameters
from marrowmap.phantom.hr_truth import euler_density
from marrowmap.phantom.trabecular_cells import Network
from marrowmap.phantom.trabecular_raster import Elements


def network(normals, areas, rods=(), rod_mm=0.1):
    ends = np.array([[np.zeros(3), way] for way in rods], float).reshape(-1, 2, 3)
    count = len(normals)
    elements = Elements(
        ends,
        np.full(len(ends), rod_mm),
        np.zeros((3 * count, 3)),
        np.arange(count + 1) * 3,
        np.ones(count),
        np.zeros(count),
    )
    normals = np.asarray(normals, float).reshape(-1, 3)
    nothing = np.zeros((0, 3))
    return Network(elements, np.zeros((count, 3)), normals, np.asarray(areas, float), nothing, nothing)


def all_of(one):
    return np.ones(len(one.plate_area), bool), np.ones(len(one.elements.rod_mm), bool)


def test_balls_between_parallel_plates_have_their_distance():
    solid = np.zeros((40, 40, 40), bool)
    solid[:, :, [8, 9, 30, 31]] = True
    between = ball_diameters(solid)[10:30, 10:30, 10:30]
    assert np.median(between) == pytest.approx(20, abs=1.01)
    assert between.max() <= 20


def test_a_hole_of_a_ball_has_its_diameter():
    index = np.indices((41, 41, 41)) - 20
    solid = (index**2).sum(axis=0) > 12**2
    assert ball_diameters(solid)[20, 20, 20] == pytest.approx(24, abs=1)


def test_euler_number_a_volume_of_a_lattice_of_bars_does_not_depend_on_the_cut():
    lattice = np.zeros((10, 10, 10), bool)
    lattice[:3, :3, :] = lattice[:3, :, :3] = lattice[:, :3, :3] = True
    # A knot and three bars for each cell: 1 - 3.
    for cells in (3, 4):
        whole = np.tile(lattice, (cells, cells, cells))
        whole = np.pad(whole, ((0, 1),) * 3, mode="wrap")
        assert euler_density(whole, 0.1) == pytest.approx(-2.0)
        shifted = np.roll(np.tile(lattice, (cells + 1,) * 3), (4, 5, 6), (0, 1, 2))[: 10 * cells + 1, : 10 * cells + 1]
        assert euler_density(shifted[:, :, : 10 * cells + 1], 0.1) == pytest.approx(-2.0)


def test_bone_without_direction_is_isotropic_and_stacked_plates_are_not():
    height = (np.arange(2000) + 0.5) / 1000 - 1
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(2000)
    ways = np.stack([np.sqrt(1 - height**2) * f(turn) for f in (np.cos, np.sin)] + [height], axis=-1)
    even = network(ways, np.ones(len(ways)))
    assert anisotropy(even, *all_of(even)) == pytest.approx(1, abs=0.01)
    tilted = network(ways, 1 + 3 * ways[:, 2] ** 2)
    assert anisotropy(tilted, *all_of(tilted)) > 1.2


def test_a_turn_does_not_change_anisotropy():
    ways = np.random.default_rng(2).normal(size=(300, 3)) * (1, 1, 3)
    turn = Rotation.from_euler("xyz", (20, 40, 60), degrees=True)
    found = [anisotropy(one, *all_of(one)) for one in (network([], [], ways), network([], [], turn.apply(ways)))]
    assert found[0] == pytest.approx(found[1], rel=0.01)
    assert found[0] > 1.3


def test_what_is_looked_at_in_cubes_has_the_interval_of_their_scatter():
    structure = Structure(0.2, 0.17, 0.7, 1.1, 2.0, 1.4, {"trabecular_separation": 0.01}, CUBES)
    low, high = _interval(structure, "trabecular_separation", 0.7)
    assert (low + high) / 2 == pytest.approx(0.7)
    # Student's t of 7 degrees of freedom.
    assert (high - low) / 2 == pytest.approx(2.365 * 0.01, rel=1e-3)
    assert _interval(structure, "trabecular_thickness", 0.17) == (None, None)
