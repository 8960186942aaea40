"""Width of the hip's joint space in CT: from bone to bone along rays from the head center.

Both plates of bone are thinner than a CT resolves, and a worn joint is, too: where density is half of bone's says
little there. So a model of what the scanner makes of two plates with a gap between them is fitted to each ray, as for
thin cortices (Treece, Med Image Anal 2010; 14:276-290) and joint space maps (Turmezei, Sci Rep 2018; 8:9280).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from marrowmap.image import Volume
from marrowmap.measure.ct_surface import smooth_map
from marrowmap.measure.head_map import HeadMap

STEP_MM = 0.2
WIDEST_MM = 9.0
"""What lies further from the head than this is no socket that bears on it."""
DISC_DEG = 10.0
"""The narrowest place is the least mean over a disc of this half angle, about 4 mm: a choice."""
LEAST_SHARE = 0.3
"""Share of the weight-bearing sector that a socket must face."""
LEAST_CONTRAST_HU = 250.0
"""By which a socket's plate stands out from what fills the joint."""
SMOOTH_PIXELS = 0.8
ROUNDS = 12
LOWEST = np.array([-1.0, 0.3, 0.0, 0.4])
HIGHEST = np.array([1.0, 4.0, WIDEST_MM, 5.0])
START_PLATES_MM = (0.8, 2.0)
BEHIND_MM = 1.2
"""The model is compared with the image this far behind each plate's outer edge, where marrow hardly matters."""


@dataclass(frozen=True, eq=False)
class JointSpace:
    """How far the socket's bone lies from the head's.

    Parameters
    ----------
    width_mm : array, shape (PIXELS, PIXELS)
        Along the ray; not a number where no socket faces the head, and outside the weight-bearing sector.
    mean_mm : float
        Over the weight-bearing sector.
    least_mm : float
        Over the disc of :data:`DISC_DEG` where it is narrowest.
    """

    width_mm: NDArray[np.float64]
    mean_mm: float
    least_mm: float


def measure_joint_space(edge: HeadMap, ct: Volume) -> JointSpace | str:
    """Measure the joint space of the weight-bearing sector, or say why that cannot be done.

    Parameters
    ----------
    edge : HeadMap
        On the bone's edge in that CT; see :func:`~marrowmap.measure.ct_surface.trace_edge`.
    ct : Volume
        HU, in the femur's frame of reference.
    """
    sector = edge.weight_bearing
    out = np.arange(-3.0, WIDEST_MM + 5.0, STEP_MM)
    profiles = smooth_map(edge.sample(ct, -out), SMOOTH_PIXELS)[sector].astype(np.float64)
    whole = np.asarray(np.isfinite(profiles).all(axis=1))
    if whole.mean() < LEAST_SHARE:
        return "the hip socket lies outside the images"
    profiles = np.where(whole[:, None], profiles, 0.0)
    beyond = out >= 0.5
    bone = float(np.percentile(profiles[whole][:, beyond].max(axis=1), 75))
    gap = float(np.percentile(profiles[whole][:, (out >= 0.5) & (out < 3)].min(axis=1), 25))
    if bone - gap < LEAST_CONTRAST_HU:
        return "no socket faces the weight-bearing sector"
    reached = beyond & (profiles >= (gap + bone) / 2)
    first = out[reached.argmax(axis=1)]
    faced = whole & reached.any(axis=1) & (first <= WIDEST_MM)
    if faced.mean() < LEAST_SHARE:
        return f"the socket faces only {100 * faced.mean():.0f} % of the weight-bearing sector"
    width = np.full(len(profiles), np.nan)
    blur = _blur_mm(out, profiles[faced], first[faced], gap)
    width[faced] = _fit_gap(out, profiles[faced], first[faced], gap, bone, blur)
    ways = edge.directions[sector][faced]
    near = ways @ ways.T > np.cos(np.radians(DISC_DEG))
    discs = near @ width[faced] / near.sum(axis=1)
    laid = np.full(sector.shape, np.nan)
    laid[sector] = width
    return JointSpace(laid, float(width[faced].mean()), float(discs.min()))


def _blur_mm(out: NDArray[np.float64], profiles: NDArray[np.float64], first: NDArray[np.float64], gap: float) -> float:
    """Return the standard deviation by which the scanner blurs an edge: socket's edge, height over steepness."""
    near = (out > first[:, None] - 1.5) & (out < first[:, None] + 2.0)
    height = np.where(near, profiles, -np.inf).max(axis=1) - gap
    steepest = np.where(near, np.gradient(profiles, STEP_MM, axis=1), 0.0).max(axis=1)
    return float(np.median(height / (np.sqrt(2 * np.pi) * np.maximum(steepest, 1e-6))))


def _fit_gap(
    out: NDArray[np.float64],
    profiles: NDArray[np.float64],
    first: NDArray[np.float64],
    gap: float,
    bone: float,
    blur: float,
) -> NDArray[np.float64]:
    """Return the width of the gap on each ray (n,) by Levenberg and Marquardt's method, all rays at once.

    Four numbers a ray: where the head's edge lies, its plate's thickness, the gap's width, the socket's plate.
    """
    count = len(profiles)
    found = np.column_stack(
        [np.zeros(count), np.full(count, START_PLATES_MM[0]), first, np.full(count, START_PLATES_MM[1])]
    )
    found = np.clip(found, LOWEST, HIGHEST)
    behind = profiles[:, out <= -2.4].mean(axis=1)
    beyond = np.array([row[(out > at + 3) & (out < at + 5)].mean() for row, at in zip(profiles, first, strict=True)])
    compared = ((out > -BEHIND_MM) & (out < first[:, None] + BEHIND_MM)).astype(np.float64)

    def model(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        at, plate, width, roof = values.T
        edges = np.stack([at - plate, at, at + width, at + width + roof], axis=1)
        steps = np.stack([bone - behind, np.full(count, gap - bone), np.full(count, bone - gap), beyond - bone], axis=1)
        scaled = (out - edges[..., None]) / blur
        image = behind[:, None] + (steps[..., None] * ndtr(scaled)).sum(axis=1)
        push = -steps[..., None] * np.exp(-(scaled**2) / 2) / (blur * np.sqrt(2 * np.pi))
        slopes = [push.sum(axis=1), -push[:, 0], push[:, 2] + push[:, 3], push[:, 3]]
        return image, np.stack(slopes, axis=-1) * compared[..., None]

    def misfit(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((((profiles - image) * compared) ** 2).sum(axis=1))

    damping = np.full(count, 1e-2)
    image, slopes = model(found)
    error = misfit(image)
    for _ in range(ROUNDS):
        normal = np.einsum("nsp,nsq->npq", slopes, slopes)
        right = np.einsum("nsp,ns->np", slopes, (profiles - image) * compared)
        diagonal = np.einsum("npp->np", normal)
        normal = normal + np.eye(4) * (damping[:, None] * diagonal + 1e-3 * (bone - gap) ** 2)[:, None, :]
        tried = np.clip(found + np.linalg.solve(normal, right[..., None])[..., 0], LOWEST, HIGHEST)
        new_image, new_slopes = model(tried)
        new_error = misfit(new_image)
        better = new_error < error
        found[better], image[better], slopes[better] = tried[better], new_image[better], new_slopes[better]
        error = np.where(better, new_error, error)
        damping = np.clip(np.where(better, damping / 4, damping * 4), 1e-6, 1e6)
    return np.asarray(found[:, 2], np.float64)
