"""Find every hip and knee an exam shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hips import find_hips
from marrowmap.anatomy.knees import KneeStart
from marrowmap.anatomy.knees import find_knees
from marrowmap.anatomy.label_witness import LabelWitness
from marrowmap.anatomy.networks import KNEE_LABELS
from marrowmap.anatomy.networks import JointPlace
from marrowmap.anatomy.networks import find_joints
from marrowmap.anatomy.networks import label_bones
from marrowmap.anatomy.progress import Progress
from marrowmap.anatomy.progress import silent
from marrowmap.image import Volume
from marrowmap.ingest.exam import Series
from marrowmap.values import Joint
from marrowmap.values import Side

LEAST_KNEE_HEAT = 0.3
"""Heat of the locating network from which a knee is looked for."""
LEAST_BONE_ML = 15.0
"""No knee is tried where the label network sees less of femur or tibia than this."""
WIDEST_KNEE_VIEW_MM = 260.0
CONDYLE_HEIGHT_MM = 42.0
MOST_KNEES = 4
MOST_LABELED = 2


def find_bones(series: Sequence[Series], progress: Progress = silent) -> tuple[BoneFrame, ...]:
    """Find the bones of all hips and knees in view, in MR or CT (knees in MR only).

    Parameters
    ----------
    series : sequence of Series
        All in one frame of reference (coordinates LPS mm).
    progress : callable, optional
        Called with the step's name and the share done, 0 to 1.

    Returns
    -------
    tuple of BoneFrame
        Of hips (see :func:`~marrowmap.anatomy.hips.find_hips`), then of knees (see
        :func:`~marrowmap.anatomy.knees.find_knees`); empty where there are none.

    Raises
    ------
    GeometryError
        If a series is tagged with a side whose joint it does not show.
    ModelError
        If a network is missing from the installation.
    """
    shown = [one for one in series if min(one.volume.grid.shape) >= 2 and float(np.ptp(one.volume.array)) > 0]
    if not shown:
        return ()
    volumes = [one.volume for one in shown]
    places = find_joints(volumes)
    progress("looking for joints", 0.5)
    looked: dict[int, LabelWitness] = {}
    starts: list[JointPlace] = []
    narrow = _in_the_middle(volumes)
    known = [place for place in places if place.joint is Joint.KNEE and place.heat >= LEAST_KNEE_HEAT]
    found = [_look_for_knee(place, volumes) for place in known[:MOST_KNEES]] if narrow is None else [narrow]
    for one in found:
        if one is not None:
            starts.append(one[0])
            looked[id(one[0])] = one[1]
    progress("looking for joints", 1.0)

    def labels(start: KneeStart) -> tuple[LabelWitness, ...]:
        return (looked[id(start)],)

    knees = find_knees(series, starts, progress, labels) if starts else ()
    if narrow is not None and any(knee.trusted for knee in knees):
        return knees
    return (*find_hips(series, progress, [place for place in places if place.joint is Joint.HIP]), *knees)


def _in_the_middle(volumes: Sequence[Volume]) -> tuple[JointPlace, LabelWitness] | None:
    """Look for a knee in the middle: a coil's view of a single knee is hardly larger than the label network's box.

    Both sides are shown to the network; the one in which it sees more of fibula and patella is kept as a start.
    """
    grid = volumes[0].grid
    if float((grid.spacing * np.array(grid.shape)).max()) > WIDEST_KNEE_VIEW_MM:
        return None
    found = [_look_for_knee(JointPlace(Joint.KNEE, side, grid.center, 0.0), volumes) for side in Side]
    small = ("fibula", "patella")
    seen = [one for one in found if one is not None]
    return max(seen, key=lambda one: sum(one[1].volume_ml(bone) for bone in small), default=None)


def _look_for_knee(place: JointPlace, volumes: Sequence[Volume]) -> tuple[JointPlace, LabelWitness] | None:
    """Let the label network look, and again around the condyles it saw; None where it sees no knee."""
    for _ in range(2):
        seen = LabelWitness(tuple(label_bones(volume, place) for volume in volumes[:MOST_LABELED]), KNEE_LABELS)
        if min(seen.volume_ml("femur"), seen.volume_ml("tibia")) < LEAST_BONE_ML:
            return None
        labels = seen.seen[0]
        femur = labels.grid.to_world(np.argwhere(labels.bone_chance(KNEE_LABELS["femur"]) * labels.view > 0.5))
        if len(femur) < 100:
            return None
        condyles = femur[femur[:, 2] < np.percentile(femur[:, 2], 1) + CONDYLE_HEIGHT_MM]
        place = JointPlace(place.joint, place.side, condyles.mean(axis=0), place.heat)
    return place, seen
