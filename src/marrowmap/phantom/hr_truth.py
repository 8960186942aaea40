"""The truth of virtual trabecular bone, from its continuous model; no image and no measuring code has a part in it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy import stats
from skimage.measure import euler_number

from marrowmap.image.compiled import compiled
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.trabecular_cells import Network
from marrowmap.phantom.trabecular_raster import Elements
from marrowmap.phantom.trabecular_raster import Floats
from marrowmap.phantom.trabecular_raster import rasterize

STEP_MM = 0.06
"""Distance of the points at which the model is asked in the cubes."""
CUBE_MM = 4.0
AROUND_MM = 0.96
"""How much of its surroundings a cube is looked at with, so that no ball ends at its side."""
CUBES = 8
THIN_MM = 0.1
"""How thick middle surfaces and lines are drawn where their distance is asked."""
LOSS_FROM = 0.05
"""Bone has deteriorated where this share of its volume is lost: a choice."""

Where = Callable[[Floats], NDArray[np.bool_]]


@dataclass(frozen=True)
class Structure:
    """What trabecular bone truly is like, averaged over a region."""

    bone_volume_fraction: float
    trabecular_thickness_mm: float
    trabecular_separation_mm: float
    trabecular_number_per_mm: float
    connectivity_density_per_mm3: float
    degree_of_anisotropy: float
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    """Of what is looked at in cubes, by quantity: scatter of the cubes over the root of their number."""
    cubes: int = 0


@compiled
def _largest_balls(radius: NDArray[np.float32], order: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Give every voxel the diameter of the largest ball that holds it; `order` names centers, the largest first."""
    nx, ny, nz = radius.shape
    for at in order:
        i, j, k = at // (ny * nz), at // nz % ny, at % nz
        r = radius[i, j, k]
        reach = int(np.floor(r))
        for a in range(max(i - reach, 0), min(i + reach + 1, nx)):
            for b in range(max(j - reach, 0), min(j + reach + 1, ny)):
                left = r * r - (a - i) ** 2 - (b - j) ** 2
                if left < 0:
                    continue
                deep = int(np.floor(np.sqrt(left)))
                for c in range(max(k - deep, 0), min(k + deep + 1, nz)):
                    if out[a, b, c] == 0:
                        out[a, b, c] = 2 * r


def ball_diameters(solid: NDArray[np.bool_], grown: float = 0.0) -> NDArray[np.float32]:
    """Return for every voxel outside a solid the diameter of the largest free ball that holds it, in voxels.

    Parameters
    ----------
    solid : array of bool
    grown : float
        The solid's surface is taken this many voxels further inside.
    """
    # From a voxel's center to the surface, which runs half a voxel before the next one's.
    radius = ndimage.distance_transform_edt(~solid).astype(np.float32)
    radius = np.where(solid, 0, radius - np.float32(0.5) + np.float32(grown)).astype(np.float32)
    # A ball that a neighbor's holds adds nothing.
    held = ndimage.maximum_filter(radius, footprint=ndimage.generate_binary_structure(3, 1)) >= radius + 0.999
    centers = np.flatnonzero((radius > 0) & ~held)
    order = centers[np.argsort(-radius.ravel()[centers], kind="stable")]
    out = np.zeros(solid.shape, np.float32)
    _largest_balls(radius, order, out)
    return out


def euler_density(bone: NDArray[np.bool_], step_mm: float) -> float:
    """Return the Euler number per mm3 of bone that goes on beyond a block: what its upper sides add is taken off."""
    total = 0
    for faces in range(8):
        cut = [slice(-1, None) if faces >> axis & 1 else slice(None) for axis in range(3)]
        total += (-1) ** bin(faces).count("1") * int(euler_number(bone[tuple(cut)], 3))  # type: ignore[no-untyped-call]
    return float(total / (np.prod(np.array(bone.shape) - 1) * step_mm**3))


def thin_elements(elements: Elements) -> Elements:
    """Return the middle surfaces and lines: the same plates and rods, :data:`THIN_MM` thick."""
    return replace(
        elements, rod_mm=np.full_like(elements.rod_mm, THIN_MM), plate_mm=np.full_like(elements.plate_mm, THIN_MM)
    )


def near(elements: Elements, low: Floats, high: Floats) -> Elements:
    """Return the elements whose boxes, 0.5 mm larger, touch a box."""
    ends = elements.rod_ends
    rods = ((ends.min(axis=1) - 0.5 < high) & (ends.max(axis=1) + 0.5 > low)).all(axis=1)
    first = elements.first[:-1]
    above = np.minimum.reduceat(elements.corners, first) - 0.5 < high
    plates = (above & (np.maximum.reduceat(elements.corners, first) + 0.5 > low)).all(axis=1)
    size = np.diff(elements.first)
    return Elements(
        ends[rods],
        elements.rod_mm[rods],
        elements.corners[np.repeat(plates, size)],
        np.concatenate([[0], np.cumsum(size[plates])]),
        elements.plate_mm[plates],
        elements.hole_mm[plates],
    )


def _cube(site: Site, elements: Elements, center: Floats) -> tuple[float, float, float]:
    """Return mean separation and spacing of middles, mm, and Euler number per mm3, in one cube."""
    half = CUBE_MM / 2 + AROUND_MM
    count = round(2 * half / STEP_MM)
    own = near(elements, center - half, center + half).moved(np.eye(3), half - center)
    shape, voxel = (count, count, count), (STEP_MM,) * 3
    skip = round(AROUND_MM / STEP_MM)
    core = (slice(skip, count - skip),) * 3
    bone = rasterize(own, shape, voxel, 1) > 0
    # Balls end at the cortex.
    points = np.stack(
        np.meshgrid(*(center[n] - half + (np.arange(count) + 0.5) * STEP_MM for n in range(3)), indexing="ij")
    )
    outside = site.depth(points.reshape(3, -1).T, "any_bone").reshape(shape) < 0
    separation = ball_diameters(bone | outside)[core]
    middles = (rasterize(thin_elements(own), shape, voxel, 1) > 0) | outside
    spacing = ball_diameters(middles, THIN_MM / 2 / STEP_MM)[core]
    found = separation[separation > 0].mean(), spacing[spacing > 0].mean()
    return float(found[0]) * STEP_MM, float(found[1]) * STEP_MM, euler_density(bone[core], STEP_MM)


def anisotropy(network: Network, plates: NDArray[np.bool_], rods: NDArray[np.bool_]) -> float:
    """Return the longest over the shortest axis of the ellipsoid of mean intercept lengths.

    Lines in a direction cross a plate as often as its area seen along it is large, and a rod likewise: intercept
    lengths need no image.
    """
    count = 400
    height = (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - height**2)
    ways = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=-1)
    area, normal = network.plate_area[plates], network.plate_normal[plates]
    ends = network.elements.rod_ends[rods]
    along = np.diff(ends, axis=1)[:, 0]
    length = np.linalg.norm(along, axis=1)
    side = length * network.elements.rod_mm[rods]
    along = along / np.maximum(length, 1e-12)[:, None]
    seen = np.array(
        [area @ np.abs(normal @ way) + side @ np.sqrt(np.clip(1 - (along @ way) ** 2, 0, 1)) for way in ways]
    )
    x, y, z = ways.T
    terms = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    a, b, c, d, e, f = np.linalg.lstsq(terms, seen**2, rcond=None)[0]
    values = np.linalg.eigvalsh(np.array([[a, d, e], [d, b, f], [e, f, c]]))
    return float(np.sqrt(values[-1] / values[0]))


def _volumes(network: Network) -> tuple[Floats, Floats]:
    """Return the volume of each plate and each rod, mm3, where none overlaps another."""
    elements = network.elements
    return network.plate_area * elements.plate_mm, network.rod_length * np.pi / 4 * elements.rod_mm**2


def true_structure(
    site: Site, network: Network, where: Where, fraction: float, rng: np.random.Generator, cubes: int = CUBES
) -> Structure:
    """Return what the bone in a region is truly like.

    Parameters
    ----------
    site : Site
    network : Network
    where : callable
        Says of LPS points, shape (n, 3), which lie in the region.
    fraction : float
        Its mean share of bone.
    rng : Generator
        Chooses the cubes in which separation, number and connectivity are looked at.
    cubes : int
        How many.
    """
    plates, rods = where(network.plate_middle), where(network.rod_middle)
    of_plates, of_rods = (volume[chosen] for volume, chosen in zip(_volumes(network), (plates, rods), strict=True))
    thick = of_plates @ network.elements.plate_mm[plates] + of_rods @ network.elements.rod_mm[rods]
    points = site.grid.points().reshape(-1, 3)
    inner = where(points).reshape(site.grid.shape)
    size = int(np.ceil(CUBE_MM / site.grid.spacing[0])) + 1
    middles = points[ndimage.minimum_filter(inner, size, mode="constant", cval=False).ravel()]
    if not len(middles):
        middles = points[inner.ravel()].mean(axis=0, keepdims=True)
    chosen = middles[rng.choice(len(middles), min(cubes, len(middles)), replace=False)]
    found = np.array([_cube(site, network.elements, center) for center in chosen])
    separation, spacing, euler = found.mean(axis=0)
    errors: dict[str, float] = {}
    if len(found) > 1:
        of_separation, of_spacing, of_euler = found.std(axis=0, ddof=1) / len(found) ** 0.5
        errors = {
            "trabecular_separation": float(of_separation),
            "trabecular_number": float(of_spacing / spacing**2),
            "connectivity_density": float(of_euler),
        }
    return Structure(
        fraction,
        float(thick / (of_plates.sum() + of_rods.sum())),
        float(separation),
        float(1 / spacing),
        float(-euler),
        anisotropy(network, plates, rods),
        errors,
        len(found),
    )


def _interval(structure: Structure, name: str, value: float) -> tuple[float | None, float | None]:
    """Return the 95 % interval (Student's t) of what is looked at in cubes, and nothing for what is counted whole."""
    if name not in structure.standard_errors:
        return None, None
    reach = float(stats.t.ppf(0.975, structure.cubes - 1)) * structure.standard_errors[name]
    return round(value - reach, 5), round(value + reach, 5)


def lost_volume(before: Network, after: Network, where: Where) -> float:
    """Return the share of trabecular bone in a region that resorption took, by the volumes of plates and rods."""
    sums = []
    for network in (before, after):
        plates, rods = _volumes(network)
        sums.append(plates[where(network.plate_middle)].sum() + rods[where(network.rod_middle)].sum())
    return float(1 - sums[1] / sums[0])


METHOD = "continuous model/1: "
_HOW = {
    "bone_volume_fraction": ("1", "points of the model that are bone"),
    "trabecular_thickness": ("mm", "set thickness of plates and rods, weighted by their volume"),
    "trabecular_separation": ("mm", f"largest balls between plates and rods, in cubes of {CUBE_MM:g} mm"),
    "trabecular_number": (
        "1/mm",
        f"1 over the largest balls between their middles, in cubes of {CUBE_MM:g} mm",
    ),
    "connectivity_density": ("1/mm3", f"minus Euler number per volume, in cubes of {CUBE_MM:g} mm"),
    "degree_of_anisotropy": ("1", "longest over shortest mean intercept length, from areas and directions"),
}


def structure_rows(
    site: Site, structure: Structure, date: str, modality: str, series_uid: str, region: str
) -> list[dict[str, Any]]:
    """Return a structure as measurement rows of the contract."""
    values = (
        structure.bone_volume_fraction,
        structure.trabecular_thickness_mm,
        structure.trabecular_separation_mm,
        structure.trabecular_number_per_mm,
        structure.connectivity_density_per_mm3,
        structure.degree_of_anisotropy,
    )
    intervals = [_interval(structure, name, value) for name, value in zip(_HOW, values, strict=True)]
    return [
        {
            "date": date,
            "joint": site.joint,
            "side": site.side.value,
            "region": site.region,
            "quantity": name,
            "value": round(value, 5),
            "unit": unit,
            "low": low,
            "high": high,
            "modality": modality,
            "method": f"{METHOD}{how}; {region}",
            "evidence": {"series_uid": series_uid, "image_uids": []},
        }
        for (name, (unit, how)), value, (low, high) in zip(_HOW.items(), values, intervals, strict=True)
    ]


def deterioration_row(site: Site, lost: float, date: str, series_uid: str) -> dict[str, Any]:
    """Return the finding row of ``microarchitecture_deterioration``: what this bone lost, not how it compares."""
    return {
        "date": date,
        "joint": site.joint,
        "side": site.side.value,
        "sign": "microarchitecture_deterioration",
        "state": "present" if lost >= LOSS_FROM else "absent",
        "certainty": 1.0,
        "smallest_detectable": None,
        "modality": "MR",
        "evidence": {"series_uid": series_uid, "image_uids": []},
        "note": f"{100 * lost:.1f} % of the region's trabecular bone is lost; present from {100 * LOSS_FROM:.0f} %",
        "in_view": True,
    }
