"""Find the hips an exam shows."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.active_shape import NO_SURFACES
from marrowmap.anatomy.active_shape import doubt_bone
from marrowmap.anatomy.active_shape import edge_distance
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_fit import AGAIN
from marrowmap.anatomy.hip_fit import COARSE
from marrowmap.anatomy.hip_fit import FINE
from marrowmap.anatomy.hip_fit import Evidence
from marrowmap.anatomy.hip_fit import FitImage
from marrowmap.anatomy.hip_fit import Stage
from marrowmap.anatomy.hip_fit import fit_hip
from marrowmap.anatomy.hip_fit import gather_evidence
from marrowmap.anatomy.hip_fit import judge
from marrowmap.anatomy.hip_fit import relax_surface
from marrowmap.anatomy.hip_pose import BONES
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.label_witness import LabelWitness
from marrowmap.anatomy.laterality import image_side
from marrowmap.anatomy.localize import Template
from marrowmap.anatomy.localize import edge_field
from marrowmap.anatomy.localize import find_places
from marrowmap.anatomy.localize import working_grid
from marrowmap.anatomy.networks import HIP_LABELS
from marrowmap.anatomy.networks import JointPlace
from marrowmap.anatomy.networks import find_joints
from marrowmap.anatomy.networks import label_bones
from marrowmap.anatomy.progress import Progress
from marrowmap.anatomy.progress import silent
from marrowmap.anatomy.regions import FEMUR_REGIONS
from marrowmap.anatomy.regions import name_regions
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.exam import Series
from marrowmap.values import Joint
from marrowmap.values import Side

SEARCH_MM = 5.0
PLACES_TRIED = 12
"""Places of each side that are fitted."""
LEAST_APART_MM = 110.0
"""Left and right head centers are further apart than this in adults (about 150–200 mm)."""
MOST_SERIES = 4
"""More series of one hip add time and no accuracy."""

LEAST_GAIN = {"mr": 0.7, "ct": 0.45}
"""Gain over chance below which no hip is claimed at all (no real or drawn image without a hip reached it)."""
TRUSTED_GAIN = {"mr": 0.8, "ct": 0.62}
"""Gain from which a hip is trusted.

Virtual hips reach about 1.5, painted bones 1.5 mm off the shape model 0.9–1.3, the real CT 0.73 beside an implant.
"""
SURE_GAIN = {"mr": 1.3, "ct": 0.9}
"""Gain of a coarse fit that makes a search for better places needless."""
LEAST_OVERLAP = 0.35
"""Overlap with the label network's femur and hip bone below which no hip is claimed."""
SURE_OVERLAP = 0.6
LEAST_FEMUR_ML = 15.0
"""No hip is tried where the label network sees less femur than this; a box in full view holds about 150 mL."""
LABELED_WITHIN_MM = 12.0
"""The label network looks again where the head center lies further than this from where it was expected."""
MOST_LABELED = 2
"""The label network looks at this many series."""
LEAST_SHOWN = 0.35
"""Share of the head's surface that must be in view and clearly seen."""
MOST_RMS_MM = 2.0
MOST_ATYPICAL = 2.2
"""Root mean square of the shape's weights beyond which no adult's bones look like that."""

_PREFERRED = (
    ImageSequence.CT,
    ImageSequence.T1,
    ImageSequence.FLUID_FAT_SUPPRESSED,
    ImageSequence.PD,
    ImageSequence.T2,
    ImageSequence.DIXON_IN_PHASE,
    ImageSequence.DIXON_WATER,
    ImageSequence.DIXON_FAT,
)


@dataclass(frozen=True, eq=False)
class FoundHip:
    """A fitted hip, what the label network saw there, and how far edges and network agree with it.

    Parameters
    ----------
    pose : HipPose
    labels : LabelWitness
    gain : float
        How much better than chance the edges match, see :func:`~marrowmap.anatomy.hip_fit.judge`.
    overlap : float
        With the network's labels, 0 to 1.
    """

    pose: HipPose
    labels: LabelWitness
    gain: float
    overlap: float

    def is_hip(self, kind: str) -> bool:
        """Both must see a hip: the edges (of ``mr`` or ``ct``) and the label network."""
        return self.gain >= LEAST_GAIN[kind] and self.overlap >= LEAST_OVERLAP


def _templates() -> list[Template]:
    """Pose the mean hip of both sides as people may lie, in three sizes."""
    result = []
    for number, (size, tilt, turn) in enumerate(
        (size, tilt, turn) for size in (0.9, 1.0, 1.1) for tilt in (-12.0, 8.0) for turn in (-12.0, 10.0)
    ):
        for side in Side:
            turns = np.stack(
                [
                    Rotation.from_euler("z", turn * side.sign, degrees=True).as_rotvec(),
                    Rotation.from_euler("x", tilt, degrees=True).as_rotvec(),
                ]
            )
            pose = HipPose(side, np.zeros(26), turns, np.zeros((2, 3)))
            parts = []
            for bone in BONES:
                vertices, faces = pose.vertices(bone), pose.faces(bone)
                away = np.linalg.norm(vertices, axis=1)
                weight = vertex_areas(vertices, faces) * np.exp(-((away / 80) ** 2))
                kept = away < 140
                parts.append(
                    (vertices[kept] * size, vertex_normals(vertices, faces)[kept], weight[kept] / weight.sum())
                )
            points, normals, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
            result.append(Template(side, number, points, normals, weights / weights.sum()))
    return result


def _usable(series: Sequence[Series]) -> list[Series]:
    """Pick the series bones are best seen in, one of each kind first, at least two slices each."""
    thick = [s for s in series if min(s.volume.grid.shape) >= 2 and float(np.ptp(s.volume.array)) > 0]
    ranked = sorted(
        thick,
        key=lambda s: (
            _PREFERRED.index(s.sequence) if s.sequence in _PREFERRED else len(_PREFERRED),
            -int(np.prod(s.volume.grid.shape)),
        ),
    )
    return ranked[:MOST_SERIES]


def find_hips(
    series: Sequence[Series], progress: Progress = silent, places: Sequence[JointPlace] | None = None
) -> tuple[BoneFrame, ...]:
    """Find femur and hip bone of every hip in view.

    A network says where hips may lie in any contrast (:mod:`~marrowmap.anatomy.networks`); where it is not sure, the
    shape model's surface is tried at every place against the edges of all series
    (:mod:`~marrowmap.anatomy.localize`). There the shape model is fitted to edges and to what a second network takes
    for bone (:mod:`~marrowmap.anatomy.active_shape`). A hip is claimed only where edges and network, asked apart,
    agree.

    Parameters
    ----------
    series : sequence of Series
        MR or CT, all in one frame of reference (coordinates LPS mm).
    progress : callable, optional
        Called with the step's name and the share done, 0 to 1.
    places : sequence of JointPlace, optional
        Where the locating network sees hips, if it was asked before.

    Returns
    -------
    tuple of BoneFrame
        ``femur`` and ``hip_bone`` of the left, then of the right hip, as far as they are in view; empty where there is
        no hip. Where the fit is too poor to measure on, the frame's ``trusted`` is False and ``reason`` says why.

    Raises
    ------
    GeometryError
        If a series is tagged with a side whose hip it does not show.
    ModelError
        If a network is missing from the installation.
    """
    chosen = _usable(series)
    if not chosen:
        return ()
    progress("finding hips", 0.0)
    search = _Search([FitImage.of(s.volume) for s in chosen])
    if places is None:
        places = [place for place in find_joints(search.volumes) if place.joint is Joint.HIP]
    search.try_places(places)
    progress("finding hips", 0.3)
    if not search.sure:
        search.try_places(_places_by_edges(search.volumes))
    search.try_other_side()
    progress("finding hips", 0.6)
    kept = _choose_hips(search.tried)
    hips = []
    for number, hip in enumerate(kept):
        hips.append(search.fit(hip.pose, FINE, hip.labels))
        progress("finding hips", 0.6 + 0.3 * (number + 1) / len(kept))
    hips = [hip for hip in hips if hip.is_hip(search.kind)]
    if len(hips) == 2:
        hips = [hip for hip in _share_shape(hips, search) if hip.is_hip(search.kind)]
    progress("finding hips", 1.0)
    images = search.images
    frames = [frame for hip in hips for frame in build_frames(hip.pose, images, chosen[0], hip.gain, labels=hip.labels)]
    for one in chosen:
        image_side(one, frames)
    return tuple(frames)


def _places_by_edges(volumes: Sequence[Volume]) -> list[JointPlace]:
    """Return where the shape model's surface meets edges."""
    grid = working_grid(volumes, SEARCH_MM)
    fields = [edge_field(volume, grid) for volume in volumes]
    found = find_places(fields, grid, _templates(), PLACES_TRIED)
    return [JointPlace(Joint.HIP, place.template.side, place.center_mm, 0.0) for place in found]


def look_around(pose: HipPose, images: Sequence[FitImage]) -> LabelWitness:
    """Let the label network look at a hip in the first images (more add time and no accuracy)."""
    place = JointPlace(Joint.HIP, pose.side, pose.pivots[0], 1.0)
    return LabelWitness(tuple(label_bones(image.volume, place) for image in images[:MOST_LABELED]), HIP_LABELS)


class _Search:
    """Fits tried so far, and the sure ones among them."""

    def __init__(self, images: Sequence[FitImage]) -> None:
        self.images = images
        self.volumes = [image.volume for image in images]
        self.kind = images[0].kind
        self.tried: list[FoundHip] = []
        self.sure: dict[Side, FoundHip] = {}

    def fit(
        self, pose: HipPose, stages: Sequence[Stage], labels: LabelWitness, other: HipPose | None = None
    ) -> FoundHip:
        """Fit, and ask edges and network apart how far they agree with what was fitted."""
        if not labels.covers(pose.pivots[0], LABELED_WITHIN_MM):
            labels = look_around(pose, self.images)
        fitted = fit_hip(pose, self.images, stages, other, (labels,))
        overlap = float(np.mean([labels.overlap(bone, fitted.vertices(bone), fitted.faces(bone)) for bone in BONES]))
        network, count = (stages[-1].network, 700 if stages is COARSE else 1200)
        return FoundHip(fitted, labels, judge(fitted, self.images, network, count), overlap)

    def try_at(self, pose: HipPose) -> None:
        """Fit roughly, unless the network sees hardly any bone there."""
        labels = look_around(pose, self.images)
        if labels.volume_ml("femur") < LEAST_FEMUR_ML:
            return
        hip = self.fit(pose, COARSE, labels)
        self.tried.append(hip)
        better = pose.side not in self.sure or self.sure[pose.side].gain < hip.gain
        if better and hip.gain >= SURE_GAIN[self.kind] and hip.overlap >= SURE_OVERLAP:
            self.sure[pose.side] = hip

    def try_places(self, places: Sequence[JointPlace]) -> None:
        """Fit at each place until each side has a sure hip; left hips lie left of right ones."""
        for place in places:
            other = self.sure.get(place.side.opposite)
            apart = np.inf if other is None else (place.center_mm - other.pose.pivots[0])[0] * place.side.sign
            if place.side not in self.sure and apart >= LEAST_APART_MM:
                self.try_at(HipPose.at(place.side, place.center_mm))

    def try_other_side(self) -> None:
        """Where one side is sure, look where the other must be: left and right are mirror images."""
        if len(self.sure) != 1:
            return
        found = next(iter(self.sure.values())).pose
        side = found.side.opposite
        turns = found.turns * np.array([1.0, -1.0, -1.0])
        for apart in (145.0, 165.0, 185.0, 205.0):
            center = found.pivots[0] + np.array([apart * side.sign, 0.0, 0.0])
            in_view = any(bool(volume.grid.contains(center, margin_mm=-10.0)) for volume in self.volumes)
            if in_view and side not in self.sure:
                self.try_at(HipPose(side, found.weights, turns, np.tile(center, (2, 1))))


def _choose_hips(tried: Sequence[FoundHip]) -> list[FoundHip]:
    """Take the best hip of each side; where both claim one place, or lie crosswise, the better one alone."""
    best = {
        side: max((hip for hip in tried if hip.pose.side is side), key=lambda hip: hip.gain, default=None)
        for side in Side
    }
    left, right = best[Side.LEFT], best[Side.RIGHT]
    if left is None or right is None:
        return [hip for hip in (left, right) if hip is not None]
    if left.pose.pivots[0, 0] - right.pose.pivots[0, 0] >= LEAST_APART_MM:
        return [left, right]
    first = left if left.gain >= right.gain else right
    sign = first.pose.side.opposite.sign
    others = [
        hip
        for hip in tried
        if hip.pose.side is not first.pose.side
        and (hip.pose.pivots[0, 0] - first.pose.pivots[0, 0]) * sign >= LEAST_APART_MM
    ]
    second = max(others, key=lambda hip: hip.gain, default=None)
    found = [first] if second is None else [first, second]
    return sorted(found, key=lambda hip: hip.pose.side is Side.RIGHT)


def _share_shape(hips: Sequence[FoundHip], search: _Search) -> list[FoundHip]:
    """Fit both hips of a person again, each expecting the other's shape; the surer one leads."""
    result = list(hips)
    leads = int(np.argmax([hip.gain for hip in hips]))
    for number in (1 - leads, leads):
        other = result[1 - number].pose
        start = result[number].pose
        if number != leads:
            start = HipPose(start.side, np.array(other.weights), start.turns, start.pivots)
        result[number] = search.fit(start, AGAIN, result[number].labels, other)
    return result


def _region_errors(frame: BoneFrame, evidence: Evidence) -> dict[str, float]:
    sure = evidence.sure
    if frame.bone == "femur":
        region = name_regions(frame, evidence.points - 0.5 * evidence.normals)
        names = {name: region == n + 1 for n, name in enumerate(FEMUR_REGIONS)}
    else:
        away = np.linalg.norm(evidence.points - frame.head_center_mm, axis=1)
        names = {"acetabulum": away < frame.head_radius_mm + 20}
    errors = {}
    for name, here in names.items():
        chosen = here & sure
        if chosen.sum() >= 8:
            errors[name] = float(np.sqrt((evidence.offset[chosen] ** 2).mean()))
    return errors


def _doubt(pose: HipPose, evidence: dict[str, Evidence], gain: float, rms: float, kind: str) -> str:
    """Say why a fit is not to be trusted; empty where it is."""
    femur = evidence["femur"]
    center = pose.pivots[0]
    near = np.linalg.norm(femur.points - center, axis=1) < 32
    shown = float((near & femur.clear).sum() / max(near.sum(), 1))
    atypical = float(np.sqrt((pose.weights**2).mean()))
    if gain < TRUSTED_GAIN[kind]:
        return f"the images' edges hardly support a hip here (gain {gain:.2f}, needs {TRUSTED_GAIN[kind]})"
    if shown < LEAST_SHOWN:
        return (
            f"only {100 * shown:.0f} % of the femoral head's surface is clearly seen (needs {100 * LEAST_SHOWN:.0f} %)"
        )
    if rms > MOST_RMS_MM:
        return f"surface and edges lie {rms:.1f} mm apart (at most {MOST_RMS_MM} mm)"
    if atypical > MOST_ATYPICAL:
        return f"the shape is unlike adult hips ({atypical:.1f} SD)"
    return ""


def build_frames(
    pose: HipPose,
    images: Sequence[FitImage],
    series: Series,
    gain: float,
    how: str = "shape model found automatically",
    known: Mapping[str, NDArray[np.float64]] = NO_SURFACES,
    labels: LabelWitness | None = None,
) -> list[BoneFrame]:
    """Turn a fitted pose into frames of femur and hip bone.

    Parameters
    ----------
    pose : HipPose
    images : sequence of FitImage
        They decide whether the frames are trusted: all where they support the joint, each where they show the bone.
    series : Series
        Whose frames they are.
    gain : float
        Of :func:`~marrowmap.anatomy.hip_fit.judge`.
    how : str
        How the bone was found, for ``reason``.
    known : mapping of str to array, optional
        Vertices, in the model's order, of bones whose surface is known; others are the pose relaxed onto the images.
    labels : LabelWitness, optional
        What the label network saw there.
    """
    witnesses = () if labels is None else (labels,)
    evidence = gather_evidence(pose, images, "fine", 1600, witnesses)
    fitted = {bone: pose.vertices(bone) for bone in BONES}
    own = {bone: doubt_bone(e, MOST_RMS_MM) for bone, e in evidence.items()}
    strict = edge_distance(evidence["femur"])
    surfaces = {
        bone: relax_surface(fitted[bone], pose.faces(bone), evidence[bone]) for bone in BONES if bone not in known
    } | dict(known)
    for bone, e in evidence.items():
        moved = ((surfaces[bone] - fitted[bone])[e.chosen] * e.normals).sum(axis=1)
        evidence[bone] = replace(e, offset=e.offset - moved)
    femur = surfaces["femur"]
    center, radius = head_sphere(femur)
    marks = landmarks(femur)
    del marks["head_center"]
    errors = {bone: edge_distance(e) for bone, e in evidence.items()}
    doubt = _doubt(pose, evidence, gain, strict, images[0].kind)
    frames = []
    for bone in BONES:
        reason = f"{how} (gain {gain:.2f}, fit {errors[bone]:.2f} mm)"
        why = doubt or own[bone]
        frame = BoneFrame(
            bone=bone,
            joint=Joint.HIP,
            side=pose.side,
            series_uid=series.uid,
            frame_of_reference_uid=series.volume.grid.frame_of_reference_uid,
            head_center_mm=center,
            head_radius_mm=radius,
            axes=axes(femur),
            landmarks=dict(marks),
            vertices=surfaces[bone],
            faces=pose.faces(bone),
            fit_rms_mm=errors[bone],
            trusted=not why,
            reason=f"{reason}; {why}" if why else reason,
        )
        frame = replace(frame, region_rms_mm=_region_errors(frame, evidence[bone]))
        frames.append(frame)
    return frames
