"""Femoral heads put together by hand: a ball of dead bone, a fracture cap and a dent, so that truth is known."""

from __future__ import annotations

import dataclasses

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.ingest.exam import Sequence
from marrowmap.measure import necrosis_extent as extent
from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.double_line import DoubleLine
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.head_map import upright
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import spread_rays
from marrowmap.report import AnalysisResult
from marrowmap.report import JointReading
from marrowmap.values import Joint
from marrowmap.values import Side

BALL_MM, BALL_AT_MM = 14.0, 16.0
LINE_DEPTH_MM, LINE_DEG = 3.0, 14.0
DENT_MM = 2.6


def toward(femur: BoneFrame, *, lateral: float = 0.0, anterior: float = 0.0) -> np.ndarray:
    """A direction near the one up the shaft, bone coordinates."""
    up, across = upright(femur)
    direction = up + lateral * across + anterior * np.array([0.0, 0.0, 1.0])
    return direction / np.linalg.norm(direction)


def make_segment(femur: BoneFrame, direction: np.ndarray) -> NecroticSegment:
    """A ball of dead bone under the joint surface."""
    origin = BALL_AT_MM * direction
    rays = spread_rays(RAYS)
    leave = leave_head(origin, rays.directions, femur.head_radius_mm)
    return NecroticSegment(femur, origin, rays, np.minimum(BALL_MM, leave), leave > BALL_MM, 0.8)


def make_line(femur: BoneFrame, direction: np.ndarray) -> FractureSheet:
    """A cap parallel to the joint surface."""
    directions = spread_rays(RAYS).directions
    directions = directions[directions @ direction > np.cos(np.radians(LINE_DEG))]
    count = len(directions)
    return FractureSheet(
        femur,
        directions * (femur.head_radius_mm - LINE_DEPTH_MM),
        np.full(count, LINE_DEPTH_MM),
        np.full(count, 0.9),
        10.2,
        10.4,
        1.5,
        0.0,
    )


def make_surface(femur: BoneFrame, direction: np.ndarray, dent_mm: float = DENT_MM) -> HeadSurface:
    """A round head with a dent."""
    directions = spread_rays(RAYS).directions
    directions = directions[directions[:, 0] < 0.5]
    angle = np.degrees(np.arccos(np.clip(directions @ direction, -1, 1)))
    sunken = dent_mm * np.exp(-((angle / 15) ** 2))
    return HeadSurface(directions, femur.head_radius_mm - sunken, sunken, float(sunken.max()), 0.2)


def make_head(result: AnalysisResult, side: Side) -> HeadMeasurement:
    """Everything at once: segment lateral and in front, fracture line at the top, dent behind."""
    t1 = next(s for s in result.exam.series if s.sequence is Sequence.T1)
    fluid = next(s for s in result.exam.series if s.sequence is not Sequence.T1)
    femur = next(f for f in result.frames if f.side is side and f.bone == "femur")
    segment = make_segment(femur, toward(femur, lateral=0.3, anterior=0.5))
    lesion, whole = extent.lesion_volume_ml(segment)
    return HeadMeasurement(
        side,
        "2025-03-01",
        femur,
        t1,
        fluid,
        snr=30.0,
        segment=segment,
        double_line=DoubleLine(0.3, 0.7),
        lesion_ml=lesion,
        fraction_percent=100 * lesion / whole,
        arcs_deg=(100.0, 120.0),
        band_ratio=0.3,
        deepest_ratio=0.35,
        sheets=(make_line(femur, toward(femur)),),
        surface=make_surface(femur, toward(femur, anterior=-0.5)),
    )


def add_heads(result: AnalysisResult) -> AnalysisResult:
    """Add a T1 reading with a sick head on the left and a well one on the right."""
    sick = make_head(result, Side.LEFT)
    right = make_head(result, Side.RIGHT)
    flat = make_surface(right.femur, toward(right.femur), 0.3)
    well = dataclasses.replace(
        right, segment=None, double_line=None, lesion_ml=0.0, fraction_percent=0.0, arcs_deg=(0.0, 0.0)
    )
    well = dataclasses.replace(well, band_ratio=None, deepest_ratio=None, sheets=(), surface=flat)
    readings = tuple(JointReading(head.t1, Joint.HIP, head.side, head=head) for head in (sick, well))
    return dataclasses.replace(result, readings=(*result.readings, *readings))
