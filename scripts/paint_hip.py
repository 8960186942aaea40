"""Crude pictures of one hip in any contrast, to train the edge model on more than one idea of what MR looks like."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Side

FINE_MM = 1.25


def draw_pose(rng: np.random.Generator, side: Side, center: np.ndarray) -> HipPose:
    """Draw a shape and a pose as people lie in a scanner."""
    turns = np.stack(
        [
            Rotation.from_euler("xyz", rng.normal(0, (7, 5, 10)), degrees=True).as_rotvec(),
            Rotation.from_euler("xyz", rng.normal(0, (8, 3, 3)), degrees=True).as_rotvec(),
        ]
    )
    pivots = center + np.stack([rng.normal(0, 0.7, 3), np.zeros(3)])
    return HipPose(side, np.clip(rng.normal(0, 1, 26), -2.5, 2.5), turns, pivots)


def make_noise(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> np.ndarray:
    """Draw smooth noise of mean 0 and standard deviation 1; `length` in voxels."""
    factor = max(int(length / 2), 1)
    small = rng.normal(size=[n // factor + 3 for n in shape])
    small = ndimage.gaussian_filter(small, length / factor)
    big = ndimage.zoom(small, factor, order=1)[tuple(slice(0, n) for n in shape)]
    return ((big - big.mean()) / big.std()).astype(np.float32)


def paint_tissues(rng: np.random.Generator, pose: HipPose) -> tuple[Grid, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Paint what is where on a fine grid; also the signed distance to each bone (mm, negative inside)."""
    center = pose.pivots[0]
    low = center + np.array([-95.0, -80.0, -115.0])
    shape = tuple(int(n) for n in np.ceil(np.array([190.0, 160.0, 225.0]) / FINE_MM))
    affine = np.diag([FINE_MM, FINE_MM, FINE_MM, 1.0])
    affine[:3, 3] = low
    grid = Grid(shape, affine)
    distance = {}
    for bone in ("femur", "hip_bone"):
        inside = voxelize(pose.vertices(bone), pose.faces(bone), grid).array
        depth = np.where(inside, 0.5 - ndimage.distance_transform_edt(inside), 0)
        distance[bone] = (depth + np.maximum(ndimage.distance_transform_edt(~inside) - 0.5, 0)).astype(np.float32)
        distance[bone] *= FINE_MM
    points = grid.points()
    away = np.linalg.norm(points - center, axis=-1)
    femur, hip = distance["femur"], distance["hip_bone"]
    bone = np.minimum(femur, hip)
    below = np.clip((center[2] - points[..., 2] - 35) / 50, 0, 1)
    thick = (0.9 + rng.uniform(0, 1.8) + 0.5 * make_noise(rng, shape, 12)) + rng.uniform(1, 4) * below * (femur < 0)
    thick = np.maximum(thick, 0.6)
    tissue = {
        "cortex": (bone < 0) & (bone > -thick),
        "marrow": bone <= -thick,
        "joint": (bone >= 0) & (away < 31) & (np.abs(femur) + np.abs(hip) < 14) & (np.maximum(femur, hip) < 9),
    }
    septa = np.abs(make_noise(rng, shape, 9)) < rng.uniform(0.1, 0.5)
    other = make_noise(rng, shape, 14)
    soft = (bone >= 0) & ~tissue["joint"]
    lateral = (points[..., 0] - center[0]) * pose.side.sign
    skin = lateral + 5 * other > rng.uniform(55, 90)
    tissue["fat"] = soft & (septa | skin)
    tissue["muscle"] = soft & ~tissue["fat"]
    tissue["fluid"] = soft & (other > rng.uniform(1.2, 2.5))
    tissue["cartilage"] = tissue["joint"] & (femur < rng.uniform(1.0, 2.2))
    return grid, tissue, distance


CONTRASTS = {
    "t1": {"marrow": 0.85, "cortex": 0.06, "fat": 1.0, "muscle": 0.38, "joint": 0.35, "cartilage": 0.42, "fluid": 0.25},
    "stir": {"marrow": 0.1, "cortex": 0.03, "fat": 0.05, "muscle": 0.3, "joint": 0.8, "cartilage": 0.45, "fluid": 1.2},
    "pdfs": {"marrow": 0.15, "cortex": 0.04, "fat": 0.1, "muscle": 0.35, "joint": 0.9, "cartilage": 0.7, "fluid": 1.2},
    "t2": {"marrow": 0.6, "cortex": 0.04, "fat": 0.75, "muscle": 0.2, "joint": 0.9, "cartilage": 0.4, "fluid": 1.2},
}


def color_tissues(
    rng: np.random.Generator,
    pose: HipPose | KneePose,
    grid: Grid,
    tissue: dict[str, np.ndarray],
    contrast: str,
    *,
    edema: float,
) -> np.ndarray:
    """Give tissues signals: a named contrast, ``random`` or ``ct`` (HU)."""
    shape = grid.shape
    if contrast == "ct":
        level = {"marrow": 120.0, "cortex": rng.uniform(500, 1100), "fat": -100.0, "muscle": 55.0, "joint": 60.0}
        level |= {"cartilage": 90.0, "fluid": 20.0}
    elif contrast == "random":
        level = {name: float(rng.uniform(0, 1)) for name in tissue}
        level["cortex"] *= 0.25 if rng.random() < 0.8 else 1.0
    else:
        level = {name: value * float(rng.uniform(0.75, 1.3)) for name, value in CONTRASTS[contrast].items()}
    image = np.zeros(shape, np.float32)
    for name in ("muscle", "fat", "fluid", "joint", "cartilage", "cortex", "marrow"):
        image[tissue[name]] = level[name]
    texture = make_noise(rng, shape, 10)
    points = grid.points() - pose.pivots[0]
    marrow = tissue["marrow"]
    if contrast == "ct":
        below = np.clip((-points[..., 2] - 20) / 50, 0, 1)
        image[marrow] = (rng.uniform(180, 330) - rng.uniform(150, 300) * below + 50 * texture)[marrow]
        image += 15 * make_noise(rng, shape, 5)
        return image
    red = np.clip(0.5 * texture + rng.normal(0, 0.5), 0, 1) * (rng.random() < 0.7)
    image[marrow] += (red * (level["muscle"] - level["marrow"]) * rng.uniform(0.2, 0.7))[marrow]
    if edema > 0:
        lateral = points[..., 0] * pose.side.sign - 0.8 * points[..., 2]
        ill = marrow / (1 + np.exp((lateral - rng.uniform(30, 60)) / rng.uniform(1, 5)))
        wet = level["fluid"] * rng.uniform(0.4, 0.8)
        image += (edema * ill * (wet - image)).astype(np.float32)
    return image * (1 + 0.06 * make_noise(rng, shape, 4))


def scan(
    rng: np.random.Generator,
    grid: Grid,
    image: np.ndarray,
    contrast: str,
    plane: tuple[int, int, int] | None = None,
) -> Volume:
    """Take slices of the picture as a scanner would; `plane` names the axes of rows, columns and slices."""
    oblique = Rotation.from_euler("xyz", rng.normal(0, 5, 3), degrees=True).as_matrix()
    if contrast == "ct":
        spacing = rng.choice([0.8, 1.0, 3.0]) * np.ones(3)
        spacing[2] = rng.uniform(1.0, 4.0)
        axes = np.eye(3)
        thickness = spacing[2]
    else:
        spacing = np.array([0, 0, rng.uniform(3.3, 5.5)])
        spacing[:2] = rng.uniform(0.6, 1.3)
        if plane is None:
            plane = (0, 1, 2) if rng.random() < 0.4 else (0, 2, 1)
        axes = np.eye(3)[:, list(plane)]
        axes = oblique @ axes
        thickness = spacing[2] * rng.uniform(0.75, 0.95)
    extent = np.abs(axes.T) @ (np.array(grid.shape) * FINE_MM)
    extent = np.minimum(extent * rng.uniform(0.8, 1.0), extent)
    shape = tuple(int(n) for n in np.maximum(extent // spacing, 2))
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = grid.center + rng.uniform(-8, 8, 3) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    target = Grid(shape, affine)
    total = np.zeros(shape, np.float32)
    parts = max(round(thickness / 1.2), 1)
    for n in range(parts):
        shift = ((n + 0.5) / parts - 0.5) * thickness
        moved = affine.copy()
        moved[:3, 3] += axes[:, 2] * shift
        matrix = np.linalg.inv(grid.affine) @ moved
        total += ndimage.affine_transform(
            image, matrix[:3, :3], matrix[:3, 3], shape, order=1, mode="nearest", output=np.float32
        )
    total /= parts
    if contrast == "ct":
        return Volume(target, total + rng.normal(0, 15, shape).astype(np.float32), "HU")
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"), axis=-1)
    bias = np.exp((place @ rng.normal(0, 0.2, 3)) + rng.normal(0, 0.15) * (place**2).sum(axis=-1))
    sigma = rng.uniform(0.01, 0.05)
    noisy = np.hypot(total * bias + rng.normal(0, sigma, shape), rng.normal(0, sigma, shape))
    return Volume(target, (300 * noisy).astype(np.float32), "signal")
