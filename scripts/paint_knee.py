"""Crude pictures of one knee in any contrast, to train the edge model: as ``paint_hip.py`` does for hips."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from paint_hip import FINE_MM
from paint_hip import color_tissues
from paint_hip import make_noise
from paint_hip import scan

FAR_MM = 24.0
"""Distances are not told apart beyond this."""
BOX_MM = np.array([130.0, 140.0, 180.0])


def _measure_distance(vertices: np.ndarray, faces: np.ndarray, grid: Grid) -> np.ndarray:
    """Signed distance to a surface in mm, negative inside, at most FAR_MM."""
    index = grid.to_index(vertices)
    margin = FAR_MM / FINE_MM
    low = np.clip(np.floor(index.min(axis=0) - margin), 0, None).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + margin) + 1, None, grid.shape).astype(int)
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.to_world(low)
    inside = voxelize(vertices, faces, Grid(tuple(int(n) for n in high - low), affine)).array
    result = np.full(grid.shape, FAR_MM, np.float32)
    depth = np.where(inside, 0.5 - ndimage.distance_transform_edt(inside), 0)
    near = (depth + np.maximum(ndimage.distance_transform_edt(~inside) - 0.5, 0)) * FINE_MM
    result[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = np.minimum(near, FAR_MM)
    return result


def paint_tissues(
    rng: np.random.Generator, pose: KneePose
) -> tuple[Grid, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Paint what is where on a fine grid; also the signed distance to each bone (mm, negative inside)."""
    center = pose.pivots[0]
    shape = tuple(int(n) for n in np.ceil(BOX_MM / FINE_MM))
    affine = np.diag([FINE_MM, FINE_MM, FINE_MM, 1.0])
    affine[:3, 3] = center - BOX_MM / 2 + np.array([0.0, 5.0, -5.0])
    grid = Grid(shape, affine)
    distance = {}
    for bone in BONES:
        distance[bone] = _measure_distance(pose.vertices(bone), pose.faces(bone), grid)
    femur, tibia, _, patella = (distance[bone] for bone in BONES)
    bone = np.minimum.reduce([distance[b] for b in BONES])
    points = grid.points() - center
    far = np.clip((np.abs(points[..., 2]) - 30) / 40, 0, 1)
    # Under the cartilage and around the condyles bone is thin, in places thinner than a voxel.
    thick = rng.uniform(0.3, 1.4) + 0.3 * make_noise(rng, shape, 12) + rng.uniform(1, 3.5) * far
    thick = np.maximum(thick, 0.2)
    soft = bone >= 0
    space = soft & ((femur + tibia < 12) | (femur + patella < 10))
    cover = rng.uniform(1.5, 3.0)
    # No cartilage where the cover wears off.
    worn = make_noise(rng, shape, 18) > rng.uniform(1.0, 3.0)
    cartilage = space & ((femur < cover) | (tibia < cover) | (patella < 1.3 * cover)) & ~worn
    side = np.abs(points[..., 0])
    meniscus = soft & ~cartilage & (femur + tibia < 16) & (side > 16) & (femur < 8) & (tibia < 8)
    septa = np.abs(make_noise(rng, shape, 9)) < rng.uniform(0.1, 0.5)
    other = make_noise(rng, shape, 14)
    front = -points[..., 1]
    hoffa = (
        soft & (front > 12) & (points[..., 2] < 5) & (points[..., 2] > -55) & (np.minimum(femur, tibia) < 0.9 * FAR_MM)
    )
    radius = np.hypot(points[..., 0], points[..., 1] * 0.9) + 4 * other
    skin = radius > rng.uniform(50, 66)
    tissue = {
        "cortex": (bone < 0) & (bone > -thick),
        "marrow": bone <= -thick,
        "joint": space & ~cartilage & ~meniscus,
        "cartilage": cartilage,
        "fat": soft & (septa | skin | hoffa) & ~space,
    }
    tissue["muscle"] = soft & ~tissue["fat"] & ~space
    swelling = (np.minimum(femur, patella) < rng.uniform(4, 14)) & (points[..., 2] > 0) & (rng.random() < 0.5)
    tissue["fluid"] = soft & ~cartilage & ((other > rng.uniform(1.2, 2.5)) | (swelling & (other > -0.3)))
    # Tendons, ligaments and menisci are as dark as cortex.
    tendon = soft & (np.abs(points[..., 0]) < 14) & (patella > 0) & (front > 30) & (np.abs(patella - tibia) < 60)
    tendon &= make_noise(rng, shape, 10) > 0.6
    tissue["cortex"] = tissue["cortex"] | ((meniscus | tendon) & (rng.random() < 0.8))
    return grid, tissue, distance


def add_edema(
    rng: np.random.Generator, image: np.ndarray, grid: Grid, tissue: dict[str, np.ndarray], center: np.ndarray
) -> np.ndarray:
    """Put bright (or, as T1 has it, dark) lesions of every size into the marrow near the joint."""
    marrow = tissue["marrow"]
    places = grid.to_world(np.argwhere(marrow))
    near = places[np.linalg.norm(places - center, axis=1) < 45]
    wet = rng.uniform(0.3, 1.0)
    result = image.copy()
    points = grid.points()
    for _ in range(rng.integers(1, 5)):
        middle = near[rng.integers(len(near))]
        size = rng.uniform(5, 35) * rng.uniform(0.6, 1.4, 3)
        away = np.sqrt((((points - middle) / size) ** 2).sum(axis=-1))
        ill = marrow * rng.uniform(0.5, 1.0) / (1 + np.exp((away - 1) * rng.uniform(4, 20)))
        result += (ill * (wet - result)).astype(np.float32)
    return result


def draw_volume(
    rng: np.random.Generator, pose: KneePose, grid: Grid, tissue: dict[str, np.ndarray], contrast: str, *, edema: float
) -> Volume:
    """Take one scan of a painted knee: sagittal half of the time."""
    image = color_tissues(rng, pose, grid, tissue, contrast, edema=0.0)
    if edema > 0 and contrast != "ct":
        image = add_edema(rng, image, grid, tissue, pose.pivots[0])
    plane = ((1, 2, 0), (1, 2, 0), (0, 2, 1), (0, 1, 2))[rng.integers(4)]
    return scan(rng, grid, image, contrast, None if contrast == "ct" else plane)
