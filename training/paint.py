"""Training pictures from posed anatomies: any contrast, any slices, any disease (domain randomization).

After Billot et al., SynthSeg (Med Image Anal 2023; 86:102789): every tissue draws its signal at random, so that a
network can only rely on what contrasts have in common, the shapes. Here marrow also falls ill at random, so that bone
stays bone whatever its marrow does. No picture is ever mirrored without its sides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from anatomies import SPACING_MM
from anatomies import STEPS_PER_MM
from marrowmap.anatomy.networks import HIP_BOX_SHIFT_MM
from marrowmap.anatomy.networks import JOINTS
from marrowmap.anatomy.networks import LABEL_MM
from marrowmap.anatomy.networks import LABEL_VOXELS
from marrowmap.anatomy.networks import LABELS
from marrowmap.anatomy.networks import LOCATE_MM
from marrowmap.anatomy.networks import ROUGH_COUNT

ROUGH_LABELS = ("background", "femur_left", "femur_right", "hip_bone", "tibia", "patella")
"""Classes of the locating network; ``tibia`` includes the fibula, ``femur`` both ends."""
if len(ROUGH_LABELS) != ROUGH_COUNT:
    raise ImportError("the locating network's classes are not as many as marrowmap.anatomy.networks reads")
HEATS = tuple(f"{side.value}_{joint.value}" for joint, side in JOINTS)
HEAT_MM = 9.0
"""Width (standard deviation) of the heat spots."""

LABEL_SHAPE = (LABEL_VOXELS, LABEL_VOXELS, LABEL_VOXELS)
LOCATE_SHAPE = (64, 48, 64)

# Rough signals of tissues by contrast (0 to about 1); each is changed by a factor at random.
CONTRASTS = {
    "t1": (0.0, 1.0, 0.35, 0.25, 0.40, 0.06, 0.85, 0.45, 0.30, 0.15),
    "stir": (0.0, 0.06, 0.30, 1.2, 0.50, 0.03, 0.10, 0.28, 0.80, 0.15),
    "pdfs": (0.0, 0.12, 0.38, 1.2, 0.70, 0.04, 0.15, 0.35, 0.85, 0.15),
    "t2": (0.0, 0.75, 0.22, 1.2, 0.45, 0.04, 0.65, 0.45, 0.80, 0.12),
    "pd": (0.0, 0.95, 0.55, 1.0, 0.70, 0.08, 0.80, 0.60, 0.80, 0.20),
    "gre": (0.0, 0.60, 0.55, 1.1, 0.85, 0.04, 0.25, 0.35, 0.70, 0.15),
}
"""Order: air, fat, muscle, fluid, cartilage, cortex, yellow marrow, red marrow, edema, fibrous."""
AIR, FAT, MUSCLE, FLUID, CARTILAGE, CORTEX, YELLOW, RED, EDEMA, FIBROUS = range(10)
CT_LEVELS = (-1000.0, -100.0, 55.0, 15.0, 90.0, 900.0, 80.0, 150.0, 130.0, 120.0)


@dataclass(frozen=True)
class Anatomy:
    """One stored anatomy."""

    kind: str
    distance: torch.Tensor
    region: torch.Tensor | None
    low: np.ndarray
    centers: np.ndarray


def load_anatomy(path: Path) -> Anatomy:
    """Load what ``anatomies.py`` stored."""
    with np.load(path) as stored:
        return Anatomy(
            path.name.split("_")[0],
            torch.from_numpy(stored["distance"]),
            torch.from_numpy(stored["region"]) if "region" in stored else None,
            stored["low"],
            stored["centers"],
        )


class Painter:
    """Draws training pictures from anatomies.

    Parameters
    ----------
    seed : int
        Of every random choice.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.torch_rng = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float) -> float:
        """Draw one number."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """Draw yes or no."""
        return bool(self.rng.random() < share)

    def noise(self, shape: tuple[int, ...], length: float, stretch: tuple[float, float, float] = (1, 1, 1)):
        """Return smooth noise of about unit variance that changes over `length` voxels."""
        small = [max(math.ceil(n / (length * s)) + 2, 3) for n, s in zip(shape, stretch, strict=True)]
        values = torch.randn((1, 1, *small), generator=self.torch_rng)
        field = functional.interpolate(values, size=tuple(shape), mode="trilinear", align_corners=False)[0, 0]
        return field / field.std().clamp_min(1e-3)

    # Anatomy ---------------------------------------------------------------------------------------------------------

    def place(self, anatomy: Anatomy, middle: np.ndarray, shape, spacing: float, *, mirrored: bool):
        """Draw a grid around a point and sample an anatomy on it, turned, scaled and smoothly bent.

        Returns
        -------
        distance : tensor (c, *shape)
            mm, negative inside.
        region : tensor (*shape) or None
        move : callable
            From anatomy mm (n, 3) to place in the picture (mm from its middle).
        """
        axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * spacing for n in shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        angles = np.clip(self.rng.normal(0, (7.0, 6.0, 7.0)), -20, 20)
        turn = _rotation(np.radians(angles))
        scale = self.rng.uniform(0.92, 1.08, 3) * self.uniform(0.94, 1.08)
        matrix = turn @ np.diag(1 / scale)
        source = points @ torch.tensor(matrix.T, dtype=torch.float32)
        if self.chance(0.7):
            length, size = self.uniform(25, 60), self.uniform(0.3, 2.0)
            bend = torch.stack([self.noise(shape, length / spacing) for _ in range(3)], dim=-1)
            source = source + size * bend
        flip = np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
        source = source * torch.tensor(flip, dtype=torch.float32) + torch.tensor(middle, dtype=torch.float32)
        extent = torch.tensor(anatomy.distance.shape[1:], dtype=torch.float32)
        index = (source - torch.tensor(anatomy.low, dtype=torch.float32)) / SPACING_MM
        # grid_sample wants x (the last axis) first, -1 to 1 from the first to the last voxel's center.
        at = (2 * index / (extent - 1) - 1).flip(-1)[None]
        low = torch.floor(index.reshape(-1, 3).amin(0)).long().clamp_min(0)
        high = torch.ceil(index.reshape(-1, 3).amax(0)).long() + 2
        # Work on the part that is needed only.
        high = torch.minimum(high, extent.long())
        part = tuple(slice(int(a), max(int(b), int(a) + 2)) for a, b in zip(low, high, strict=True))
        cut = anatomy.distance[(slice(None), *part)].float() / STEPS_PER_MM
        size = torch.tensor(cut.shape[1:], dtype=torch.float32)
        at = (2 * (index - low) / (size - 1) - 1).flip(-1)[None]
        distance = functional.grid_sample(cut[None], at, mode="bilinear", padding_mode="border", align_corners=True)[0]
        region = None
        if anatomy.region is not None:
            near = functional.grid_sample(
                anatomy.region[part][None, None].float(), at, mode="nearest", padding_mode="border", align_corners=True
            )
            region = near[0, 0].round().to(torch.uint8)
        outside = ((index < 0) | (index > extent - 1)).any(-1)
        inverse = np.linalg.inv(matrix)

        def move(places: np.ndarray) -> np.ndarray:
            return (((places - middle) * flip) @ inverse.T).astype(np.float32)

        return distance, region, outside, move, source

    # Picture ---------------------------------------------------------------------------------------------------------

    def signals(self) -> tuple[list[float], bool]:
        """Draw a signal for every tissue; and say whether they are HU."""
        draw = self.rng.random()
        if draw < 0.40:
            levels = list(self.rng.uniform(0, 1, 10))
            if self.chance(0.75):
                levels[CORTEX] *= 0.2
            if self.chance(0.85):
                levels[AIR] = 0.0
            return levels, False
        if draw < 0.50:
            levels = [value + self.rng.normal(0, 20) for value in CT_LEVELS]
            levels[CORTEX] = self.uniform(450, 1300)
            levels[YELLOW] = self.uniform(-60, 150)
            levels[RED] = self.uniform(60, 350)
            return levels, True
        name = str(self.rng.choice(list(CONTRASTS)))
        return [value * self.uniform(0.6, 1.5) for value in CONTRASTS[name]], False

    def body(self, shape, spacing: float, levels, source: torch.Tensor, kind: str):
        """Paint soft tissue: muscles in fat, skin fat, air around; returns the picture."""
        fat = torch.full(shape, levels[FAT])
        septa = self.noise(shape, self.uniform(12, 30) / spacing, (1, 1, self.uniform(1, 3)))
        sheet = torch.sigmoid((septa.abs() - self.uniform(0.15, 0.55)) * 6)
        picture = fat + (levels[MUSCLE] - levels[FAT]) * sheet
        blobs = self.noise(shape, self.uniform(14, 40) / spacing)
        if self.chance(0.7):
            pool = torch.sigmoid((blobs - self.uniform(1.2, 2.4)) * 6)
            picture = picture + (levels[int(self.rng.choice([FLUID, FIBROUS, CARTILAGE]))] - picture) * pool
        if kind == "hips":
            half = torch.tensor([self.uniform(150, 205), self.uniform(75, 115)])
            away = ((source[..., :2] - torch.tensor([0.0, self.uniform(-5, 20)])) / half).abs()
            edge = ((away**2.6).sum(-1) ** (1 / 2.6) - 1) * float(half.min())
        else:
            radius = self.uniform(48, 85)
            flat = source[..., :2] - torch.tensor(self.rng.normal(0, 6, 2), dtype=torch.float32)
            edge = flat.norm(dim=-1) - radius
        edge = edge + self.uniform(0, 5) * self.noise(shape, 60 / spacing)
        skin = self.uniform(3, 40) if kind == "hips" else self.uniform(2, 18)
        picture = picture + (levels[FAT] - picture) * torch.sigmoid((edge + skin) / spacing * 2)
        if self.chance(0.85):
            picture = picture + (levels[AIR] - picture) * torch.sigmoid(edge / spacing * 3)
        return picture

    def marrow(self, shape, spacing: float, levels, joint_mm: list[np.ndarray]) -> torch.Tensor:
        """Paint marrow as if it were everywhere: red and yellow, and ill in any way."""
        patches = self.noise(shape, self.uniform(8, 40) / spacing)
        red = torch.sigmoid(self.uniform(0.5, 4) * (patches - self.uniform(-1, 2)))
        picture = levels[YELLOW] + (levels[RED] - levels[YELLOW]) * red * self.uniform(0, 1)
        axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * spacing for n in shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)

        def some_place(spread: float) -> torch.Tensor:
            base = joint_mm[int(self.rng.integers(len(joint_mm)))] if joint_mm else np.zeros(3)
            return torch.tensor(base + self.rng.normal(0, spread, 3), dtype=torch.float32)

        def blend(share: torch.Tensor, level: float) -> None:
            nonlocal picture
            picture = picture + (level - picture) * share.clamp(0, 1)

        if self.chance(0.12):
            picture = picture * 0 + self.uniform(min(levels), max(levels))  # marrow replaced altogether
        if self.chance(0.45):  # diffuse edema with an edge
            normal = torch.tensor(self.rng.normal(0, 1, 3), dtype=torch.float32)
            along = (points - some_place(22)) @ (normal / normal.norm()) + 4 * self.noise(shape, 20 / spacing)
            share = torch.sigmoid(-along / self.uniform(0.5, 6))
            blend(share * self.uniform(0.2, 1.0), levels[EDEMA])
        for _ in range(int(self.rng.integers(0, 4)) if self.chance(0.5) else 0):  # blobs, cysts, tumors, infarcts
            level = levels[int(self.rng.choice([EDEMA, FLUID, FIBROUS, CORTEX, MUSCLE, YELLOW]))]
            away = (points - some_place(16)).norm(dim=-1) + 2 * self.noise(shape, 12 / spacing)
            blend(torch.sigmoid((self.uniform(3, 22) - away) / self.uniform(0.5, 4)) * self.uniform(0.5, 1), level)
        if self.chance(0.35):  # a band, single or double, around a dead segment
            radii = torch.tensor(self.rng.uniform(8, 28, 3), dtype=torch.float32)
            away = (((points - some_place(12)) / radii).norm(dim=-1) - 1) * float(radii.mean())
            away = away + 1.5 * self.noise(shape, 10 / spacing)
            if self.chance(0.6):
                inner = levels[int(self.rng.choice([YELLOW, EDEMA, FLUID, FIBROUS, CORTEX]))]
                blend(torch.sigmoid(-away / 1.0), inner)
            wide = self.uniform(0.8, 2.5)
            blend(torch.exp(-((away / wide) ** 2)), levels[int(self.rng.choice([FIBROUS, CORTEX]))])
            if self.chance(0.5):
                blend(torch.exp(-(((away + 2 * wide) / wide) ** 2)), levels[EDEMA])
        if self.chance(0.1):  # a growth plate or a fracture line
            normal = torch.tensor(self.rng.normal(0, 1, 3), dtype=torch.float32)
            along = (points - some_place(15)) @ (normal / normal.norm()) + 2 * self.noise(shape, 15 / spacing)
            blend(torch.exp(-((along / self.uniform(0.8, 2)) ** 2)), levels[CORTEX])
        return picture

    def paint(self, distance, shape, spacing: float, source, kind: str, joint_mm: list[np.ndarray]):
        """Paint a picture; returns signals (*shape) and whether they are HU."""
        levels, hu = self.signals()
        picture = self.body(shape, spacing, levels, source, kind)
        nearest, _ = distance.min(dim=0)
        if len(distance) > 1:
            # Between two bones close to each other lies cartilage, and fluid around the joint.
            two = torch.topk(distance, 2, dim=0, largest=False).values
            between = torch.sigmoid((self.uniform(5, 11) - two.sum(0)) * 1.0)
            level = levels[CARTILAGE] if self.chance(0.7) else levels[FLUID]
            picture = picture + (level - picture) * between
            if self.chance(0.6):
                thick = self.uniform(0, 6) * torch.sigmoid(3 * self.noise(shape, 30 / spacing))
                near = torch.sigmoid((thick - distance[0]) / 0.7) * torch.sigmoid((self.uniform(14, 30) - two[1]) / 3)
                picture = picture + (levels[FLUID] - picture) * near
        soft = max(spacing / 2, 0.7)
        low = self.uniform(0.4, 2.5)
        thick = low + self.uniform(0, 1.2) * self.noise(shape, 16 / spacing).abs()
        if self.chance(0.6):  # shafts have thicker walls than ends
            axis = (torch.arange(shape[2], dtype=torch.float32) - shape[2] / 2) * spacing
            thick = thick + self.uniform(0, 3.5) * torch.sigmoid(-(axis + self.uniform(0, 50)) / 8)[None, None]
        if kind == "knees" and self.chance(0.6):
            axis = (torch.arange(shape[2], dtype=torch.float32) - shape[2] / 2) * spacing
            thick = thick + self.uniform(0, 3.0) * torch.sigmoid((axis.abs() - self.uniform(30, 60)) / 8)[None, None]
        bone = (0.5 - nearest / (2 * soft)).clamp(0, 1)
        inner = (0.5 - (nearest + thick) / (2 * soft)).clamp(0, 1)
        picture = picture + (levels[CORTEX] - picture) * bone
        picture = picture + (self.marrow(shape, spacing, levels, joint_mm) - picture) * inner
        texture = self.uniform(0, 0.10) * self.noise(shape, self.uniform(1.0, 4.0))
        if hu:
            return picture + 250 * texture, True
        return picture * (1 + texture), False

    def metal(self, picture: torch.Tensor, spacing: float, joint_mm: list[np.ndarray], *, hu: bool) -> torch.Tensor:
        """Paint an implant's void with its bright rim (MR) or its brightness (CT)."""
        shape = picture.shape
        axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * spacing for n in shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        base = joint_mm[int(self.rng.integers(len(joint_mm)))] if joint_mm else np.zeros(3)
        start = base + self.rng.normal(0, 12, 3)
        way = self.rng.normal(0, 1, 3)
        way = way / np.linalg.norm(way) * self.uniform(10, 90)
        a, d = torch.tensor(start, dtype=torch.float32), torch.tensor(way, dtype=torch.float32)
        along = (((points - a) @ d) / (d @ d)).clamp(0, 1)
        away = (points - a - along[..., None] * d).norm(dim=-1) + 1.5 * self.noise(shape, 12 / spacing)
        radius = self.uniform(3, 14)
        if hu:
            return picture + (3000 - picture) * torch.sigmoid((radius / 2 - away) * 2)
        rim = torch.exp(-(((away - radius - 1.5) / 2) ** 2)) * self.uniform(0, 1) * picture.max()
        return (picture + rim) * torch.sigmoid((away - radius) * 1.5)

    def scan(self, picture: torch.Tensor, spacing: float, *, hu: bool):
        """Take slices: blur, thickness, gaps, view, coil, ghost, noise; returns signals and what is in view."""
        shape = picture.shape
        view = torch.ones(shape)
        axis = int(self.rng.integers(3))
        apart = self.uniform(max(spacing, 2.0), 6.6) if self.chance(0.85) else spacing
        for other in range(3):
            blur = self.uniform(0, 0.6)
            if other != axis and blur > 0.2:
                picture = _smooth(picture, other, blur)
        if apart > 1.15 * spacing:
            picture = _slices(picture, axis, apart / spacing, self.uniform(0.6, 1.0), self.uniform(0, 1))
        if self.chance(0.1):  # a second, slight movement
            shift = int(self.rng.integers(1, 3))
            moved = torch.roll(picture, shift, int(self.rng.integers(3)))
            picture = picture + self.uniform(0.05, 0.3) * (moved - picture)
        for other in range(3):  # where the view ends
            if self.chance(0.35):
                n = shape[other]
                cut = int(self.uniform(0.0, 0.42) * n)
                part = [slice(None)] * 3
                part[other] = slice(0, cut) if self.chance(0.5) else slice(n - cut, n)
                view[tuple(part)] = 0
        if not hu:
            axes = [torch.linspace(-1, 1, n) for n in shape]
            ramp = torch.zeros(shape)
            for other, line in enumerate(axes):
                form = [1, 1, 1]
                form[other] = -1
                ramp = ramp + (self.rng.normal(0, 0.25) * line + self.rng.normal(0, 0.2) * line**2).reshape(form)
            picture = picture * torch.exp(ramp)
            top = float(picture.abs().mean()) + 1e-3
            sigma = top * self.uniform(0.01, 0.2)
            a = picture + sigma * torch.randn(shape, generator=self.torch_rng)
            b = sigma * torch.randn(shape, generator=self.torch_rng)
            picture = torch.hypot(a, b)
            if self.chance(0.3):
                picture = picture.clamp_min(0) ** self.uniform(0.7, 1.4)
        else:
            picture = picture + self.uniform(5, 40) * torch.randn(shape, generator=self.torch_rng)
            picture = picture.clamp(-200, 800)
        return normalize(picture, view), view

    # Samples ---------------------------------------------------------------------------------------------------------

    def label_sample(self, anatomy: Anatomy):
        """Return input (2, 64, 64, 64) and labels (64, 64, 64) of one box."""
        kind = anatomy.kind
        which = int(self.rng.integers(len(anatomy.centers)))
        mirrored = which == 1
        shift = HIP_BOX_SHIFT_MM if kind == "hips" else np.zeros(3)
        # Mostly around the joint, as it will be used; at times anywhere, so that no joint is expected everywhere.
        off = self.rng.uniform(-75, 75, 3) if self.chance(0.12) else np.clip(self.rng.normal(0, 5, 3), -12, 12)
        shift = shift + off
        middle = anatomy.centers[which] + shift * np.array([-1.0 if mirrored else 1.0, 1, 1])
        distance, region, outside, move, source = self.place(anatomy, middle, LABEL_SHAPE, LABEL_MM, mirrored=mirrored)
        joint_mm = [move(anatomy.centers[which])]
        target = torch.zeros(LABEL_SHAPE, dtype=torch.long)
        nearest, bone = distance.min(dim=0)
        inside = nearest < 0
        if kind == "hips":
            assert region is not None
            femur = region.clamp_min(1).long()
            target = torch.where(
                inside, torch.where(bone == 0, femur, torch.full_like(femur, LABELS.index("hip_bone"))), target
            )
        else:
            target = torch.where(inside, bone + LABELS.index("distal_femur"), target)
        picture, hu = self.paint(distance, LABEL_SHAPE, LABEL_MM, source, kind, joint_mm)
        if self.chance(0.12):
            picture = self.metal(picture, LABEL_MM, joint_mm, hu=hu)
        image, view = self.scan(picture, LABEL_MM, hu=hu)
        view = view * (~outside)
        return torch.stack([image * view, view]), target

    def locate_sample(self, anatomy: Anatomy):
        """Return input (2, 64, 48, 64), rough labels and heat maps (4, 64, 48, 64) of one part of a body."""
        kind = anatomy.kind
        mirrored = kind == "knees" and self.chance(0.5)
        spread = (95.0, 35.0, 55.0) if kind == "hips" else (25.0, 25.0, 25.0)
        base = anatomy.centers.mean(axis=0) if kind == "hips" else anatomy.centers[0]
        middle = base + self.rng.uniform(-1, 1, 3) * spread
        distance, _, outside, move, source = self.place(anatomy, middle, LOCATE_SHAPE, LOCATE_MM, mirrored=mirrored)
        centers = [move(center) for center in anatomy.centers]
        if self.chance(0.06):  # a body without the bones looked for
            distance = distance + 200
        nearest, bone = distance.min(dim=0)
        inside = nearest < 0
        if kind == "hips":
            left = source[..., 0] > float(anatomy.centers[:, 0].mean())
            femur = torch.where(left, 1, 2)
            target = torch.where(inside, torch.where(bone == 0, femur, torch.full_like(femur, 3)), 0)
        else:
            tissue = torch.tensor([2 if mirrored else 1, 4, 4, 5])
            target = torch.where(inside, tissue[bone], 0)
        picture, hu = self.paint(distance, LOCATE_SHAPE, LOCATE_MM, source, kind, centers)
        if self.chance(0.12):
            picture = self.metal(picture, LOCATE_MM, centers, hu=hu)
        image, view = self.scan(picture, LOCATE_MM, hu=hu)
        view = view * (~outside)
        image = image * view
        axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * LOCATE_MM for n in LOCATE_SHAPE]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        heats = torch.zeros((len(HEATS), *LOCATE_SHAPE))
        names = ["left_hip", "right_hip"] if kind == "hips" else ["right_knee" if mirrored else "left_knee"]
        for name, center in zip(names, centers if inside.any() else [], strict=False):
            away = (points - torch.tensor(center)).norm(dim=-1)
            heats[HEATS.index(name)] = torch.exp(-0.5 * (away / HEAT_MM) ** 2)
        return torch.stack([image, view]), target.long() * (view > 0), heats * view


def normalize(picture: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Scale what is in view to about 0–1 by its 1st and 98th percentiles, clipped to 1.5; 0 outside the view."""
    seen = picture[view > 0]
    if seen.numel() < 100:
        return torch.zeros_like(picture)
    seen = seen[:: max(seen.numel() // 20000, 1)]
    low, high = torch.quantile(seen, 0.01), torch.quantile(seen, 0.98)
    return ((picture - low) / (high - low).clamp_min(1e-6)).clamp(0, 1.5) * view


def _rotation(angles: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation  # noqa: PLC0415

    return Rotation.from_euler("xyz", angles).as_matrix()


def _along(picture: torch.Tensor, axis: int, matrix: torch.Tensor) -> torch.Tensor:
    """Apply a matrix along one axis."""
    moved = picture.movedim(axis, -1)
    return (moved @ matrix.T).movedim(-1, axis)


def _smooth(picture: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    n = picture.shape[axis]
    place = torch.arange(n, dtype=torch.float32)
    weight = torch.exp(-0.5 * ((place[:, None] - place[None]) / sigma) ** 2)
    return _along(picture, axis, weight / weight.sum(1, keepdim=True))


def _slices(picture: torch.Tensor, axis: int, apart: float, share: float, phase: float) -> torch.Tensor:
    """Average over slices `apart` voxels apart and `share` of that thick, and interpolate between them."""
    n = picture.shape[axis]
    place = torch.arange(n, dtype=torch.float32)
    count = math.ceil(n / apart) + 2
    centers = (torch.arange(count, dtype=torch.float32) - phase) * apart
    half = max(0.5 * apart * share, 0.5)
    take = (half + 0.5 - (centers[:, None] - place[None]).abs()).clamp(0, 1)
    # The first and last slices may lie outside: they repeat the edge.
    empty = take.sum(1) < 1e-3
    nearest = centers.clamp(0, n - 1).round().long()
    take[empty] = functional.one_hot(nearest[empty], n).float()
    take = take / take.sum(1, keepdim=True)
    back = (1 - (place[:, None] - centers[None]).abs() / apart).clamp_min(0)
    back = back / back.sum(1, keepdim=True)
    return _along(picture, axis, back @ take)
