"""A radiograph of the pelvis: hips found, their bone compared, joint space and outline of both heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.head_circle import ExpectedHead
from marrowmap.anatomy.head_circle import HeadCircle
from marrowmap.anatomy.head_circle import find_head_circles
from marrowmap.anatomy.radiograph_hips import RadiographHips
from marrowmap.anatomy.radiograph_hips import find_radiograph_hips
from marrowmap.anatomy.radiograph_hips import hip_plane_image
from marrowmap.errors import InputError
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.measure.radiograph_bone import SideDifference
from marrowmap.measure.radiograph_bone import compare_sides
from marrowmap.measure.radiograph_bone import flattened
from marrowmap.measure.radiograph_bone import mirror_hips
from marrowmap.measure.radiograph_head import SECTOR_DEG
from marrowmap.measure.radiograph_head import HeadOutline
from marrowmap.measure.radiograph_head import depression
from marrowmap.measure.radiograph_head import least_over_arc
from marrowmap.measure.radiograph_head import mean_space
from marrowmap.measure.radiograph_head import trace_head
from marrowmap.measure.radiograph_texture import compare_texture
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

METHOD = "radiograph/1"
LEAST_SHARPNESS = 0.6
"""A head whose outline is fainter is not measured; see `HeadCircle`."""
SPACE_ERROR_MM = 0.5
"""Standard deviation of a joint space's width, against its width in space, on virtual patients (tuning seeds): in
projection it is narrower, by about half a millimeter in the mean."""
DEPRESSION_ERROR_MM = 0.4
"""Standard deviation of a depression; a choice, wider than what well virtual heads show."""
MAGNIFICATION_ERROR = 0.03
"""Relative, of a stated magnification: hips do not lie where the file's estimate takes them to lie."""


@dataclass(frozen=True, eq=False)
class RadiographHip:
    """One hip in a radiograph.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    film : Radiograph
    circle : HeadCircle or None
        The head's outline.
    outline : HeadOutline or None
        Edges of head and socket.
    index : mapping of str to Quantity
        Osteopenia index by region, against the other side; empty where it could not be measured.
    texture : Quantity or None
        The head's fine structure over the other's.
    joint_space, least_space, depression : Quantity or None
        mm in the body; None where no length may be told or too little is clear.
    obstacle : str
        Why nothing was measured; empty otherwise.
    index_obstacle, texture_obstacle, length_obstacle : str
        Why bone and its texture were not compared, and why no length is told; empty otherwise.
    """

    side: Side
    date: str
    film: Radiograph
    circle: HeadCircle | None = None
    outline: HeadOutline | None = None
    index: Mapping[str, Quantity] = field(default_factory=dict)
    texture: Quantity | None = None
    joint_space: Quantity | None = None
    least_space: Quantity | None = None
    depression: Quantity | None = None
    obstacle: str = ""
    index_obstacle: str = ""
    texture_obstacle: str = ""
    length_obstacle: str = ""

    @property
    def evidence(self) -> Evidence:
        """The film."""
        return Evidence(self.film.uid, (self.film.instance_uid,))


@dataclass(frozen=True, eq=False)
class RadiographExam:
    """A measured radiograph.

    Parameters
    ----------
    film : Radiograph
    bones : RadiographHips
    femora : mapping of Side to BoneFrame
        Laid on the heads' outlines, mm in the plane of the hips.
    hips : mapping of Side to RadiographHip
    difference : SideDifference or None
    """

    film: Radiograph
    bones: RadiographHips
    femora: Mapping[Side, BoneFrame]
    hips: Mapping[Side, RadiographHip]
    difference: SideDifference | None


def why_not_measured(film: Radiograph) -> str:
    """Say why a radiograph is shown and not measured; empty where hips may be looked for."""
    if film.view_name not in {RadiographView.AP, RadiographView.PA}:
        view = film.view_name.value.replace("_", " ").lower()
        return f"the view is {view}: hips are measured in AP or PA views of the pelvis"
    if not film.knows_left:
        return f"left and right are unknown ({film.orientation_reason}): --view anterior or posterior would tell"
    if film.side is not None:
        return f"its tags name the {film.side.value} side alone: both hips are needed"
    return ""


def measure_radiograph(film: Radiograph, *, date: str, known: Sequence[BoneFrame] = ()) -> RadiographExam:
    """Find both hips in a radiograph and measure them.

    Parameters
    ----------
    film : Radiograph
    date : str
        ISO 8601 or empty.
    known : sequence of BoneFrame
        The same person's bones from MR or CT.

    Raises
    ------
    InputError
        If it is no radiograph of the pelvis that can be measured; the sentence says why.
    """
    reason = why_not_measured(film)
    if reason:
        raise InputError(reason)
    told = None if film.length_doubt else film.magnification
    from_front = film.view_name is RadiographView.AP
    image = hip_plane_image(film.plane, film.lit, magnification=told, from_front=from_front)
    bones = find_radiograph_hips(image, film.uid, known=known)
    if bones is None:
        raise InputError("nothing like two hips is seen in it")
    if bones.doubt:
        raise InputError(bones.doubt)
    femora: dict[Side, BoneFrame] = {}
    hips: dict[Side, RadiographHip] = {}
    expected = {side: _expected(bones, side) for side in Side}
    circles = find_head_circles(image, expected)
    for side, circle in circles.items():
        moved = np.asarray(circle.center_mm) - expected[side].center_mm
        femora[side] = flattened(bones.femur(side), image.beam, moved)
        hips[side] = _measure_hip(bones, circle, RadiographHip(side, date, film))
    difference: SideDifference | None = None
    doubt = next((f"{hip.side.value} hip: {hip.obstacle}" for hip in hips.values() if hip.obstacle), "")
    if not doubt:
        try:
            difference = compare_sides(mirror_hips(bones, femora), film.intensity)
        except InputError as error:
            doubt = str(error)
    for side, hip in hips.items():
        texture, rough = _texture(bones, femora, side) if not doubt else (None, doubt)
        index = difference.index(side) if difference else {}
        if hip.joint_space is None and not film.length_doubt:
            unsure = f"{hip.length_obstacle or hip.obstacle}: the circle may lie on the roof's edge"
            reason = f"{femora[side].reason}; {unsure}"
            femora[side] = dataclasses.replace(femora[side], trusted=False, reason=reason)
        hips[side] = dataclasses.replace(
            hip, index=index, index_obstacle=doubt, texture=texture, texture_obstacle=rough
        )
    return RadiographExam(film, bones, femora, hips, difference)


def _texture(bones: RadiographHips, femora: dict[Side, BoneFrame], side: Side) -> tuple[Quantity | None, str]:
    """Return the head's fine structure over the other's, or why there is none."""
    try:
        return compare_texture(bones.image, femora, side), ""
    except InputError as error:
        return None, str(error)


def _expected(bones: RadiographHips, side: Side) -> ExpectedHead:
    femur = bones.femur(side)
    return ExpectedHead(bones.image.beam.onto_plane(femur.head_center_mm), femur.head_radius_mm, femur.axes[[0, 2], 0])


def _measure_hip(bones: RadiographHips, circle: HeadCircle, hip: RadiographHip) -> RadiographHip:
    """Measure the outline of one head."""
    if circle.sharpness < LEAST_SHARPNESS:
        return dataclasses.replace(hip, circle=circle, obstacle="the outline of its head is not seen")
    outline = trace_head(bones.image, circle, hip.side)
    hip = dataclasses.replace(hip, circle=circle, outline=outline)
    if hip.film.length_doubt:
        return dataclasses.replace(hip, length_obstacle=hip.film.length_doubt)
    space, least = mean_space(outline), least_over_arc(outline, outline.space_mm, SECTOR_DEG)
    if space is None or least is None:
        # Where no joint space is seen, the edge that was taken for the head's may be the roof's.
        return dataclasses.replace(
            hip, length_obstacle="head and socket are not seen apart: a worn joint looks so, too"
        )
    return dataclasses.replace(
        hip,
        joint_space=_length(space, SPACE_ERROR_MM),
        least_space=_length(least, SPACE_ERROR_MM),
        depression=_length(depression(outline), DEPRESSION_ERROR_MM),
    )


def _length(value: float | None, error_mm: float) -> Quantity | None:
    if value is None:
        return None
    spread = 1.96 * float(np.hypot(error_mm, MAGNIFICATION_ERROR * value))
    return Quantity(value, "mm", max(value - spread, 0.0), value + spread)


def hip_window(femur: BoneFrame) -> PlaneGrid:
    """Return the plane of the hips around one hip: pixels of 1 mm, columns to the left, rows to the feet."""
    grown = femur.head_radius_mm
    inner, outer = 1.8 * grown, 3.4 * grown
    left = femur.side is Side.LEFT
    corner = femur.head_center_mm + np.array([-(inner if left else outer), 0.0, 2.2 * grown])
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    shape = (int(inner + outer), int(6.0 * grown))
    return PlaneGrid(shape, (1.0, 1.0), SpacingSource.DETECTOR, View.ANTERIOR, axes=axes, origin_mm=corner)


def radiograph_rows(exam: RadiographExam) -> tuple[Measurement, ...]:
    """Return the measurement rows of a radiograph."""
    rows = []
    film = exam.film
    values = "attenuation" if film.intensity is Intensity.ATTENUATION else "made for the eye"
    for hip in exam.hips.values():

        def add(region: str, name: str, quantity: Quantity | None, note: str, hip: RadiographHip = hip) -> None:
            if quantity is not None:
                method = f"{METHOD}; {film.view_name.value}; {note}"
                rows.append(
                    Measurement(
                        *(name, Joint.HIP, hip.side, region, quantity, film.modality, method, hip.date, hip.evidence)
                    )
                )

        for region, quantity in hip.index.items():
            note = f"against the other side in mirrored bone coordinates, values {values}"
            add(region, "osteopenia_index", quantity, note)
        add("femoral_head", "texture_ratio", hip.texture, f"against the other side, values {values}")
        told = f"magnification {film.magnification:.3g}" if film.magnification else ""
        along = f"in projection, along rays from the head's center; {told}"
        add("weight_bearing", "joint_space_width", hip.joint_space, f"mean of the weight-bearing sector; {along}")
        add("hip_joint", "joint_space_width", hip.least_space, f"narrowest arc of 10 degrees in it; {along}")
        add("femoral_head", "head_depression", hip.depression, f"of the outline within its circle; {told}")
    return tuple(rows)
