"""Export hip and knee of the LLP26 shape model to plain arrays.

Run once, in an environment of its own with ``musculoskeletal-models==0.2.4`` and ``gias3`` (neither is needed
afterward)::

    python scripts/export_shape_model.py src/marrowmap/anatomy/data

Writes ``femur.npz``, ``hip_bone.npz`` and ``sacrum.npz``: mean vertices and 26 modes (one standard deviation each) of
the left side, in mm, +x left, +y posterior, +z up. The origin lies in the midsagittal plane, level with the mean
femoral head center. The raw model leaves the femoral head 9 mm off the acetabulum; here mean and modes of the femur are
moved so that both spheres share their center.

Also writes ``knee_femur.npz``, ``tibia.npz``, ``fibula.npz`` and ``patella.npz``: the same 26 modes in the same space,
so that one vector of weights gives hip and knee of one person. The raw model's tibia stands 14 mm inside the femur.
Here tibia, fibula and patella take the place they have against the femur in a real knee (the label map of
``knee-dess-labels``, MIT), follow the distal femur through each mode, and keep the mean knee's joint gaps.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import ndimage  # noqa: F401  # loads the submodules before the old names are restored
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

import knee_shape

SHAFT_BELOW_HEAD_MM = 240.0
SYMMETRY_PLANE = np.array([1.0, -0.0308, -0.0875, -76.57])
"""Normal and offset (mm) of the mean pelvis's plane of symmetry; its mirror image lies within 1.2 mm rms."""
SEAT_MM = np.array([4.0, 0.0, -3.5])
JOINT_SPACE_MM = 3.0
FEMUR_DIVISIONS = 12
PELVIS_DIVISIONS = 8
TIBIA_DIVISIONS = 9
PATELLA_DIVISIONS = 10


def _restore_scipy_names() -> None:
    """Give back to SciPy the NumPy names it once exported and gias3 still asks for."""
    for name in dir(np):
        if not name.startswith("_") and not hasattr(scipy, name):
            setattr(scipy, name, getattr(np, name))


def _sphere(points):
    a = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(a, (points**2).sum(axis=1), rcond=None)[0]
    center = solution[:3]
    return center, float(np.sqrt(solution[3] + center @ center))


def _normals(points, faces):
    normal = np.zeros_like(points)
    face = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    for corner in range(3):
        np.add.at(normal, faces[:, corner], face)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _cut(points, modes, faces, kept):
    """Keep the vertices `kept` and close the cut with a fan; new vertex = mean of the cut's rim."""
    faces = faces[kept[faces].all(axis=1)]
    used = np.unique(faces)
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    faces, points, modes = number[faces], points[used], modes[:, used]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    known = set(map(tuple, edges))
    rim = np.array([edge for edge in edges if (edge[1], edge[0]) not in known])
    center = len(points)
    ring = np.unique(rim)
    fan = np.c_[rim[:, 1], rim[:, 0], np.full(len(rim), center)]
    points = np.vstack([points, points[ring].mean(axis=0)])
    modes = np.concatenate([modes, modes[:, ring].mean(axis=1, keepdims=True)], axis=1)
    return points, modes, np.vstack([faces, fan])


def _save(path, points, modes, faces, **sets):
    np.savez_compressed(
        path,
        mean=points.astype(np.float32),
        modes=modes.astype(np.float16),
        faces=faces.astype(np.uint16),
        **{name: np.asarray(value, np.uint16) for name, value in sets.items()},
    )
    print(path, len(points), "vertices", path.stat().st_size, "bytes", {k: len(v) for k, v in sets.items()})


def _head_set(points, faces):
    """Vertices of the femoral head's articular surface: near the sphere, off the fovea, off the neck."""
    center = points[points[:, 2] > points[:, 2].max() - 12].mean(axis=0)
    near = points[np.linalg.norm(points - points[np.argmin(points[:, 0] - 0.3 * points[:, 2])], axis=1) < 30]
    center, radius = _sphere(near)
    for _ in range(30):
        away = np.linalg.norm(points - center, axis=1)
        chosen = np.abs(away - radius) < 1.2
        medial = (points - center) @ np.array([-0.70, -0.10, 0.70]) > -0.25 * radius
        chosen &= medial & (away < 1.3 * radius)
        center, radius = _sphere(points[chosen])
    return np.flatnonzero(chosen), center, radius


def _acetabulum_set(points, faces, head):
    """Vertices of the socket: those that face the head center from less than 38 mm away."""
    normal = _normals(points, faces)
    center, radius = head, 27.0
    for _ in range(30):
        to_center = center - points
        away = np.linalg.norm(to_center, axis=1)
        facing = (normal * to_center).sum(axis=1) / away
        socket = (facing > 0.6) & (away < radius + 9)
        lunate = (facing > 0.85) & (np.abs(away - radius) < 1.5)
        center, radius = _sphere(points[lunate])
    return np.flatnonzero(socket), np.flatnonzero(lunate), center, radius


def _ring(points, axis, at, reach=3.0, within=35.0):
    """Sixteen vertices evenly around `axis` (from the origin) near the distance `at`: their mean is its center."""
    along = points @ axis
    near = np.flatnonzero((np.abs(along - at) < reach) & (np.linalg.norm(points - at * axis, axis=1) < within))
    across = points[near] - np.outer(along[near], axis)
    across = across - (across.min(axis=0) + across.max(axis=0)) / 2
    first = np.linalg.svd(across, full_matrices=False)[2][0]
    angle = np.arctan2(across @ np.cross(axis, first), across @ first)
    wanted = np.arange(16) * np.pi / 8
    turn = np.abs((angle[None] - wanted[:, None] + np.pi) % (2 * np.pi) - np.pi)
    offset = np.abs(along[near] - at) / 100
    return np.unique(near[np.argmin(turn + offset[None], axis=1)])


def _nearest(points, target, count):
    return np.argsort(np.linalg.norm(points - target, axis=1))[:count]


def _femur_sets(points, head_center):
    """Landmarks of the mean femur as vertex sets; checked by eye on the mean and on shapes 2 SD away.

    They are read off in a frame with its origin at the head center and axes lateral, anterior and up along the shaft.
    """
    p = points - head_center
    down = np.array([0.0, 0.0, -1.0])
    sets = {
        "shaft_ring_proximal": _ring(p, down, 115.0, reach=9.0, within=70),
        "shaft_ring_distal": _ring(p, down, 205.0, reach=9.0, within=70),
    }
    shaft = p[sets["shaft_ring_distal"]].mean(axis=0) - p[sets["shaft_ring_proximal"]].mean(axis=0)
    shaft /= np.linalg.norm(shaft)
    neck = np.array([0.64, 0.30, -0.70])
    for _ in range(5):
        neck /= np.linalg.norm(neck)
        sets["neck_ring"] = _ring(p, neck, 23.0)
        neck = p[sets["neck_ring"]].mean(axis=0)
    anterior = np.cross(neck, shaft)
    anterior *= -np.sign(anterior[1]) / np.linalg.norm(anterior)
    lateral = np.cross(shaft, anterior)
    lateral *= np.sign(lateral[0])
    q = np.stack([p @ lateral, p @ anterior, -p @ shaft], axis=1)  # lateral, anterior, up
    axis = q[sets["shaft_ring_proximal"]].mean(axis=0) * [1, 1, 0]

    # Greater trochanter: its highest vertices.
    outer = np.flatnonzero(q[:, 0] > 36)
    sets["greater_trochanter_tip"] = outer[np.argsort(-q[outer, 2])[:4]]
    # Saddle: along the neck's ridge (highest surface at each lateral position) the lowest place.
    ridge = np.flatnonzero((np.abs(q[:, 1]) < 9) & (q[:, 0] > 18) & (q[:, 0] < 40) & (q[:, 2] > -12))
    top = [ridge[np.argmax(np.where(np.abs(q[ridge, 0] - x) < 2.5, q[ridge, 2], -99))] for x in range(20, 40, 2)]
    sets["saddle"] = _nearest(q, q[min(top, key=lambda n: q[n, 2])], 4)
    # Lesser trochanter: its tip is furthest from the shaft axis backward and inward. Its upper edge is where the
    # profile above the tip turns from the flank (45 degrees steep) into the neck: 17 mm up, read off cross-sections.
    inward = np.array([-np.cos(np.radians(50)), -np.sin(np.radians(50)), 0.0])
    reach = (q - axis) @ inward
    level = (q[:, 2] < -44) & (q[:, 2] > -66)
    tip = np.flatnonzero(level)[np.argsort(-reach[level])[:4]]
    sets["lesser_trochanter_tip"] = tip
    height = q[tip, 2].mean() + 17.0
    sideways = np.abs((q - axis) @ np.cross(inward, [0, 0, 1.0]))
    flank = reach[(np.abs(q[:, 2] - height) < 3) & (sideways < 7)].max()
    sets["lesser_trochanter_upper"] = _nearest(q, axis + inward * flank + [0, 0, height], 4)
    print({name: q[chosen].mean(axis=0).round(1).tolist() for name, chosen in sets.items()})
    return sets


def _upright():
    """The rotation (applied from the right) that makes the pelvis's own plane of symmetry sagittal."""
    normal = SYMMETRY_PLANE[:3] / np.linalg.norm(SYMMETRY_PLANE[:3])
    forward = np.cross([0.0, 0.0, 1.0], normal)
    forward /= np.linalg.norm(forward)
    return np.stack([normal, forward, np.cross(normal, forward)], axis=1)


def main(out: Path) -> None:  # noqa: PLR0915  # one bone after the other
    _restore_scipy_names()
    import musculoskeletal.models  # noqa: PLC0415
    from gias3.fieldwork.field import geometric_field  # noqa: PLC0415
    from gias3.learning import PCA  # noqa: PLC0415

    out = out.resolve()
    root = Path(musculoskeletal.models.__file__).parent
    os.chdir(root / "atlas_meshes")
    model = PCA.loadPrincipalComponents(str(root / "shape_models" / "LLP26_rigid.pc"))
    mean = model.getMean().reshape(3, -1)
    modes = (model.modes * np.sqrt(model.weights)).T.reshape(26, 3, -1)

    def evaluate(name, mesh, first, divisions):
        field = geometric_field.load_geometric_field(f"{name}.geof", f"{mesh}.ens", f"{mesh}.mesh")
        count = field.get_field_parameters().shape[1]
        part = slice(first, first + count)
        shapes = []
        for nodes in (mean, *(mean + mode for mode in modes)):
            field.set_field_parameters(np.ascontiguousarray(nodes[:, part, None]))
            vertices, faces = field.triangulate([divisions, divisions], merge=True)
            shapes.append(vertices)
        return shapes[0], np.array([s - shapes[0] for s in shapes[1:]]), np.asarray(faces, np.int64), count

    pelvis, pelvis_modes, pelvis_faces, count = evaluate(
        "pelvis_combined_cubic_mean_rigid_LLP26", "pelvis_combined_cubic_flat", 0, PELVIS_DIVISIONS
    )
    femur, femur_modes, femur_faces, femur_count = evaluate(
        "femur_left_mean_rigid_LLP26", "femur_left_quartic_flat", count, FEMUR_DIVISIONS
    )

    edges = np.concatenate([pelvis_faces[:, [0, 1]], pelvis_faces[:, [1, 2]]])
    part = connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(len(pelvis),) * 2))[1]
    by_x = sorted(range(3), key=lambda p: pelvis[part == p, 0].mean())  # right hip bone, sacrum, left hip bone
    right, middle, left = (part == p for p in by_x)

    turn = _upright()
    pelvis, pelvis_modes, femur, femur_modes = (x @ turn for x in (pelvis, pelvis_modes, femur, femur_modes))
    # Each mode may move the plane a little: take that out again.
    mid = SYMMETRY_PLANE[3]
    mid_modes = (pelvis_modes[:, left, 0].mean(axis=1) + pelvis_modes[:, right, 0].mean(axis=1)) / 2
    shift_modes = np.stack([mid_modes, np.zeros(26), np.zeros(26)], axis=1)[:, None]

    def pick(chosen):
        number = np.cumsum(chosen) - 1
        return pelvis[chosen], pelvis_modes[:, chosen] - shift_modes, number[pelvis_faces[chosen[pelvis_faces[:, 0]]]]

    hip, hip_modes, hip_faces = pick(left)
    sacrum, sacrum_modes, sacrum_faces = pick(middle)
    whole, whole_modes, whole_faces = femur, femur_modes, femur_faces
    level = femur[:, 2].max() - 25 - SHAFT_BELOW_HEAD_MM
    femur, femur_modes, femur_faces = _cut(femur, femur_modes, femur_faces, femur[:, 2] > level)
    head, head_center, head_radius = _head_set(femur, femur_faces)
    socket, lunate, socket_center, socket_radius = _acetabulum_set(hip, hip_faces, head_center)
    print("head", head_center, head_radius, "socket", socket_center, socket_radius)

    # The model's socket is tighter than its head. Seat the head a little lateral and distal, so that the thin medial
    # wall stays whole, and widen the socket around it to leave room for cartilage.
    socket_center = socket_center + SEAT_MM
    away = np.linalg.norm(hip - socket_center, axis=1, keepdims=True)
    hip = socket_center + (hip - socket_center) * np.maximum(1.0, (head_radius + JOINT_SPACE_MM) / away)
    # Bring head and socket together: the mean by its offset, each mode by its central difference (nearly linear).
    femur = femur + (socket_center - head_center)
    whole = whole + (socket_center - head_center)
    followed = np.zeros((26, 3))
    for n in range(26):
        offset = [
            _sphere((hip + s * hip_modes[n])[lunate])[0] - _sphere((femur + s * femur_modes[n])[head])[0]
            for s in (1.0, -1.0)
        ]
        followed[n] = (offset[0] - offset[1]) / 2
        femur_modes[n] += followed[n]

    origin = np.array([mid, socket_center[1], socket_center[2]])
    femur, hip, sacrum = femur - origin, hip - origin, sacrum - origin
    sets = _femur_sets(femur, socket_center - origin)
    _save(out / "femur.npz", femur, femur_modes, femur_faces, femur_head_articular=head, **sets)
    _save(out / "hip_bone.npz", hip, hip_modes, hip_faces, acetabulum_articular=socket, lunate=lunate)
    _save(out / "sacrum.npz", sacrum, sacrum_modes, sacrum_faces)

    # The knee, in the same space and with the same weights.
    femur = whole - origin, whole_modes + followed[:, None], whole_faces
    _export_knee(out, evaluate, count + femur_count, femur, (turn, socket_center - head_center - origin))


def _export_knee(out, evaluate, first, femur, place):
    """Evaluate patella, tibia and fibula, whose nodes begin at `first`, set them against the femur and store all."""
    patella, patella_modes, patella_faces, count = evaluate(
        "patella_left_mean_rigid_LLP26", "patella_11_left", first, PATELLA_DIVISIONS
    )
    shank, shank_modes, shank_faces, _ = evaluate(
        "tibia_fibula_cubic_left_mean_rigid_LLP26", "tibia_fibula_left_cubic_flat", first + count, TIBIA_DIVISIONS
    )
    turn, move = place
    bones, modes, faces = ({"femur": part} for part in femur)
    for name, chosen in _split_shank(shank, shank_faces).items():
        number = np.cumsum(chosen) - 1
        faces[name] = number[shank_faces[chosen[shank_faces[:, 0]]]]
        bones[name] = knee_shape.rest(shank[chosen], knee_shape.TIBIA_REST) @ turn + move
        modes[name] = knee_shape.turn_modes(shank_modes[:, chosen], knee_shape.TIBIA_REST) @ turn
    faces["patella"] = patella_faces
    bones["patella"] = knee_shape.rest(patella, knee_shape.PATELLA_REST) @ turn + move
    modes["patella"] = knee_shape.turn_modes(patella_modes, knee_shape.PATELLA_REST) @ turn
    _save_knee(out, *knee_shape.build_knee(bones, modes, faces))


def _split_shank(points, faces):
    """Tell tibia and fibula apart: the fibula's top is lower."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    part = connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(len(points),) * 2))[1]
    fibula, tibia = sorted(range(2), key=lambda p: points[part == p, 2].max())
    return {"tibia": part == tibia, "fibula": part == fibula}


def _save_knee(out, knee, mean, modes):
    """Cut the long bones near the joint and store all four."""
    origin = knee.frame[0]
    height = {name: (points - origin)[:, 2] for name, points in mean.items()}
    kept = {
        "femur": height["femur"] < height["femur"].min() + knee_shape.FEMUR_ABOVE_MM,
        "tibia": height["tibia"] > height["tibia"].max() - knee_shape.TIBIA_BELOW_MM,
        "fibula": height["fibula"] > height["tibia"].max() - knee_shape.TIBIA_BELOW_MM,
    }
    for name in ("femur", "tibia", "fibula", "patella"):
        sets = knee.sets[name]
        points, shape, faces = mean[name], modes[name], knee.faces[name]
        if name in kept:
            points, shape, faces = _cut(points, shape, faces, kept[name])
            at = np.argwhere((points[:, None] == mean[name][None]).all(axis=2))
            number = dict(zip(at[:, 1], at[:, 0], strict=True))
            sets = {key: np.array([number[n] for n in value if n in number]) for key, value in sets.items()}
            rim = np.unique(faces[(faces == len(points) - 1).any(axis=1)])
            points[rim, 2] = points[rim, 2].mean()
        print(name, {key: (points[value].mean(axis=0) - origin).round(1).tolist() for key, value in sets.items()})
        _save(out / f"{'knee_femur' if name == 'femur' else name}.npz", points, shape, faces, **sets)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
