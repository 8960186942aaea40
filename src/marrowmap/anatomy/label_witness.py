"""What the label network says of a surface: one more witness beside the edges."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.networks import BoneLabels
from marrowmap.anatomy.profiles import SAMPLES
from marrowmap.image.voxelize import voxelize

LEAST_CHANCE = 0.02
"""No voxel is believed to be surer than this: drawn pictures make a network surer than real ones warrant."""
INDEPENDENT_MM = 4.0
"""Voxels along a line err together over about this length."""


@dataclass(frozen=True, eq=False)
class LabelWitness:
    """What the label network sees around a joint, for :mod:`~marrowmap.anatomy.active_shape`.

    Parameters
    ----------
    seen : tuple of BoneLabels
        One for each series looked at.
    bones : dict of str to tuple of int
        The labels that make up each bone.
    """

    seen: tuple[BoneLabels, ...]
    bones: Mapping[str, tuple[int, ...]]

    def testify(
        self, bone: str, points: NDArray[np.float64], normals: NDArray[np.float64], step_mm: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Say where the surface lies along each normal, see :class:`~marrowmap.anatomy.active_shape.Witness`.

        The network sees the same bone in every series, so its mistakes in them are alike: their mean counts, not
        their sum.
        """
        total = np.zeros((len(points), SAMPLES), np.float32)
        count = np.zeros(len(points), np.float32)
        for labels in self.seen:
            told, usable = label_log_likelihood(labels, self.bones[bone], points, normals, step_mm)
            total += told * usable[:, None]
            count += usable
        return (total / np.maximum(count, 1)[:, None]).astype(np.float32), count > 0

    def volume_ml(self, bone: str) -> float:
        """Return how much of a bone the network sees, mL, in the series where it sees most."""
        return max(
            (float((s.bone_chance(self.bones[bone]) * s.view).sum()) * s.grid.voxel_volume_ml for s in self.seen),
            default=0.0,
        )

    def covers(self, center_mm: NDArray[np.float64], within_mm: float) -> bool:
        """Say whether the boxes were looked at around a joint's center, LPS mm, or at most `within_mm` from it."""
        return all(float(np.abs(s.center_mm - center_mm).max()) <= within_mm for s in self.seen)

    def overlap(self, bone: str, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
        """Return how far a bone fills what the network takes for it, 0 to 1, in the series that agrees best."""
        return max((label_overlap(labels, self.bones[bone], vertices, faces) for labels in self.seen), default=0.0)


def label_log_likelihood(
    labels: BoneLabels,
    which: Sequence[int],
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    step_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Say how likely the bone's surface lies at each point of lines through it: bone before it, none behind.

    Parameters
    ----------
    labels : BoneLabels
    which : sequence of int
        The labels that make up the bone.
    points, normals : arrays, shape (n, 3)
        LPS mm; unit vectors outward.
    step_mm : float
        Distance of the points on a line.

    Returns
    -------
    log_likelihood : array, shape (n, SAMPLES)
        Log probabilities, each row's exponentials sum to 1.
    usable : array of bool, shape (n,)
        Where the middle half of the line lies in the box and in the view.
    """
    offsets = (np.arange(SAMPLES) - SAMPLES // 2) * step_mm
    places = points[:, None] + offsets[None, :, None] * normals[:, None]
    index = labels.grid.to_index(places).reshape(-1, 3).T
    chance = ndimage.map_coordinates(labels.bone_chance(which), index, order=1, mode="constant", cval=0.5)
    seen = ndimage.map_coordinates(labels.view.astype(np.float32), index, order=0, mode="constant", cval=0.0) > 0
    chance = np.clip(np.where(seen, chance, 0.5), LEAST_CHANCE, 1 - LEAST_CHANCE).reshape(len(points), SAMPLES)
    seen = seen.reshape(len(points), SAMPLES)
    bone, none = np.log(chance), np.log(1 - chance)
    # Surface at sample m: those before it are bone, those behind it are not, itself is half of both.
    before = np.cumsum(bone, axis=1) - 0.5 * bone
    behind = np.cumsum(none[:, ::-1], axis=1)[:, ::-1] - 0.5 * none
    total = (before + behind) * (step_mm / INDEPENDENT_MM)
    total -= total.max(axis=1, keepdims=True)
    total -= np.log(np.exp(total).sum(axis=1, keepdims=True))
    quarter = SAMPLES // 4
    usable = np.asarray(seen[:, quarter : SAMPLES - quarter].all(axis=1), np.bool_)
    return total.astype(np.float32), usable


def label_overlap(
    labels: BoneLabels, which: Sequence[int], vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> float:
    """Return the soft Dice overlap, 0 to 1, of a surface and what the network takes for its bone, within the view."""
    inside = voxelize(vertices, faces, labels.grid).array & labels.view
    chance = labels.bone_chance(which) * labels.view
    return float(2 * (chance * inside).sum() / max(float(chance.sum()) + float(inside.sum()), 1.0))
