"""Heads to judge signs on, put together by hand: each test says what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from marrowmap.ingest.exam import Sequence
from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.double_line import DoubleLine
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.values import Side
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur
from tests.measure.ball import segment_of
from tests.signs.hips import hip as plain_hip

BALL = ball_femur()


def ball_segment() -> NecroticSegment:
    """A ball of dead bone under the joint surface; what it measures is set apart."""
    middle = np.array([0.0, 14.0, 2.0])
    return segment_of(BALL, middle, lambda p: np.linalg.norm(p - middle, axis=-1) < 13.0, 0.5)


def sheet(
    *, evidence: float = 0.95, length_mm: float = 10.0, thickness_mm: float = 1.5, bow_mm: float = 0.0
) -> FractureSheet:
    """A dark line 3 mm under the top of the head."""
    count = 50
    direction = np.array([-0.5, 0.866, 0.0])
    points = np.tile((RADIUS_MM - 3.0) * direction, (count, 1))
    depth, chance = np.full(count, 3.0), np.full(count, evidence)
    return FractureSheet(BALL, points, depth, chance, length_mm, length_mm, thickness_mm, bow_mm)


def surface(depression_mm: float, noise_mm: float = 0.2) -> HeadSurface:
    nothing = np.empty(0)
    return HeadSurface(np.empty((0, 3)), nothing, nothing, depression_mm, noise_mm)


def hip_with(**measured: Any) -> HipMeasurement:
    """A hip whose head was read in sharp slices, with what is given; otherwise well."""
    plain = plain_hip()
    assert plain.series is not None
    t1 = replace(plain.series, uid="1.2.1", description="T1", sequence=Sequence.T1, instance_uids=("1.2.1.1",))
    given = {"blur_mm": 0.7, "snr": 60.0, "surface": surface(0.2)} | measured
    return replace(plain, femur=BALL, head=HeadMeasurement(Side.LEFT, "2026-01-05", BALL, t1, plain.series, **given))


def dead_hip(
    percent: float = 20.0, ratio: float | None = 0.28, deepest: float | None = 0.33, share: float | None = 0.9
) -> HipMeasurement:
    """A hip with a necrotic segment of that extent."""
    return hip_with(
        segment=ball_segment(),
        lesion_ml=percent / 2,
        fraction_percent=percent,
        arcs_deg=(90.0, 100.0),
        band_ratio=ratio,
        deepest_ratio=deepest,
        double_line=None if share is None else DoubleLine(0.4, share),
    )


def unread_hips() -> dict[str, HipMeasurement]:
    """Hips in which nothing under the joint surface was read, by what their finding must say."""
    whole = hip_with()
    assert whole.head is not None
    return {
        "only 40 % of the femoral head": replace(
            whole, head=replace(whole.head, obstacle="only 40 % of the femoral head lies within series 'T1'")
        ),
        "the femur lies outside": replace(whole, head=None, obstacle="the femur lies outside the images"),
        "the femoral head was not read": replace(whole, head=None),
    }
