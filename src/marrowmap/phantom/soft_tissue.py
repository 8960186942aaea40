"""Everything around the bones: skin, fat, fascia, muscles, vessels, bladder, bowel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.layers import tube_distance
from marrowmap.phantom.layers import upsample
from marrowmap.phantom.person import Person

FIELD_MM = 2.5
"""Muscles and body outline are laid out on this grid and interpolated: their surfaces are smooth."""

GROWTH_MM = 8.0
"""How far muscles swell beyond the tubes they are drawn with, where nothing is in their way."""

FAT_IN_MUSCLE = 0.05
"""Mean share of fat between muscle fibers."""

REACH_MM = np.array([[-215.0, -150.0, -245.0], [215.0, 150.0, 215.0]])
"""The box around the middle between the heads that a virtual body fills."""

# Muscles of the left side: centerlines (lateral, posterior, up from the head center, mm) and radii at their points.
# Drawn from atlas anatomy by eye; they need to look and lie right, not to be measured.
MUSCLES: dict[str, tuple[tuple[tuple[float, float, float, float], ...], ...]] = {
    "gluteus_maximus": (
        ((-48, 88, 90, 12), (0, 86, 30, 22), (38, 66, -35, 18), (52, 40, -95, 8)),
        ((-55, 84, 40, 12), (-18, 86, -8, 22), (25, 68, -65, 17), (45, 38, -120, 8)),
        ((-20, 84, 110, 10), (22, 78, 55, 18), (52, 55, -10, 13)),
    ),
    "gluteus_medius": (
        ((10, 40, 120, 15), (38, 38, 60, 20), (52, 25, 12, 8)),
        ((35, -15, 105, 13), (52, 0, 55, 18), (58, 12, 12, 8)),
    ),
    "gluteus_minimus": (((22, 5, 75, 8), (40, -2, 38, 13), (52, -2, 8, 6)),),
    "tensor_fasciae_latae": (((48, -48, 75, 8), (62, -35, 10, 15), (70, -18, -60, 12), (68, -5, -130, 5)),),
    "iliopsoas": (
        ((-38, 10, 190, 18), (-30, -8, 110, 19), (-12, -34, 32, 16), (4, -34, -12, 15), (8, 8, -62, 7)),
        ((20, 0, 105, 12), (5, -26, 50, 15), (6, -36, 5, 12)),
    ),
    "rectus_femoris": (((18, -34, 22, 7), (30, -55, -40, 15), (30, -58, -130, 19), (28, -52, -240, 16)),),
    "sartorius": (((38, -60, 75, 8), (14, -72, 0, 9), (-14, -66, -100, 10), (-35, -45, -240, 10)),),
    "pectineus": (((-42, -30, 0, 11), (-18, -22, -35, 13), (8, 0, -75, 9)),),
    "adductor_longus": (((-58, -30, -32, 9), (-38, -32, -80, 16), (-8, -18, -170, 12)),),
    "adductor_brevis": (((-56, -14, -42, 9), (-28, -10, -80, 14), (2, 2, -130, 9)),),
    "adductor_magnus": (
        ((-46, 18, -62, 12), (-30, 15, -120, 22), (-16, 16, -240, 22)),
        ((-30, 26, -55, 10), (0, 26, -90, 13), (8, 18, -150, 11)),
    ),
    "gracilis": (((-66, -8, -52, 7), (-64, -2, -130, 10), (-56, 12, -240, 9)),),
    "obturator_externus": (((-42, -6, -30, 10), (-14, 20, -34, 10), (22, 26, -12, 5)),),
    "obturator_internus": (((-42, -2, 12, 9), (-46, 26, -5, 9), (-24, 42, -6, 7), (14, 36, 2, 5)),),
    "quadratus_femoris": (((-16, 38, -46, 9), (10, 42, -44, 11), (34, 36, -42, 8)),),
    "piriformis": (((-66, 62, 62, 10), (-28, 56, 42, 13), (22, 38, 14, 6)),),
    "hamstrings": (
        ((-18, 42, -58, 9), (-6, 48, -120, 17), (4, 46, -240, 22)),
        ((-24, 40, -62, 8), (-30, 46, -130, 17), (-34, 44, -240, 20)),
    ),
    "vastus_lateralis": (((60, 10, -28, 10), (62, 6, -90, 20), (60, 0, -240, 25)),),
    "vastus_intermedius": (((34, -22, -60, 10), (30, -26, -130, 17), (24, -28, -240, 19)),),
    "vastus_medialis": (((14, -18, -80, 8), (2, -26, -150, 15), (-8, -32, -240, 21)),),
    "erector_spinae": (((-62, 76, 75, 12), (-56, 78, 130, 22), (-50, 74, 210, 25)),),
    "rectus_abdominis": (((-76, -66, -20, 8), (-66, -86, 60, 11), (-58, -92, 210, 13)),),
    "abdominal_wall": (
        ((44, -62, 70, 6), (58, -58, 120, 9), (70, -40, 210, 12)),
        ((-30, -84, 40, 6), (10, -80, 80, 8), (38, -76, 140, 9), (48, -66, 210, 9)),
    ),
}


@dataclass(frozen=True, eq=False)
class SoftTissue:
    """Fields of one body on a coarse grid, to be interpolated to any finer one.

    Parameters
    ----------
    grid : Grid
    skin : array
        Signed distance to the skin, mm, negative inside.
    fascia : array
        Signed distance to the fascia under the subcutaneous fat.
    muscle : array
        Signed distance to the nearest muscle's surface, thin fat planes between neighbors included.
    streaks : array
        Noise for fatty streaks in muscle and septa in fat.
    """

    grid: Grid
    skin: Array
    fascia: Array
    muscle: Array
    streaks: Array


def _outline(grid: Grid, person: Person, inset: float) -> Array:
    """Approximate signed distance to the body's outline, moved inward by `inset` mm."""
    x, y, z = coordinates(grid)
    x, y, z = (a - np.float32(o) for a, o in zip((x, y, z), person.origin, strict=True))
    waist = 1 - 0.10 * smoothstep(z, 60, 200)
    a = np.float32(person.half_width_mm - inset) * waist
    back, front = person.half_depth_mm + 14, person.half_depth_mm + 6
    b = np.where(y > 0, back - 0.8 * inset, front - 0.9 * inset).astype(np.float32)
    radius = (np.abs(x / a) ** 2.6 + np.abs(y / b) ** 2.6) ** np.float32(1 / 2.6)
    torso = (radius - 1) * np.minimum(a, b)
    thigh_x = np.float32(person.half_width_mm * 0.505)
    taper = 1 - 0.14 * smoothstep(-z, 60, 260)
    ta = np.float32(person.half_width_mm * 0.495 - inset) * taper
    tb = np.float32(person.half_depth_mm * 1.0 - 0.85 * inset) * taper
    thighs = (np.sqrt(((np.abs(x) - thigh_x) / ta) ** 2 + ((y - 4) / tb) ** 2) - 1) * np.minimum(ta, tb)
    below = smoothstep(-z, 55, 100)
    return np.asarray(torso * (1 - below) + thighs * below, np.float32)


def _muscles(grid: Grid, person: Person, rng: np.random.Generator) -> Array:
    """Signed distance to muscle: the nearest muscle wins, with a fat plane where two are equally near."""
    shape = grid.shape
    nearest = np.full(shape, 99.0, np.float32)
    second = np.full(shape, 99.0, np.float32)
    x, y, z = coordinates(grid)
    warp = [3.5 * noise(grid, rng, 35.0) for _ in range(3)]
    for side, hip in person.hips.items():
        sign = np.float32(side.sign)
        size = hip.radius / 22.9
        half = (sign * (x[:, 0, 0] - np.float32(person.origin[0]))) > -4
        rows = slice(int(np.argmax(half)), int(len(half) - np.argmax(half[::-1])))
        local = [
            (sign * (x - np.float32(hip.center[0])) + warp[0])[rows],
            (y - np.float32(hip.center[1]) + warp[1])[rows],
            (z - np.float32(hip.center[2]) + warp[2])[rows],
        ]
        # Muscles of the thigh follow the femur's pose: shear them along its axis.
        usual = np.array([-0.06, 0.01, -1.0])
        drift = hip.shaft / -hip.shaft[2]
        below = np.minimum(local[2], 0)
        local[0] = local[0] + below * np.float32(sign * drift[0] - usual[0])
        local[1] = local[1] + below * np.float32(drift[1] - usual[1])
        first, other = nearest[rows], second[rows]
        for paths in MUSCLES.values():
            distance: Array | None = None
            for path in paths:
                table = np.array(path)
                spread = table[:, 3] * person.muscularity * rng.normal(1.0, 0.05)
                d = tube_distance((local[0], local[1], local[2]), table[:, :3] * size, spread)
                distance = d if distance is None else np.minimum(distance, d)
            assert distance is not None
            np.minimum(other, np.maximum(first, distance), out=other)
            np.minimum(first, distance, out=first)
    # Muscles swell until they meet or have grown by GROWTH_MM; a thin fat plane stays between them.
    nearest -= np.float32(GROWTH_MM * person.muscularity)
    second -= np.float32(GROWTH_MM * person.muscularity)
    gap = np.float32(0.9) - (second - nearest) * np.float32(0.5)
    return np.asarray(np.maximum(nearest, gap), np.float32)


def lay_out(person: Person, rng: np.random.Generator) -> SoftTissue:
    """Lay out body outline and muscles once, on a coarse grid."""
    grid = make_grid(REACH_MM[0] + person.origin, REACH_MM[1] + person.origin, FIELD_MM)
    ripple = 2.5 * noise(grid, rng, 60.0)
    skin = _outline(grid, person, 0.0) + ripple * 0.6
    fascia = _outline(grid, person, person.fat_mm) + ripple
    return SoftTissue(grid, skin, fascia, _muscles(grid, person, rng), noise(grid, rng, 12.0))


def _ellipsoid(
    grid: Grid, center: NDArray[np.float64], radii: tuple[float, float, float], power: float = 2.0
) -> tuple[tuple[slice, slice, slice], Array] | None:
    size = np.array(radii)
    box = box_around(grid, np.stack([center - size, center + size]), 3.0)
    if box is None:
        return None
    x, y, z = coordinates(sub_grid(grid, box))
    scaled = [np.abs((a - np.float32(c)) / np.float32(r)) for a, c, r in zip((x, y, z), center, radii, strict=True)]
    radius = (scaled[0] ** power + scaled[1] ** power + scaled[2] ** power) ** np.float32(1 / power)
    return box, np.asarray((radius - 1) * min(radii), np.float32)


def body_layers(person: Person, tissue: SoftTissue, grid: Grid, rng: np.random.Generator) -> list[Layer]:
    """Return skin, fat and muscle on a grid; all else is painted over them."""
    whole = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    voxel = float(grid.spacing[0])
    skin, fascia, muscle, streaks = (
        upsample(field, tissue.grid, grid) for field in (tissue.skin, tissue.fascia, tissue.muscle, tissue.streaks)
    )
    inner = occupancy(fascia, voxel)
    layers = [
        Layer("skin", whole, occupancy(skin, voxel)),
        Layer("subcutaneous_fat", whole, occupancy(skin + 1.8, voxel)),
        Layer(
            "septa",
            whole,
            (0.45 * np.exp(-((streaks / 0.07) ** 2)) * (1 - inner)).astype(np.float32),
            "subcutaneous_fat",
        ),
        Layer("fascia", whole, 0.8 * occupancy(np.abs(fascia) - 0.6, voxel)),
        Layer("muscle", whole, occupancy(np.maximum(muscle, fascia + 1.2), voxel)),
    ]
    fatty = np.clip(FAT_IN_MUSCLE + 0.06 * streaks + 0.03 * noise(grid, rng, 5.0), 0, 0.4)
    layers.append(Layer("fat", whole, (fatty * layers[-1].share).astype(np.float32), "muscle"))
    return layers


VESSELS: tuple[tuple[str, float, tuple[tuple[float, float, float], ...]], ...] = (
    ("artery", 4.4, ((-38, -40, 120), (-22, -58, 50), (-10, -60, 8), (-12, -56, -60), (-16, -44, -240))),
    ("vein", 5.0, ((-46, -32, 120), (-33, -52, 50), (-21, -58, 8), (-22, -50, -60), (-20, -36, -240))),
    ("artery", 3.2, ((-13, -54, -35), (6, -40, -65), (8, -30, -150), (6, -22, -240))),
    ("vein", 1.6, ((-18, -52, -30), (5, -30, -42), (20, -24, -38), (44, -22, -30))),
    ("vein", 1.4, ((-20, -46, -30), (-12, -12, -36), (0, 22, -34), (22, 30, -20))),
    ("vein", 1.8, ((-52, 40, 30), (-30, 54, 22), (0, 66, 10), (20, 64, -10))),
    ("nerve", 4.5, ((-42, 62, 40), (-10, 56, 0), (4, 50, -50), (0, 40, -240))),
)


def vessel_layers(person: Person, grid: Grid) -> list[Layer]:
    """Return vessels and sciatic nerve of both sides."""
    layers = []
    for side, hip in person.hips.items():
        for name, radius, path in VESSELS:
            table = np.array(path) * (side.sign, 1, 1) + hip.center
            box = box_around(grid, table, radius + 2)
            if box is None:
                continue
            part = sub_grid(grid, box)
            distance = tube_distance(coordinates(part), table, np.full(len(table), radius))
            if name == "artery":
                layers.append(Layer("fascia", box, 0.7 * occupancy(distance - 0.9, float(grid.spacing[0]))))
            layers.append(Layer(name, box, occupancy(distance, float(grid.spacing[0]))))
    return layers


def organ_layers(person: Person, grid: Grid, rng: np.random.Generator) -> list[Layer]:
    """Return bladder, uterus or prostate, rectum, bowel loops and the last lumbar vertebra."""
    layers: list[Layer] = []
    voxel = float(grid.spacing[0])

    def put(
        name: str, offset: tuple[float, float, float], radii: tuple[float, float, float], power: float = 2.0
    ) -> None:
        found = _ellipsoid(grid, np.array(offset) + person.origin, radii, power)
        if found is not None:
            layers.append(Layer(name, found[0], occupancy(found[1], voxel)))

    # Bowel: loops that fill the pelvis above the bladder, each with wall, content and sometimes gas.
    for _ in range(44):
        place = (float(rng.uniform(-58, 58)), float(rng.uniform(-62, 42)), float(rng.uniform(48, 205)))
        a, b, c = (float(r) for r in rng.uniform(12, 23, 3))
        put("bowel_wall", place, (a, b, c), 2.5)
        put("bowel_content", place, (a - 2.5, b - 2.5, c - 2.5), 2.5)
        if rng.random() < 0.3:
            put("air", (place[0], place[1] - b * 0.4, place[2]), (a * 0.55, b * 0.4, c * 0.55))
    full = float(rng.uniform(0.7, 1.5))
    put("bladder_wall", (0, -30, 18 + 10 * full), (44 * full**0.5, 31 * full**0.5, 30 * full))
    put("urine", (0, -30, 18 + 10 * full), (44 * full**0.5 - 3.5, 31 * full**0.5 - 3.5, 30 * full - 3.5))
    if person.sex == "F":
        put("uterus", (float(rng.normal(0, 4)), 10, 48), (24, 22, 32))
        put("endometrium", (0, 10, 52), (7, 4, 18))
    else:
        put("prostate", (0, -8, -22), (22, 17, 19))
        put("prostate_core", (0, -10, -20), (12, 9, 12))
    for level in np.arange(-30.0, 100.0, 9.0):
        place = (float(4 * np.sin(level / 25)), float(46 + 0.15 * level), float(level))
        put("bowel_wall", place, (13, 11, 10))
        put("bowel_content", place, (9, 7, 8))
    top = person.sacrum[:, 2].max() - person.origin[2]
    front = float(person.sacrum[person.sacrum[:, 2] > top + person.origin[2] - 25, 1].mean() - person.origin[1])
    for number in range(3):
        height = float(top + 14 + number * 37)
        put("disc", (0, front - 10, height - 18), (25, 18, 8), 4.0)
        put("cortical_bone", (0, front - 10, height + 4), (24, 18, 15), 5.0)
        put("red_marrow", (0, front - 10, height + 4), (23, 17, 14), 5.0)
    return layers
