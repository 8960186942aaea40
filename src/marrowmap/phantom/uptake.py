"""How much tracer a lesion draws: what is involved, and how many times the usual its perfusion, pool and uptake are.

A lesion has a hot part (`involved`) and at most one other part within it (`core`: dead bone, a tumor's inside, a cyst),
each with its own factors. What has a source says so; every other range is a choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from enum import Enum

import numpy as np
from scipy.special import ndtr

from marrowmap.image import Grid
from marrowmap.phantom.focus import blob_membership
from marrowmap.phantom.focus import mass_shares
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import edema_around
from marrowmap.phantom.onfh import paint_segment
from marrowmap.phantom.osteoarthritis import worn_share
from marrowmap.phantom.person import Hip
from marrowmap.phantom.toh import acetabular_membership
from marrowmap.phantom.toh import edema_membership

FULL_AMOUNT = 0.65
"""Edema as wet as this goes with full uptake; less of both while the hip recovers."""
HEAD_ONLY_EDGE_MM = 8.0
TUMOR_RIM_MM = 6.0
WORN_DEPTH_MM = 11.0
OSTEOPHYTE_SHARE = 0.6


class Pattern(Enum):
    """What one hip shows on the delayed images."""

    NORMAL = "normal"
    HOMOGENEOUS = "homogeneous"
    """Head and neck alike, ending at the intertrochanteric plane (Gemmel 2012)."""
    HEAD_ONLY = "head_only"
    COLD = "cold"
    COLD_IN_HOT = "cold_in_hot"
    HOT = "hot"
    FOCAL = "focal"


@dataclass(frozen=True)
class Factors:
    """How many times the usual blood volume, extracellular volume and bone uptake are."""

    perfusion: float = 1.0
    pool: float = 1.0
    delayed: float = 1.0

    def of(self, pool: Pool) -> float:
        """Return the factor of a pool; 1 for those that no lesion changes."""
        return {Pool.CAPILLARY: self.perfusion, Pool.EXTRACELLULAR: self.pool, Pool.BONE: self.delayed}.get(pool, 1.0)


@dataclass(frozen=True)
class Uptake:
    """What one hip draws beyond the usual.

    Parameters
    ----------
    pattern : Pattern
    involved, core : Factors
        Of bone that is fully involved, and of the core.
    rim_mm : float
        How far around a necrotic segment bone is involved.
    """

    pattern: Pattern = Pattern.NORMAL
    involved: Factors = Factors()
    core: Factors = Factors()
    rim_mm: float = 0.0


@dataclass(frozen=True)
class Frequencies:
    """How often the two patterns in dispute occur.

    Parameters
    ----------
    homogeneous : float
        Share of transient osteoporosis with head and neck alike; the rest shows the head alone.
    cold : float
        Share of osteonecrosis with a cold area, whether or not the bone around it is hot; the rest is hot all over.
    """

    homogeneous: float = 1.0
    cold: float = 0.7


GEMMEL = Frequencies()
"""Gemmel 2012: 12 of 12 episodes, without a control group; how often osteonecrosis is cold is a choice."""
STAUDENHERZ = Frequencies(8 / 22, 7 / 29)
"""Staudenherz 1997: 36 % and 24 %, read planar and blind (counts worked back from the percentages, facts.md 0.4)."""


Range = tuple[float, float]


def _draw(rng: np.random.Generator, perfusion: Range, pool: Range, delayed: Range) -> Factors:
    return Factors(float(rng.uniform(*perfusion)), float(rng.uniform(*pool)), float(rng.uniform(*delayed)))


def sample_uptake(lesion: Lesion, rng: np.random.Generator, frequencies: Frequencies = GEMMEL) -> Uptake:
    """Draw what a hip draws, from what it has."""
    drawn = rng.random(3)
    if lesion.necrosis is not None:
        return _sample_necrotic(lesion, drawn[0] < frequencies.cold, float(drawn[1]), rng)
    if lesion.wear is not None:
        # The core is a cyst: fluid.
        return Uptake(Pattern.FOCAL, _draw(rng, (1.1, 1.6), (1.2, 1.9), (1.8, 3.6)), Factors(0.0, 0.5, 0.1))
    if any(mass.tissue == "tumor" for mass in lesion.masses):
        # Half of the tumors are photopenic inside.
        core = Factors(1.4, 1.4, float(rng.uniform(0.2, 0.7))) if drawn[0] < 0.5 else Factors(2.5, 2.5, 3.0)
        return Uptake(Pattern.FOCAL, _draw(rng, (1.5, 3.0), (1.5, 3.0), (2.0, 4.5)), core, TUMOR_RIM_MM)
    if lesion.amount <= 0:
        return Uptake()
    if lesion.blobs:
        strong = lesion.cross_line is not None or lesion.amount > 0.9
        return Uptake(Pattern.FOCAL, _draw(rng, (1.6, 3.0), (1.7, 3.5), (3.5, 7.0) if strong else (2.2, 4.5)))
    full = _draw(rng, (2.0, 3.5), (2.0, 4.0), (2.5, 5.0))
    wet = min(lesion.amount / FULL_AMOUNT, 1.0)
    faded = Factors(*(1 + (factor - 1) * wet for factor in (full.perfusion, full.pool, full.delayed)))
    return Uptake(Pattern.HOMOGENEOUS if drawn[0] < frequencies.homogeneous else Pattern.HEAD_ONLY, faded)


def _sample_necrotic(lesion: Lesion, cold: bool, drawn: float, rng: np.random.Generator) -> Uptake:
    """Draw what osteonecrosis draws: cold, then cold amid repair, then hot.

    Over the usual 2.18 the means of Xiong 2015 are 0.29 (Ficat I), 2.1, 3.4 and 3.6 (II to IV) for whole lesions.
    """
    necrosis = lesion.necrosis
    collapsed = lesion.fracture_line is not None or (necrosis is not None and necrosis.depression_mm > 0)
    rim = float(rng.uniform(4.0, 9.0))
    repair = _draw(rng, (1.3, 2.2), (1.4, 2.5), (2.5, 4.5))
    dead = float(rng.uniform(0.08, 0.35))
    if not cold:
        return Uptake(Pattern.HOT, repair, _draw(rng, (1.0, 1.8), (1.1, 2.0), (1.7, 3.2)), rim)
    # Dead bone takes up nothing; what is seen of it in a person is partial volume and repair.
    core = Factors(dead, 0.5 + dead, dead)
    if not collapsed and drawn < 0.4:
        return Uptake(Pattern.COLD, _draw(rng, (1.0, 1.1), (1.0, 1.1), (1.0, 1.2)), core, rim)
    return Uptake(Pattern.COLD_IN_HOT, repair, core, rim)


@dataclass(frozen=True, eq=False)
class Involvement:
    """What of one hip is involved, on a grid; whether bone or not.

    Parameters
    ----------
    involved, core : array
        Of the femur, 0 to 1; where there is a core it takes the place of what is involved.
    socket : array
        Involved hip bone, 0 to 1.
    """

    involved: Array
    core: Array
    socket: Array

    def factor(self, uptake: Uptake, pool: Pool) -> Array:
        """Return how many times the usual a pool is in the femur."""
        around = 1 + np.float32(uptake.involved.of(pool) - 1) * self.involved
        return np.asarray(around + (np.float32(uptake.core.of(pool)) - around) * self.core, np.float32)


def involvement(lesion: Lesion, uptake: Uptake, hip: Hip, grid: Grid, unevenness: Array) -> Involvement:
    """Lay out what an uptake covers.

    Parameters
    ----------
    lesion : Lesion
    uptake : Uptake
    hip : Hip
    grid : Grid
        Axis-aligned.
    unevenness : array, shape of the grid
        Smooth noise of unit variance.
    """
    nothing = np.zeros(grid.shape, np.float32)
    if uptake.pattern is Pattern.NORMAL:
        return Involvement(nothing, nothing, nothing)
    points = points_of(grid)
    bone = hip.bone_coordinates(points)
    involved, core = nothing, nothing
    if lesion.necrosis is not None:
        segment = paint_segment(lesion.necrosis, hip.radius, bone, float(grid.spacing[0]))
        past = segment.distance - np.float32(uptake.rim_mm) + unevenness
        involved = np.maximum(ndtr(-past / np.float32(2.0)), 0.4 * edema_around(lesion, segment, unevenness))
        core = segment.core
    elif lesion.wear is not None:
        away = np.sqrt((bone**2).sum(axis=-1))
        depth = smoothstep(away, hip.radius - WORN_DEPTH_MM, hip.radius - 2)
        margin = np.exp(-(((bone[..., 0] / np.float32(hip.radius) - 0.42) / 0.2) ** 2)) * depth
        involved = np.maximum(worn_share(lesion.wear, bone) * depth, OSTEOPHYTE_SHARE * margin)
    elif uptake.pattern is Pattern.HEAD_ONLY:
        middle = bone - np.float32(0.2 * hip.radius) * np.array((0.0, 1.0, 0.0), np.float32)
        away = np.sqrt((middle**2).sum(axis=-1)) - np.float32(0.8 * hip.radius) + unevenness
        involved = ndtr(-away / np.float32(HEAD_ONLY_EDGE_MM / 2.563))
    elif uptake.pattern is Pattern.HOMOGENEOUS:
        # The head's medial side takes part: what spares it on MRI has no counterpart in the reports of bone scans.
        involved = edema_membership(replace(lesion, medial_sparing=False), hip, points, bone, unevenness)
    else:
        blobs = [blob for blob in lesion.blobs if blob.bone == "femur" and lesion.amount > 0]
        involved = blob_membership(blobs, hip, grid, unevenness)
    for mass in lesion.masses:
        if mass.bone == "femur":
            core = np.maximum(core, mass_shares(mass, hip, grid, unevenness)[0])
            if uptake.rim_mm > 0:
                balls = tuple((center, radius + uptake.rim_mm) for center, radius in mass.balls)
                around = mass_shares(replace(mass, balls=balls), hip, grid, unevenness)[0]
                involved = np.maximum(involved, around)
    socket = _socket(lesion, hip, grid, points, bone, unevenness)
    return Involvement(np.asarray(involved, np.float32), np.asarray(core, np.float32), socket)


def _socket(lesion: Lesion, hip: Hip, grid: Grid, points: Array, bone: Array, unevenness: Array) -> Array:
    """Return what of the hip bone takes part: where its marrow is edematous, and a worn roof."""
    socket = acetabular_membership(lesion, hip, points, unevenness)
    blobs = [blob for blob in lesion.blobs if blob.bone == "hip_bone" and lesion.amount > 0]
    if blobs:
        socket = np.maximum(socket, blob_membership(blobs, hip, grid, unevenness))
    if lesion.wear is not None:
        away = np.sqrt((bone**2).sum(axis=-1))
        roof = 1 - smoothstep(away, hip.radius + 8, hip.radius + 8 + WORN_DEPTH_MM)
        socket = np.maximum(socket, worn_share(lesion.wear, bone) * roof)
    return np.asarray(socket, np.float32)
