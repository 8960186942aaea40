"""What is true of a virtual radiograph, from the model that made it: where its rays run, and the bone they meet."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.dx import neck_angle_deg
from marrowmap.phantom.joint_space import joint_space
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.person import Hip
from marrowmap.phantom.rows import finding_row
from marrowmap.phantom.rows import measurement_row
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.truth import frame_row
from marrowmap.phantom.truth import region_masks
from marrowmap.phantom.x_rays import Cone
from marrowmap.phantom.x_rays import integrate
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Side

REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
LEAST_BONE_MM = 2.0
"""A ray belongs to a region where it meets at least this much of the femur."""
FOCAL_FROM = 0.10
"""`focal_osteopenia` is true of a hip that has lost at least this share of the mineral of head and neck; a choice."""
METHOD = "noise-free model/1"


@dataclass(frozen=True)
class RegionBone:
    """Bone on the rays through one region.

    Parameters
    ----------
    femur_mm : float
        Mineralized bone of the femur, mean of the rays through the region.
    all_mm : float
        All mineralized bone on the same rays, that of the pelvis in front of and behind the head included.
    area_mm2 : float
        Of these rays on the detector.
    mineral_ml : float
        Mineralized bone of the region in space. Unlike `femur_mm`, it does not hang on how the leg lay.
    """

    femur_mm: float
    all_mm: float
    area_mm2: float
    mineral_ml: float


def describe_cone(cone: Cone) -> dict[str, Any]:
    """Return a cone as plain values for ``truth.json``; :func:`read_cone` reads them."""
    return {
        "source_mm": [round(float(v), 4) for v in cone.source],
        "first_pixel_mm": [round(float(v), 4) for v in cone.origin],
        "columns_rows_toward": [[round(float(v), 9) for v in axis] for axis in cone.axes],
        "pixel_mm": cone.pixel_mm,
        "columns_rows": list(cone.shape),
    }


def read_cone(described: dict[str, Any]) -> Cone:
    """Return the cone that a radiograph's block of ``truth.json`` describes; see :func:`describe_cone`."""
    columns, rows = described["columns_rows"]
    return Cone(
        np.array(described["source_mm"], float),
        np.array(described["first_pixel_mm"], float),
        np.array(described["columns_rows_toward"], float),
        float(described["pixel_mm"]),
        (int(columns), int(rows)),
    )


def mirrored(cone: Cone) -> Cone:
    """Return the cone of the same picture with its columns in reverse order."""
    across = (cone.shape[0] - 1) * cone.pixel_mm * cone.axes[0]
    return replace(cone, origin=cone.origin + across, axes=cone.axes * np.array([[-1.0], [1.0]]))


def _coarser(cone: Cone, pixel_mm: float) -> Cone:
    """Return the same detector with larger pixels: means over regions need no finer ones."""
    corner = cone.origin + (pixel_mm - cone.pixel_mm) / 2 * cone.axes.sum(axis=0)
    columns, rows = (int(count * cone.pixel_mm / pixel_mm) for count in cone.shape)
    return replace(cone, origin=corner, pixel_mm=pixel_mm, shape=(columns, rows))


def rays_by_region(cone: Cone, hip: Hip) -> dict[str, NDArray[np.bool_]]:
    """Return which rays run through which region: those that meet it in the plane of neck and shaft axes.

    That is how a region that is known in bone coordinates is drawn on a radiograph. Each array has the cone's shape;
    rays beside the bone are among them.
    """
    away = cone.pixels() - cone.source
    along = ((hip.center - cone.source) @ hip.axes[:, 2]) / (away @ hip.axes[:, 2])
    masks = region_masks(hip, (cone.source + along[..., None] * away).astype(np.float32))
    return {region: masks[region] for region in REGIONS}


def region_bone(scene: Scene, cone: Cone) -> dict[Side, dict[str, RegionBone]]:
    """Return the bone on the rays through each region of each hip; regions out of the picture are left out."""
    cone = _coarser(cone, 1.0)
    everything = line_integrals(cone, scene, lambda tissue: float(tissue == "cortical_bone"))
    found: dict[Side, dict[str, RegionBone]] = {}
    for side, part in scene.fine.items():
        hip, truth = scene.person.hips[side], part.truths[side]
        masks = region_masks(hip, points_of(truth.grid))
        on_bone = integrate(cone, truth.grid, truth.bone, 0.5) >= LEAST_BONE_MM
        femur = integrate(cone, truth.grid, truth.mineral, 0.5)
        found[side] = {}
        for region, through in rays_by_region(cone, hip).items():
            rays = through & on_bone
            if rays.any():
                found[side][region] = RegionBone(
                    femur_mm=float(femur[rays].mean()),
                    all_mm=float(everything[rays].mean()),
                    area_mm2=float(rays.sum()) * cone.pixel_mm**2,
                    mineral_ml=float(truth.mineral[masks[region]].sum()) * truth.grid.voxel_volume_ml,
                )
    return found


def inside_picture(cone: Cone, scan: DxScan, points: NDArray[np.float64]) -> bool:
    """Say whether all LPS points (..., 3) lie in the part of the picture that the collimator leaves open."""
    place = project_cone(cone, points).reshape(-1, 2) * cone.pixel_mm
    low, high = np.array(scan.inset_mm[::2]), np.array(cone.shape) * cone.pixel_mm - scan.inset_mm[1::2]
    return bool(((place >= low) & (place <= high)).all())


def hip_in_view(scene: Scene, cone: Cone, scan: DxScan, side: Side) -> bool:
    """Say whether the picture shows a hip's head and its femur down to the lesser trochanter."""
    hip = scene.person.hips[side]
    around = hip.center + hip.radius * np.concatenate([np.eye(3), -np.eye(3)])
    return inside_picture(cone, scan, np.vstack([around, hip.landmarks["lesser_trochanter_tip"]]))


def radiograph_frames(scene: Scene, cone: Cone, scan: DxScan, series_uid: str, frame_uid: str) -> list[dict[str, Any]]:
    """Return frame rows of both femora as they lay for the radiograph."""
    rows = []
    for side, hip in scene.person.hips.items():
        row = frame_row(hip, series_uid, frame_uid, scene.coarse.grid)
        rows.append(row | {"in_view": hip_in_view(scene, cone, scan, side)})
    return rows


def measurement_rows(
    scene: Scene,
    cone: Cone,
    scan: DxScan,
    bone: dict[Side, dict[str, RegionBone]],
    date: str,
    evidence: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the measurement rows of a radiograph.

    `osteopenia_index` is 1 - (mineral per area of this side) / (of the other), for sides that have something; for both
    of a well person.
    """
    rows: list[dict[str, Any]] = []

    def row(side: Side, region: str, quantity: str, value: float, unit: str, method: str) -> None:
        of = (side, region, quantity, round(value, 4), unit)
        method = f"{METHOD}: {method}"
        rows.append(measurement_row(*of, date=date, modality="DX", method=method, evidence=evidence))

    sick = [side for side in Side if scene.lesions[side] != WELL] or list(Side)
    seen = {side: hip_in_view(scene, cone, scan, side) for side in Side}
    for side in Side:
        hip = scene.person.hips[side]
        if side in sick and all(seen.values()):
            for region in REGIONS:
                mine, other = bone[side].get(region), bone[side.opposite].get(region)
                if mine is not None and other is not None:
                    lost = 1 - mine.femur_mm / other.femur_mm
                    note = "the femur's own mineral, mean of the rays through the region, against the other side"
                    row(side, region, "osteopenia_index", lost, "1", note)
        if not seen[side] or side not in scene.fine:
            continue
        space = joint_space(hip, scene.fine[side].truths[side])
        if space is not None:
            way = "in space, along rays from the head center within 45 degrees of the direction up the shaft"
            row(side, "weight_bearing", "joint_space_width", space.mean_mm, "mm", f"mean; {way}")
            row(side, "hip_joint", "joint_space_width", space.least_mm, "mm", f"narrowest disc of 10 degrees; {way}")
        sunken = depression_of(scene.lesions[side], hip.radius)
        if sunken is not None:
            way = "greatest inward displacement of the head's bony surface, along the radius"
            row(side, "femoral_head", "head_depression", sunken.depth_mm, "mm", way)
    return rows


def finding_rows(scene: Scene, cone: Cone, scan: DxScan, date: str, evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the finding rows of a radiograph: what is there, whether it can be seen or not."""
    rows = []
    for side in Side:
        lesion, hip = scene.lesions[side], scene.person.hips[side]
        line = lesion.fracture_line
        in_view = hip_in_view(scene, cone, scan, side)
        week = "" if lesion.weeks is None else f", {lesion.weeks:.1f} weeks after onset"
        cleft = line is not None and lesion.necrosis is not None and line.filling != "bone"
        signs = {
            "focal_osteopenia": (
                lesion.bone_loss >= FOCAL_FROM,
                f"{100 * lesion.bone_loss:.1f} % of mineral lost{week}; present from {100 * FOCAL_FROM:.0f} %",
            ),
            "head_collapse": (depression_of(lesion, hip.radius) is not None, ""),
            "crescent": (cleft, f"a cleft filled with {line.filling}" if cleft and line is not None else ""),
        }
        for sign, (present, note) in signs.items():
            rows.append(
                finding_row(
                    side,
                    sign,
                    present=present,
                    in_view=in_view,
                    date=date,
                    modality="DX",
                    evidence=evidence,
                    note=note if in_view else "the hip lies in part outside the picture",
                )
            )
    return rows


def positions(scene: Scene, cone: Cone) -> dict[str, dict[str, Any]]:
    """Return by side how large the head is shown, how the neck lay, and whether there is metal in it."""
    return {
        side.value: {
            "magnification": round(float(cone.magnification(hip.center)), 5),
            "neck_angle_deg": round(neck_angle_deg(hip), 3),
            "metal": side in scene.fine and any(layer.tissue == "metal" for layer in scene.fine[side].layers),
        }
        for side, hip in scene.person.hips.items()
    }
