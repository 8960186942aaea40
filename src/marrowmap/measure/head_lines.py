"""What lies along lines through a femoral head, and where on such a line a surface may be.

Two small networks read T1 and fluid-sensitive signal and the depth below the joint surface around each point of a line:
one looks for a necrotic band's outer border, one for the bone's surface. They were trained on drawn hips
(``training/lines.py``). The answer is one cost for each point: the surface is found for all lines together by
:func:`~marrowmap.measure.ray_surface.find_surface`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.profiles import Layers
from marrowmap.anatomy.profiles import load_layers
from marrowmap.anatomy.profiles import run_layers
from marrowmap.image import Volume
from marrowmap.measure.head_map import require_frame
from marrowmap.measure.head_map import sample_at

STEP_MM = 0.5
HALF_WINDOW = 16
"""Points of a line on either side of the one that is judged."""
LATTICE_MM = 2.0
MARROW_PERCENTILE = 85.0
FLUID_PERCENTILE = 97.0
BRIGHTEST = 1.5
DEEPEST_MM, OUTERMOST_MM = 12.0, -6.0
BAND_NEAREST_MM = 1.5
"""No band is looked for closer than this to the head's sphere: there is the subchondral plate."""
SURFACE_REACH_MM = (-9.0, 5.0)
"""The bone's surface is looked for this far from the head's sphere, + is outward."""


@dataclass(frozen=True, eq=False)
class HeadImages:
    """T1 and fluid-sensitive image of one head with the levels their signal is divided by.

    Parameters
    ----------
    femur : BoneFrame
    t1, fluid : Volume
        In the femur's frame of reference.
    marrow_level : float
        T1 signal of fatty marrow: a high percentile within head and neck.
    fluid_level : float
        Fluid-sensitive signal of joint fluid and cartilage: a high percentile in and just around the head.
    """

    femur: BoneFrame
    t1: Volume
    fluid: Volume
    marrow_level: float
    fluid_level: float

    @classmethod
    def of(cls, femur: BoneFrame, t1: Volume, fluid: Volume) -> HeadImages | None:
        """Measure both levels; None where the images do not show the head.

        Raises
        ------
        GeometryError
            If bone and images have different frames of reference.
        """
        require_frame(femur, t1.grid)
        require_frame(femur, fluid.grid)
        radius = femur.head_radius_mm
        axis = np.arange(-1.25 * radius, 1.6 * radius, LATTICE_MM)
        lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        away = np.linalg.norm(lattice, axis=1)
        neck = (lattice[:, 0] > 0.6 * radius) & (lattice[:, 0] < 1.5 * radius)
        neck &= (np.abs(lattice[:, 1]) < 0.35 * radius) & (np.abs(lattice[:, 2]) < 0.3 * radius)
        marrow = sample_at(t1, femur.to_world(lattice[(away < 0.9 * radius) | neck]))
        joint = sample_at(fluid, femur.to_world(lattice[away < 1.25 * radius]))
        marrow, joint = marrow[np.isfinite(marrow)], joint[np.isfinite(joint)]
        if len(marrow) < 500 or len(joint) < 500:
            return None
        levels = float(np.percentile(marrow, MARROW_PERCENTILE)), float(np.percentile(joint, FLUID_PERCENTILE))
        return cls(femur, t1, fluid, *levels) if min(levels) > 0 else None

    def describe(self, origin: NDArray[np.float64], directions: NDArray[np.float64], steps: int) -> NDArray[np.float32]:
        """Sample along lines.

        Parameters
        ----------
        origin : array, shape (3,)
            Bone coordinates, mm.
        directions : array, shape (n, 3)
            Unit vectors in bone coordinates.
        steps : int
            Points on each line, :data:`STEP_MM` apart, the first at the origin.

        Returns
        -------
        array of float32, shape (n, steps, 3)
            T1 over fatty marrow, fluid-sensitive signal over fluid, depth below the head's sphere in cm; 0 signal
            outside the images.
        """
        local = origin + directions[:, None, :] * (np.arange(steps) * STEP_MM)[:, None]
        points = self.femur.to_world(local)
        depth = self.femur.head_radius_mm - np.linalg.norm(local, axis=-1)
        t1 = np.nan_to_num(sample_at(self.t1, points)) / np.float32(self.marrow_level)
        fluid = np.nan_to_num(sample_at(self.fluid, points)) / np.float32(self.fluid_level)
        return np.stack(
            [
                np.clip(t1, 0, BRIGHTEST),
                np.clip(fluid, 0, BRIGHTEST),
                (np.clip(depth, OUTERMOST_MM, DEEPEST_MM) / 10).astype(np.float32),
            ],
            axis=-1,
        )


def leave_head(origin: NDArray[np.float64], directions: NDArray[np.float64], radius_mm: float) -> NDArray[np.float64]:
    """Return how far from a point (3,) within the head its sphere lies along unit vectors (n, 3), mm."""
    along = directions @ origin
    result: NDArray[np.float64] = -along + np.sqrt(np.maximum(along**2 - origin @ origin + radius_mm**2, 0.0))
    return result


def possible_steps(
    target: str, femur: BoneFrame, origin: NDArray[np.float64], directions: NDArray[np.float64], steps: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say where on lines through a head something may be, and where on them only nothing can be said to be.

    Parameters
    ----------
    target : str
        ``band`` or ``surface``.
    femur : BoneFrame
    origin : array, shape (3,)
        Bone coordinates, mm.
    directions : array, shape (n, 3)
    steps : int

    Returns
    -------
    possible, beyond : arrays of bool, shape (n, steps)
    """
    at = np.arange(steps) * STEP_MM
    leave = leave_head(origin, directions, femur.head_radius_mm)[:, None]
    if target == "band":
        beyond = at >= leave - BAND_NEAREST_MM
        return (at >= 1.0) & ~beyond, beyond
    low, high = SURFACE_REACH_MM
    return (at >= leave + low) & (at <= leave + high), np.zeros((len(directions), steps), bool)


@dataclass(frozen=True, eq=False)
class LineModel:
    """The network: one layer over a window of a line, two over its channels.

    Parameters
    ----------
    layers : tuple of (weight (inputs, outputs), bias (outputs,))
        The first reads ``(2 HALF_WINDOW + 1)`` points of three channels, channel by channel.
    none : float
        Logit of there being no such surface on the line at all.
    """

    layers: Layers
    none: float

    def cost(
        self, described: NDArray[np.float32], possible: NDArray[np.bool_], outward: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the negative log probability of the surface at each point of each line, and of there being none.

        Parameters
        ----------
        described : array, shape (n, steps, 3)
            From :meth:`HeadImages.describe`.
        possible : array of bool, shape (n, steps)
            Where a surface may be.
        outward : bool
            Whether lines begin within what is looked for and lead out of it (segment, head); else they lead into it.

        Returns
        -------
        cost : array, shape (n, steps)
            Infinite where it is not possible.
        none : array, shape (n,)
        """
        lines = described[:, ::-1] if outward else described
        padded = np.pad(lines, ((0, 0), (HALF_WINDOW, HALF_WINDOW), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HALF_WINDOW + 1, axis=1)
        values = run_layers(self.layers, windows.reshape(*windows.shape[:2], -1))
        logits = values[..., 0][:, ::-1] if outward else values[..., 0]
        logits = np.where(possible, logits, -np.inf)
        top = np.maximum(logits.max(axis=1), self.none)
        total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1) + np.exp(self.none - top))
        return np.asarray(total[:, None] - logits, np.float32), np.asarray(total - self.none, np.float32)


@lru_cache(maxsize=4)
def load_line_model(name: str) -> LineModel:
    """Load the network that looks for ``band`` or ``surface``."""
    with (
        (files("marrowmap.measure") / "data" / f"{name}_lines.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        return LineModel(load_layers(stored), float(stored["none"]))
