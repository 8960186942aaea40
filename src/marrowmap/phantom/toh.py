"""Transient osteoporosis: marrow edema, fracture line, effusion, drawn by the frequencies of facts.md."""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.bone_loss import within_disease
from marrowmap.phantom.fracture import sample_fracture_line
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip

MEDIAL_SPARING_FREQUENCY = 0.88  # Klontzas 2015 (via Radiopaedia)
FRACTURE_LINE_FREQUENCY = 0.49  # Klontzas 2015
EFFUSION_FREQUENCY = 0.46  # Gulati 2024, large effusion
ACETABULAR_EDEMA_FREQUENCY = 0.62  # Gulati 2024


def sample_toh(
    hip: Hip, rng: np.random.Generator, weeks: float | None, *, fracture_frequency: float = FRACTURE_LINE_FREQUENCY
) -> Lesion:
    """Draw transient osteoporosis of one hip.

    Parameters
    ----------
    hip : Hip
    rng : Generator
    weeks : float, optional
        Since onset, 1 to 26; drawn between 2 and 14 if not given. Edema is at its height from week 3 to 10 and fades
        until month 6; medial sparing disappears late (Klontzas 2015). A fracture line heals without a remnant (Geith
        2020, 44 of 49): here it goes with the edema.
    fracture_frequency : float
    """
    drawn = rng.random(4)
    boundary = float(np.clip(rng.normal(0.0, 4.0), -9, 9))
    width = float(np.clip(np.exp(rng.normal(np.log(4.5), 0.4)), 2.0, 10.0))
    amount = float(rng.uniform(0.55, 0.80))
    usual_weeks = float(rng.uniform(2, 14))
    height = float(rng.uniform(3.5, 9.0))
    weeks = usual_weeks if weeks is None else weeks
    line = sample_fracture_line(hip, rng)
    strength = float(np.interp(weeks, (0, 1, 3, 10, 20, 26, 40), (0.15, 0.6, 1.0, 1.0, 0.55, 0.25, 0.0)))
    return Lesion(
        boundary_mm=boundary,
        width_mm=width,
        amount=amount * strength,
        medial_sparing=bool(drawn[0] < MEDIAL_SPARING_FREQUENCY * float(weeks < 16)),
        fracture_line=line if drawn[1] < fracture_frequency and strength > 0 else None,
        effusion_mm=height * strength if drawn[2] < EFFUSION_FREQUENCY else 0.0,
        acetabular_edema=bool(drawn[3] < ACETABULAR_EDEMA_FREQUENCY),
        weeks=weeks,
    )


def edema_membership(lesion: Lesion, hip: Hip, points: Array, bone: Array, unevenness: Array) -> Array:
    """Return how much each point belongs to the edema, 0 to 1, whether marrow or not.

    Parameters
    ----------
    lesion : Lesion
    hip : Hip
    points : array, shape (..., 3)
        LPS mm.
    bone : array, shape (..., 3)
        The same points in bone coordinates.
    unevenness : array, shape (...)
        Smooth noise of unit variance: edema's end waves by about a millimeter.
    """
    if lesion.amount <= 0:
        return np.zeros(points.shape[:-1], np.float32)
    membership = within_disease(lesion, hip, points, unevenness)
    if lesion.medial_sparing:
        # Medial and a little inferior: away from the neck and down from the weight-bearing dome.
        toward = -0.93 * bone[..., 0] - 0.36 * bone[..., 1]
        membership *= 1 - smoothstep(toward + 1.5 * unevenness, 0.42 * hip.radius, 0.68 * hip.radius)
    return np.asarray(membership, np.float32)


def acetabular_membership(lesion: Lesion, hip: Hip, points: Array, unevenness: Array) -> Array:
    """Return membership of acetabular edema: a cap of about a centimeter above the head."""
    if not lesion.acetabular_edema or lesion.amount <= 0:
        return np.zeros(points.shape[:-1], np.float32)
    away = points - hip.center.astype(np.float32)
    distance = np.sqrt((away**2).sum(axis=-1))
    upward = (away[..., 2] + 0.3 * hip.side.sign * away[..., 0] - 0.1 * away[..., 1]) / np.maximum(distance, 1)
    cap = smoothstep(upward, 0.45, 0.8)
    depth = 1 - smoothstep(distance - np.float32(hip.radius) + 2.0 * unevenness, 7, 15)
    return np.asarray(cap * depth, np.float32)
