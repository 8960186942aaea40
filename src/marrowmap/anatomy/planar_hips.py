"""Both hips found in a planar bone scan, or why they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_cloud import BoneCloud
from marrowmap.anatomy.bone_cloud import frames_cloud
from marrowmap.anatomy.bone_cloud import model_cloud
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.planar_fit import PlanarFit
from marrowmap.anatomy.planar_fit import fit_planar
from marrowmap.image import Plane
from marrowmap.values import Side

LEAST_EXPLAINED = 0.45
"""Of what soft tissue leaves unexplained; images without hips stay below (docs/benchmarks/planar_scans.md)."""
LEAST_LIKENESS = 0.5
FURTHEST_SD = 3.0
"""A pose further from what is usual is no person's."""
LARGEST_ERROR_MM = 4.0
LEAST_FRAME_ERROR_MM = 1.0
"""Of each head's place, standard deviation on virtual patients (tuning seeds): the fit's own error is too small."""


@dataclass(frozen=True, eq=False)
class PlanarHips:
    """Where both hips lie in a planar image.

    Parameters
    ----------
    frames : tuple of BoneFrame
        Femora and hip bones in LPS mm of the image, depth without meaning; not trusted where `doubt` says why.
    fit : PlanarFit
    doubt : str
        Why nothing may be measured on it; empty if it may.
    """

    frames: tuple[BoneFrame, ...]
    fit: PlanarFit
    doubt: str

    def femur(self, side: Side) -> BoneFrame:
        """Return one side's femur."""
        return next(frame for frame in self.frames if frame.bone == "femur" and frame.side is side)

    def head_error_mm(self, side: Side) -> float:
        """Return the standard deviation of a head's place along an axis."""
        return float(np.hypot(self.fit.head_error_mm[side], LEAST_FRAME_ERROR_MM))


def find_planar_hips(
    planes: Sequence[Plane],
    series_uid: str,
    *,
    known: Sequence[BoneFrame] = (),
    points: tuple[Side, NDArray[np.float64]] | None = None,
) -> PlanarHips | None:
    """Find both hips in the delayed images.

    Parameters
    ----------
    planes : sequence of Plane
        Anterior and posterior views, or one of them.
    series_uid : str
    known : sequence of BoneFrame
        The same person's bones from MR or CT; used if both femora are trusted.
    points : (Side, array of shape (3, 3)), optional
        As a user clicked them, LPS mm of the image.

    Returns
    -------
    PlanarHips or None
        None where nothing like two hips is seen.
    """
    trusted = [frame for frame in known if frame.trusted]
    own = {frame.side for frame in trusted if frame.bone == "femur"} == set(Side)
    cloud = frames_cloud(trusted) if own else model_cloud()
    fit = fit_planar(tuple(planes), cloud, points)
    if fit is None:
        return None
    doubt = _doubt(cloud, fit)
    how = "the person's own bones from MR or CT" if own else "the shape model's projection"
    how += " with three points given" if points is not None else ""
    reason = f"planar: {how}, {100 * fit.explained:.0f} % explained"
    error = float(np.hypot(max(fit.head_error_mm.values()), LEAST_FRAME_ERROR_MM))
    frames = cloud.frames(fit.pose, series_uid, planes[0].grid.frame_of_reference_uid, error, reason)
    return PlanarHips(frames, fit, doubt)


def _doubt(cloud: BoneCloud, fit: PlanarFit) -> str:
    """Say why a fit is not good enough; empty if it is."""
    if fit.likeness < LEAST_LIKENESS:
        return f"no pelvis with two hips is recognized in it (likeness {fit.likeness:.2f}, needed {LEAST_LIKENESS})"
    if fit.explained < LEAST_EXPLAINED:
        return (
            f"bones explain only {100 * fit.explained:.0f} % of what soft tissue leaves unexplained "
            f"(needed {100 * LEAST_EXPLAINED:.0f} %)"
        )
    spread = cloud.spread
    away = np.where(np.isfinite(spread), np.abs(fit.pose) / spread, 0.0)
    if away.max() > FURTHEST_SD:
        return f"the bones fit only in a pose or shape {away.max():.1f} standard deviations from the usual"
    for side in Side:
        if fit.levels.get(f"{side.value} neck", 0.0) + fit.levels.get(f"{side.value} intertrochanteric", 0.0) <= 0:
            return f"the {side.value} femur takes up nothing that could be seen"
        if fit.head_error_mm[side] > LARGEST_ERROR_MM:
            return f"the {side.value} head's place is known to {fit.head_error_mm[side]:.0f} mm only"
    return ""
