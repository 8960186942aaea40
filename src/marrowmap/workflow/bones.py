"""Which bones an exam shows: found automatically, or from what the user hands in."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy import find_hips
from marrowmap.anatomy import frames_from_mask
from marrowmap.anatomy import frames_from_points
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.knee_start import knee_frames_from_mask
from marrowmap.anatomy.knee_start import knee_frames_from_points
from marrowmap.anatomy.totalsegmentator import run_totalsegmentator
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.errors import UsageError
from marrowmap.image import Mask
from marrowmap.image import resample_mask
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.segmentation import WHOLE_FEMUR
from marrowmap.ingest.segmentation import Segment
from marrowmap.ingest.segmentation import Segmentation
from marrowmap.ingest.segmentation import read_segmentation
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

BONE_IMAGES = frozenset(
    {
        ImageSequence.T1,
        ImageSequence.T2,
        ImageSequence.PD,
        ImageSequence.FLUID_FAT_SUPPRESSED,
        ImageSequence.DIXON_WATER,
        ImageSequence.DIXON_FAT,
        ImageSequence.DIXON_IN_PHASE,
        ImageSequence.GRADIENT_ECHO,
        ImageSequence.CT,
    }
)
"""What bones are looked for in."""


FEMORA_APART_MM = 100.0
"""Two pieces of one mask whose middles lie further apart to the side are two femora, not one femur in pieces."""
LEAST_FEMUR_ML = 20.0
_SHOWN_SEGMENTS = 12


class Finder(Enum):
    """A program of the user's own that finds the bones instead of marrowmap."""

    TOTALSEGMENTATOR = "totalsegmentator"


@dataclass(frozen=True)
class JointStart:
    """How frames of one kind of joint are laid from three points, and from a mask of its femur."""

    from_points: Callable[[NDArray[np.float64], Series, Side | None], tuple[BoneFrame, ...]]
    from_mask: Callable[[Mask, Series, Side | None], tuple[BoneFrame, ...]]


JOINT_STARTS = {
    Joint.HIP: JointStart(frames_from_points, frames_from_mask),
    Joint.KNEE: JointStart(knee_frames_from_points, knee_frames_from_mask),
}
"""Joints that the user may point at."""


@dataclass(frozen=True, eq=False)
class BoneHint:
    """What the user knows of the bone.

    Parameters
    ----------
    mask : Path, optional
        Femur drawn by someone: a DICOM SEG in the images' frame of reference, or a NIfTI mask or label map on the grid
        of one of them.
    points : array, shape (3, 3), optional
        LPS mm. Of a hip: femoral head center, tip of the greater trochanter, tip of the lesser trochanter; of a knee:
        medial epicondyle, lateral epicondyle, middle of the tibial plateau.
    side : Side, optional
        Of mask or points; the image's own side must agree.
    label : str, optional
        Which segments of `mask` are the femur: numbers or names, several of them with commas between.
    finder : Finder, optional
        Let another program find the femora.
    joint : Joint, optional
        Of mask or points; a hip if not given. Of a knee the femur is its distal end.
    """

    mask: Path | None = None
    points: NDArray[np.float64] | None = None
    side: Side | None = None
    label: str | None = None
    finder: Finder | None = None
    joint: Joint | None = None

    def __post_init__(self) -> None:
        given = [
            name
            for name, value in (("--bone", self.mask), ("--points", self.points), ("--with", self.finder))
            if value is not None
        ]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} both say where the bone is: give one of them")
        if self.side is not None and self.mask is None and self.points is None:
            raise UsageError("--side belongs to --bone or --points; without them the side is read from tags and image")
        if self.joint is not None and self.mask is None and self.points is None:
            raise UsageError("--joint belongs to --bone or --points; without them hips and knees are both looked for")
        if self.label is not None and self.mask is None:
            raise UsageError("--bone-label says which segment of --bone is the femur: give --bone as well")

    @property
    def start(self) -> JointStart:
        """How frames of the joint are laid."""
        return JOINT_STARTS[self.joint or Joint.HIP]

    @property
    def says_nothing(self) -> bool:
        """Say whether the bones are to be found from the images alone."""
        return self.mask is None and self.points is None and self.finder is None


def locate_bones(
    series: Sequence[Series],
    hint: BoneHint | None = None,
    *,
    find: Callable[[Sequence[Series], Progress], tuple[BoneFrame, ...]] = find_hips,
    progress: Progress = silent,
) -> tuple[BoneFrame, ...]:
    """Find the bones of all hips in view, or of all joints.

    Parameters
    ----------
    series : sequence of Series
        All in one frame of reference.
    hint : BoneHint, optional
        Start from the user's mask or points, or from another program's labels, instead.
    find : callable
        How bones are found without a hint: :func:`~marrowmap.anatomy.find_hips` or, knees too,
        :func:`~marrowmap.anatomy.find_bones`.

    Raises
    ------
    GeometryError
        If sides contradict each other, or a mask lies on no image's grid.
    InputError
        If a mask holds no femur, or leaves open which of its segments is one; if everything found is doubtful, however
        it was found.
    ModelError
        If the program asked for is missing.
    """
    if hint is None or hint.says_nothing:
        return _require_support(found := find(series, progress), _say_how_to_point(found))
    if hint.points is not None:
        shown = _shows_points(series, hint.points)
        found = hint.start.from_points(hint.points, shown, hint.side)
        return _require_support(found, "check that --points are those of this image, LPS mm")
    if hint.finder is not None:
        shown = _shown_to_finder(series)
        drawn = run_totalsegmentator(shown)
        found = _frames_of(drawn, [shown], hint) if drawn.segments else ()
        return _require_support(found, "draw the femur and give it with --bone, or point at it with --points")
    assert hint.mask is not None  # one of the three is given, see BoneHint
    found = _frames_of(read_segmentation(hint.mask), series, hint)
    return _require_support(found, "correct what is drawn, or point at the bone with --points")


def _require_support(frames: tuple[BoneFrame, ...], advice: str) -> tuple[BoneFrame, ...]:
    """Refuse joints where not one bone is sure: they may be drawn into an image that holds none."""
    if frames and not any(frame.trusted for frame in frames):
        doubts = {f"{frame.side.value}: {frame.reason.split('; ', 1)[-1]}" for frame in frames if frame.bone == "femur"}
        joint = frames[0].joint.value
        raise InputError(f"no {joint} was found that the images support ({', '.join(sorted(doubts))}): {advice}")
    return frames


def _say_how_to_point(frames: Sequence[BoneFrame]) -> str:
    knee = any(frame.joint is Joint.KNEE for frame in frames)
    return "if there is one, point at it with --points or --bone" + (", and --joint knee" if knee else "")


def _shows_points(series: Sequence[Series], points: NDArray[np.float64]) -> Series:
    """Pick the first series that contains all the points, else the one that contains most of them."""
    return max(series, key=lambda one: int(one.volume.grid.contains(points).sum()))


def _shown_to_finder(series: Sequence[Series]) -> Series:
    """Pick the one series another program sees: CT before T1 before others, then the one with most voxels."""
    preferred = (ImageSequence.CT, ImageSequence.T1)

    def worth(one: Series) -> tuple[int, int]:
        rank = preferred.index(one.sequence) if one.sequence in preferred else len(preferred)
        return -rank, int(np.prod(one.volume.grid.shape))

    return max(series, key=worth)


@dataclass(frozen=True)
class DrawnFemur:
    """Which segments make up one femur, and its side where they say."""

    side: Side | None
    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "segment " + " + ".join(str(segment) for segment in self.segments)


def _frames_of(drawn: Segmentation, series: Sequence[Series], hint: BoneHint) -> tuple[BoneFrame, ...]:
    """Lay frames through each femur drawn; sides of segment, series and shape must agree."""
    femora = choose_femora(drawn, hint.label, hint.side)
    sides = {femur.side for femur in femora}
    frames: list[BoneFrame] = []
    for femur in femora:
        mask, base = _lay_on_series(drawn, femur, series)
        tagged = base.side
        if tagged is not None and sides == {tagged.opposite}:
            raise GeometryError(
                f"{drawn.name}: {femur} is a {tagged.opposite.value} femur, but the tags of series "
                f"{base.description!r} say {tagged.value} ({base.side_reason}): correct the wrong one"
            )
        pieces = [(femur.side, mask)] if femur.side else split_femora(mask)
        if hint.side is not None and len(pieces) > 1:
            pieces = [(side, piece) for side, piece in pieces if side is hint.side]
        for side, piece in pieces:
            try:
                found = hint.start.from_mask(piece, base, side)
            except MarrowmapError as error:
                raise type(error)(f"{drawn.name}: {femur}: {error}") from error
            frames += [replace(frame, reason=f"{frame.reason} ({drawn.name}, {femur})") for frame in found]
    _require_left_left_of_right(drawn.name, frames)
    return tuple(sorted(frames, key=lambda frame: frame.side is Side.RIGHT))


def _require_left_left_of_right(name: str, frames: Sequence[BoneFrame]) -> None:
    heads = {frame.side: float(frame.head_center_mm[0]) for frame in frames}
    if len(heads) == 2 and heads[Side.LEFT] <= heads[Side.RIGHT]:
        raise GeometryError(
            f"{name}: its left femur lies on the patient's right of its right femur: labels or orientation are swapped"
        )


def choose_femora(drawn: Segmentation, label: str | None, side: Side | None) -> tuple[DrawnFemur, ...]:
    """Choose the segments that are femora: by the user's word, by code or name, or as the only one there.

    A whole femur comes before parts of one; parts (head, neck, trochanters …) of a side are put together.

    Parameters
    ----------
    drawn : Segmentation
    label : str, optional
        Numbers or names with commas between; several of one side are put together.
    side : Side, optional
        Only the femur of this side.

    Raises
    ------
    InputError
        If no segment is a femur, or it is open which one.
    GeometryError
        If only the other side's femur is there.
    """
    femora = _chosen_by_label(drawn, label) if label is not None else _chosen_by_meaning(drawn)
    if side is None:
        return femora
    kept = tuple(replace(femur, side=side) for femur in femora if femur.side in (side, None))
    if not kept:
        raise GeometryError(
            f"{drawn.name}: {side.value} is asked for, but it holds a {side.opposite.value} femur only "
            f"({femora[0]}): check --side and the file"
        )
    return kept


def _listed(drawn: Segmentation) -> str:
    names = [str(segment) for segment in drawn.segments[:_SHOWN_SEGMENTS]]
    more = len(drawn.segments) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _chosen_by_label(drawn: Segmentation, label: str) -> tuple[DrawnFemur, ...]:
    chosen: list[Segment] = []
    for word in (word.strip() for word in label.split(",")):
        named = [s for s in drawn.segments if word == str(s.number) or (s.label and word.lower() == s.label.lower())]
        if len(named) != 1:
            raise InputError(
                f"{drawn.name}: {'no segment' if not named else 'more than one segment'} is called {word!r} "
                f"(--bone-label): it holds {_listed(drawn)}"
            )
        chosen += [segment for segment in named if segment not in chosen]
    sides = {segment.side for segment in chosen}
    if None in sides or len(sides) == 1:
        if len(sides - {None}) > 1:
            raise InputError(
                f"{drawn.name}: the segments chosen belong to both sides or none ({label}): choose those of one femur"
            )
        return (DrawnFemur(next(iter(sides - {None}), None), tuple(chosen)),)
    return tuple(DrawnFemur(side, tuple(s for s in chosen if s.side is side)) for side in Side)


def _chosen_by_meaning(drawn: Segmentation) -> tuple[DrawnFemur, ...]:
    whole = [segment for segment in drawn.segments if segment.part == WHOLE_FEMUR]
    if whole:
        sides = [segment.side for segment in whole]
        if len(set(sides)) < len(sides) or (None in sides and len(sides) > 1):
            raise InputError(
                f"{drawn.name}: {len(whole)} segments may be the femur ({', '.join(map(str, whole))}): choose with "
                "--bone-label"
            )
        return tuple(DrawnFemur(segment.side, (segment,)) for segment in whole)
    parts = [segment for segment in drawn.segments if segment.part is not None]
    femora = []
    for side in (*Side, None):
        mine = tuple(segment for segment in parts if segment.side is side)
        if {"femoral_head", "femoral_neck"} <= {segment.part for segment in mine}:
            femora.append(DrawnFemur(side, mine))
    if femora and not (femora[-1].side is None and len(femora) > 1):
        return tuple(femora)
    if len(drawn.segments) == 1 and not drawn.segments[0].label:
        return (DrawnFemur(None, drawn.segments),)  # a plain mask, which the user says is the bone
    raise InputError(
        f"{drawn.name}: no segment is named or coded as a femur; choose with --bone-label if one is (it holds "
        f"{_listed(drawn)})"
    )


def _lay_on_series(drawn: Segmentation, femur: DrawnFemur, series: Sequence[Series]) -> tuple[Mask, Series]:
    """Bring a femur onto the grid of the series it was drawn on."""
    mask = drawn.mask([segment.number for segment in femur.segments])
    if not mask.array.any():
        raise InputError(f"{drawn.name}: {femur} is empty: draw the femur in it")
    if not drawn.is_dicom:
        for candidate in series:
            grid = candidate.volume.grid
            # A NIfTI file has no frame of reference: the voxels' places decide.
            if mask.grid.written_alike(grid):
                return Mask(grid, mask.array), candidate
        raise GeometryError(
            f"{drawn.name}: the mask's grid {mask.grid.shape} is not that of any image: draw it on one of them"
        )
    near = [s for s in series if s.volume.grid.frame_of_reference_uid == mask.grid.frame_of_reference_uid]
    if not near:
        raise GeometryError(
            f"{drawn.name}: its (0020,0052) Frame of Reference UID is not that of the images: draw it on one of them"
        )
    own = [s for s in near if s.uid in drawn.referenced_series]
    base = (own or near)[0]
    laid = resample_mask(mask, base.volume.grid)
    if not laid.array.any():
        raise GeometryError(f"{drawn.name}: {femur} lies outside series {base.description!r}: draw it on that series")
    return laid, base


def split_femora(mask: Mask) -> list[tuple[Side | None, Mask]]:
    """Part a mask that holds both femora into left and right by where they lie; leave any other whole.

    Space: LPS mm, x grows to the patient's left.
    """
    parts, count = ndimage.label(mask.array)
    sizes = np.bincount(parts.ravel())[1:] * mask.grid.voxel_volume_ml
    if count < 2 or np.sort(sizes)[-2] < LEAST_FEMUR_ML:
        return [(None, mask)]
    middles = np.array(ndimage.center_of_mass(mask.array, parts, range(1, count + 1)))
    x = mask.grid.to_world(middles)[:, 0]
    large = sizes >= LEAST_FEMUR_ML
    if np.ptp(x[large]) < FEMORA_APART_MM:
        return [(None, mask)]
    midline = (x[large].min() + x[large].max()) / 2
    left = 1 + np.flatnonzero(x > midline)
    return [
        (Side.LEFT, Mask(mask.grid, mask.array & np.isin(parts, left))),
        (Side.RIGHT, Mask(mask.grid, mask.array & ~np.isin(parts, left))),
    ]
