"""Places of the knee read off the model's bones, wherever they were posed, left or right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.shape_model import fit_sphere
from marrowmap.anatomy.shape_model import load_knee_model
from marrowmap.values import Side

_MEANS = {
    "femur": (
        "medial_epicondyle",
        "lateral_epicondyle",
        "intercondylar_notch",
        "shaft_ring_distal",
        "shaft_ring_proximal",
    ),
    "tibia": (
        "medial_plateau",
        "lateral_plateau",
        "eminence",
        "tuberosity",
        "shaft_ring_proximal",
        "shaft_ring_distal",
    ),
    "fibula": ("head_tip",),
    "patella": ("superior_pole", "inferior_pole", "medial_edge", "lateral_edge"),
}
_NAMES = {
    "shaft_ring_distal": "shaft_distal",
    "shaft_ring_proximal": "shaft_proximal",
    "tuberosity": "tibial_tuberosity",
    "eminence": "tibial_eminence",
    "head_tip": "fibular_head",
}


def condyle_spheres(femur: NDArray[np.float64]) -> dict[str, tuple[NDArray[np.float64], float]]:
    """Fit spheres to the backs of both condyles of a model femur's lower end, shape (n, 3)."""
    sets = load_knee_model().femur.vertex_sets
    return {name: fit_sphere(femur[sets[f"{name}_condyle"]]) for name in ("medial", "lateral")}


def knee_sphere(femur: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the point midway between the condyles' centers, and their mean radius, mm."""
    medial, lateral = condyle_spheres(femur).values()
    return np.asarray((medial[0] + lateral[0]) / 2, np.float64), (medial[1] + lateral[1]) / 2


def knee_landmarks(bones: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Read the landmarks of model bones.

    Parameters
    ----------
    bones : mapping of str to array, shape (n, 3)
        Vertices of ``femur``, ``tibia``, ``fibula`` and ``patella`` in the model's order, mm.

    Returns
    -------
    dict of str to array, shape (3,)
        Of the femur ``medial_condyle_center``, ``lateral_condyle_center``, ``medial_epicondyle``,
        ``lateral_epicondyle``, ``intercondylar_notch``, ``femur_shaft_distal``, ``femur_shaft_proximal`` (on
        the shaft's axis); of the tibia ``medial_plateau``, ``lateral_plateau`` (their middles), ``tibial_eminence``,
        ``tibial_tuberosity``, ``tibia_shaft_proximal``, ``tibia_shaft_distal``; ``fibular_head``; of the patella
        ``superior_pole``, ``inferior_pole``, ``medial_edge``, ``lateral_edge``.
    """
    model = load_knee_model()
    found = {f"{name}_condyle_center": sphere[0] for name, sphere in condyle_spheres(bones["femur"]).items()}
    for bone, names in _MEANS.items():
        for name in names:
            key = _NAMES.get(name, name)
            if key.startswith("shaft"):
                key = f"{bone}_{key}"
            found[key] = np.asarray(bones[bone][model[bone].vertex_sets[name]].mean(axis=0), np.float64)
    return found


def knee_axes(femur: NDArray[np.float64], side: Side) -> NDArray[np.float64]:
    """Return the knee's axes as :class:`~marrowmap.anatomy.bone_frame.BoneFrame` wants them.

    Parameters
    ----------
    femur : array, shape (n, 3)
        Vertices of the lower end in the model's order, LPS mm.
    side : Side

    Returns
    -------
    array, shape (3, 3)
        Columns ``lateral`` (from the medial to the lateral condyle's center), ``superior`` (along the shaft) and
        ``anterior``.
    """
    spheres = condyle_spheres(femur)
    sets = load_knee_model().femur.vertex_sets
    lateral = spheres["lateral"][0] - spheres["medial"][0]
    lateral /= np.linalg.norm(lateral)
    shaft = femur[sets["shaft_ring_proximal"]].mean(axis=0) - femur[sets["shaft_ring_distal"]].mean(axis=0)
    superior = shaft - (shaft @ lateral) * lateral
    superior /= np.linalg.norm(superior)
    # On the left lateral is +x, and x times z points to the front; on the right to the back.
    anterior = np.cross(lateral, superior) * side.sign
    return np.stack([lateral, superior, anterior], axis=1)
