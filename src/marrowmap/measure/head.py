"""All that is measured under the joint surface of one femoral head, and why the rest was not."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image.crop import box_around
from marrowmap.ingest.exam import Series
from marrowmap.measure import necrosis_extent as extent
from marrowmap.measure.band_line import line_share
from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.collapse import trace_surface
from marrowmap.measure.double_line import DoubleLine
from marrowmap.measure.double_line import measure_double_line
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import SURE_EVIDENCE
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.fracture_line import blur_across_surface_mm
from marrowmap.measure.fracture_line import find_sheets
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import load_line_model
from marrowmap.measure.image_pair import pair_obstacle
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.necrosis import find_segment
from marrowmap.measure.necrosis import head_lattice
from marrowmap.measure.noise import noise_sd
from marrowmap.measure.signal_void import void_ml
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

LEAST_SEEN = 0.9
"""Share of the head that both images must show."""
COARSEST_SLICES_MM = 5.0
METHOD = "head lines/1: T1 and fluid-sensitive image along rays through the head"
PLANES = "planes through head center and shaft direction, along and across the plane of neck and shaft axes"
BESIDE_BAND_MM = 4.0
"""A sheet of which most lies this close to a band's border is that border, if it makes up only part of it."""
ALL_AROUND, WITHIN_MM = 0.75, 3.0
"""A segment of whose border this share lies so close to one sheet is the thickness of that sheet: nothing is walled off
between a fracture line's two faces (benchmarks/line_detection.py, tuning seeds)."""
LEAST_LINE_SHARE = 0.6
"""A border along which a line is seen over less than this share is no band's: in virtual exams of tuning seeds it is
1.00 in five bands and 0.16 at most in three edges of infection (benchmarks/false_bands.py)."""

ERRORS = {
    "lesion_volume": (0.2, 0.08),
    "lesion_fraction": (0.6, 0.05),
    "kerboul_angle": (12.0, 0.0),
    "koo_index": (5.0, 0.0),
    "band_depth_ratio": (0.02, 0.0),
    "subchondral_line_length": (1.5, 0.0),
    "subchondral_line_thickness": (0.3, 0.25),
    "head_depression": (0.4, 0.1),
}
"""Standard deviation of each row's error: a constant in the row's unit, and a share of the value.

``benchmarks/head_limits.py`` prints how many true values of virtual heads their 95 % intervals hold.
"""


@dataclass(frozen=True, eq=False)
class HeadMeasurement:
    """What lies under the joint surface of one head.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    femur : BoneFrame
    t1, fluid : Series or None
        The two series that were read together.
    snr : float
        T1 signal of fatty marrow over noise; 0 where nothing was read.
    blur_mm : float
        How far a voxel of T1 reaches across the joint surface where the head bears weight.
    segment : NecroticSegment or None
        None also where what was found ends at an edge without a line.
    line_share : float or None
        Share of the border that was found along which a line is seen; None where no border was found.
    double_line : DoubleLine or None
        Along the segment's border.
    lesion_ml, fraction_percent : float
        Of the segment; 0 without one.
    arcs_deg : tuple of float
        Necrotic arcs, mid-coronal and mid-sagittal.
    band_ratio, deepest_ratio : float or None
        Band-depth ratio in the mid-coronal plane and the largest of all coronal planes (Ikemura 2018).
    sheets : tuple of FractureSheet
        Dark sheets that are no band's border, the one with most evidence first.
    surface : HeadSurface or None
    obstacle : str
        Why nothing could be measured here; empty otherwise.
    """

    side: Side
    date: str
    femur: BoneFrame
    t1: Series | None = None
    fluid: Series | None = None
    snr: float = 0.0
    blur_mm: float = 0.0
    segment: NecroticSegment | None = None
    line_share: float | None = None
    double_line: DoubleLine | None = None
    lesion_ml: float = 0.0
    fraction_percent: float = 0.0
    arcs_deg: tuple[float, float] = (0.0, 0.0)
    band_ratio: float | None = None
    deepest_ratio: float | None = None
    sheets: tuple[FractureSheet, ...] = ()
    surface: HeadSurface | None = None
    obstacle: str = ""

    @property
    def evidence(self) -> Evidence | None:
        """The T1 series, in which lines and bands are seen best."""
        return Evidence(self.t1.uid, self.t1.instance_uids) if self.t1 else None

    @property
    def kerboul_deg(self) -> float:
        """Modified Kerboul angle: the sum of both arcs."""
        return sum(self.arcs_deg)

    def segment_mask(self, grid: Grid) -> Mask:
        """Paint the necrotic segment on a grid; empty without one."""
        bone = bone_mask(self.femur, grid)
        inside = np.zeros(grid.shape, bool)
        if self.segment is not None:
            places = np.argwhere(bone.array)
            local = self.femur.to_bone(grid.to_world(places))
            head = local[:, 0] < HEAD_ENDS_AT_RADII * self.femur.head_radius_mm
            kept = places[head][self.segment.contains(local[head])]
            inside[tuple(kept.T)] = True
        return Mask(grid, inside)


def measure_head(femur: BoneFrame, t1: Series | None, fluid: Series | None, *, date: str) -> HeadMeasurement:
    """Measure one femoral head from a T1 and a fluid-sensitive series; what is missing becomes its obstacle.

    Parameters
    ----------
    femur : BoneFrame
    t1, fluid : Series or None
        In the femur's frame of reference.
    date : str
        ISO 8601 or empty.
    """

    def without(obstacle: str) -> HeadMeasurement:
        return HeadMeasurement(femur.side, date, femur, t1, fluid, obstacle=obstacle)

    lattice = femur.to_world(head_lattice(femur, 2.0))
    obstacle = pair_obstacle(
        femur,
        t1,
        fluid,
        lattice,
        part="femoral head",
        read="bands and lines are read",
        need="lines under the joint surface need",
        least_seen=LEAST_SEEN,
        coarsest_mm=COARSEST_SLICES_MM,
    )
    if t1 is None or fluid is None or obstacle:
        return without(obstacle)
    images = HeadImages.of(femur, t1.volume, fluid.volume)
    if images is None:
        return without("head and neck hold no signal")
    void = void_ml(images)
    if void > 0:
        return without(
            f"a signal void runs from the neck through {void:.1f} mL of the femoral head, as metal leaves it: bands "
            "and lines cannot be read beside it"
        )
    found = find_sheets(images)
    segment = find_segment(images, load_line_model("band"))
    if any(_is_all(sheet, segment) for sheet in found):
        segment = None
    sheets = tuple(sheet for sheet in found if not _is_border(sheet, segment))
    share = None if segment is None else line_share(images, segment)
    if share is not None and share < LEAST_LINE_SHARE:
        segment = None
    broken = [sheet.points for sheet in sheets if sheet.evidence >= SEEN_EVIDENCE]
    surface = trace_surface(
        images,
        load_line_model("surface"),
        _suspected(segment, sheets),
        np.concatenate(broken) if broken else None,
    )
    measured = HeadMeasurement(
        femur.side,
        date,
        femur,
        t1,
        fluid,
        snr=images.marrow_level / max(estimate_noise(t1, femur), 1e-6),
        blur_mm=blur_across_surface_mm(femur, t1.volume.grid),
        line_share=share,
        sheets=sheets,
        surface=surface,
    )
    return measured if segment is None else _with_segment(measured, images, segment)


def _with_segment(head: HeadMeasurement, images: HeadImages, segment: NecroticSegment) -> HeadMeasurement:
    lesion, whole = extent.lesion_volume_ml(segment)
    return replace(
        head,
        segment=segment,
        double_line=measure_double_line(images, segment),
        lesion_ml=lesion,
        fraction_percent=100 * lesion / whole,
        arcs_deg=extent.necrotic_arcs_deg(segment),
        band_ratio=extent.band_depth_ratio(segment, 0.0),
        deepest_ratio=extent.deepest_band_ratio(segment),
    )


def _suspected(segment: NecroticSegment | None, sheets: tuple[FractureSheet, ...]) -> NDArray[np.float64] | None:
    """Directions under which a dead segment or a fracture lies: there the surface may have sunk."""
    places = [sheet.points for sheet in sheets if sheet.evidence >= SURE_EVIDENCE]
    if segment is not None:
        places.append((segment.origin + segment.rays.directions * segment.reach_mm[:, None])[~segment.bordered])
    if not places:
        return None
    found = np.concatenate(places)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float64)


def _is_all(sheet: FractureSheet, segment: NecroticSegment | None) -> bool:
    """Say whether a segment is nothing but a line that is seen on both its faces."""
    if segment is None or not segment.bordered.any() or sheet.evidence < SEEN_EVIDENCE:
        return False
    gap = cKDTree(sheet.points).query(segment.border)[0]
    return bool(np.mean(gap < WITHIN_MM) >= ALL_AROUND)


def _is_border(sheet: FractureSheet, segment: NecroticSegment | None) -> bool:
    """Say whether a dark sheet is part of a band."""
    if segment is None or not segment.bordered.any():
        return False
    gap = cKDTree(segment.border).query(sheet.points)[0]
    return bool(np.median(gap) < BESIDE_BAND_MM)


def estimate_noise(series: Series, femur: BoneFrame) -> float:
    """Return the noise of an image around a head."""
    box = box_around(series.volume.grid, femur.head_center_mm, 0.8 * femur.head_radius_mm)
    if box is None:
        return 0.0
    near = box.crop(series.volume)
    return noise_sd(near.array, near.grid)


def error_of(name: str, value: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
    """Return the standard deviation of a row's error at its value, from :data:`ERRORS`."""
    constant, relative = ERRORS[name]
    return constant + relative * value


def head_rows(head: HeadMeasurement) -> list[Measurement]:
    """Return the measurement rows of one head; none where it was not measured."""
    rows: list[Measurement] = []
    evidence = head.evidence
    if evidence is None:
        return rows

    def add(region: str, name: str, value: float, unit: str, note: str = "") -> None:
        reach = 1.96 * float(error_of(name, value))
        high = value + reach
        quantity = Quantity(value, unit, max(0.0, value - reach), min(high, 100.0) if unit == "%" else high)
        method = f"{METHOD}; {note}" if note else METHOD
        rows.append(Measurement(name, Joint.HIP, head.side, region, quantity, "MR", method, head.date, evidence))

    if head.segment is not None:
        border = "to the band's outer border"
        add("femoral_head", "lesion_volume", head.lesion_ml, "mL", border)
        add("femoral_head", "lesion_fraction", head.fraction_percent, "%", border)
        add("femoral_head", "kerboul_angle", head.kerboul_deg, "deg", PLANES)
        add("femoral_head", "koo_index", extent.koo_index(*head.arcs_deg), "1", PLANES)
        for ratio, plane in ((head.band_ratio, "mid-coronal"), (head.deepest_ratio, "maximal")):
            if ratio is not None:
                add("femoral_head", "band_depth_ratio", ratio, "1", plane)
    seen = [sheet for sheet in head.sheets if sheet.evidence >= SEEN_EVIDENCE]
    if seen:
        along = "longest extent in a coronal plane of the bone, along the line"
        add("subchondral", "subchondral_line_length", seen[0].length_mm, "mm", along)
        darkness = "what its darkness in T1 adds up to"
        add("subchondral", "subchondral_line_thickness", seen[0].thickness_mm, "mm", darkness)
    if head.surface is not None and np.isfinite(head.surface.noise_mm):
        add("femoral_head", "head_depression", max(0.0, head.surface.depression_mm), "mm")
    return rows
