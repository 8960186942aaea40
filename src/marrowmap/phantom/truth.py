"""What is true of a virtual exam, computed from the noise-free model, in the rows of contract.md."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.fracture import line_extents_mm
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.joint_space import joint_space
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import band_depth_ratio
from marrowmap.phantom.onfh import deepest_band_ratio
from marrowmap.phantom.onfh import necrotic_arcs_deg
from marrowmap.phantom.person import Hip
from marrowmap.phantom.replaced import LEAST_ML as LEAST_REPLACED_ML
from marrowmap.phantom.replaced import NONE
from marrowmap.phantom.replaced import Replaced
from marrowmap.phantom.replaced import replaced_marrow
from marrowmap.phantom.rows import finding_row
from marrowmap.phantom.rows import measurement_row
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

REGIONS = (
    "femoral_head",
    "femoral_neck",
    "intertrochanteric",
    "greater_trochanter",
    "lesser_trochanter",
    "femoral_shaft",
)
MEDIAL = (-0.93, -0.36, 0.0)
"""In bone coordinates: away from the neck, and down from the weight-bearing dome."""
METHOD = "noise-free model/1: plane by saddle and lesser trochanter's upper edge"
DISC_RADIUS_MM = 6.0
EDEMA_FROM_ML = 1.0
"""Edema of the femur that is called so: less is too little to see."""
EFFUSION_FROM_ML = 5.6
"""Asymptomatic hips hold at most this much joint fluid (Moss 1998)."""


def region_masks(hip: Hip, points: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Divide the femur into the regions of contract.md.

    Head: up to where the neck leaves the sphere (0.62 radii along the neck axis); neck: up to the intertrochanteric
    plane, above the lesser trochanter's upper edge (below it the plane has left the neck); greater trochanter: above a
    plane that runs from the saddle down and outward at 45 degrees to the shaft; lesser trochanter: what stands out from
    the shaft around its tip by more than 0.68 of the tip's own distance; shaft: from 12 mm below that tip;
    intertrochanteric: the rest.

    Parameters
    ----------
    hip : Hip
    points : array, shape (..., 3)
        LPS mm.
    """
    marks = {name: point.astype(np.float32) for name, point in hip.landmarks.items()}
    down = hip.shaft.astype(np.float32)
    outward = np.cross(hip.shaft, hip.axes[:, 2])
    outward = (outward * np.sign(outward @ hip.axes[:, 0]) / np.linalg.norm(outward)).astype(np.float32)
    bone = hip.bone_coordinates(points)
    below_edge = (points - marks["lesser_trochanter_upper"]) @ down > 0
    distal = (hip.past_plane(points) >= 0) | below_edge
    head = (bone[..., 0] < 0.62 * hip.radius) & (np.sqrt((bone**2).sum(axis=-1)) < 1.25 * hip.radius) & ~distal
    below_tip = (points - marks["lesser_trochanter_tip"]) @ down
    shaft = distal & (below_tip >= 12)
    from_saddle = points - marks["saddle"]
    out = from_saddle @ outward
    greater = (out > 0) & (out > from_saddle @ down) & ~head & ~shaft

    tip = marks["lesser_trochanter_tip"] - marks["neck_shaft_corner"]
    tip = tip - (tip @ down) * down
    reach = float(np.linalg.norm(tip))
    from_axis = points - marks["neck_shaft_corner"]
    from_axis = from_axis - (from_axis @ down)[..., None] * down
    away = np.sqrt((from_axis**2).sum(axis=-1))
    lesser = (from_axis @ tip > np.float32(np.cos(np.radians(55)) * reach) * away) & (away > 0.68 * reach)
    lesser &= below_edge & ~shaft & ~greater
    return {
        "femoral_head": head,
        "femoral_neck": ~head & ~distal & ~greater,
        "intertrochanteric": distal & ~shaft & ~greater & ~lesser,
        "greater_trochanter": greater,
        "lesser_trochanter": lesser,
        "femoral_shaft": shaft,
    }


def midline(hip: Hip, step_mm: float = 0.5) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the neck-shaft midline: points (n, 3), unit tangents (n, 3), arc length (n,) from the plane, + is distal.

    From the head center along the neck axis, rounded over 20 mm about the corner, and down the shaft axis.
    """
    neck = hip.axes[:, 0]
    corner = hip.landmarks["neck_shaft_corner"]
    corner = hip.center + neck * ((corner - hip.center) @ neck)
    way = hip.landmarks["shaft_distal"] - corner
    way /= np.linalg.norm(way)
    length = float(np.linalg.norm(corner - hip.center))
    reach = min(20.0, 0.45 * length)
    t = np.linspace(0, 1, 200)[:, None]
    start, end = corner - neck * reach, corner + way * reach
    bend = (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
    curve = np.vstack([hip.center[None], bend, (end + way * 70)[None]])
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    even = np.arange(0, along[-1], step_mm)
    points = np.stack([np.interp(even, along, curve[:, n]) for n in range(3)], axis=1)
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    past = (points - hip.landmarks["saddle"]) @ hip.plane_normal
    crossing = int(np.argmax(past > 0))
    zero = even[crossing] - past[crossing] / max(past[crossing] - past[crossing - 1], 1e-9) * step_mm
    return points, tangent, even - zero


def boundary(hip: Hip, truth: HipTruth) -> tuple[float, float] | None:
    """Return position and 10-90 % width of edema's end along the midline; None where there is no end to find."""
    points, tangent, arc = midline(hip)
    profile = np.full(len(arc), np.nan)
    rings = [
        (r, a) for r in (0.0, 2.0, 4.0, 6.0) for a in np.linspace(0, 2 * np.pi, max(1, int(r * 3)), endpoint=False)
    ]
    shape = np.array(truth.grid.shape)
    for n, (point, way) in enumerate(zip(points, tangent, strict=True)):
        u = np.cross(way, hip.axes[:, 2])
        u /= np.linalg.norm(u)
        v = np.cross(way, u)
        disc = np.array([point + r * (np.cos(a) * u + np.sin(a) * v) for r, a in rings])
        index = np.rint(truth.grid.to_index(disc)).astype(int)
        index = index[((index >= 0) & (index < shape)).all(axis=1)]
        marrow = truth.marrow[tuple(index.T)]
        if marrow.sum() > 5:
            profile[n] = (truth.membership[tuple(index.T)] * marrow).sum() / marrow.sum()
    seen = ~np.isnan(profile)
    neck = seen & (arc > -25) & (arc < -10)
    if not neck.any() or np.median(profile[neck]) < 0.3:
        return None
    plateau = float(np.median(profile[neck]))
    after = seen & (arc > -25)
    s, p = arc[after], np.minimum.accumulate(profile[after]) / plateau
    if p[-1] > 0.1:
        return None
    at = {level: float(s[np.argmax(p <= level)]) for level in (0.9, 0.5, 0.1)}
    return at[0.5], at[0.1] - at[0.9]


class HipSums:
    """Volumes of one hip, by region, over the part of it that the slices show."""

    def __init__(self) -> None:
        self.bone = dict.fromkeys(REGIONS, 0.0)
        self.marrow = dict.fromkeys(REGIONS, 0.0)
        self.edema = dict.fromkeys(REGIONS, 0.0)
        self.closed = dict.fromkeys(REGIONS, 0.0)
        self.fluid = 0.0
        self.lesion = 0.0
        self.replaced: Replaced = NONE
        self.head_edema = dict.fromkeys(("medial", "rest"), 0.0)
        self.head_marrow = dict.fromkeys(("medial", "rest"), 0.0)

    def add(self, hip: Hip, truth: HipTruth, seen: Grid, weight: Array) -> None:
        """Add what one grid holds; `weight` says how much each of its voxels counts (finer grids take over)."""
        voxel = truth.grid.voxel_volume_ml
        points = points_of(truth.grid)
        inside = seen.contains(points)
        masks = region_masks(hip, points)
        counted = weight * inside
        self.fluid += float((truth.fluid * counted).sum()) * voxel
        self.lesion += float((truth.lesion * counted).sum()) * voxel
        edema = truth.marrow * truth.membership * counted
        closed = truth.marrow * (truth.membership >= 0.5 * max(float(truth.membership.max()), 1e-3)) * counted
        # Medial and a little inferior of the head center, and all that lies clearly on the other side of that.
        medial = hip.bone_coordinates(points) @ np.array(MEDIAL, np.float32) / np.float32(hip.radius)
        for name, part in (("medial", medial > 0.7), ("rest", medial < 0.4)):
            mask = part & masks["femoral_head"]
            self.head_edema[name] += float(edema[mask].sum()) * voxel
            self.head_marrow[name] += float((truth.marrow * (1 - truth.lesion) * counted)[mask].sum()) * voxel
        for name, mask in masks.items():
            self.bone[name] += float((truth.bone * counted)[mask].sum()) * voxel
            self.marrow[name] += float((truth.marrow * counted)[mask].sum()) * voxel
            self.edema[name] += float(edema[mask].sum()) * voxel
            self.closed[name] += float(closed[mask].sum()) * voxel


def sum_hip(scene: Scene, side: Side, seen: Grid, field_t: float = 1.5) -> HipSums:
    """Sum volumes of one hip: fine grid first, the coarse one for what reaches beyond it.

    Parameters
    ----------
    seen : Grid
        The slices of the fluid-sensitive series, gaps counted as seen.
    field_t : float
        1.5 or 3: T1 contrast differs.
    """
    hip = scene.person.hips[side]
    sums = HipSums()
    sums.replaced = replaced_marrow(scene, side, seen, field_t)
    fine = scene.fine.get(side)
    if fine is not None and side in fine.truths:
        truth = fine.truths[side]
        sums.add(hip, truth, seen, np.ones(truth.grid.shape, np.float32))
    coarse = scene.coarse.truths[side]
    beyond = np.ones(coarse.grid.shape, np.float32)
    if fine is not None:
        low, high = fine.grid.to_world((-0.5,) * 3), fine.grid.to_world(np.array(fine.grid.shape) - 0.5)
        points = points_of(coarse.grid)
        # Share of each coarse voxel inside the fine box, so that the two neither overlap nor leave a gap.
        half = coarse.grid.spacing / 2
        part = (np.minimum(points + half, high) - np.maximum(points - half, low)) / (2 * half)
        beyond -= np.clip(part, 0, 1).prod(axis=-1).astype(np.float32)
    sums.add(hip, coarse, seen, beyond)
    return sums


def measurement_rows(
    scene: Scene, side: Side, sums: HipSums, seen: Grid, date: str, evidence: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the measurement rows of one hip."""
    hip = scene.person.hips[side]
    rows: list[dict[str, Any]] = []

    def row(region: str, quantity: str, value: float | None, unit: str, note: str = "") -> None:
        method = METHOD + (f"; {note}" if note else "")
        of = (side, region, quantity, value, unit)
        rows.append(measurement_row(*of, date=date, modality="MR", method=method, evidence=evidence))

    groups = {name: (name,) for name in REGIONS} | {"proximal_femur": REGIONS}
    for region, names in groups.items():
        total = {
            kind: sum(getattr(sums, kind)[name] for name in names) for kind in ("bone", "marrow", "edema", "closed")
        }
        row(region, "bone_volume", round(total["bone"], 4), "mL")
        row(region, "edema_volume", round(total["edema"], 4), "mL")
        row(region, "edema_closed_volume", round(total["closed"], 4), "mL")
        if total["marrow"] > 0:
            row(region, "edema_fraction", round(100 * total["edema"] / total["marrow"], 3), "%")
    fine = scene.fine.get(side)
    found = boundary(hip, fine.truths[side] if fine is not None else scene.coarse.truths[side])
    if found is not None and seen.contains(hip.landmarks["neck_shaft_corner"]):
        row("proximal_femur", "edema_boundary_position", round(found[0], 3), "mm")
        row("proximal_femur", "edema_boundary_width", round(found[1], 3), "mm")
    row("hip_joint", "effusion_volume", round(sums.fluid, 4), "mL", "all joint fluid")
    as_dark = "as dark on T1 as muscle or darker, 7 mm thick, outside a necrotic segment"
    row("proximal_femur", "replaced_marrow_volume", round(sums.replaced.volume_ml, 4), "mL", as_dark)
    if sums.replaced.ratio is not None:
        row("proximal_femur", "t1_to_muscle_ratio", round(sums.replaced.ratio, 4), "1", as_dark)
    if not _head_in_view(hip, seen):
        return rows
    for entry in _head_values(scene, side, sums):
        row(*entry)
    space = joint_space(hip, fine.truths[side]) if fine is not None else None
    if space is not None:
        between = "from bone to bone along rays from the head center, within 45 degrees of the direction up the shaft"
        row("weight_bearing", "joint_space_width", round(space.mean_mm, 3), "mm", f"mean; {between}")
        narrowest = f"narrowest disc of 10 degrees; {between}"
        row("hip_joint", "joint_space_width", round(space.least_mm, 3), "mm", narrowest)
    return rows


def _head_values(scene: Scene, side: Side, sums: HipSums) -> list[tuple[str, str, float, str, str]]:
    """Return region, quantity, value, unit and method of what needs the whole head in view."""
    hip, lesion = scene.person.hips[side], scene.lesions[side]
    border = "necrotic segment to the outer border of its band"
    necrosis = lesion.necrosis
    dead = 0.0 if necrosis is None else sums.lesion
    arcs = (0.0, 0.0) if necrosis is None else necrotic_arcs_deg(hip, necrosis)
    planes = "planes through head center and shaft direction, along and across the plane of neck and shaft axes"
    koo = arcs[0] / 180 * arcs[1] / 180 * 100
    sunken = depression_of(lesion, hip.radius)
    sinking = "greatest inward displacement of the head's bony surface, along the radius"
    values = [
        ("femoral_head", "lesion_volume", round(dead, 4), "mL", border),
        ("femoral_head", "lesion_fraction", round(100 * dead / sums.bone["femoral_head"], 3), "%", border),
        ("femoral_head", "kerboul_angle", round(sum(arcs), 2), "deg", f"{border}; {planes}"),
        ("femoral_head", "koo_index", round(koo, 3), "1", f"A/180 x B/180 x 100; {border}; {planes}"),
        ("femoral_head", "head_depression", round(sunken.depth_mm, 4) if sunken else 0.0, "mm", sinking),
    ]
    tissues = sorted({mass.tissue for mass in lesion.masses if mass.bone == "femur"})
    if tissues:
        of = " and ".join(tissue.replace("joint_fluid", "cysts") for tissue in tissues)
        note = f"{of} within the femur, rim included"
        values.append(("proximal_femur", "lesion_volume", round(sums.lesion, 4), "mL", note))
    line = lesion.fracture_line
    if line is not None:
        of = "crescent in a necrotic segment" if necrosis is not None else "fracture line"
        of += f", filled with {line.filling}" if line.filling != "bone" else ""
        coronal, longest = line_extents_mm(line)
        curve = "along the line between its half-dark ends"
        name, length = "subchondral", "subchondral_line_length"
        full = f"{of}; full thickness where half as dark, across the line"
        values += [
            (name, "subchondral_line_thickness", round(line.thickness_mm, 4), "mm", full),
            (name, length, round(coronal, 4), "mm", f"{of}; coronal: longest {curve} in a coronal plane of the bone"),
            (name, length, round(longest, 4), "mm", f"{of}; in space: longest {curve} in any direction"),
        ]
    if necrosis is not None:
        depth = "middle of the band at its deepest under the segment's joint surface, in coronal planes of the bone"
        middle, most = band_depth_ratio(hip, necrosis), deepest_band_ratio(hip, necrosis)
        for ratio, where in ((middle, "mid-coronal"), (most, "maximal")):
            if ratio is not None:
                values.append(("femoral_head", "band_depth_ratio", round(ratio, 4), "1", f"{where}; {depth}"))
    return values


def extent_class(share_of_head: float) -> str:
    """Return the extent class A (below 15 % of the head), B (to 30 %) or C of Steinberg and of ARCO 1994."""
    return "A" if share_of_head < 15 else "B" if share_of_head <= 30 else "C"


def _head_in_view(hip: Hip, seen: Grid) -> bool:
    """Say whether the slices hold the whole head; half a slice more or less is forgiven."""
    return bool(seen.contains(hip.center, hip.radius - float(seen.spacing[2]) / 2))


def finding_rows(
    scene: Scene, side: Side, sums: HipSums, seen: Grid, date: str, evidence: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the finding rows of one hip."""
    lesion: Lesion = scene.lesions[side]
    hip = scene.person.hips[side]
    in_view = bool(seen.contains(hip.center)) and bool(seen.contains(hip.landmarks["lesser_trochanter_tip"]))

    def share(name: str) -> float:
        return sums.edema[name] / sums.marrow[name] if sums.marrow[name] > 0 else 0.0

    edema = lesion.amount > 0.1
    line = lesion.fracture_line
    through_dead_bone = line is not None and lesion.necrosis is not None

    def head(name: str) -> float:
        return sums.head_edema[name] / sums.head_marrow[name] if sums.head_marrow[name] > 0 else 0.0

    fine = scene.fine.get(side)
    end = boundary(hip, fine.truths[side] if fine is not None else scene.coarse.truths[side])
    signs = {
        "marrow_edema": sum(sums.edema.values()) >= EDEMA_FROM_ML,
        "diffuse_edema": edema and share("femoral_head") > 0.4 and share("femoral_neck") > 0.5,
        "intertrochanteric_demarcation": edema and end is not None and end[1] <= 20 and abs(end[0]) <= 15,
        "trochanter_sparing": edema and share("greater_trochanter") < 0.25,
        "effusion": sums.fluid > EFFUSION_FROM_ML,
        "medial_head_sparing": edema and head("rest") > 0.5 and head("medial") < 0.25,
        "subchondral_fracture_line": line is not None,
        "neck_fracture_line": lesion.cross_line is not None,
        "acetabular_edema": edema
        and (lesion.acetabular_edema or any(blob.bone == "hip_bone" for blob in lesion.blobs)),
        "subchondral_band": lesion.necrosis is not None,
        "double_line": lesion.necrosis is not None and lesion.necrosis.double_line,
        "head_collapse": depression_of(lesion, hip.radius) is not None,
        "marrow_replacement": sums.replaced.volume_ml >= LEAST_REPLACED_ML,
        "crescent": through_dead_bone and line is not None and line.filling != "bone",
    }
    notes = {}
    if line is not None and through_dead_bone:
        if line.filling == "bone":
            notes["crescent"] = "the fracture through the necrotic segment is impacted: a line in MR, not lucent in CT"
            notes["subchondral_fracture_line"] = "a fracture through a necrotic segment, impacted"
        else:
            notes["crescent"] = f"a cleft filled with {line.filling}"
            notes["subchondral_fracture_line"] = f"{notes['crescent']} through a necrotic segment: its crescent"
    if lesion.cross_line is not None:
        notes["neck_fracture_line"] = f"{lesion.cross_line.length_mm:.1f} mm long from the bone's surface"
    if lesion.necrosis is not None:
        share_of_head = 100 * sums.lesion / max(sums.bone["femoral_head"], 1e-9)
        notes["subchondral_band"] = f"extent {extent_class(share_of_head)} of Steinberg and ARCO 1994"
    note = "" if in_view else "the proximal femur lies in part outside the slices"
    return [
        finding_row(
            side,
            sign,
            present=present,
            in_view=in_view,
            date=date,
            modality="MR",
            evidence=evidence,
            note=note or notes.get(sign, ""),
        )
        for sign, present in signs.items()
    ]


def frame_row(hip: Hip, series_uid: str, frame_of_reference_uid: str, seen: Grid) -> dict[str, Any]:
    """Return the frame row of one femur."""
    return {
        "joint": "hip",
        "bone": "femur",
        "side": hip.side.value,
        "series": series_uid,
        "frame_of_reference_uid": frame_of_reference_uid,
        "head_center_mm": [round(float(v), 4) for v in hip.center],
        "head_radius_mm": round(hip.radius, 4),
        "axes": [[round(float(v), 7) for v in row] for row in hip.axes],
        "landmarks": {name: [round(float(v), 4) for v in point] for name, point in hip.landmarks.items()},
        "fit_rms_mm": 0.0,
        "in_view": bool(seen.contains(hip.center, 5.0)),
    }
