"""What a CT shows of one femoral head: the edge of its bone, a crescent under it, the joint space, or why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image.crop import box_around
from marrowmap.ingest.exam import Series
from marrowmap.measure.crescent import CleftSearch
from marrowmap.measure.crescent import find_clefts
from marrowmap.measure.ct_surface import trace_edge
from marrowmap.measure.head_map import HeadMap
from marrowmap.measure.head_map import require_frame
from marrowmap.measure.head_map import unroll
from marrowmap.measure.joint_space import JointSpace
from marrowmap.measure.joint_space import measure_joint_space
from marrowmap.measure.necrosis import head_lattice
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

LEAST_SEEN = 0.9
"""Share of the head that the CT must show."""
COARSEST_MM = 2.0
"""Of pixels, and of slices in distance and thickness: a crescent is 1 to 2 mm thick."""
METHOD = "CT head/1: edge of the bone along rays from the head center"
METAL_HU, MOST_METAL = 2500.0, 0.002
USUAL_HU = (-100.0, 900.0)
"""Between these lies the median of any head that holds bone and marrow, not metal or air."""
AROUND_MM = 16.0
SPACE_ERROR_MM = 0.25
"""Taken as the joint space's standard deviation: on virtual heads about 0.15 mm, offset included."""


@dataclass(frozen=True, eq=False)
class CtHead:
    """One femoral head in CT.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    femur : BoneFrame
        In the frame of reference of the CT.
    ct : Series
    edge : HeadMap or None
        The unrolled head on the edge of its bone.
    search : CleftSearch or None
        What was found just under that edge.
    joint_space : JointSpace or None
    joint_space_obstacle : str
        Why it was not measured; empty otherwise.
    obstacle : str
        Why nothing could be measured; empty otherwise.
    """

    side: Side
    date: str
    femur: BoneFrame
    ct: Series
    edge: HeadMap | None = None
    search: CleftSearch | None = None
    joint_space: JointSpace | None = None
    joint_space_obstacle: str = ""
    obstacle: str = ""

    @property
    def evidence(self) -> Evidence:
        """The CT series."""
        return Evidence(self.ct.uid, self.ct.instance_uids)


def measure_ct_head(femur: BoneFrame, ct: Series, *, date: str) -> CtHead:
    """Measure one femoral head in a CT; what does not suit becomes its obstacle.

    Parameters
    ----------
    femur : BoneFrame
    ct : Series
        HU, in the femur's frame of reference.
    date : str
        ISO 8601 or empty.

    Raises
    ------
    GeometryError
        If bone and image have different frames of reference.
    """
    require_frame(femur, ct.volume.grid)
    obstacle = _why_not(femur, ct)
    box = box_around(ct.volume.grid, femur.head_center_mm, femur.head_radius_mm + AROUND_MM)
    if obstacle or box is None:
        return CtHead(femur.side, date, femur, ct, obstacle=obstacle or "the femoral head lies outside the CT")
    near = box.crop(ct.volume)
    edge = trace_edge(unroll(femur), near)
    space = measure_joint_space(edge, near)
    return CtHead(
        femur.side,
        date,
        femur,
        ct,
        edge,
        find_clefts(edge, near),
        None if isinstance(space, str) else space,
        space if isinstance(space, str) else "",
    )


def _why_not(femur: BoneFrame, ct: Series) -> str:
    """Say why a CT does not suit; empty if it does."""
    if not femur.trusted:
        return f"the bone could not be fitted well enough to measure on: {femur.reason}"
    grid = ct.volume.grid
    apart = max(float(grid.spacing.max()), ct.slice_thickness_mm or 0.0)
    if apart > COARSEST_MM:
        return (
            f"slices or pixels of series {ct.description!r} measure {apart:.1f} mm: what lies under the joint surface "
            f"needs {COARSEST_MM:.0f} mm or less"
        )
    lattice = femur.to_world(head_lattice(femur, 2.0))
    inside = grid.contains(lattice)
    if inside.mean() < LEAST_SEEN:
        return f"only {100 * inside.mean():.0f} % of the femoral head lies within series {ct.description!r}"
    index = np.clip(np.rint(grid.to_index(lattice[inside])).astype(int), 0, np.array(grid.shape) - 1)
    density = np.asarray(ct.volume.array[tuple(index.T)], np.float64)
    if (density > METAL_HU).mean() > MOST_METAL:
        return f"series {ct.description!r} shows metal in the femoral head"
    if not USUAL_HU[0] < float(np.median(density)) < USUAL_HU[1]:
        return (
            f"the femoral head measures {np.median(density):.0f} HU in series {ct.description!r}: that is not bone and "
            "marrow"
        )
    return ""


def ct_head_rows(head: CtHead) -> list[Measurement]:
    """Return the measurement rows of one head in CT; none where it was not measured."""
    rows: list[Measurement] = []

    def add(region: str, name: str, value: float, error: float, note: str) -> None:
        quantity = Quantity(value, "mm", max(0.0, value - 1.96 * error), value + 1.96 * error)
        method = f"{METHOD}; {note}"
        rows.append(Measurement(name, Joint.HIP, head.side, region, quantity, "CT", method, head.date, head.evidence))

    space = head.joint_space
    if space is not None:
        add("weight_bearing", "joint_space_width", space.mean_mm, SPACE_ERROR_MM, "mean of the weight-bearing sector")
        add("hip_joint", "joint_space_width", space.least_mm, SPACE_ERROR_MM, "narrowest disc of 10 degrees in it")
    cleft = head.search.crescent if head.search else None
    if cleft is not None:
        along = "crescent; longest extent in a coronal plane of the bone, along it"
        add("subchondral", "subchondral_line_length", cleft.length_mm, 2.0, along)
        darkness = f"crescent; what its darkness adds up to, taken to hold {cleft.filling}"
        add("subchondral", "subchondral_line_thickness", cleft.thickness_mm, 0.2 + 0.2 * cleft.thickness_mm, darkness)
    return rows
