"""Bones and joint of a virtual hip as layers, and with them the truth that is measured later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.bone_loss import RESORBED
from marrowmap.phantom.bone_loss import lost_share
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.collapse import move_surface
from marrowmap.phantom.collapse import sink
from marrowmap.phantom.focus import blob_membership
from marrowmap.phantom.focus import mass_shares
from marrowmap.phantom.fracture import line_share
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Box
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.layers import signed_distance
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.layers import tube_distance
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import TISSUE
from marrowmap.phantom.onfh import Segment
from marrowmap.phantom.onfh import edema_around
from marrowmap.phantom.onfh import paint_segment
from marrowmap.phantom.osteoarthritis import osteophyte_mm
from marrowmap.phantom.osteoarthritis import worn_share
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.stress_fracture import cross_line_share
from marrowmap.phantom.toh import acetabular_membership
from marrowmap.phantom.toh import edema_membership
from marrowmap.values import Side

JOINT_GAP_MM = 2.6
"""Least distance of acetabulum and head: two layers of cartilage."""
ROOF_GROWTH_MM = np.float32(4.0)
SOFT_TISSUE_MM = 9.0
"""How far a mass may stand out of the bone."""
OPEN_CLEFTS = {"fluid": "joint_fluid", "gas": "air"}
"""What fills an open fracture, by its tissue: then it is lucent in CT; impacted bone is dense there."""
LINE_DARKNESS = 0.85
"""Share of the marrow space that a fracture line takes; the rest is marrow between its fragments."""


@dataclass(frozen=True, eq=False)
class HipTruth:
    """What lies where in one hip, on part of a grid: the noise-free model.

    Parameters
    ----------
    grid : Grid
        Axis-aligned.
    bone, marrow : array
        Share of each voxel that is femur, and inside its cortex.
    membership : array
        Edema membership 0 to 1 of each voxel's femoral marrow.
    fluid : array
        Share that is joint fluid.
    lesion, band : array
        Share of each voxel that is bone of a necrotic segment, its band included, or of a mass; and of that band. 0
        without one.
    line : array
        Share that is a fracture line; 0 without one.
    socket : array
        Share that is hip bone; 0 where none is near.
    mineral : array
        Share that is mineralized bone of the femur, cortex and trabeculae, after any loss.
    """

    grid: Grid
    bone: Array
    marrow: Array
    membership: Array
    fluid: Array
    lesion: Array
    band: Array
    line: Array
    socket: Array
    mineral: Array


@dataclass(frozen=True, eq=False)
class BoneScene:
    """Layers of the bones and joints on one grid, and the truth about each femur in it."""

    layers: list[Layer]
    truths: dict[Side, HipTruth] = field(default_factory=dict)


def femur_cortex_mm(hip: Hip, points: Array, bone: Array) -> Array:
    """Return how thick the femur's cortex is near each point: thin over the head, thick at shaft and calcar."""
    low = (points - hip.landmarks["lesser_trochanter_tip"].astype(np.float32)) @ hip.shaft.astype(np.float32)
    shaft = 1.3 + 3.9 * smoothstep(low, -15, 40)
    past = hip.past_plane(points)
    neck = 0.8 + 0.5 * smoothstep(bone[..., 0], 0.5 * hip.radius, 1.0 * hip.radius)
    inferior = smoothstep(-bone[..., 1], 6, 16) * smoothstep(bone[..., 0], 12, 26)
    calcar = 2.2 * inferior * (1 - smoothstep(past, 25, 45))
    outer = smoothstep(past, -5, 8)
    trochanter = 0.9 + (shaft - 1.3)
    return np.asarray(neck * (1 - outer) + np.maximum(trochanter, 0.9) * outer + calcar, np.float32)


def _red_marrow(hip: Hip, person: Person, points: Array, bone: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Share of red marrow: most in the intertrochanteric region, little in head and greater trochanter."""
    past = hip.past_plane(points)
    superior = smoothstep(bone[..., 1], 8, 22)
    around = np.exp(-(((past - 6) / 24) ** 2)) * (1 - 0.85 * superior * smoothstep(past, 0, 10))
    shaft = 0.45 * smoothstep(past, 15, 40)
    exaggerated = max(0.0, person.red_marrow - 0.5)
    usual = np.maximum(around, shaft) + exaggerated * (1 - smoothstep(-past, 8, 28))
    patches = 0.75 + 0.25 * noise(grid, rng, 9.0)
    share = person.red_marrow * usual * patches
    # Epiphyses convert to yellow marrow early and stay so.
    radius = np.sqrt((bone**2).sum(axis=-1))
    head = 1 - smoothstep(radius, 0.95 * hip.radius, 1.25 * hip.radius)
    return np.asarray(np.clip(share * (1 - 0.9 * head) + 0.02, 0, 0.95), np.float32)


def _trabeculae(hip: Hip, bone: Array, past: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Share of bone within the marrow space: dense in the head's weight-bearing group, sparse in Ward's triangle."""
    radius = np.sqrt((bone**2).sum(axis=-1))
    head = 1 - smoothstep(radius, 0.8 * hip.radius, 1.2 * hip.radius)
    compressive = np.exp(-((bone[..., 2] / 14) ** 2)) * smoothstep(bone[..., 1] - 0.25 * bone[..., 0], -10, 8) * head
    ward = np.exp(-(((past + 2) / 11) ** 2)) * (1 - smoothstep(np.abs(bone[..., 1]), 5, 14))
    share = 0.07 + 0.07 * head + 0.07 * compressive - 0.035 * ward
    fine = 0.030 * noise(grid, rng, 1.8) + 0.018 * noise(grid, rng, 5.0)
    # The physeal scar: a thin line across the head.
    scar = 0.22 * np.exp(-(((bone[..., 0] - 0.32 * hip.radius + 0.012 * (bone[..., 1] ** 2)) / 0.9) ** 2)) * head
    return np.asarray(np.clip(share + fine + scar, 0.0, 0.5), np.float32)


def _marrow_layers(
    box: Box,
    marrow: Array,
    trabeculae: Array,
    red: Array,
    edema: Array,
    amount: float,
    line: Array | None,
    segment: Segment | None = None,
    interior: str = "fat",
    filling: str = "bone",
    masses: Sequence[tuple[str, Array, Array]] = (),
) -> list[Layer]:
    """Fill the marrow space: trabeculae stay bone, edema takes the place of fat, red and yellow share the rest.

    A necrotic segment takes its place first; what of its band is not granulation tissue stays bone: sclerosis. So do
    masses, given by tissue, share and share within their sclerotic rim.
    """
    space = marrow * (1 - trabeculae)
    dead: list[Layer] = []
    if line is not None:
        space = space * (1 - np.float32(LINE_DARKNESS) * line)
        if filling in OPEN_CLEFTS:
            cleft = (np.float32(LINE_DARKNESS) * marrow * line).astype(np.float32)
            dead.append(Layer(OPEN_CLEFTS[filling], box, cleft, "cortical_bone"))
    water = np.minimum(edema * np.float32(amount), 1)
    if segment is not None:
        dead += [
            Layer(TISSUE[interior], box, (space * segment.core).astype(np.float32), "cortical_bone"),
            Layer("granulation", box, (space * segment.granulation).astype(np.float32), "cortical_bone"),
        ]
        space = space * (1 - segment.whole)
    for tissue, whole, core in masses:
        dead.append(Layer(tissue, box, (marrow * core).astype(np.float32), "cortical_bone"))
        space = space * (1 - whole)
    return [
        *dead,
        Layer("edema", box, (space * water).astype(np.float32), "cortical_bone"),
        Layer("red_marrow", box, (space * (1 - water) * red).astype(np.float32), "cortical_bone"),
        Layer("yellow_marrow", box, (space * (1 - water) * (1 - red)).astype(np.float32), "cortical_bone"),
    ]


def _capsule(hip: Hip, lesion: Lesion, bone: Array, past: Array) -> Array:
    """How far the joint capsule stands off the femur, mm; negative where there is none."""
    neck, superior, anterior = bone[..., 0], bone[..., 1], bone[..., 2]
    around = np.maximum(np.sqrt(superior**2 + anterior**2), 1)
    front = smoothstep(anterior / around, -0.1, 0.8)
    under = smoothstep(-superior / around, 0.2, 0.9)
    over = smoothstep(superior / around, 0.4, 0.95)
    along = smoothstep(neck, 0.15 * hip.radius, 0.85 * hip.radius) * (1 - smoothstep(past + 9 * under, -12, -3))
    swell = lesion.effusion_mm * (0.15 + 0.85 * np.maximum(front, 0.75 * under) + 0.25 * over)
    usual = 0.3 + 0.6 * under + 0.35 * front
    return np.asarray(
        (usual + swell) * along - 2.0 * (1 - smoothstep(neck, -0.3 * hip.radius, 0.1 * hip.radius)), np.float32
    )


def _lose_mineral(bones: list[Layer], box: Box, lost: Array) -> Array:
    """Return the share that is mineralized bone, after the loss of some of it, which becomes one more layer."""
    mineral = np.asarray(np.clip(bones[0].share - sum(layer.share for layer in bones[1:]), 0, 1), np.float32)
    if lost.any():
        bones.append(Layer(RESORBED, box, mineral * lost, "cortical_bone"))
    return mineral * (1 - lost)


def _paint_femur_joint(
    hip: Hip,
    lesion: Lesion,
    femur: Array,
    points: Array,
    bone: Array,
    grid: Grid,
    box: Box,
    red: Array,
    rng: np.random.Generator,
    before: Array | None = None,
) -> tuple[list[Layer], list[Layer], HipTruth]:
    """Paint one femur and its joint; `before` is its signed distance before it collapsed, if it did."""
    voxel = float(grid.spacing[0])
    past = hip.past_plane(points)
    radius = np.sqrt((bone**2).sum(axis=-1))
    whole = occupancy(femur, voxel)
    marrow = np.minimum(occupancy(femur + femur_cortex_mm(hip, points, bone), voxel), whole)
    unevenness = noise(grid, rng, 14.0)
    segment = None
    if lesion.blobs:
        blobs = [blob for blob in lesion.blobs if blob.bone == "femur" and lesion.amount > 0]
        membership = blob_membership(blobs, hip, grid, unevenness)
    elif lesion.necrosis is None:
        membership = edema_membership(lesion, hip, points, bone, unevenness)
    else:
        segment = paint_segment(lesion.necrosis, hip.radius, bone, voxel)
        membership = edema_around(lesion, segment, unevenness)
    blotches = np.clip(1 + 0.10 * noise(grid, rng, 11.0) + 0.07 * noise(grid, rng, 4.0), 0.6, 1.35)
    fracture = lesion.fracture_line
    line = None if fracture is None else line_share(fracture, hip.radius, -femur, bone, voxel)
    if lesion.cross_line is not None:
        line = cross_line_share(lesion.cross_line, bone, voxel)
    masses = [(m, *mass_shares(m, hip, grid, unevenness)) for m in lesion.masses if m.bone == "femur"]
    for _, share, _ in masses:
        membership = membership * (1 - share)

    stand_off = _capsule(hip, lesion, bone, past)
    # Cartilage covers the head where the socket can reach it.
    thickness = np.float32(1.9) if lesion.wear is None else 1.9 - 1.2 * worn_share(lesion.wear, bone)
    covered = (radius < hip.radius + 6) & (bone[..., 0] < 0.55 * hip.radius)
    cartilage = (
        occupancy(femur - thickness * (1 - smoothstep(bone[..., 0], 0.3 * hip.radius, 0.65 * hip.radius)), voxel)
        * covered
    )
    reach = (bone[..., 0] > 0.05 * hip.radius) & (past < 4)
    fluid = occupancy(femur - np.maximum(stand_off, 0), voxel) * (stand_off > 0.15) * reach
    if before is not None:
        # Where bone and cartilage have been, there is fluid now.
        fluid = np.maximum(fluid, occupancy(before - 1.9, voxel) * (femur - before > 0.05))
    film = (
        np.exp(-(((radius - hip.radius - JOINT_GAP_MM * 0.5) / 0.45) ** 2)) * (bone[..., 0] < 0.4 * hip.radius) * 0.35
    )
    capsule = occupancy(np.abs(femur - np.maximum(stand_off, 0) - 1.2) - 0.8, voxel) * 0.75 * reach * (stand_off > 0.1)
    around = [
        Layer("capsule", box, capsule.astype(np.float32)),
        Layer("joint_fluid", box, fluid.astype(np.float32)),
        Layer("cartilage", box, cartilage.astype(np.float32)),
        Layer("joint_fluid", box, film.astype(np.float32)),
    ]
    bones = [
        Layer("cortical_bone", box, whole),
        *_marrow_layers(
            box,
            marrow,
            _trabeculae(hip, bone, past, grid, rng),
            red,
            np.clip(membership * blotches, 0, 1.2),
            lesion.amount,
            line,
            segment,
            lesion.necrosis.interior if lesion.necrosis else "fat",
            fracture.filling if fracture else "bone",
            [(mass.tissue, share, core) for mass, share, core in masses],
        ),
    ]
    mineral = _lose_mineral(bones, box, lost_share(lesion, hip, points, unevenness))
    for mass, _, core in masses:
        if mass.breaks_cortex:
            outside = occupancy(femur - np.float32(SOFT_TISSUE_MM), voxel)
            bones.append(Layer(mass.tissue, box, (core * outside).astype(np.float32)))
            mineral = mineral * (1 - core * outside)
    free = np.clip(1 - whole, 0, 1)
    covered_by_cartilage = (1 - cartilage) * fluid
    joint_fluid = (covered_by_cartilage + (1 - covered_by_cartilage) * film) * free
    nothing = np.zeros(whole.shape, np.float32)
    replaced = nothing if segment is None else whole * segment.whole
    for _, share, _ in masses:
        replaced = np.maximum(replaced, whole * share)
    truth = HipTruth(
        grid,
        whole,
        marrow,
        membership,
        joint_fluid.astype(np.float32),
        replaced,
        nothing if segment is None else whole * (segment.whole - segment.core),
        nothing if line is None else marrow * line,
        nothing,
        mineral.astype(np.float32),
    )
    return around, bones, truth


def bone_layers(
    person: Person, lesions: dict[Side, Lesion], grid: Grid, rng: np.random.Generator, *, sides: tuple[Side, ...]
) -> BoneScene:
    """Paint sacrum, hip bones, joints and femora of some sides on a grid.

    Parameters
    ----------
    person : Person
    lesions : dict of Side to Lesion
    grid : Grid
        Axis-aligned, cubic voxels.
    rng : Generator
    sides : tuple of Side
    """
    scene = BoneScene([])
    found = signed_distance(person.sacrum, person.sacrum_faces, grid, 3.0)
    if found is not None:
        box, sacrum = found
        _paint_flat_bone(
            scene.layers, box, sacrum, sub_grid(grid, box), 1.1, 0.45, np.zeros(sacrum.shape, np.float32), 0.0, rng
        )
    for side in sides:
        _hip_layers(scene, person.hips[side], lesions[side], person, grid, rng)
    return scene


def _paint_flat_bone(
    layers: list[Layer],
    box: Box,
    distance: Array,
    grid: Grid,
    cortex: float | Array,
    red_share: float,
    edema: Array,
    amount: float,
    rng: np.random.Generator,
    masses: Sequence[tuple[str, Array, Array]] = (),
) -> None:
    voxel = float(grid.spacing[0])
    whole = occupancy(distance, voxel)
    marrow = np.minimum(occupancy(distance + cortex, voxel), whole)
    red = np.clip(red_share + 0.12 * noise(grid, rng, 10.0), 0, 0.95)
    texture = np.clip(0.10 + 0.03 * noise(grid, rng, max(2.0, 2 * voxel)), 0, 0.4)
    layers.append(Layer("cortical_bone", box, whole))
    layers.extend(_marrow_layers(box, marrow, texture, red, edema, amount, None, masses=masses))


def _hip_layers(
    scene: BoneScene, hip: Hip, lesion: Lesion, person: Person, grid: Grid, rng: np.random.Generator
) -> None:
    femur_found = signed_distance(hip.femur, hip.femur_faces, grid, 14.0)
    hip_found = signed_distance(hip.hip_bone, hip.hip_bone_faces, grid, 6.0)
    joint_layers: list[Layer] = []
    femur_layers: list[Layer] = []
    if femur_found is not None:
        box, femur = femur_found
        part = sub_grid(grid, box)
        points = points_of(part)
        bone = hip.bone_coordinates(points)
        red = _red_marrow(hip, person, points, bone, part, rng)
        if lesion.wear is not None:
            femur = femur - osteophyte_mm(lesion.wear, hip.radius, bone)
            femur_found = box, femur
        depression, before = depression_of(lesion, hip.radius), None
        if depression is not None:
            before = femur
            femur = move_surface(before, sink(depression, hip.radius, bone), points, hip.center, part)
            femur_found = box, femur
        joint_layers, femur_layers, truth = _paint_femur_joint(
            hip, lesion, femur, points, bone, part, box, red, rng, before
        )
        scene.truths[hip.side] = truth
    pelvis_layers: list[Layer] = []
    if hip_found is not None:
        box, pelvis = hip_found
        part = sub_grid(grid, box)
        points = points_of(part)
        away = points - hip.center.astype(np.float32)
        radius = np.sqrt((away**2).sum(axis=-1))
        # The socket leaves room for cartilage, and no bone lies within the other.
        inner: Array | np.float32 = np.float32(hip.radius + JOINT_GAP_MM)
        if lesion.wear is not None:
            worn = worn_share(lesion.wear, hip.bone_coordinates(points))
            inner = inner - np.float32(lesion.wear.narrowing_mm) * worn
            # The roof grows down to what is left of the joint space, and a little over its edge.
            pelvis = pelvis - ROOF_GROWTH_MM * worn * (1 - smoothstep(radius, hip.radius + 4, hip.radius + 9))
        pelvis = np.asarray(np.maximum(pelvis, inner - radius), np.float32)
        if femur_found is not None:
            apart = np.float32(1.5) if lesion.wear is None else np.float32(0.5)
            pelvis = np.maximum(pelvis, apart - _overlap(femur_found, box, pelvis.shape))
        roof = 0.9 * (1 - smoothstep(radius - np.float32(hip.radius), 3, 9))
        socket = (radius < hip.radius + JOINT_GAP_MM + 3.0) & (pelvis > 0) & (pelvis < 3.4)
        pelvis_layers.append(Layer("cartilage", box, (0.9 * socket).astype(np.float32)))
        unevenness = noise(part, rng, 14.0)
        edema = acetabular_membership(lesion, hip, points, unevenness)
        if lesion.amount > 0 and any(blob.bone == "hip_bone" for blob in lesion.blobs):
            blobs = [blob for blob in lesion.blobs if blob.bone == "hip_bone"]
            edema = np.maximum(edema, blob_membership(blobs, hip, part, unevenness))
        masses = [(m.tissue, *mass_shares(m, hip, part, unevenness)) for m in lesion.masses if m.bone == "hip_bone"]
        red_share = float(np.clip(0.25 + 0.6 * person.red_marrow, 0.2, 0.8))
        _paint_flat_bone(
            pelvis_layers, box, pelvis, part, 1.2 + roof, red_share, edema, 0.8 * lesion.amount, rng, masses
        )
        if femur_found is not None:
            scene.truths[hip.side] = _beside_pelvis(
                scene.truths[hip.side], femur_found[0], box, pelvis, float(grid.spacing[0])
            )
    # The socket's cartilage comes first, so that the film of fluid lies on it.
    scene.layers.extend([*pelvis_layers[:1], *joint_layers, *pelvis_layers[1:], *femur_layers])


def _shared(a: Box, b: Box) -> tuple[Box, Box] | None:
    """Where two boxes of one grid overlap, as boxes within each."""
    low = [max(p.start, q.start) for p, q in zip(a, b, strict=True)]
    high = [min(p.stop, q.stop) for p, q in zip(a, b, strict=True)]
    if any(x >= y for x, y in zip(low, high, strict=True)):
        return None
    inner = [tuple(slice(x - s.start, y - s.start) for x, y, s in zip(low, high, box, strict=True)) for box in (a, b)]
    return inner[0], inner[1]  # type: ignore[return-value]


def _overlap(femur: tuple[Box, Array], box: Box, shape: tuple[int, ...]) -> Array:
    """Signed distance to the femur in another box; far away where the boxes do not overlap."""
    result = np.full(shape, 99.0, np.float32)
    shared = _shared(femur[0], box)
    if shared is not None:
        result[shared[1]] = femur[1][shared[0]]
    return result


def _beside_pelvis(truth: HipTruth, femur_box: Box, box: Box, pelvis: Array, voxel: float) -> HipTruth:
    """Add the hip bone to the truth and take away the fluid that it was painted over."""
    shared = _shared(femur_box, box)
    if shared is None:
        return truth
    fluid, socket = np.array(truth.fluid), np.zeros(truth.fluid.shape, np.float32)
    socket[shared[0]] = occupancy(pelvis[shared[1]], voxel)
    fluid[shared[0]] *= 1 - socket[shared[0]]
    return replace(truth, fluid=fluid, socket=socket)


def metal_layers(hip: Hip, grid: Grid, strength: float) -> list[Layer]:
    """Paint what a lag screw through neck and head leaves: a signal void with a bright rim.

    Parameters
    ----------
    strength : float
        Size of the artifact, about 1 at 1.5 T and 1.6 at 3 T.
    """
    neck = hip.axes[:, 0]
    path = np.stack([hip.center + neck * 2, hip.center + neck * 78])
    box = box_around(grid, path, 22.0)
    if box is None:
        return []
    part = sub_grid(grid, box)
    distance = tube_distance(coordinates(part), path, np.array([6.5, 8.5]) * strength)
    rim = np.exp(-(((distance - 1.5) / 1.6) ** 2)).astype(np.float32)
    void = ndimage.gaussian_filter(occupancy(distance, float(grid.spacing[0])), 0.8)
    return [Layer("pile_up", box, 0.6 * rim), Layer("metal", box, void)]
