"""Both hips of a planar bone scan measured: ratios of the three phases, curves, where uptake ends."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.planar_hips import PlanarHips
from marrowmap.anatomy.planar_hips import find_planar_hips
from marrowmap.errors import InputError
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import Phase
from marrowmap.measure import planar_profile
from marrowmap.measure.planar_counts import RegionCounts
from marrowmap.measure.planar_counts import TimeActivity
from marrowmap.measure.planar_counts import count_region
from marrowmap.measure.planar_counts import curve_ratios
from marrowmap.measure.planar_counts import placing_variance
from marrowmap.measure.planar_counts import region_shares
from marrowmap.measure.planar_counts import side_ratio
from marrowmap.measure.planar_counts import time_activity
from marrowmap.measure.planar_images import PhaseImage
from marrowmap.measure.planar_images import find_motion
from marrowmap.measure.planar_images import find_unrest
from marrowmap.measure.planar_images import phase_images
from marrowmap.measure.planar_images import require_both_hips
from marrowmap.measure.planar_images import require_front_and_back
from marrowmap.measure.planar_images import users_word
from marrowmap.measure.planar_profile import UptakeProfile
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

RATIOS = {Phase.FLOW: "flow_ratio", Phase.BLOOD_POOL: "pool_ratio", Phase.DELAYED: "delayed_ratio"}
VIEWS_WORDS = {1: "one view", 2: "geometric mean of both views"}
AREA = "planar/1: area under the time-activity curve (all counts), {views}, this side over the other"
COUNTS = "planar/1: counts a pixel in the region's outline, {views}, this side over the other"
PEAK = "planar/1: peak of the time-activity curve, {views}, this side over the other"
SLOPE = "planar/1: steepest rise of the time-activity curve, {views}, this side over the other"
SHARP_MOTION_MM = 8.0
"""A phase whose place is known less well than this (standard deviation) is not measured."""
FURTHEST_MOTION_MM = 30.0
MOST_UNREST_MM = 8.0
"""Frames that lie further apart do not show one place: no region fits all of them."""


@dataclass(frozen=True, eq=False)
class PlanarHip:
    """One hip in the planar images of a bone scan.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    femur : BoneFrame
        In LPS mm of the delayed images; depth has no meaning.
    counts : mapping of (Phase, str) to RegionCounts
        By phase and region: ``femoral_head``, ``femoral_neck``, ``intertrochanteric``. What lies outside is absent.
    ratios : mapping of (Phase, str) to Quantity
        This side over the other with its 95 % interval; of the flow by the area under the curve.
    curve_ratios : mapping of str to Quantity
        ``peak`` and ``slope`` of the head's curve, this side over the other; empty without a dynamic flow.
    head_curve, neck_curve : TimeActivity or None
    profile : UptakeProfile
        Along the neck-shaft midline, delayed.
    evidence : mapping of Phase to Evidence
    """

    side: Side
    date: str
    femur: BoneFrame
    counts: Mapping[tuple[Phase, str], RegionCounts]
    ratios: Mapping[tuple[Phase, str], Quantity]
    curve_ratios: Mapping[str, Quantity]
    head_curve: TimeActivity | None
    neck_curve: TimeActivity | None
    profile: UptakeProfile
    evidence: Mapping[Phase, Evidence]


@dataclass(frozen=True, eq=False)
class PlanarExam:
    """A planar bone scan, measured.

    Parameters
    ----------
    images : mapping of Phase to PhaseImage
        Only what was measured.
    bones : PlanarHips
        As fitted to the delayed images.
    hips : mapping of Side to PlanarHip
    notes : tuple of str
        What was left out, what could not be checked, how the patient moved.
    """

    images: Mapping[Phase, PhaseImage]
    bones: PlanarHips
    hips: Mapping[Side, PlanarHip]
    notes: tuple[str, ...]


def measure_planar(
    scans: Sequence[BoneScan],
    *,
    date: str,
    known: Sequence[BoneFrame] = (),
    points: tuple[Side, NDArray[np.float64]] | None = None,
) -> PlanarExam:
    """Measure the planar images of a bone scan.

    Parameters
    ----------
    scans : sequence of BoneScan
        All parts of one scan; SPECT is passed over.
    date : str
    known : sequence of BoneFrame
        The same person's bones from MR or CT.
    points : (Side, array of shape (3, 3)), optional
        As a user clicked them in the delayed images, LPS mm.

    Raises
    ------
    InputError
        If there is no delayed planar image of known view, or hips are not found in it well enough.
    GeometryError
        If anterior and posterior are swapped.
    """
    images, notes = phase_images(scans)
    delayed = images.get(Phase.DELAYED)
    if delayed is None:
        raise InputError("; ".join(notes) or "the bone scan has no delayed planar image in which bones can be found")
    bones = find_planar_hips(delayed.views, delayed.source.uid, known=known, points=points)
    name = delayed.source.file.name
    if bones is None or bones.doubt:
        why = bones.doubt if bones else "it holds next to no counts"
        raise InputError(
            f"{name}: both hips could not be found in the delayed image: {why}; point at one with --points, or pass an "
            "image of both hips if one alone is in view"
        )
    notes += require_both_hips(bones, delayed)
    unchecked = require_front_and_back(bones, delayed)
    notes += [unchecked] if unchecked else []
    notes += users_word(images.values())
    images, moved = _align(images, bones)
    femora = {side: bones.femur(side) for side in Side}
    profiles = planar_profile.measure_uptake_profiles(bones.fit, femora)
    shares = {
        (phase, side): region_shares(femora[side], image.views[0].grid, image.moved_mm)
        for phase, image in images.items()
        for side in Side
    }
    counts = {
        side: {
            (phase, region): found
            for phase, image in images.items()
            for region, share in shares[phase, side].items()
            if (found := count_region(image, share, side, bones.head_error_mm(side))) is not None
        }
        for side in Side
    }
    hips = {side: _hip(side, date, images, shares, counts, femora[side], profiles[side]) for side in Side}
    return PlanarExam(images, bones, hips, (*notes, *moved))


def _align(images: Mapping[Phase, PhaseImage], bones: PlanarHips) -> tuple[dict[Phase, PhaseImage], list[str]]:
    """Find how the patient lies in the earlier phases; leave out those where it stays open."""
    middle = np.mean([bones.femur(side).head_center_mm[[0, 2]] for side in Side], axis=0)
    delayed = images[Phase.DELAYED]
    done: dict[Phase, PhaseImage] = {}
    notes = []
    for phase, image in images.items():
        if phase is Phase.DELAYED:
            done[phase] = image
            continue
        moved, sd = find_motion(delayed.views, image.views, middle)
        name = f"{image.source.file.name} ({phase.value})"
        if sd > SHARP_MOTION_MM or float(np.abs(moved).max()) > FURTHEST_MOTION_MM:
            notes.append(
                f"{name}: how the patient moved between it and the delayed image could not be found: not measured"
            )
            continue
        unrest = find_unrest(image, middle + moved * [1, -1])
        if unrest > MOST_UNREST_MM:
            far = f"by {unrest:.0f} mm" if np.isfinite(unrest) else "further than could be followed"
            notes.append(f"{name}: the patient moved {far} while it ran, so no region fits all frames: not measured")
            continue
        done[phase] = replace(image, moved_mm=moved, moved_sd_mm=sd)
        if float(np.hypot(*moved)) > 5.0:
            notes.append(
                f"{name}: the patient lies {moved[0]:+.0f} mm further to the left and {moved[1]:+.0f} mm further to "
                "the feet than in the delayed image; regions were moved with them"
            )
    return done, notes


def _hip(
    side: Side,
    date: str,
    images: Mapping[Phase, PhaseImage],
    shares: Mapping[tuple[Phase, Side], Mapping[str, NDArray[np.float64]]],
    counts: Mapping[Side, Mapping[tuple[Phase, str], RegionCounts]],
    femur: BoneFrame,
    profile: UptakeProfile,
) -> PlanarHip:
    ratios = {
        key: side_ratio(found, counts[side.opposite][key])
        for key, found in counts[side].items()
        if key in counts[side.opposite]
    }
    curves: dict[tuple[Side, str], TimeActivity | None] = {}
    flow = images.get(Phase.FLOW)
    if flow is not None:
        for one in (side, side.opposite):
            for region in ("femoral_head", "femoral_neck"):
                curves[one, region] = time_activity(flow, shares[Phase.FLOW, one][region])
    this, other = (curves.get((one, "femoral_head")) for one in (side, side.opposite))
    key = (Phase.FLOW, "femoral_head")
    by_curve: dict[str, Quantity] = {}
    if this is not None and other is not None and key in ratios:
        placing = placing_variance(counts[side][key], counts[side.opposite][key]) ** 0.5
        # The same draws for the same image: a repeated analysis gives the same interval.
        by_curve = curve_ratios(this, other, placing, np.random.default_rng(0))
    return PlanarHip(
        side,
        date,
        femur,
        counts[side],
        ratios,
        by_curve,
        this,
        curves.get((side, "femoral_neck")),
        profile,
        {phase: image.evidence for phase, image in images.items()},
    )


def planar_rows(exam: PlanarExam) -> tuple[Measurement, ...]:
    """Return all measurements of both hips as rows."""
    rows = []
    for side, hip in exam.hips.items():

        def row(
            name: str,
            region: str,
            quantity: Quantity,
            method: str,
            phase: Phase,
            hip: PlanarHip = hip,
            side: Side = side,
        ) -> Measurement:
            # Bones were found in the delayed image: what is only said of it holds for every phase.
            said = dict.fromkeys(words for one in (Phase.DELAYED, phase) for words in exam.images[one].source.said)
            method = "; ".join([method, *said])
            return Measurement(name, Joint.HIP, side, region, quantity, "NM", method, hip.date, hip.evidence[phase])

        for (phase, region), ratio in hip.ratios.items():
            method = AREA if phase is Phase.FLOW else COUNTS
            words = VIEWS_WORDS[len(exam.images[phase].views)]
            rows.append(row(RATIOS[phase], region, ratio, method.format(views=words), phase))
        for kind, ratio in hip.curve_ratios.items():
            words = VIEWS_WORDS[len(exam.images[Phase.FLOW].views)]
            method = (PEAK if kind == "peak" else SLOPE).format(views=words)
            rows.append(row("flow_ratio", "femoral_head", ratio, method, Phase.FLOW))
        end = hip.profile.position_mm
        if end is not None:
            rows.append(row("uptake_boundary_position", "proximal_femur", end, planar_profile.METHOD, Phase.DELAYED))
    return tuple(rows)
