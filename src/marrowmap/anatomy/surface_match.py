"""Fit the shape model's femur to a surface that is known, such as the border of a mask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.active_shape import Pose
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.image import Mask

Carry = Callable[[Pose, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Of a pose and the femur's turn and shift: the step of all turns and shifts, shape (6 bones,)."""


def mask_boundary(mask: Mask) -> NDArray[np.float64]:
    """Points midway between set voxels and their unset neighbors within the image, LPS mm, shape (n, 3)."""
    found = []
    for axis in range(3):
        for step in (1, -1):
            here = np.argwhere(mask.array).astype(float)
            there = here.astype(int)
            there[:, axis] += step
            valid = (there[:, axis] >= 0) & (there[:, axis] < mask.array.shape[axis])
            here, there = here[valid], there[valid]
            out = ~mask.array[tuple(there.T)]
            edge = here[out]
            edge[:, axis] += 0.5 * step
            found.append(edge)
    return mask.grid.to_world(np.concatenate(found))


def fit_femur_to_surface(pose: Pose, target: NDArray[np.float64], mask: Mask, carry: Carry[Pose]) -> tuple[Pose, float]:
    """Fit the femur to surface points (iterated closest points with the shape model).

    Parameters
    ----------
    pose : ArticulatedPose
        Where to start; its first bone is the femur.
    target : array, shape (n, 3)
        LPS mm.
    mask : Mask
        The image the points are from: beyond its edge there are none.
    carry : callable
        How the other bones follow the femur.

    Returns
    -------
    pose : ArticulatedPose
    left : float
        The error left, mm.
    """
    tree = cKDTree(target)
    shape = pose.shape("femur")
    chosen = np.arange(0, len(shape.mean), 2)
    left = np.inf
    for round_number in range(40):
        modes = 0 if round_number < 8 else (6 if round_number < 16 else 26)
        vertices = pose.vertices("femur")
        normals = vertex_normals(vertices, pose.faces("femur"))[chosen]
        points = vertices[chosen]
        within = mask.grid.contains(points, margin_mm=0.5 * float(mask.grid.spacing.max()))
        away, nearest = tree.query(points)
        use = within & (away < (25 if round_number < 8 else 10))
        if use.sum() < 60:
            break
        delta = target[nearest] - points
        offset = (delta * normals).sum(axis=1)
        turn = Rotation.from_rotvec(pose.turns[0]).as_matrix()
        slope = np.concatenate(
            [
                np.einsum("knc,nc->nk", shape.modes[:modes, chosen], normals @ turn),
                np.cross(points - pose.pivots[0], normals),
                normals,
            ],
            axis=1,
        )[use]
        weight = 400.0 / use.sum() / np.maximum(1.0, np.abs(offset[use]) / 3.0)
        matrix = slope.T @ (slope * weight[:, None])
        goal = slope.T @ (weight * offset[use])
        matrix[:modes, :modes] += np.eye(modes)
        goal[:modes] -= pose.weights[:modes]
        matrix[modes:, modes:] += np.diag([20.0, 20.0, 20.0, 1e-4, 1e-4, 1e-4])
        solved = np.linalg.solve(matrix, goal)
        step = np.zeros(26 + 6 * len(pose.bones))
        step[:modes] = solved[:modes]
        step[26:] = carry(pose, solved[modes : modes + 3], solved[modes + 3 :])
        pose = pose.moved(step)
        left = float(np.sqrt((np.minimum(np.abs(offset[use]), 8.0) ** 2).mean()))
    inside = pose.vertices("femur")
    reached = cKDTree(inside).query(target)[0]
    return pose, float(np.hypot(left, 0.5 * np.percentile(reached, 80)))
