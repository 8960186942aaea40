"""What a virtual person can have, and how person, disease and scan are drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marrowmap.errors import UsageError
from marrowmap.phantom import crps
from marrowmap.phantom import infection
from marrowmap.phantom import osteoarthritis
from marrowmap.phantom import sif
from marrowmap.phantom import stress_fracture
from marrowmap.phantom import tumor
from marrowmap.phantom.bone_loss import sample_bone_loss
from marrowmap.phantom.collapse import sample_necrotic_collapse
from marrowmap.phantom.crps import sample_crps
from marrowmap.phantom.infection import sample_infection
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import sample_acquisition
from marrowmap.phantom.onfh import sample_onfh
from marrowmap.phantom.onfh import sample_other_hip
from marrowmap.phantom.osteoarthritis import sample_osteoarthritis
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.sif import sample_sif
from marrowmap.phantom.stress_fracture import sample_stress_fracture
from marrowmap.phantom.toh import sample_toh
from marrowmap.phantom.tumor import sample_tumor
from marrowmap.values import Side

KINDS: dict[str, str] = {
    "normal": "well hips",
    "red_marrow": "well hips with much red marrow, which brightens fluid-sensitive images without being edema",
    "toh": "transient osteoporosis of one hip: edema of head and neck that ends at the intertrochanteric plane",
    "toh_fracture": "transient osteoporosis of one hip with a fracture line under the joint surface",
    "onfh": "osteonecrosis of one or both femoral heads: a segment bounded by a band; edema or collapse in a third",
    "sif": "subchondral insufficiency fracture of an old person's head: a shallow line with edema around it",
    "stress_fracture": "stress fracture of one neck: a line across its medial side with edema around it",
    "osteoarthritis": "a worn hip: narrowed joint space, osteophytes, subchondral cysts, reactive edema",
    "tumor": "a mass in one proximal femur that has replaced its marrow, at times through the cortex",
    "infection": "an infected hip: confluent marrow change on both sides of the joint, and much joint fluid",
    "crps": "complex regional pain syndrome: patchy edema around one hip joint",
}
"""What a virtual person can have."""

AFFECTED_KINDS = tuple(kind for kind in KINDS if kind not in {"normal", "red_marrow"})
"""Those with an affected side."""

SAMPLERS: dict[str, Callable[[Hip, np.random.Generator], Lesion]] = {
    "sif": sample_sif,
    "stress_fracture": sample_stress_fracture,
    "osteoarthritis": sample_osteoarthritis,
    "tumor": sample_tumor,
    "infection": sample_infection,
    "crps": sample_crps,
}
"""How the lesion of one hip is drawn, where nothing else matters."""

PEOPLE = {
    "sif": (sif.AGES, sif.WOMEN),
    "stress_fracture": (stress_fracture.AGES, stress_fracture.WOMEN),
    "osteoarthritis": (osteoarthritis.AGES, osteoarthritis.WOMEN),
    "tumor": (tumor.AGES, tumor.WOMEN),
    "infection": (infection.AGES, infection.WOMEN),
    "crps": (crps.AGES, crps.WOMEN),
}
"""Age range and share of women of kinds that do not have those of transient osteoporosis."""

BONE_LOSS_KINDS = ("toh", "toh_fracture", "infection", "crps")
"""Those whose head and neck lose mineral. Only transient osteoporosis has a course: the others are at its height."""


def draw_exam(
    kind: str, seed: int, side: Side | None = None, weeks: float | None = None
) -> tuple[Person, dict[Side, Lesion], Acquisition]:
    """Draw who is scanned, what they have and how.

    Raises
    ------
    UsageError
        If `kind` is not one of :data:`KINDS`.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of virtual person {kind!r}: use one of {', '.join(KINDS)}")
    streams = [np.random.default_rng([seed, 100 + n]) for n in range(4)]
    drawn_side = Side.LEFT if streams[0].random() < 0.5 else Side.RIGHT
    affected = (side or drawn_side) if kind in AFFECTED_KINDS else None
    if kind == "red_marrow":
        person = sample_person(
            streams[1],
            sex="F" if streams[0].random() < 0.7 else "M",
            age_years=int(streams[0].integers(20, 40)),
            red_marrow=float(streams[0].uniform(0.6, 0.85)),
        )
    elif kind in PEOPLE:
        (low, high), women = PEOPLE[kind]
        sex = "F" if streams[0].random() < women else "M"
        person = sample_person(streams[1], sex=sex, age_years=int(streams[0].integers(low, high)))
    else:
        person = sample_person(streams[1])
    lesions = {Side.LEFT: WELL, Side.RIGHT: WELL}
    if affected is not None and kind in SAMPLERS:
        lesions[affected] = SAMPLERS[kind](person.hips[affected], streams[2])
    elif affected is not None and kind == "toh":
        lesions[affected] = sample_toh(person.hips[affected], streams[2], weeks)
    elif affected is not None and kind == "toh_fracture":
        lesions[affected] = sample_toh(person.hips[affected], streams[2], weeks, fracture_frequency=1.0)
    elif affected is not None:
        lesions[affected] = sample_onfh(person.hips[affected], streams[2])
        lesions[affected.opposite] = sample_other_hip(person.hips[affected.opposite], streams[2])
        # From a stream of its own, so that the segments stay what they were before heads could collapse.
        sinking = np.random.default_rng([seed, 104])
        for hip in (affected, affected.opposite):
            lesions[hip] = sample_necrotic_collapse(lesions[hip], person.hips[hip], sinking)
    if affected is not None and kind in BONE_LOSS_KINDS:
        # From a stream of its own, so that all else stays what it was before hips could lose bone.
        lesions[affected] = sample_bone_loss(lesions[affected], np.random.default_rng([seed, 105]))
    acquisition = sample_acquisition(streams[3], affected or side)
    return person, lesions, acquisition
