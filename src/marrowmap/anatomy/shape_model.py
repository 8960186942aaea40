"""The statistical shape model of hip and knee.

Exported once from LLP26 of the Musculoskeletal Atlas Project (26 people; MPL-2.0, see ``data/README.md``): on fixed
element coordinates the model is linear, so a mean and 26 modes say everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BoneShape:
    """One bone of the LEFT side: closed surface, mean and modes.

    Space: mm, +x left, +y posterior, +z up (LPS axes); the origin lies in the midsagittal plane, level with the mean
    femoral head center. The right bone is the mirrored left, see :func:`mirror_vertices`.

    Parameters
    ----------
    name : str
        ``femur``, ``hip_bone``, ``sacrum``; of the knee ``femur`` (its lower end), ``tibia``, ``fibula``, ``patella``.
    mean : array, shape (n, 3)
    modes : array, shape (26, n, 3)
        What one standard deviation of each mode adds.
    faces : array, shape (m, 3)
        Turning counterclockwise seen from outside (on the left side).
    vertex_sets : dict of str to array of int
        Named places of the surface.
    """

    name: str
    mean: NDArray[np.float64]
    modes: NDArray[np.float32]
    faces: NDArray[np.int64]
    vertex_sets: dict[str, NDArray[np.int64]]

    def vertices(self, weights: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the surface for weights in standard deviations.

        Parameters
        ----------
        weights : array_like, shape (k,), k <= 26, optional
            Missing ones are 0.

        Returns
        -------
        array, shape (n, 3)
            mm, left side.

        Raises
        ------
        ValueError
            If there are more than 26 weights.
        """
        if weights is None:
            return np.array(self.mean)
        w = np.asarray(weights, np.float64).ravel()
        if len(w) > len(self.modes):
            raise ValueError(f"the shape model has {len(self.modes)} modes, got {len(w)} weights")
        return np.asarray(self.mean + np.tensordot(w, self.modes[: len(w)].astype(np.float64), axes=1), np.float64)


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Bones of one side that share one vector of 26 weights; femoral head and acetabulum have a common center."""

    femur: BoneShape
    hip_bone: BoneShape
    sacrum: BoneShape

    def __getitem__(self, name: str) -> BoneShape:
        """Return a bone by name; KeyError if there is none."""
        bones = {bone.name: bone for bone in (self.femur, self.hip_bone, self.sacrum)}
        return bones[name]


@dataclass(frozen=True, eq=False)
class KneeModel:
    """Bones of one knee in the hip model's space: one vector of 26 weights gives hip and knee of one person.

    Tibia, fibula and patella keep the place they have against the femur in a real, nearly straight knee, whatever the
    weights: shape and pose are apart.
    """

    femur: BoneShape
    tibia: BoneShape
    fibula: BoneShape
    patella: BoneShape

    def __getitem__(self, name: str) -> BoneShape:
        """Return a bone by name; KeyError if there is none."""
        return {bone.name: bone for bone in (self.femur, self.tibia, self.fibula, self.patella)}[name]


def _load(name: str, file: str = "") -> BoneShape:
    with (
        (files("marrowmap.anatomy") / "data" / f"{file or name}.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        arrays = {key: stored[key] for key in stored.files}
    mean = arrays["mean"].astype(np.float64)
    modes = arrays["modes"].astype(np.float32)
    triangles = arrays["faces"].astype(np.int64)
    sets = {key: value.astype(np.int64) for key, value in arrays.items() if value.ndim == 1}
    for array in (mean, modes, triangles, *sets.values()):
        array.flags.writeable = False
    return BoneShape(name, mean, modes, triangles, sets)


@lru_cache(maxsize=1)
def load_shape_model() -> ShapeModel:
    """Load the shape model that comes with the package."""
    return ShapeModel(_load("femur"), _load("hip_bone"), _load("sacrum"))


@lru_cache(maxsize=1)
def load_knee_model() -> KneeModel:
    """Load the shape model's lower end of the femur, upper ends of tibia and fibula, and patella."""
    return KneeModel(_load("femur", "knee_femur"), _load("tibia"), _load("fibula"), _load("patella"))


def mirror_vertices(vertices: ArrayLike, faces: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Turn a left bone into a right one: x -> -x, and faces turned around so that they still look outward."""
    return np.asarray(vertices, np.float64) * (-1.0, 1.0, 1.0), np.asarray(faces, np.int64)[:, ::-1].copy()


def fit_sphere(points: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Fit a sphere by (algebraic) least squares.

    Parameters
    ----------
    points : array_like, shape (n, 3)
        At least four, not in one plane.

    Returns
    -------
    center : array, shape (3,)
    radius : float
        Both in the unit of the points.
    """
    p = np.asarray(points, np.float64)
    shift = p.mean(axis=0)
    q = p - shift
    solution = np.linalg.lstsq(np.c_[2 * q, np.ones(len(q))], (q**2).sum(axis=1), rcond=None)[0]
    center = solution[:3]
    return np.asarray(center + shift, np.float64), float(np.sqrt(solution[3] + center @ center))


def head_sphere(femur: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Fit the sphere of the femoral head's bony articular surface to the model femur's vertices, shape (n, 3)."""
    chosen = load_shape_model().femur.vertex_sets["femur_head_articular"]
    return fit_sphere(np.asarray(femur, np.float64)[chosen])


def _set_mean(femur: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    return np.asarray(femur[load_shape_model().femur.vertex_sets[name]].mean(axis=0), np.float64)


def landmarks(femur: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Read the landmarks of a model femur, wherever it was posed, left or right.

    Parameters
    ----------
    femur : array_like, shape (n, 3)
        Vertices in the model's order, mm.

    Returns
    -------
    dict of str to array, shape (3,)
        ``head_center``, ``saddle``, ``lesser_trochanter_upper``, ``lesser_trochanter_tip``, ``greater_trochanter_tip``,
        ``neck_center`` (center of the narrowest neck), ``shaft_proximal`` and ``shaft_distal`` (on the shaft axis),
        ``neck_shaft_corner`` (halfway between the closest points of neck and shaft axes).
    """
    p = np.asarray(femur, np.float64)
    names = ("saddle", "lesser_trochanter_upper", "lesser_trochanter_tip", "greater_trochanter_tip")
    found = {name: _set_mean(p, name) for name in names}
    found["head_center"] = head_sphere(p)[0]
    found["neck_center"] = _set_mean(p, "neck_ring")
    found["shaft_proximal"] = _set_mean(p, "shaft_ring_proximal")
    found["shaft_distal"] = _set_mean(p, "shaft_ring_distal")
    neck = found["neck_center"] - found["head_center"]
    shaft = found["shaft_distal"] - found["shaft_proximal"]
    # Closest points of two lines: head + s neck, shaft_proximal + t shaft.
    way = found["shaft_proximal"] - found["head_center"]
    s, t = np.linalg.lstsq(np.stack([neck, -shaft], axis=1), way, rcond=None)[0]
    found["neck_shaft_corner"] = (found["head_center"] + s * neck + found["shaft_proximal"] + t * shaft) / 2
    return found


def axes(femur: ArrayLike) -> NDArray[np.float64]:
    """Return the bone's axes as :class:`~marrowmap.anatomy.bone_frame.BoneFrame` wants them.

    Parameters
    ----------
    femur : array_like, shape (n, 3)
        Vertices in the model's order, mm, posed in LPS (roughly: front is -y, up along the shaft).

    Returns
    -------
    array, shape (3, 3)
        Columns ``neck`` (away from the head), ``superior``, ``anterior``.
    """
    found = landmarks(femur)
    neck = found["neck_center"] - found["head_center"]
    neck /= np.linalg.norm(neck)
    shaft = found["shaft_distal"] - found["shaft_proximal"]
    anterior = np.cross(neck, shaft)
    anterior /= np.linalg.norm(anterior)
    if anterior[1] > 0:
        anterior = -anterior
    superior = np.cross(anterior, neck)
    if superior @ shaft > 0:
        superior = -superior
    return np.stack([neck, superior, anterior], axis=1)
