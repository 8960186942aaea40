"""A virtual proximal femur for high resolution, with the socket and the muscles around it."""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.bone_loss import lost_share
from marrowmap.phantom.hip import JOINT_GAP_MM
from marrowmap.phantom.hip import femur_cortex_mm
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.hr_site import distance_field
from marrowmap.phantom.hr_site import field_grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Person
from marrowmap.phantom.toh import edema_membership
from marrowmap.values import Side

BESIDE_HEAD_MM = np.array([14.0, 4.0, -6.0])
"""Of the slab's middle from a left head's center, LPS: lower half of the head, neck, part of the greater trochanter."""


def hip_site(person: Person, side: Side, lesion: Lesion, half_mm: tuple[float, float, float], seed: int) -> Site:
    """Lay out a proximal femur; the arguments are those of :func:`marrowmap.phantom.hr_knee.knee_site`."""
    rng = np.random.default_rng([seed, 410 + (side is Side.RIGHT)])
    hip = person.hips[side]
    center = hip.center + BESIDE_HEAD_MM * (side.sign, 1, 1)
    grid = field_grid(center, half_mm)
    femur = distance_field(hip.femur, hip.femur_faces, grid)
    pelvis = distance_field(hip.hip_bone, hip.hip_bone_faces, grid)
    points = points_of(grid)
    own = hip.bone_coordinates(points)
    radius = np.sqrt((own**2).sum(axis=-1))
    # The socket leaves room for cartilage.
    pelvis = np.maximum(pelvis, np.float32(hip.radius + JOINT_GAP_MM) - radius)
    past = hip.past_plane(points)
    unevenness = noise(grid, rng, 14.0)
    head = 1 - smoothstep(radius, 0.8 * hip.radius, 1.2 * hip.radius)
    ward = np.exp(-(((past + 2) / 11) ** 2)) * (1 - smoothstep(np.abs(own[..., 1]), 5, 14))
    bearing = np.exp(-((own[..., 2] / 14) ** 2)) * smoothstep(own[..., 1] - 0.25 * own[..., 0], -10, 8) * head
    density = 0.75 + 0.35 * head + 0.35 * bearing - 0.35 * ward
    density = density * np.clip(1 + 0.12 * noise(grid, rng, 6.0) + 0.05 * noise(grid, rng, 20.0), 0.6, 1.5)
    spotty = np.clip(1 + 0.10 * noise(grid, rng, 8.0), 0.6, 1.3)
    red = person.red_marrow * (0.1 + 0.9 * np.exp(-(((past - 6) / 24) ** 2))) * (0.75 + 0.25 * noise(grid, rng, 8.0))
    fields = {
        "bone": femur,
        "any_bone": np.minimum(femur, pelvis),
        "cortex": np.where(femur < pelvis, femur_cortex_mm(hip, points, own), np.float32(1.1)),
        "density": density,
        "lost": lost_share(lesion, hip, points, unevenness),
        "edema": np.clip(lesion.amount * edema_membership(lesion, hip, points, own, unevenness) * spotty, 0, 1),
        "red": np.clip(red, 0.01, 0.9),
    }
    return Site(
        side=side,
        joint="hip",
        region="proximal_femur",
        body_part="HIP",
        grid=grid,
        center=center,
        # Compressive trabeculae run up the shaft into the head.
        axes=np.stack([np.cross(hip.axes[:, 2], hip.shaft), hip.axes[:, 2], hip.shaft], axis=1),
        fields={name: np.asarray(value, np.float32) for name, value in fields.items()},
        tissues=_around(points, femur, pelvis, radius, hip.radius, noise(grid, rng, 16.0), noise(grid, rng, 5.0)),
    )


def _around(
    points: Array, femur: Array, pelvis: Array, radius: Array, head: float, slow: Array, quick: Array
) -> dict[str, Array]:
    """Return shares of soft tissue: muscles with fat between them, cartilage and a film of fluid in the joint."""
    planes = np.exp(-((slow / 0.16) ** 2)) + 0.35 * smoothstep(quick, 1.3, 2.2)
    away = np.minimum(femur, pelvis)
    muscle = np.clip(1 - planes, 0, 1) * smoothstep(away, 1.5, 3.0)
    joint = (pelvis < JOINT_GAP_MM + 1.5) & (radius < head + JOINT_GAP_MM + 0.8)
    film = np.exp(-(((radius - head - 0.5 * JOINT_GAP_MM) / 0.35) ** 2)) * joint
    return {
        "fat": np.ones(femur.shape, np.float32),
        "muscle": np.asarray(muscle, np.float32),
        "cartilage": np.asarray(joint, np.float32),
        "joint_fluid": np.asarray(film, np.float32),
    }
