"""The knee's part of the shape model: place the four bones, keep their gaps through all modes, name their places.

Used by ``export_shape_model.py``. Space: the hip model's (mm, LEFT side, +x left, +y posterior, +z up).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

# Where tibia and patella stand against the femur, raw model: turned about a point (degrees), then moved (mm). Read off
# the label map of `knee-dess-labels` (real right knee, mirrored) by fitting the mean bones to its surfaces.
TIBIA_REST = (np.array([10.78, 7.96, -7.89]), np.array([82.41, 53.33, 791.81]), np.array([-7.31, 17.94, -21.09]))
PATELLA_REST = (np.array([1.22, 7.74, 2.72]), np.array([96.45, 14.26, 829.69]), np.array([2.26, -2.21, -15.97]))

TIBIA_GAP_MM = 4.6
"""Least distance of the bones' surfaces, medial and lateral; the real knee has 4.8–5.5."""
PATELLA_GAP_MM = 4.2
FIBULA_GAP_MM = 1.6
FIBULA_MOVE_MM = np.array([3.4, -0.8, 2.0])
"""The same real knee's fibula lies (3.4, -2.7, 3.6) off the seated one; this much of it keeps the bones apart."""
FEMUR_ABOVE_MM = 115.0
TIBIA_BELOW_MM = 115.0
NEAR_MM = 60.0
"""Bone this close to the joint says how a mode turns the femur's lower end."""


def rest(points, place):
    """Turn and move raw points to their place against the femur."""
    turn, about, move = place
    return (points - about) @ Rotation.from_rotvec(turn, degrees=True).as_matrix().T + about + move


def turn_modes(modes, place):
    """Turn what the modes add likewise."""
    return modes @ Rotation.from_rotvec(place[0], degrees=True).as_matrix().T


def normals_of(points, faces):
    """Outward unit normals at vertices."""
    normal = np.zeros_like(points)
    face = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    for corner in range(3):
        np.add.at(normal, faces[:, corner], face)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def fit_sphere(points):
    """Center and radius by least squares."""
    shift = points.mean(axis=0)
    q = points - shift
    solution = np.linalg.lstsq(np.c_[2 * q, np.ones(len(q))], (q**2).sum(axis=1), rcond=None)[0]
    return solution[:3] + shift, float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def rigid_between(source, target):
    """Rotation and shift that bring `source` closest to `target`."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    return turn, b - turn @ a


def gap(points, faces_normals, other, part, low=3.0):
    """Signed distance (a low percentile, mm) of the vertices `part` from another bone's surface."""
    surface, normals = other
    tree, (vertices, _) = cKDTree(surface), (points, faces_normals)
    _, nearest = tree.query(vertices[part], k=3)
    signed = np.einsum("nkc,nkc->nk", vertices[part][:, None] - surface[nearest], normals[nearest]).mean(axis=1)
    return float(np.percentile(signed, low))


class Knee:
    """Means, faces and vertex sets of the four whole bones, before they are cut."""

    def __init__(self, femur, femur_faces, tibia, tibia_faces, fibula, fibula_faces, patella, patella_faces):
        self.mean = {"femur": femur, "tibia": tibia, "fibula": fibula, "patella": patella}
        self.faces = {"femur": femur_faces, "tibia": tibia_faces, "fibula": fibula_faces, "patella": patella_faces}
        self.sets = {"femur": femur_sets(femur, femur_faces)}
        marks = self.sets["femur"]
        self.frame = knee_frame(femur, marks)
        self.sets["tibia"] = tibia_sets(tibia, tibia_faces, self.frame)
        self.sets["fibula"] = fibula_sets(fibula, self.frame)
        self.sets["patella"] = patella_sets(patella, patella_faces, self.frame)

    def seat(self, bones, sets=None):
        """Move tibia, fibula and patella of one shape so that the gaps to the femur are the mean knee's."""
        sets = sets or self.sets
        femur = bones["femur"]
        surface = femur, normals_of(femur, self.faces["femur"])
        _, lateral, anterior, up = knee_frame(femur, sets["femur"])
        centers = {name: fit_sphere(femur[sets["femur"][f"{name}_condyle"]])[0] for name in ("medial", "lateral")}
        tibia, fibula, patella = bones["tibia"], bones["fibula"], bones["patella"]
        middle = (centers["medial"] + centers["lateral"]) / 2
        for _ in range(6):
            plateau = {n: tibia[sets["tibia"][f"{n}_plateau"]].mean(axis=0) for n in ("medial", "lateral")}
            center = (plateau["medial"] + plateau["lateral"]) / 2
            normal = normals_of(tibia, self.faces["tibia"])
            gaps = {n: gap(tibia, normal, surface, sets["tibia"][f"{n}_plateau"]) for n in plateau}
            width = (plateau["lateral"] - plateau["medial"]) @ lateral
            tilt = (gaps["lateral"] - gaps["medial"]) / width
            # Lateral gap too wide: turn about the front-to-back axis so that the lateral plateau rises.
            turn = Rotation.from_rotvec(np.cross(lateral, up) * tilt).as_matrix()
            move = up * (np.mean(list(gaps.values())) - TIBIA_GAP_MM)
            move += lateral * (self.aside - (center - middle) @ lateral)
            move += anterior * (self.ahead - (center - middle) @ anterior)
            tibia = (tibia - center) @ turn.T + center + move
            fibula = (fibula - center) @ turn.T + center + move
        for _ in range(6):
            normal = normals_of(patella, self.faces["patella"])
            apart = gap(patella, normal, surface, sets["patella"]["articular"])
            center = patella.mean(axis=0)
            move = anterior * (PATELLA_GAP_MM - apart)
            move += lateral * (self.patella_aside - (center - middle) @ lateral)
            move += up * (self.patella_above - (center - middle) @ up)
            patella = patella + move
        surface = tibia, normals_of(tibia, self.faces["tibia"])
        outward = fibula[sets["fibula"]["head_tip"]].mean(axis=0) - tibia[sets["tibia"]["lateral_plateau"]].mean(axis=0)
        outward -= outward @ up * up
        outward /= np.linalg.norm(outward)
        for _ in range(4):
            normal = normals_of(fibula, self.faces["fibula"])
            fibula = fibula + outward * (FIBULA_GAP_MM - gap(fibula, normal, surface, sets["fibula"]["head"], low=1.0))
        return {"femur": femur, "tibia": tibia, "fibula": fibula, "patella": patella}

    def remember_rest(self):
        """Note how the mean bones lie across and along the joint, for `seat`."""
        femur = self.mean["femur"]
        origin, lateral, anterior, up = self.frame
        tibia = self.mean["tibia"]
        center = np.mean(
            [tibia[self.sets["tibia"][f"{n}_plateau"]].mean(axis=0) for n in ("medial", "lateral")], axis=0
        )
        self.aside, self.ahead = (center - origin) @ lateral, (center - origin) @ anterior
        patella = self.mean["patella"].mean(axis=0)
        self.patella_aside, self.patella_above = (patella - origin) @ lateral, (patella - origin) @ up
        return femur


def knee_frame(femur, sets):
    """Origin midway between the condyles' centers and unit axes lateral, anterior, up."""
    medial, lateral = (fit_sphere(femur[sets[f"{name}_condyle"]])[0] for name in ("medial", "lateral"))
    across = lateral - medial
    across /= np.linalg.norm(across)
    shaft = femur[sets["shaft_ring_proximal"]].mean(axis=0) - femur[sets["shaft_ring_distal"]].mean(axis=0)
    up = shaft - (shaft @ across) * across
    up /= np.linalg.norm(up)
    anterior = np.cross(across, up)
    anterior *= -np.sign(anterior[1])
    return (medial + lateral) / 2, across, anterior, up


def _ring(points, origin, up, at, reach=7.0):
    """Vertices of a shaft's cross-section near the distance `at` from the origin, up to sixteen around."""
    q = points - origin
    along = q @ up
    near = np.flatnonzero(np.abs(along - at) < reach)
    across = q[near] - np.outer(along[near], up)
    across = across - (across.min(axis=0) + across.max(axis=0)) / 2
    first = np.linalg.svd(across, full_matrices=False)[2][0]
    angle = np.arctan2(across @ np.cross(up, first), across @ first)
    wanted = np.arange(16) * np.pi / 8
    turn = np.abs((angle[None] - wanted[:, None] + np.pi) % (2 * np.pi) - np.pi)
    return np.unique(near[np.argmin(turn + np.abs(along[near] - at)[None] / 40, axis=1)])


def femur_sets(points, faces):
    """Landmarks of the lower femur; whole bone, so the lower end is what lies below all."""
    normal = normals_of(points, faces)
    up = np.array([0.0, 0.0, 1.0])
    low = points[:, 2].min()
    end = points[points[:, 2] < low + 50]
    across = np.array([1.0, 0.0, 0.0])
    middle = (end.min(axis=0) + end.max(axis=0)) / 2
    sets = {}
    for _ in range(8):
        backward = np.cross(up, across)
        backward *= np.sign(backward[1])
        side = (points - middle) @ across
        back = (points - middle) @ backward
        height = (points - middle) @ up
        centers = {}
        for name, sign in (("medial", -1), ("lateral", 1)):
            facing = (normal @ backward > 0.15) & (np.abs(normal @ across) < 0.75)
            chosen = np.flatnonzero(facing & (sign * side > 10) & (sign * side < 36) & (back > 8) & (height < 24))
            center, radius = fit_sphere(points[chosen])
            for _ in range(20):
                away = np.linalg.norm(points - center, axis=1)
                kept = (np.abs(away - radius) < 1.6) & (sign * side > 8) & (sign * side < 40) & (back > 0)
                kept &= (normal @ backward > 0.0) & (((points - center) * normal).sum(axis=1) > 0.8 * away)
                chosen = np.flatnonzero(kept)
                center, radius = fit_sphere(points[chosen])
            centers[name] = center
            sets[f"{name}_condyle"] = chosen
        across = centers["lateral"] - centers["medial"]
        across /= np.linalg.norm(across)
        middle = (centers["lateral"] + centers["medial"]) / 2
        sets["shaft_ring_distal"] = _ring(points, middle, up, 55.0)
        sets["shaft_ring_proximal"] = _ring(points, middle, up, 88.0)
        up = points[sets["shaft_ring_proximal"]].mean(axis=0) - points[sets["shaft_ring_distal"]].mean(axis=0)
        up /= np.linalg.norm(up)
    q = points - middle
    forward = np.cross(up, across)
    forward *= -np.sign(forward[1])
    a, f, u = q @ across, q @ forward, q @ up
    for name, sign in (("medial", -1), ("lateral", 1)):
        near = np.flatnonzero((np.abs(f) < 16) & (u > -12) & (u < 18))
        sets[f"{name}_epicondyle"] = near[np.argsort(-sign * a[near])[:5]]
    # The notch's roof: between the condyles, facing down and back; its front end is highest in extension.
    roof = np.flatnonzero((np.abs(a) < 5) & (u < 14) & (normal @ up < -0.25) & (np.abs(normal @ across) < 0.6))
    sets["intercondylar_notch"] = roof[np.argsort(-u[roof])[:5]]
    front = (normal @ forward > 0.5) & (f > 10) & (u < 40) & (u > -5) & (np.abs(a) < 26)
    sets["trochlea"] = np.flatnonzero(front)
    for name, sign in (("medial", -1), ("lateral", 1)):
        bearing = (normal @ up < -0.6) & (sign * a > 10) & (sign * a < 36) & (u < 0)
        sets[f"{name}_bearing"] = np.flatnonzero(bearing)
    return sets


def tibia_sets(points, faces, frame):
    """Landmarks of the upper tibia at rest."""
    origin, across, forward, up = frame
    normal = normals_of(points, faces)
    q = points - origin
    a, f, u = q @ across, q @ forward, q @ up
    top = u.max()
    end = u > top - 25
    middle = (a[end].min() + a[end].max()) / 2
    sets = {}
    for name, sign in (("medial", -1), ("lateral", 1)):
        off = sign * (a - middle)
        depth = f - (f[end].min() + f[end].max()) / 2
        flat = (normal @ up > 0.8) & (off > 11) & (off < 31) & (np.abs(depth) < 18) & (u > top - 20)
        sets[f"{name}_plateau"] = np.flatnonzero(flat)
    between = np.flatnonzero((np.abs(a - middle) < 11) & (u > top - 9))
    sets["eminence"] = between[np.argsort(-u[between])[:5]]
    sets["shaft_ring_proximal"] = _ring(points, origin, -up, 90.0)
    sets["shaft_ring_distal"] = _ring(points, origin, -up, 125.0)
    axis = points[sets["shaft_ring_distal"]].mean(axis=0) - points[sets["shaft_ring_proximal"]].mean(axis=0)
    axis /= np.linalg.norm(axis)
    from_axis = points - points[sets["shaft_ring_proximal"]].mean(axis=0)
    out = from_axis - np.outer(from_axis @ axis, axis)
    level = (u < top - 33) & (u > top - 52)
    front = np.flatnonzero(level & (np.abs(out @ across) < 14))
    sets["tuberosity"] = front[np.argsort(-(out @ forward)[front])[:5]]
    return sets


def fibula_sets(points, frame):
    """Landmarks of the upper fibula."""
    origin, _, _, up = frame
    u = (points - origin) @ up
    top = u.max()
    return {
        "head_tip": np.argsort(-u)[:5],
        "head": np.flatnonzero(u > top - 28),
        "shaft_ring_proximal": _ring(points, origin, -up, -(top - 55.0)),
        "shaft_ring_distal": _ring(points, origin, -up, -(top - 85.0)),
    }


def patella_sets(points, faces, frame):
    """Poles and joint surface of the patella."""
    origin, across, forward, up = frame
    normal = normals_of(points, faces)
    q = points - origin
    a, u = q @ across, q @ up
    return {
        "superior_pole": np.argsort(-u)[:5],
        "inferior_pole": np.argsort(u)[:5],
        "medial_edge": np.argsort(a)[:5],
        "lateral_edge": np.argsort(-a)[:5],
        "articular": np.flatnonzero((normal @ forward < -0.4) & (u > u.min() + 0.25 * np.ptp(u))),
    }


def build_knee(bones, modes, faces):
    """Put the knee's bones together, mean and modes.

    Parameters
    ----------
    bones, modes, faces : dict of str to array
        ``femur`` final, in the hip model's space; ``tibia``, ``fibula``, ``patella`` moved to rest.

    Returns
    -------
    Knee, dict of str to array (n, 3), dict of str to array (26, n, 3)
    """
    knee = Knee(*(part[name] for name in ("femur", "tibia", "fibula", "patella") for part in (bones, faces)))
    knee.remember_rest()
    mean = knee.seat(knee.mean)
    knee.mean = mean
    origin = knee.frame[0]
    near = {name: np.linalg.norm(mean[name] - origin, axis=1) < NEAR_MM for name in mean}
    result = {name: np.array(modes[name]) for name in mean}
    for n in range(len(modes["femur"])):
        seated = {}
        for sign in (1.0, -1.0):
            femur = mean["femur"] + sign * modes["femur"][n]
            turn, shift = rigid_between(mean["femur"][near["femur"]], femur[near["femur"]])
            shape = {"femur": (femur - shift) @ turn}
            for name, leads in (("tibia", "tibia"), ("fibula", "tibia"), ("patella", "patella")):
                # Shape apart from place: the bone's own motion is taken off; the fibula's against the tibia stays.
                lead = mean[leads] + sign * modes[leads][n]
                own, moved = rigid_between(mean[leads][near[leads]], lead[near[leads]])
                shape[name] = (mean[name] + sign * modes[name][n] - moved) @ own
            shape = knee.seat(shape)
            seated[sign] = {name: points @ turn.T + shift for name, points in shape.items()}
        for name in ("tibia", "fibula", "patella"):
            result[name][n] = (seated[1.0][name] - seated[-1.0][name]) / 2
    mean["fibula"] = mean["fibula"] + FIBULA_MOVE_MM
    return knee, mean, result
