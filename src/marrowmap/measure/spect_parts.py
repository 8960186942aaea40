"""Bones as a gamma camera sees them: shares of regions, blurred, and uptake with that blur taken out.

SPECT is about as blurred as a femoral neck is wide, so a mean over a region's voxels holds a good part of what lies
beside it. As the bone's surface is known, the mixture can be undone: the image's own resolution is fitted, and every
voxel is divided by how much of it the blur of a piecewise even model loses or gains (Erlandsson et al. 2012, Phys Med
Biol 57:R119, iterative Yang).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize_scalar

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import Midline
from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.resample import resample
from marrowmap.image.voxelize import voxelize

Array = NDArray[np.float32]
VOXEL_MM = 2.4
"""Of the grid everything is measured on; about half of a camera's."""
MARGIN_MM = 26.0
BELOW_TROCHANTER_MM = 34.0
RESOLUTION_MM = (3.0, 8.0)
"""Least and greatest standard deviation of the blur that is believed."""
USUAL_RESOLUTION_MM, RESOLUTION_SPREAD_MM, RESOLUTION_WEIGHT = 5.2, 1.5, 0.04
"""Of a bone SPECT with a usual filter, and how strongly a doubtful fit is held there; set on tuning seeds."""
NEAR_MM = 14.0
"""The resolution is fitted on the femur and what lies this close to it."""
ROUNDS = 8
BEYOND_NECK_MM, SOCKET_MM = 9.0, 14.0
"""Along the midline from the intertrochanteric plane, and out from the head's sphere: pieces where uptake may go on."""
SHARPER_MM = 0.7
"""Less standard deviation of the blur where uptake is e times that of the middle piece; set on tuning seeds."""
GRAIN_MM = 3.4
"""Standard deviation over which noise of neighboring voxels is alike; set on tuning seeds."""


@dataclass(frozen=True, eq=False)
class Parts:
    """One hip on a fine grid.

    Parameters
    ----------
    femur : BoneFrame
    uptake : Volume
        On that grid, in the image's unit.
    shares : dict of str to array
        Share of each voxel that is each region of the femur, ``hip_bone`` or ``rest``; they add up to 1.
    """

    femur: BoneFrame
    uptake: Volume
    shares: Mapping[str, Array]

    @property
    def grid(self) -> Grid:
        """Grid of all arrays."""
        return self.uptake.grid


def lay_parts(femur: BoneFrame, hip_bone: BoneFrame | None, uptake: Volume) -> Parts:
    """Lay a hip's bones on a fine grid and sample the uptake there.

    Parameters
    ----------
    femur, hip_bone : BoneFrame
        In the frame of reference of `uptake`.
    uptake : Volume

    Raises
    ------
    GeometryError
        If the frames of reference differ.
    """
    tip = femur.landmarks["lesser_trochanter_tip"]
    # What lies far down the shaft is left out, the whole head and both trochanters are in.
    seen = femur.vertices[femur.vertices[:, 2] > tip[2] - BELOW_TROCHANTER_MM]
    low, high = seen.min(axis=0) - MARGIN_MM, seen.max(axis=0) + MARGIN_MM
    low[2] = tip[2] - BELOW_TROCHANTER_MM
    count = np.ceil((high - low) / VOXEL_MM).astype(int)
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = low + VOXEL_MM / 2
    frame = uptake.grid.frame_of_reference_uid
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), affine, frame)
    half = np.diag([VOXEL_MM / 2] * 3 + [1.0])
    half[:3, 3] = low + VOXEL_MM / 4
    fine = Grid((2 * grid.shape[0], 2 * grid.shape[1], 2 * grid.shape[2]), half, frame)
    labels = region_labels(femur, fine).array
    shares = {name: _halved(labels == n) for n, name in enumerate(FEMUR_REGIONS, start=1)}
    hip = np.zeros(fine.shape, bool)
    if hip_bone is not None:
        hip = voxelize(hip_bone.vertices, hip_bone.faces, fine).array & (labels == 0)
    shares["hip_bone"] = _halved(hip)
    shares["rest"] = np.asarray(1 - sum(shares.values()), np.float32)
    return Parts(femur, resample(uptake, grid, order=3), shares)


def _halved(mask: NDArray[np.bool_]) -> Array:
    a, b, c = (n // 2 for n in mask.shape)
    return np.asarray(mask.reshape(a, 2, b, 2, c, 2).mean(axis=(1, 3, 5), dtype=np.float32))


def blurred(image: Array, sd_mm: float) -> Array:
    """Blur an image on the fine grid."""
    return np.asarray(ndimage.gaussian_filter(image, sd_mm / VOXEL_MM, mode="nearest", truncate=3.5), np.float32)


def near_femur(parts: Parts) -> NDArray[np.bool_]:
    """Return the voxels of the femur and close to it, off the grid's lower end."""
    bone = sum(parts.shares[name] for name in FEMUR_REGIONS) > 0.5
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~bone) * VOXEL_MM < NEAR_MM
    near[:, :, : round(8 / VOXEL_MM)] = False
    return near


def fit_even(parts: Parts, sd_mm: float, where: NDArray[np.bool_]) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Fit an even uptake of every part by least squares; returns it, and the residuals of the voxels in `where`."""
    names = [name for name, share in parts.shares.items() if float(share[where].sum()) > 1]
    columns = np.stack([blurred(parts.shares[name], sd_mm)[where] for name in names], axis=1).astype(np.float64)
    seen = parts.uptake.array[where].astype(np.float64)
    values = np.linalg.lstsq(columns, seen, rcond=None)[0]
    return dict(zip(names, values.tolist(), strict=True)), seen - columns @ values


def fit_resolution(hips: list[Parts]) -> float:
    """Return the standard deviation in mm of the blur with which even bones explain the image best, all hips together.

    Each hip counts alike, whatever its uptake.
    """
    # Every second voxel: the image is far smoother than the grid.
    places = [near_femur(parts) & (np.indices(parts.grid.shape).sum(axis=0) % 2 == 0) for parts in hips]

    def misfit(sd_mm: float) -> float:
        total = RESOLUTION_WEIGHT * ((sd_mm - USUAL_RESOLUTION_MM) / RESOLUTION_SPREAD_MM) ** 2
        for parts, where in zip(hips, places, strict=True):
            total += float(fit_even(parts, sd_mm, where)[1].std() / parts.uptake.array[where].std())
        return total

    return float(minimize_scalar(misfit, bounds=RESOLUTION_MM, method="bounded", options={"xatol": 0.25}).x)


def correct(parts: Parts, sd_mm: float) -> tuple[Array, dict[str, float]]:
    """Take the blur's exchange between parts out of the uptake.

    Bone just beyond the neck and around the head are pieces of their own, as raised uptake may go on into them. OSEM
    converges faster where there is more activity, so that a hot piece comes out sharper than the rest
    (:data:`SHARPER_MM`).

    Returns
    -------
    array, shape of the grid
        Corrected uptake of every voxel, of its bone where it holds any.
    dict of str to float
        Its mean over each part.
    """
    image = np.maximum(parts.uptake.array, 0)
    shares = {name: share for name, share in _pieces(parts).items() if float(share.sum()) > 1}
    means = {name: max(_mean(image, share), 1e-9) for name, share in shares.items()}
    means["rest"] = max(_rest(parts.uptake.array, parts), 1e-9)
    spread: dict[str, Array] = {}
    ratio = image
    for turn in range(ROUNDS):
        # Twice is enough: the sharpness hardly changes with what later rounds add.
        if turn in (0, ROUNDS // 2):
            spread = {name: blurred(share, _sharpness(name, means, sd_mm)) for name, share in shares.items()}
        model: Array = np.asarray(sum(np.float32(means[name]) * share for name, share in spread.items()), np.float32)
        ratio = np.asarray(image / np.maximum(model, 1e-6 * float(model.max())), np.float32)
        # A voxel on the border counts for each part by its share, with that part's own uptake and not the mixture's.
        means |= {name: value * _mean(ratio, shares[name]) for name, value in means.items() if name != "rest"}
    own = sum(np.float32(means[name]) * share for name, share in shares.items() if name != "rest")
    bone = sum(share for name, share in shares.items() if name != "rest")
    pure = np.where(bone > 1e-3, own / np.maximum(bone, 1e-3), np.float32(means["rest"]))
    seen = np.asarray(ratio * pure, np.float32)
    whole = {name: _mean(seen, share) for name, share in parts.shares.items() if name in means and name != "rest"}
    return seen, {**means, **whole}


def _pieces(parts: Parts) -> dict[str, Array]:
    """Cut from the intertrochanteric region what lies next to the neck, and from the hip bone what faces the head."""
    pieces = dict(parts.shares)
    place = np.argwhere(pieces["intertrochanteric"] > 0)
    near = np.zeros(parts.grid.shape, bool)
    near[tuple(place.T)] = Midline.of(parts.femur).arc_length(parts.grid.to_world(place)) < BEYOND_NECK_MM
    away = np.linalg.norm(parts.grid.points() - parts.femur.head_center_mm, axis=-1) - parts.femur.head_radius_mm
    for name, part, where in (
        ("intertrochanteric", "beyond_neck", near),
        ("hip_bone", "socket", away < SOCKET_MM),
    ):
        share = pieces[name]
        pieces[part], pieces[name] = np.where(where, share, np.float32(0)), np.where(where, np.float32(0), share)
    return pieces


def _sharpness(name: str, means: Mapping[str, float], sd_mm: float) -> float:
    if name == "rest":
        return sd_mm
    middle = float(np.median([value for piece, value in means.items() if piece != "rest"]))
    return sharpness(means[name] / middle, sd_mm)


def sharpness(over_usual: float, sd_mm: float) -> float:
    """Return the standard deviation of the blur of bone that takes up so many times what other bone does."""
    return float(np.clip(sd_mm - SHARPER_MM * np.log(over_usual), 0.75 * sd_mm, 1.15 * sd_mm))


def _rest(image: Array, parts: Parts) -> float:
    """Return the usual uptake of what is no bone, near the femur; a full bladder far from it does not count."""
    near = near_femur(parts) & (parts.shares["rest"] > 0.99)
    return float(np.percentile(image[near], 25)) if near.any() else 0.0


def _mean(image: Array, share: Array) -> float:
    return float((image * share).sum() / share.sum())
