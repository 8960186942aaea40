"""Both hips found in a radiograph of the pelvis, or why they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_cloud import BoneCloud
from marrowmap.anatomy.bone_cloud import frames_cloud
from marrowmap.anatomy.bone_cloud import model_cloud
from marrowmap.anatomy.bone_cloud import with_cortex
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_fit import RadiographFit
from marrowmap.anatomy.radiograph_fit import fit_radiograph
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.image import Plane
from marrowmap.values import Side

USUAL_MAGNIFICATION = 1.17
"""Of the hips on an AP pelvis where nothing is stated; 1.11 to 1.24 with the distances of
`~marrowmap.anatomy.radiograph_projector.SOURCE_TO_HIPS_MM`."""
POINTS_MM = {"coarse": (5.0, 4.0), "fine": (3.5, 2.5)}
"""Distance of points within the bones and on their surfaces."""
LEAST_EXPLAINED = 0.35
LEAST_LIKENESS = 0.25
FURTHEST_SD = 3.5
"""A pose further from what is usual is no person's."""
LARGEST_ERROR_MM = 3.0
LEAST_FRAME_ERROR_MM = 1.0
"""Of each head's place, standard deviation on virtual patients (tuning seeds): the fit's own error is too small."""


@dataclass(frozen=True, eq=False)
class RadiographHips:
    """Where both hips lie in a radiograph.

    Parameters
    ----------
    frames : tuple of BoneFrame
        Femora and hip bones, mm in the plane of the hips with the image's middle as origin, depth without meaning; not
        trusted where `doubt` says why.
    fit : RadiographFit
    image : HipPlaneImage
        What was looked at.
    doubt : str
        Why nothing may be measured on it; empty if it may.
    """

    frames: tuple[BoneFrame, ...]
    fit: RadiographFit
    image: HipPlaneImage
    doubt: str

    def femur(self, side: Side) -> BoneFrame:
        """Return one side's femur."""
        return next(frame for frame in self.frames if frame.bone == "femur" and frame.side is side)

    def head_error_mm(self, side: Side) -> float:
        """Return the standard deviation of a head's place along an axis."""
        return float(np.hypot(self.fit.head_error_mm[side], LEAST_FRAME_ERROR_MM))


@lru_cache(maxsize=2)
def _usual_cloud(kind: str) -> BoneCloud:
    inner, surface = POINTS_MM[kind]
    return with_cortex(model_cloud(inner), surface)


def _own_cloud(frames: Sequence[BoneFrame], kind: str) -> BoneCloud:
    inner, surface = POINTS_MM[kind]
    return with_cortex(frames_cloud(frames, inner), surface)


def hip_plane_image(
    plane: Plane,
    lit: NDArray[np.bool_],
    *,
    magnification: float | None,
    from_front: bool,
) -> HipPlaneImage:
    """Return a radiograph as it lies in the plane of the hips.

    Parameters
    ----------
    plane : Plane
        Attenuation; columns to the patient's left, rows to the feet; spacing at the detector, or calibrated.
    lit : array of bool, shape (columns, rows)
        What the beam reached.
    magnification : float or None
        Of the hips over what the spacing holds for; None takes the usual one, and size then means little.
    from_front : bool
        True for AP. The source is taken to be as far away as usual.
    """
    grown = magnification or USUAL_MAGNIFICATION
    spacing = (plane.grid.spacing_mm[0] / grown, plane.grid.spacing_mm[1] / grown)
    return HipPlaneImage(plane.array, lit, spacing, Beam(from_front=from_front))


def find_radiograph_hips(
    image: HipPlaneImage,
    series_uid: str,
    *,
    known: Sequence[BoneFrame] = (),
    points: tuple[Side, NDArray[np.float64]] | None = None,
) -> RadiographHips | None:
    """Find both hips in an AP or PA radiograph.

    Parameters
    ----------
    image : HipPlaneImage
    series_uid : str
    known : sequence of BoneFrame
        The same person's bones from MR or CT; used if both femora are trusted.
    points : (Side, array of shape (3, 3)), optional
        As a user clicked them, mm in the plane of the hips.

    Returns
    -------
    RadiographHips or None
        None where nothing like two hips is seen.
    """
    trusted = [frame for frame in known if frame.trusted]
    own = {frame.side for frame in trusted if frame.bone == "femur"} == set(Side)
    coarse, fine = (_own_cloud(trusted, kind) if own else _usual_cloud(kind) for kind in ("coarse", "fine"))
    fit = fit_radiograph(image, coarse, fine, points)
    if fit is None:
        return None
    how = "the person's own bones from MR or CT" if own else "the shape model's projection"
    how += " with three points given" if points is not None else ""
    reason = f"radiograph: {how}, {100 * fit.explained:.0f} % explained"
    doubt = _doubt(fit)
    error = float(np.hypot(max(fit.head_error_mm.values()), LEAST_FRAME_ERROR_MM))
    frames = fine.frames(fit.pose, series_uid, "", error, f"{reason}; {doubt}" if doubt else reason)
    return RadiographHips(frames, fit, image, doubt)


def _doubt(fit: RadiographFit) -> str:
    """Say why a fit is not good enough; empty if it is."""
    if fit.likeness < LEAST_LIKENESS:
        return f"no pelvis with two hips is recognized in it (likeness {fit.likeness:.2f}, needed {LEAST_LIKENESS})"
    if fit.explained < LEAST_EXPLAINED:
        return f"bones explain only {100 * fit.explained:.0f} % of it (needed {100 * LEAST_EXPLAINED:.0f} %)"
    spread = fit.cloud.spread
    away = np.where(np.isfinite(spread), np.abs(fit.pose) / spread, 0.0)
    if away.max() > FURTHEST_SD:
        return f"the bones fit only in a pose or shape {away.max():.1f} standard deviations from the usual"
    for side in Side:
        if fit.head_error_mm[side] > LARGEST_ERROR_MM:
            return f"the {side.value} head's place is known to {fit.head_error_mm[side]:.0f} mm only"
    return ""
