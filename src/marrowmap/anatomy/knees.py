"""Find the knees an exam shows."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.active_shape import NO_SURFACES
from marrowmap.anatomy.active_shape import Evidence
from marrowmap.anatomy.active_shape import FitImage
from marrowmap.anatomy.active_shape import doubt_bone
from marrowmap.anatomy.active_shape import edge_distance
from marrowmap.anatomy.active_shape import relax_surface
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.knee_fit import COARSE
from marrowmap.anatomy.knee_fit import FINE
from marrowmap.anatomy.knee_fit import fit_knee
from marrowmap.anatomy.knee_fit import gather_evidence
from marrowmap.anatomy.knee_fit import judge
from marrowmap.anatomy.knee_landmarks import knee_axes
from marrowmap.anatomy.knee_landmarks import knee_landmarks
from marrowmap.anatomy.knee_landmarks import knee_sphere
from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.label_witness import LabelWitness
from marrowmap.anatomy.laterality import image_side
from marrowmap.anatomy.localize import Template
from marrowmap.anatomy.localize import edge_field
from marrowmap.anatomy.localize import find_places
from marrowmap.anatomy.localize import working_grid
from marrowmap.anatomy.progress import Progress
from marrowmap.anatomy.progress import silent
from marrowmap.anatomy.regions import KNEE_REGIONS
from marrowmap.anatomy.regions import name_knee_regions
from marrowmap.ingest.exam import Series
from marrowmap.values import Joint
from marrowmap.values import Side

SEARCH_MM = 5.0
PLACES_TRIED = 4
"""Places of each side that are fitted where no start is given."""
ASIDE_MM = 16.0
"""How far beside a start the fit also begins where it does not succeed at once."""
_STEPS = ASIDE_MM * np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0]])
LEAST_APART_MM = 90.0
"""Left and right knee lie further apart than this, whatever a place claims."""
LEAST_GAIN = 0.62
"""Gain over chance below which no knee is claimed at all."""
TRUSTED_GAIN = 0.75
LEAST_OVERLAP = 0.35
"""Overlap with the label network's femur and tibia below which no knee is claimed; of each bone, to be trusted."""
SURE_GAIN = 1.0
"""Gain of a coarse fit that makes further starts needless."""
SIDE_GAIN = 0.04
"""Sides whose gains differ by less cannot be told apart by the shape."""
NEAR_MM = 48.0
LEAST_SHOWN = 0.3
"""Share of the lower femur's surface near the joint that must be in view and clearly seen."""
MOST_RMS_MM = 2.2
MOST_ATYPICAL = 2.2
MOST_SERIES = 4


class KneeStart(Protocol):
    """Where a knee may be: midway between the centers of its condyles, LPS mm; the side if it is known."""

    @property
    def side(self) -> Side | None:
        """Which knee, if known."""

    @property
    def center_mm(self) -> NDArray[np.float64]:
        """Where, LPS mm, shape (3,)."""


@dataclass(frozen=True, eq=False)
class KneePlace:
    """A :class:`KneeStart` of one's own."""

    side: Side | None
    center_mm: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoundKnee:
    """A fitted knee and how much better than chance the images' edges, asked alone, match its surfaces."""

    pose: KneePose
    gain: float


def no_labels(start: KneeStart) -> tuple[LabelWitness, ...]:
    """Ask no label network."""
    return ()


def _usable(series: Sequence[Series]) -> list[Series]:
    """Pick MR series of at least two slices that show something, finest first."""
    shown = [
        s
        for s in series
        if s.volume.unit != "HU" and min(s.volume.grid.shape) >= 2 and float(np.ptp(s.volume.array)) > 0
    ]
    return sorted(shown, key=lambda s: -int(np.prod(s.volume.grid.shape)))[:MOST_SERIES]


def _templates() -> list[Template]:
    """Pose the mean knee of both sides in three sizes, more and less tilted."""
    result = []
    for number, (size, tilt) in enumerate((size, tilt) for size in (0.9, 1.0, 1.1) for tilt in (-8.0, 8.0)):
        for side in Side:
            rest = KneePose.at(side, np.zeros(3))
            lean = Rotation.from_euler("x", tilt, degrees=True)
            parts = []
            for bone in BONES:
                vertices, faces = rest.vertices(bone), rest.faces(bone)
                normals = lean.apply(vertex_normals(vertices, faces))
                weight = vertex_areas(vertices, faces) * np.exp(-((np.linalg.norm(vertices, axis=1) / 55) ** 2))
                parts.append((lean.apply(vertices) * size, normals, weight))
            points, normals, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
            kept = np.linalg.norm(points, axis=1) < 100
            weights = weights[kept] / weights[kept].sum()
            result.append(Template(side, number, points[kept], normals[kept], weights))
    return result


def search_starts(series: Sequence[Series], count: int = PLACES_TRIED) -> list[KneePlace]:
    """Try the mean knee's surface at every place of the images; return the best places, best first, side unknown."""
    volumes = [s.volume for s in series]
    grid = working_grid(volumes, SEARCH_MM)
    places = find_places([edge_field(v, grid) for v in volumes], grid, _templates(), count)
    kept: list[KneePlace] = []
    for place in places:
        if all(np.linalg.norm(place.center_mm - other.center_mm) > ASIDE_MM for other in kept):
            kept.append(KneePlace(None, place.center_mm))
    return kept[:count]


def _fit_from(
    start: KneeStart, images: Sequence[FitImage], labels: Sequence[LabelWitness], steps: NDArray[np.float64]
) -> FoundKnee | None:
    """Fit coarsely from places `steps` mm off a start, as both sides if it names none, until one is sure."""
    best: FoundKnee | None = None
    for step in steps:
        center = np.asarray(start.center_mm, np.float64) + step
        for side in Side if start.side is None else (start.side,):
            pose = fit_knee(KneePose.at(side, center), images, COARSE, labels)
            found = FoundKnee(pose, judge(pose, images, "coarse", 700))
            if np.isfinite(found.gain) and (best is None or found.gain > best.gain):
                best = found
        if best is not None and best.gain >= SURE_GAIN:
            break
    return best


def _settle(coarse: FoundKnee, images: Sequence[FitImage], labels: Sequence[LabelWitness]) -> tuple[FoundKnee, float]:
    """Fit finely as the side found and as the other one; return the better and by how much it is better."""
    tried = []
    for side in (coarse.pose.side, coarse.pose.side.opposite):
        pose = coarse.pose
        if side is not pose.side:
            pose = fit_knee(KneePose.at(side, coarse.pose.pivots[0]), images, COARSE, labels)
        pose = fit_knee(pose, images, FINE, labels)
        tried.append(FoundKnee(pose, judge(pose, images)))
    tried.sort(key=lambda knee: -knee.gain)
    return tried[0], tried[0].gain - tried[1].gain


def _overlap(pose: KneePose, labels: Sequence[LabelWitness], bones: Sequence[str]) -> float:
    """Return how far bones fill what the label network takes for them, 0 to 1; 1 where it was not asked."""
    shares = [one.overlap(bone, pose.vertices(bone), pose.faces(bone)) for one in labels for bone in bones]
    return float(np.mean(shares)) if shares else 1.0


def find_knees(
    series: Sequence[Series],
    starts: Sequence[KneeStart] = (),
    progress: Progress = silent,
    labels: Callable[[KneeStart], Sequence[LabelWitness]] = no_labels,
) -> tuple[BoneFrame, ...]:
    """Find femur, tibia, fibula and patella of every knee in view.

    Edges and labels lead the fit together, but are asked apart whether there is a knee, and whether there is each bone.

    Parameters
    ----------
    series : sequence of Series
        MR, all in one frame of reference (coordinates LPS mm). CT is not fitted to.
    starts : sequence of KneeStart, optional
        Where knees may be; if none are given, the mean knee's surface is tried at every place. A start's side is
        taken as a hint: the shape decides.
    progress : callable, optional
        Called with the step's name and the share done, 0 to 1.
    labels : callable, optional
        Of a start: what the label network saw there.

    Returns
    -------
    tuple of BoneFrame
        ``femur``, ``tibia``, ``fibula`` and ``patella`` of the left, then of the right knee, as far as they are in
        view; empty where there is no knee. Where the fit is too poor to measure on, the frame's ``trusted`` is False
        and ``reason`` says why.

    Raises
    ------
    GeometryError
        If a series is tagged with a side whose knee it does not show.
    """
    chosen = _usable(series)
    if not chosen:
        return ()
    progress("finding knees", 0.0)
    images = [FitImage.of(s.volume) for s in chosen]
    given = list(starts) or search_starts(chosen)
    tried: list[tuple[FoundKnee, Sequence[LabelWitness]]] = []
    for number, start in enumerate(given):
        said = labels(start)
        knee = _fit_from(start, images, said, _STEPS if starts else _STEPS[:1])
        if knee is not None:
            tried.append((knee, said))
        progress("finding knees", 0.6 * (number + 1) / len(given))
    tried.sort(key=lambda entry: -entry[0].gain)
    knees: list[tuple[float, list[BoneFrame]]] = []
    taken: list[NDArray[np.float64]] = []
    for coarse, said in tried:
        center = coarse.pose.pivots[0]
        if len(taken) == 2 or any(abs(center[0] - other[0]) < LEAST_APART_MM for other in taken):
            continue
        knee, lead = _settle(coarse, images, said)
        if knee.gain < LEAST_GAIN or _overlap(knee.pose, said, ("femur", "tibia")) < LEAST_OVERLAP:
            continue
        taken.append(knee.pose.pivots[0])
        frames = build_knee_frames(knee.pose, images, chosen[0], knee.gain, lead=lead, labels=said)
        knees.append((knee.gain, frames))
    progress("finding knees", 1.0)
    knees.sort(key=lambda entry: (not entry[1][0].trusted, -entry[0]))
    found = _doubt_contradiction([frames for _, frames in knees])
    found.sort(key=lambda frame: (frame.side is Side.RIGHT, BONES.index(frame.bone)))
    for one in chosen:
        image_side(one, found)
    return tuple(found)


def _doubt_contradiction(knees: Sequence[list[BoneFrame]]) -> list[BoneFrame]:
    """Trust two knees, the surer first, only as one left and one right, the left one on the patient's left."""
    result = [frame for frames in knees[:1] for frame in frames]
    for frames in knees[1:]:
        first, second = knees[0][0], frames[0]
        doubt = ""
        if second.side is first.side:
            doubt = f"the other knee in view is surer to be the {first.side.value} one"
        elif (second.head_center_mm - first.head_center_mm)[0] * second.side.sign < 0:
            doubt = "left and right knee lie crosswise, and the other one is surer"
        result += [_with_doubt(frame, doubt) for frame in frames] if doubt else frames
    return result


def _with_doubt(frame: BoneFrame, doubt: str) -> BoneFrame:
    return replace(frame, trusted=False, reason=f"{frame.reason}; {doubt}")


def _region_errors(frame: BoneFrame, evidence: Evidence) -> dict[str, float]:
    region = name_knee_regions(frame, evidence.points - 0.5 * evidence.normals)
    errors = {}
    for number, name in enumerate(KNEE_REGIONS[frame.bone]):
        chosen = (region == number + 1) & evidence.sure
        if chosen.sum() >= 8:
            errors[name] = float(np.sqrt((evidence.offset[chosen] ** 2).mean()))
    return errors


def _doubt(pose: KneePose, evidence: dict[str, Evidence], gain: float, rms: float, lead: float) -> str:
    """Say why a fit is not to be trusted; empty where it is."""
    femur = evidence["femur"]
    near = np.linalg.norm(femur.points - pose.pivots[0], axis=1) < NEAR_MM
    shown = float((near & femur.clear).sum() / max(near.sum(), 1))
    atypical = float(np.sqrt((pose.weights**2).mean()))
    if gain < TRUSTED_GAIN:
        return f"the images' edges hardly support a knee here (gain {gain:.2f}, needs {TRUSTED_GAIN})"
    if shown < LEAST_SHOWN:
        return f"only {100 * shown:.0f} % of the condyles' surface is clearly seen (needs {100 * LEAST_SHOWN:.0f} %)"
    if rms > MOST_RMS_MM:
        return f"surface and edges lie {rms:.1f} mm apart (at most {MOST_RMS_MM} mm)"
    if atypical > MOST_ATYPICAL:
        return f"the shape is unlike adult knees ({atypical:.1f} SD)"
    if lead < SIDE_GAIN:
        return f"left and right cannot be told apart by the shape (gains differ by {lead:.2f}, need {SIDE_GAIN})"
    return ""


def _doubt_labels(pose: KneePose, labels: Sequence[LabelWitness], bone: str) -> str:
    """Say whether the label network sees another bone, or none, where one was fitted; empty where it agrees."""
    overlap = _overlap(pose, labels, (bone,))
    return "" if overlap >= LEAST_OVERLAP else f"the label network does not see it there (overlap {overlap:.2f})"


def build_knee_frames(
    pose: KneePose,
    images: Sequence[FitImage],
    series: Series,
    gain: float,
    how: str = "shape model found automatically",
    lead: float = np.inf,
    labels: Sequence[LabelWitness] = (),
    known: Mapping[str, NDArray[np.float64]] = NO_SURFACES,
) -> list[BoneFrame]:
    """Turn a fitted pose into frames of the four bones.

    Parameters
    ----------
    pose : KneePose
    images : sequence of FitImage
        They decide whether the frames are trusted: all where they support the joint, each where they show the bone.
    series : Series
        Whose frames they are.
    gain : float
        Of :func:`~marrowmap.anatomy.knee_fit.judge`.
    how : str
        How the bones were found, for ``reason``.
    lead : float
        By how much the gain exceeds that of the other side's bones at the same place.
    labels : sequence of LabelWitness
        What the label network saw there: a bone it does not see is not trusted.
    known : mapping of str to array, optional
        Vertices, in the model's order, of bones whose surface is known; others are the pose relaxed onto the images.
    """
    evidence = gather_evidence(pose, images, "fine", 1600, labels)
    fitted = {bone: pose.vertices(bone) for bone in BONES}
    own = {bone: doubt_bone(e, MOST_RMS_MM) or _doubt_labels(pose, labels, bone) for bone, e in evidence.items()}
    strict = edge_distance(evidence["femur"])
    surfaces = {
        bone: relax_surface(fitted[bone], pose.faces(bone), evidence[bone]) for bone in BONES if bone not in known
    } | dict(known)
    for bone, e in evidence.items():
        moved = ((surfaces[bone] - fitted[bone])[e.chosen] * e.normals).sum(axis=1)
        evidence[bone] = replace(e, offset=e.offset - moved)
    center, radius = knee_sphere(surfaces["femur"])
    marks = knee_landmarks(surfaces)
    axes = knee_axes(surfaces["femur"], pose.side)
    doubt = _doubt(pose, evidence, gain, strict, lead)
    frames = []
    for bone in BONES:
        error = edge_distance(evidence[bone])
        reason = f"{how} (gain {gain:.2f}, fit {error:.2f} mm)"
        why = doubt or own[bone]
        frame = BoneFrame(
            bone=bone,
            joint=Joint.KNEE,
            side=pose.side,
            series_uid=series.uid,
            frame_of_reference_uid=series.volume.grid.frame_of_reference_uid,
            head_center_mm=center,
            head_radius_mm=radius,
            axes=axes,
            landmarks=dict(marks),
            vertices=surfaces[bone],
            faces=pose.faces(bone),
            fit_rms_mm=error,
            trusted=not why,
            reason=f"{reason}; {why}" if why else reason,
        )
        frames.append(replace(frame, region_rms_mm=_region_errors(frame, evidence[bone])))
    return frames
