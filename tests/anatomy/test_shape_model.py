from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import fit_sphere
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.anatomy.shape_model import mirror_vertices


def _shapes():
    rng = np.random.default_rng(1)
    model = load_shape_model()
    for scale in (0.0, 1.0, 1.0, 1.0):
        weights = scale * np.clip(rng.normal(size=26), -2, 2)
        yield model.femur.vertices(weights), model.hip_bone.vertices(weights)


@pytest.mark.parametrize("bone", ["femur", "hip_bone", "sacrum"])
def test_surfaces_are_closed_and_look_outward(bone):
    shape = load_shape_model()[bone]
    edges = np.concatenate([shape.faces[:, [0, 1]], shape.faces[:, [1, 2]], shape.faces[:, [2, 0]]])
    directed, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 1).all()
    assert {tuple(e) for e in directed} == {(b, a) for a, b in directed}
    a, b, c = (shape.mean[shape.faces[:, n]] for n in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0


def test_head_sits_in_the_socket():
    model = load_shape_model()
    for femur, hip in _shapes():
        center, radius = head_sphere(femur)
        assert 19 < radius < 28
        assert np.abs(np.linalg.norm(femur[model.femur.vertex_sets["femur_head_articular"]] - center, axis=1)).std() < 1
        socket, _ = fit_sphere(hip[model.hip_bone.vertex_sets["lunate"]])
        assert np.linalg.norm(socket - center) < 6.5


def test_landmarks_lie_where_anatomy_says():
    for femur, _ in _shapes():
        found = landmarks(femur)
        neck, superior, anterior = axes(femur).T
        center = found["head_center"]
        assert neck[0] > 0.4
        assert superior[2] > 0.4
        assert anterior[1] < -0.7
        assert 20 < (found["saddle"] - center) @ neck < 45
        assert (found["saddle"] - center) @ superior > 3
        assert (found["lesser_trochanter_upper"] - found["lesser_trochanter_tip"])[2] > 8
        assert found["lesser_trochanter_tip"][1] > found["neck_shaft_corner"][1]
        assert found["greater_trochanter_tip"][0] > found["saddle"][0]
        shaft = found["shaft_distal"] - found["shaft_proximal"]
        angle = np.degrees(np.arccos(-neck @ shaft / np.linalg.norm(shaft)))
        assert 112 < angle < 145


def test_mirror_turns_left_into_right():
    model = load_shape_model()
    vertices, faces = mirror_vertices(model.femur.mean, model.femur.faces)
    assert landmarks(vertices)["greater_trochanter_tip"][0] < -80
    a, b, c = (vertices[faces[:, n]] for n in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0


def test_sphere_fit_is_exact_on_a_sphere():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    center, radius = fit_sphere(directions * 23 + [100, -20, 1200])
    assert np.allclose(center, [100, -20, 1200])
    assert radius == pytest.approx(23)


def test_too_many_weights_are_refused():
    with pytest.raises(ValueError, match="26 modes"):
        load_shape_model().femur.vertices(np.zeros(27))
