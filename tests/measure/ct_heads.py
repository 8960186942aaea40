"""Femoral heads of one virtual hip in CT, alone and in memory: well, with a crescent, with cysts, worn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.phantom.ct import CtScan
from marrowmap.phantom.ct_head import scan_head
from marrowmap.phantom.joint_space import JointSpace
from marrowmap.phantom.joint_space import joint_space
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Mass
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.lesion import Wear
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip
from marrowmap.values import Joint
from marrowmap.values import Side

SEED, SIDE, FRAME = 7, Side.LEFT, "1.9"
FINE_MM = 1.0
CLEFT_MM = (20.0, 16.0, 1.5)
"""Length, breadth and thickness of the crescent."""
NARROWING_MM = 1.2


@dataclass(frozen=True, eq=False)
class ScannedHead:
    """One head in CT with the true bone."""

    hip: Hip
    femur: BoneFrame
    ct: Series
    space: JointSpace


def series_of(volume: Volume, *, thickness_mm: float = 1.0) -> Series:
    return Series(
        "1.2.3", "1.2", 1, "CT PELVIS", "CT", "2026-01-05", volume, Sequence.CT, "test", None, "", (), ("1.2.3.1",),
        slice_thickness_mm=thickness_mm,
    )  # fmt: skip


def lesions(hip: Hip) -> dict[str, Lesion]:
    """What the head of a name has."""
    up, _ = upright(hip)
    dead = Necrosis(up, 55.0, 0.7, "fat")
    near = (hip.radius - 4.5) * up[0], (hip.radius - 4.5) * up[1], 0.0
    length, breadth, thickness = CLEFT_MM
    return {
        "well": WELL,
        "crescent": Lesion(
            necrosis=dead, fracture_line=FractureLine(up, length, breadth, 2.3, thickness, filling="fluid")
        ),
        "gas": Lesion(necrosis=dead, fracture_line=FractureLine(up, length, breadth, 2.3, thickness, filling="gas")),
        "impacted": Lesion(necrosis=dead, fracture_line=FractureLine(up, length, breadth, 2.3, thickness)),
        "cyst": Lesion(masses=(Mass(((near, 3.5),), "joint_fluid", 0.6),)),
        "worn": Lesion(wear=Wear(up, NARROWING_MM, 3.0)),
    }


@lru_cache(maxsize=8)
def scanned(name: str) -> ScannedHead:
    """Scan the head of a name, once."""
    person, _, _ = draw_exam("normal", SEED)
    hip = person.hips[SIDE]
    found = scan_head(person, SIDE, lesions(hip)[name], CtScan(noise_hu=15.0), SEED, FRAME, voxel_mm=FINE_MM)
    femur = BoneFrame(
        "femur", Joint.HIP, SIDE, "1.2", FRAME, hip.center, hip.radius, hip.axes, dict(hip.landmarks), hip.femur,
        hip.femur_faces, 0.3, True, "drawn",
    )  # fmt: skip
    space = joint_space(hip, found.truth)
    assert 0 < space.least_mm <= space.mean_mm < 6
    return ScannedHead(hip, femur, series_of(found.volume), space)
