"""All hips of one fluid-sensitive series: edema by region, its boundary, joint fluid."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import Midline
from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import joint_capsule_mask
from marrowmap.anatomy import marrow_mask
from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.crop import box_around
from marrowmap.ingest.exam import Series
from marrowmap.measure import boundary as boundary_measure
from marrowmap.measure import effusion as effusion_measure
from marrowmap.measure.acetabulum import AcetabularEdema
from marrowmap.measure.acetabulum import AcetabularMarrow
from marrowmap.measure.acetabulum import acetabular_marrow
from marrowmap.measure.acetabulum import measure_acetabulum
from marrowmap.measure.edema import EdemaResult
from marrowmap.measure.edema import measure_edema
from marrowmap.measure.edema_regions import measure_regions
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.medial_head import MedialHead
from marrowmap.measure.medial_head import measure_medial_head
from marrowmap.measure.reference import ReferenceCandidate
from marrowmap.measure.reference import choose_reference
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

Progress = Callable[[str, float], None]

MIRRORED_REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
"""Of the other hip: they hold the same mixture of yellow and red marrow as what is searched."""

SPARED_REGIONS = ("greater_trochanter", "femoral_shaft")
"""Of the same hip: what transient osteoporosis usually leaves free."""

SURROUNDINGS_MM = 30.0

COMMON_SHARE = 0.5
LEAST_VOLUME_SD = 0.03
"""Least relative standard deviation of a volume, as on virtual hips (tuning seeds)."""

LEAST_SEEN = 0.3
"""Share of the femoral head that must be in view for a hip to be measured at all."""


def measure_hips(
    frames: Sequence[BoneFrame],
    fluid: Series,
    t1: Series | None,
    *,
    date: str,
    k: float,
    progress: Progress,
) -> tuple[tuple[HipMeasurement, ...], tuple[Measurement, ...]]:
    """Measure every hip with a femur among `frames`.

    Parameters
    ----------
    frames : sequence of BoneFrame
        In the frame of reference of both series.
    fluid : Series
        Fluid-sensitive, fat-suppressed.
    t1 : Series or None
    date : str
        ISO 8601 or empty.
    k : float
        Edema starts this many robust standard deviations above reference marrow.
    progress : callable
        Told of each step and the share done.

    Returns
    -------
    tuple of HipMeasurement
        One for each side with a femur, left first; what could not be measured says why.
    tuple of Measurement
    """
    grid = fluid.volume.grid
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    hip_bones = {frame.side: frame for frame in frames if frame.bone == "hip_bone" and frame.trusted}
    marrows = {side: marrow_mask(frame, grid) for side, frame in femora.items() if frame.trusted}
    sockets = _marrow_of_sockets(frames, grid)
    hips: list[HipMeasurement] = []
    measurements: list[Measurement] = []
    for number, side in enumerate(side for side in Side if side in femora):
        progress(f"{side.value} hip", number / len(femora))
        hip, rows = _measure_hip(
            side,
            fluid,
            t1.volume if t1 else None,
            femora,
            hip_bones.get(side),
            marrows,
            sockets,
            date=date,
            k=k,
        )
        hips.append(hip)
        measurements.extend(rows)
    progress("", 1.0)
    return tuple(hips), tuple(measurements)


def _measure_hip(
    side: Side,
    fluid: Series,
    t1: Volume | None,
    femora: dict[Side, BoneFrame],
    hip_bone: BoneFrame | None,
    marrows: dict[Side, Mask],
    sockets: dict[Side, AcetabularMarrow | str],
    *,
    date: str,
    k: float,
) -> tuple[HipMeasurement, list[Measurement]]:
    """Measure one hip; what fails becomes its obstacle, never a number."""
    femur, grid = femora[side], fluid.volume.grid

    def without(obstacle: str) -> tuple[HipMeasurement, list[Measurement]]:
        return HipMeasurement(side, date, fluid, femur, obstacle=obstacle), []

    if not femur.trusted:
        return without(f"the bone could not be fitted well enough to measure on: {femur.reason}")
    seen = share_in_view(femur, grid)
    if seen["femoral_head"] < LEAST_SEEN:
        return without(f"only {100 * seen['femoral_head']:.0f} % of the femoral head lies within the images")
    regions = region_labels(femur, grid)
    marrow = marrows[side]
    try:
        reference, chosen = choose_reference(fluid.volume, _reference_candidates(side, regions, marrows, femora))
        edema = measure_edema(fluid.volume, marrow, reference, t1, k=k, reference_note=chosen)
    except InputError as error:
        return without(str(error))
    evidence = Evidence(fluid.uid, fluid.instance_uids, mask_sha256=edema.closed.sha256)
    rows = [
        _with_fit_error(row, femur)
        for row in measure_regions(
            edema,
            regions,
            joint=Joint.HIP,
            side=side,
            date=date,
            evidence=evidence,
            unions={"proximal_femur": FEMUR_REGIONS},
        )
    ]
    fractions = {row.region: row.quantity for row in rows if row.name == "edema_fraction"}
    profile = _measure_boundary(edema, marrow, femur, fluid)
    rows += _boundary_rows(profile, side, fluid, date, evidence)
    fluid_found, obstacle = None, ""
    try:
        fluid_found = _measure_effusion(fluid.volume, edema.bias_field, femur, hip_bone)
        rows.append(
            Measurement(
                "effusion_volume",
                Joint.HIP,
                side,
                "hip_joint",
                fluid_found.volume,
                fluid.modality,
                effusion_measure.METHOD,
                date,
                Evidence(fluid.uid, fluid.instance_uids, mask_sha256=fluid_found.mask.sha256),
            )
        )
    except InputError as error:
        obstacle = str(error)
    medial_head = _measure_medial_head(edema, femur)
    acetabulum = _measure_acetabulum(edema, side, sockets, k)
    if isinstance(acetabulum, AcetabularEdema):
        rows += _acetabulum_rows(acetabulum, side, fluid, date)
    hip = HipMeasurement(
        side,
        date,
        fluid,
        femur,
        regions=regions,
        seen=seen,
        edema=edema,
        edema_fraction=fractions,
        boundary=profile,
        effusion=fluid_found,
        effusion_obstacle=obstacle,
        medial_head=medial_head if isinstance(medial_head, MedialHead) else None,
        medial_head_obstacle=medial_head if isinstance(medial_head, str) else "",
        acetabulum=acetabulum if isinstance(acetabulum, AcetabularEdema) else None,
        acetabulum_obstacle=acetabulum if isinstance(acetabulum, str) else "",
    )
    return hip, rows


def _marrow_of_sockets(frames: Sequence[BoneFrame], grid: Grid) -> dict[Side, AcetabularMarrow | str]:
    """Find the marrow of every hip bone, or say why it is not to be measured on."""
    found: dict[Side, AcetabularMarrow | str] = {}
    for frame in frames:
        if frame.bone != "hip_bone":
            continue
        if not frame.trusted:
            found[frame.side] = f"the hip bone could not be fitted well enough to measure on: {frame.reason}"
            continue
        try:
            found[frame.side] = acetabular_marrow(frame, grid)
        except InputError as error:
            found[frame.side] = str(error)
    return found


def _measure_medial_head(edema: EdemaResult, femur: BoneFrame) -> MedialHead | str:
    """Compare the parts of the head, or say why that cannot be done."""
    try:
        return measure_medial_head(edema, femur)
    except InputError as error:
        return str(error)


def _measure_acetabulum(
    edema: EdemaResult, side: Side, sockets: dict[Side, AcetabularMarrow | str], k: float
) -> AcetabularEdema | str:
    """Measure the acetabulum, or say why that cannot be done."""
    own = sockets.get(side, "the hip bone was not found")
    if isinstance(own, str):
        return own
    marrows = {one: marrow for one, marrow in sockets.items() if isinstance(marrow, AcetabularMarrow)}
    try:
        return measure_acetabulum(edema.corrected, side, marrows, k=k)
    except InputError as error:
        return str(error)


def _acetabulum_rows(acetabulum: AcetabularEdema, side: Side, fluid: Series, date: str) -> list[Measurement]:
    evidence = Evidence(fluid.uid, fluid.instance_uids, mask_sha256=acetabulum.closed.sha256)
    found = [
        ("edema_volume", acetabulum.volume),
        ("edema_closed_volume", acetabulum.closed_volume),
        ("edema_fraction", acetabulum.fraction),
    ]
    return [
        Measurement(name, Joint.HIP, side, "acetabulum", quantity, fluid.modality, acetabulum.method, date, evidence)
        for name, quantity in found
    ]


def _with_fit_error(row: Measurement, femur: BoneFrame) -> Measurement:
    """Widen a volume's interval by the error of the bone's surface.

    A surface off by e everywhere changes the volume of a head of radius r by 3 e / r; about half of the fit's error
    (:data:`COMMON_SHARE`) is taken to be common to the whole surface.
    """
    if row.name not in ("bone_volume", "edema_volume", "edema_closed_volume", "edema_fraction"):
        return row
    quantity = row.quantity
    relative = max(LEAST_VOLUME_SD, 3 * COMMON_SHARE * femur.fit_rms_mm / femur.head_radius_mm)
    reach = 1.96 * relative * quantity.value
    low = quantity.value if quantity.low is None else quantity.low
    high = quantity.value if quantity.high is None else quantity.high
    low = max(0.0, quantity.value - float(np.hypot(quantity.value - low, reach)))
    high = quantity.value + float(np.hypot(high - quantity.value, reach))
    if quantity.unit == "%":
        high = min(100.0, high)
    return replace(row, quantity=replace(quantity, low=low, high=high))


def _reference_candidates(
    side: Side, regions: LabelMap, marrows: dict[Side, Mask], femora: dict[Side, BoneFrame]
) -> list[ReferenceCandidate]:
    """Marrow of the same person to compare with, the best first."""
    candidates = [ReferenceCandidate(regions.mask(*SPARED_REGIONS) & marrows[side], "trochanter and shaft of this hip")]
    other = side.opposite
    if other in marrows:
        there = region_labels(femora[other], marrows[other].grid)
        mirrored = there.mask(*MIRRORED_REGIONS) & marrows[other]
        candidates.insert(0, ReferenceCandidate(mirrored, "the same region of the other hip"))
    return candidates


def share_in_view(femur: BoneFrame, grid: Grid) -> dict[str, float]:
    """Return for each region of the femur the share (0 to 1) of its volume that lies within a grid's voxels."""
    own = _grid_around(femur, spacing_mm=2.0)
    labels = region_labels(femur, own)
    inside = grid.contains(own.points())
    shares = {}
    for number, name in labels.names.items():
        here = labels.array == number
        shares[name] = float(inside[here].mean()) if here.any() else 0.0
    return shares


def _grid_around(femur: BoneFrame, spacing_mm: float) -> Grid:
    """An upright grid that holds the bone down to a hand's breadth below the head."""
    low = femur.vertices.min(axis=0) - 2 * spacing_mm
    high = femur.vertices.max(axis=0) + 2 * spacing_mm
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = low
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 1
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, femur.frame_of_reference_uid)


def _measure_boundary(
    edema: EdemaResult, marrow: Mask, femur: BoneFrame, fluid: Series
) -> boundary_measure.BoundaryProfile:
    """Measure the end of edema on the plain share of signal between reference marrow and edema."""
    midline = Midline.of(femur)
    level, plateau = edema.reference.median, edema.plateau
    share = np.zeros(fluid.volume.grid.shape, np.float32)
    if plateau is not None and plateau > level:
        share = (edema.corrected.array - np.float32(level)) / np.float32(plateau - level)
    return boundary_measure.measure_boundary(
        Volume(fluid.volume.grid, share, "1"),
        marrow,
        midline.curve_mm,
        midline.arc_mm,
        slice_thickness_mm=fluid.slice_thickness_mm or float(fluid.volume.grid.spacing.max()),
        frame_error_mm=femur.fit_rms_mm,
    )


def _boundary_rows(
    profile: boundary_measure.BoundaryProfile, side: Side, fluid: Series, date: str, evidence: Evidence
) -> list[Measurement]:
    found: list[tuple[str, Quantity | None]] = [
        ("edema_boundary_position", profile.position_mm),
        ("edema_boundary_width", profile.width_mm),
    ]
    return [
        Measurement(
            name,
            Joint.HIP,
            side,
            "proximal_femur",
            quantity,
            fluid.modality,
            boundary_measure.METHOD,
            date,
            evidence,
        )
        for name, quantity in found
        if quantity is not None
    ]


def _measure_effusion(
    fluid: Volume, bias: Volume, femur: BoneFrame, hip_bone: BoneFrame | None
) -> effusion_measure.Effusion:
    flat = fluid.with_array(fluid.array / bias.array)
    box = box_around(fluid.grid, femur.head_center_mm, 2.0 * femur.head_radius_mm + SURROUNDINGS_MM)
    if box is None:
        raise InputError("the joint capsule lies outside the images: fluid cannot be measured")
    near = box.crop(flat)
    capsule = joint_capsule_mask(femur, hip_bone, near.grid)
    brightest = effusion_measure.find_brightest(flat)
    found = effusion_measure.measure_effusion(near, capsule, _surroundings(femur, hip_bone, capsule), brightest)
    return replace(found, mask=box.paste(found.mask, fluid.grid))


def _surroundings(femur: BoneFrame, hip_bone: BoneFrame | None, capsule: Mask) -> Mask:
    """Soft tissue within :data:`SURROUNDINGS_MM` of the head's surface, outside capsule and bones."""
    grid = capsule.grid
    away = np.linalg.norm(femur.to_bone(grid.points()), axis=-1) - femur.head_radius_mm
    around = Mask(grid, (away > 12.0) & (away < SURROUNDINGS_MM)) - capsule - bone_mask(femur, grid)
    return around if hip_bone is None else around - bone_mask(hip_bone, grid)
