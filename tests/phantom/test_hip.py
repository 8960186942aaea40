from __future__ import annotations

import numpy as np

from marrowmap.phantom.hip import metal_layers
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import tissue_signal
from marrowmap.values import Side


def test_metal_leaves_a_void_along_the_neck(scene):
    hip = scene[0].person.hips[Side.RIGHT]
    grid = make_grid(hip.center - 60, hip.center + 60, 2.0)
    layers = metal_layers(hip, grid, 1.1)
    void = np.zeros(grid.shape, np.float32)
    void[layers[-1].box] = layers[-1].share
    at = np.rint(grid.to_index(hip.center + 30 * hip.axes[:, 0])).astype(int)
    away = np.rint(grid.to_index(hip.center + 30 * hip.axes[:, 1])).astype(int)
    assert void[tuple(at)] > 0.95
    assert void[tuple(away)] == 0


def test_bone_lies_where_its_surface_is(scene):
    built, _ = scene
    part = built.fine[Side.LEFT]
    hip = built.person.hips[Side.LEFT]
    truth = part.truths[Side.LEFT]
    inside = np.rint(truth.grid.to_index(hip.center)).astype(int)
    assert truth.bone[tuple(inside)] == 1
    assert truth.marrow[tuple(inside)] == 1
    surface = truth.grid.to_index(hip.center - hip.axes[:, 0] * (hip.radius + 3))
    assert truth.bone[tuple(np.rint(surface).astype(int))] < 0.1


def test_medial_head_is_spared_and_the_rest_is_not(scene):
    built, _ = scene
    hip, truth = built.person.hips[Side.LEFT], built.fine[Side.LEFT].truths[Side.LEFT]
    medial = hip.center - hip.axes[:, 0] * hip.radius * 0.8 - hip.axes[:, 1] * hip.radius * 0.3
    dome = hip.center + hip.axes[:, 1] * hip.radius * 0.7
    assert truth.membership[tuple(np.rint(truth.grid.to_index(medial)).astype(int))] < 0.15
    assert truth.membership[tuple(np.rint(truth.grid.to_index(dome)).astype(int))] > 0.9


def test_edema_is_bright_on_stir_and_dark_on_t1(scene):
    built, _ = scene
    part = built.fine[Side.LEFT]
    hip = built.person.hips[Side.LEFT]
    neck = tuple(np.rint(part.grid.to_index(hip.center + 12 * hip.axes[:, 0])).astype(int))
    t1 = paint(part.layers, part.grid.shape, Contrast.T1, 1.5)[neck]
    stir = paint(part.layers, part.grid.shape, Contrast.STIR, 1.5)[neck]
    assert t1 < 0.75 * tissue_signal("yellow_marrow", Contrast.T1, 1.5)
    assert stir > 3 * tissue_signal("yellow_marrow", Contrast.STIR, 1.5)
