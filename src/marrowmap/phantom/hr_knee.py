"""A virtual distal femur for high resolution, and the thigh around it just above the knee."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import ndtr

from marrowmap.anatomy.knee_landmarks import knee_axes
from marrowmap.anatomy.knee_landmarks import knee_sphere
from marrowmap.anatomy.shape_model import load_knee_model
from marrowmap.anatomy.shape_model import mirror_vertices
from marrowmap.phantom.focus import WIDTH_PER_SD
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.hr_site import distance_field
from marrowmap.phantom.hr_site import field_grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.values import Side

ABOVE_CONDYLES_MM = 27.0
"""Of the slab's middle over the condyles' centers: the metaphysis and the upper end of the condyles."""
BEHIND_MM = 10.0
"""How far the limb's middle lies behind that of the bone."""
POSE_SD_DEG = 4.0
LOSS_ENDS_MM = (38.0, 55.0)
"""How far above the condyles' centers the disease ends: a choice, as is its weight on one condyle."""
MUSCLES = (
    ("vastus medialis", -0.60, 0.28, 0.30, 0.44),
    ("vastus lateralis", 0.62, 0.32, 0.26, 0.46),
    ("semimembranosus", -0.44, -0.56, 0.27, 0.25),
    ("sartorius", -0.70, -0.24, 0.12, 0.20),
    ("semitendinosus", -0.22, -0.76, 0.09, 0.07),
    ("biceps femoris", 0.54, -0.50, 0.24, 0.30),
    ("gastrocnemius medialis", -0.12, -0.58, 0.15, 0.16),
    ("gastrocnemius lateralis", 0.26, -0.58, 0.14, 0.15),
)
"""Middle (lateral, anterior) and half axes of each muscle's section, in half widths of the limb: a choice."""


def _pose(hip: Hip, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the lower end of a person's femur, LPS mm, turned a little about its condyles."""
    model = load_knee_model().femur
    vertices, faces = model.vertices(hip.weights), model.faces
    if hip.side is Side.RIGHT:
        vertices, faces = mirror_vertices(vertices, faces)
    middle, _ = knee_sphere(vertices)
    angles = np.clip(rng.normal(0, POSE_SD_DEG, 3), -2 * POSE_SD_DEG, 2 * POSE_SD_DEG)
    return Rotation.from_euler("xyz", angles, degrees=True).apply(vertices - middle) + middle, faces


def _thigh(
    points: Array, center: Array, lateral: float, bone: Array, grid_noise: Array, bundles: Array, fat_mm: float
) -> dict[str, Array]:
    """Return shares of soft tissue; `lateral` is +1 where LPS x grows toward the outer side."""
    x = (points[..., 0] - center[0]) * np.float32(lateral)
    y = center[1] - points[..., 1]
    half = np.float32(50.0), np.float32(52.0)
    radius = np.sqrt((x / half[0]) ** 2 + (y / half[1]) ** 2) * half[0]
    skin = half[0] - radius + 1.5 * grid_noise
    body = smoothstep(skin, -0.6, 0.6)
    within = smoothstep(skin, fat_mm - 0.8, fat_mm + 0.8)
    muscle = np.zeros(body.shape, np.float32)
    for _, a, b, u, v in MUSCLES:
        away = np.sqrt(((x / half[0] - a) / u) ** 2 + ((y / half[1] - b) / v) ** 2)
        muscle = np.maximum(muscle, 1 - smoothstep(away + 0.10 * grid_noise, 0.90, 1.0))
    # Fat between the bundles.
    muscle = muscle * within * smoothstep(bone, 1.0, 2.0) * (1 - 0.5 * smoothstep(bundles, 1.2, 2.4))
    tendon = np.exp(-(((y - 0.78 * half[1]) / 2.6) ** 2) - (x / 15.0) ** 4) * within
    vessels = {}
    for name, a, b, size in (("artery", 0.02, -0.40, 3.2), ("vein", 0.08, -0.50, 3.6), ("nerve", 0.16, -0.58, 3.0)):
        away = np.sqrt((x - a * half[0]) ** 2 + (y - b * half[1]) ** 2)
        vessels[name] = 1 - smoothstep(away, size - 0.5, size + 0.5)
    rim = smoothstep(skin, -0.6, 0.6) - smoothstep(skin, 1.2, 2.0)
    return {
        "subcutaneous_fat": np.asarray(body * (1 - within), np.float32),
        "fat": np.asarray(body * within, np.float32),
        "muscle": muscle,
        "fascia": np.asarray(np.clip(tendon, 0, 1), np.float32),
        **{name: np.asarray(share, np.float32) for name, share in vessels.items()},
        "skin": np.asarray(rim, np.float32),
    }


def knee_site(person: Person, side: Side, lesion: Lesion, half_mm: tuple[float, float, float], seed: int) -> Site:
    """Lay out a distal femur.

    Parameters
    ----------
    person : Person
    side : Side
    lesion : Lesion
        Of it are used `bone_loss`, `amount` and `width_mm`: how much bone is gone, how much of marrow is edema, and how
        sharply both end.
    half_mm : tuple of float
        Half the size of the box, LPS.
    seed : int

    Returns
    -------
    Site
    """
    rng = np.random.default_rng([seed, 400 + (side is Side.RIGHT)])
    vertices, faces = _pose(person.hips[side], rng)
    axes = knee_axes(vertices, side)
    middle, _ = knee_sphere(vertices)
    # Cells stand along the shaft; the slab is level with the scanner.
    center = middle + axes[:, 1] * ABOVE_CONDYLES_MM
    level = vertices[np.abs((vertices - center) @ axes[:, 1]) < 8]
    center[:2] = (level[:, :2].min(axis=0) + level[:, :2].max(axis=0)) / 2 + (0.0, BEHIND_MM)
    grid = field_grid(center, half_mm)
    bone = distance_field(vertices, faces, grid)
    points = points_of(grid)
    own = (points - middle.astype(np.float32)) @ axes.astype(np.float32)
    up, outward = own[..., 1], own[..., 0]
    unevenness = noise(grid, rng, 14.0)
    cortex = 0.6 + 0.3 * smoothstep(up, 12, 25) + 2.9 * smoothstep(up, 32, 75)
    cortex = cortex * np.clip(1 + 0.25 * noise(grid, rng, 12.0), 0.6, 1.6)
    # Trabeculae stand densest near joint and cortex; toward the shaft the marrow cavity opens.
    deep = smoothstep(-bone, 6, 15)
    density = (1.15 - 0.40 * smoothstep(up, 8, 45)) * (1 - 0.45 * deep * smoothstep(up, 5, 40))
    density = density * np.clip(1 + 0.12 * noise(grid, rng, 6.0) + 0.05 * noise(grid, rng, 20.0), 0.6, 1.5)
    ends, medial = float(rng.uniform(*LOSS_ENDS_MM)), rng.random() < 0.6
    within = ndtr(-(up + 1.5 * unevenness - ends) / np.float32(lesion.width_mm / WIDTH_PER_SD))
    across = outward if not medial else -outward
    condyle = 0.25 + 0.75 * smoothstep(across + 2.0 * unevenness, -14, 6)
    spotty = np.clip(1 + 0.12 * noise(grid, rng, 8.0), 0.6, 1.3)
    red = person.red_marrow * (0.25 + 0.75 * smoothstep(up, 10, 45)) * (0.75 + 0.25 * noise(grid, rng, 8.0))
    center32 = center.astype(np.float32)
    fat = float(np.clip(0.3 * person.fat_mm, 4.0, 10.0))
    lateral = float(side.sign)
    fields = {
        "bone": bone,
        "any_bone": bone,
        "cortex": cortex,
        "density": density,
        "lost": np.clip(lesion.bone_loss * within * (0.6 + 0.4 * condyle), 0, 0.9),
        "edema": np.clip(lesion.amount * within * condyle * spotty, 0, 1),
        "red": np.clip(red, 0.01, 0.9),
    }
    return Site(
        side=side,
        joint="knee",
        region="distal_femur",
        body_part="KNEE",
        grid=grid,
        center=center,
        axes=np.stack([axes[:, 0], axes[:, 2], axes[:, 1]], axis=1),
        fields={name: np.asarray(value, np.float32) for name, value in fields.items()},
        tissues=_thigh(points, center32, lateral, bone, noise(grid, rng, 12.0), noise(grid, rng, 3.0), fat),
    )
