"""A virtual radiograph of the pelvis: how the person lies, where tube and detector stand, what the detector counts."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.phantom.layers import Array
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.x_rays import Cone
from marrowmap.values import Side

BACK_MM = 14.0
"""The back lies this much further from the middle between the heads than half the body's depth (soft_tissue.py)."""
TURNED_IN_FREQUENCY = 0.7
"""How often the feet are turned in as they should be; a choice."""


@dataclass(frozen=True)
class DxScan:
    """How a radiograph of the pelvis is taken.

    Parameters
    ----------
    neck_turn_deg : dict of Side to float, or None
        Angle of each neck to the coronal plane, + is to the back, with feet turned in; None: legs lie as they lie in
        the MR scanner.
    pixel_mm : float
    field_mm : tuple of 2 float
        Width and height of the picture, at the detector.
    inset_mm : tuple of 4 float
        How far the collimator's edges lie within the picture: left, right, top, bottom. 0: outside it.
    source_detector_mm : float
    table_mm : float
        Between the skin of the back and the detector.
    tilt_deg : tuple of 3 float
        Of tube and detector, as one, about x, y, z: how askew the person lies.
    off_center_mm : tuple of 2 float
        How far the central ray misses its place, to the left and up.
    kvp, mas : float
    quanta_per_mm2 : float
        Detected behind the middle of the body.
    heel : float
        Relative fall of the beam from the picture's middle to its lower edge, and as much rise above: the heel effect.
    scatter : float
        Scattered over primary radiation that passes the grid, on average.
    scatter_sd_mm : float
        How far scatter spreads at the detector.
    focus_mm : float
        Width of the focal spot.
    blur_sd_mm : float
        Of the detector.
    """

    neck_turn_deg: dict[Side, float] | None = None
    pixel_mm: float = 0.25
    field_mm: tuple[float, float] = (420.0, 345.0)
    inset_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    source_detector_mm: float = 1100.0
    table_mm: float = 60.0
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    off_center_mm: tuple[float, float] = (0.0, 0.0)
    kvp: float = 80.0
    mas: float = 20.0
    quanta_per_mm2: float = 40000.0
    heel: float = 0.08
    scatter: float = 0.3
    scatter_sd_mm: float = 45.0
    focus_mm: float = 1.2
    blur_sd_mm: float = 0.12


def sample_dx(rng: np.random.Generator) -> DxScan:
    """Draw how a radiograph is taken. Distances are usual ones; that and all spreads are choices."""
    turned, angles = rng.random() < TURNED_IN_FREQUENCY, np.clip(rng.normal(6, 5, 2), -4, 16)
    insets = rng.uniform(2, 14, 4) * (rng.random(4) < 0.5)
    return DxScan(
        neck_turn_deg=dict(zip(Side, (float(a) for a in angles), strict=True)) if turned else None,
        pixel_mm=float(rng.choice([0.2, 0.25, 0.28])),
        field_mm=(float(rng.uniform(410, 430)), float(rng.uniform(335, 355))),
        inset_mm=tuple(float(v) for v in insets),  # type: ignore[arg-type]
        source_detector_mm=float(rng.choice([1000.0, 1050.0, 1100.0, 1150.0])),
        table_mm=float(rng.uniform(50, 75)),
        tilt_deg=tuple(float(v) for v in np.clip(rng.normal(0, (2.0, 1.0, 1.5)), -5, 5)),  # type: ignore[arg-type]
        off_center_mm=(float(rng.normal(0, 6)), float(rng.normal(0, 8))),
        kvp=float(rng.choice([75, 77, 80, 81, 85])),
        mas=float(np.round(rng.uniform(8, 40), 1)),
        quanta_per_mm2=float(rng.uniform(20000, 70000)),
        heel=float(rng.uniform(0.03, 0.12)),
        scatter=float(rng.uniform(0.15, 0.45)),
        scatter_sd_mm=float(rng.uniform(35, 60)),
        focus_mm=float(rng.choice([0.6, 1.2])),
        blur_sd_mm=float(rng.uniform(0.09, 0.16)),
    )


def neck_angle_deg(hip: Hip) -> float:
    """Return the angle of the neck to the coronal plane, + where it runs to the back on its way outward."""
    neck = hip.axes[:, 0]
    return float(np.degrees(np.arctan2(neck[1], hip.side.sign * neck[0])))


def turn_leg(hip: Hip, angle_deg: float) -> Hip:
    """Turn a femur about the vertical through its head, until its neck has an angle to the coronal plane."""
    turn = Rotation.from_euler("z", hip.side.sign * (angle_deg - neck_angle_deg(hip)), degrees=True)
    femur = turn.apply(hip.femur - hip.center) + hip.center
    center, radius = head_sphere(femur)
    return replace(hip, femur=femur, center=center, radius=radius, landmarks=landmarks(femur), axes=axes(femur))


def lie_down(person: Person, scan: DxScan) -> Person:
    """Return the person as they lie for the radiograph: the same bones, the legs perhaps turned in."""
    if scan.neck_turn_deg is None:
        return person
    return replace(person, hips={side: turn_leg(hip, scan.neck_turn_deg[side]) for side, hip in person.hips.items()})


def place_beam(person: Person, scan: DxScan, sides: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)) -> Cone:
    """Place tube and detector: in front of and behind a person on their back, columns to their left, rows to the feet.

    Parameters
    ----------
    person : Person
        As they lie, see :func:`lie_down`.
    scan : DxScan
    sides : tuple of Side
        Both: the whole pelvis; one: that hip alone, in 0.45 of the width and 0.8 of the height.
    """
    width, height = scan.field_mm
    if len(sides) == 1:
        middle = person.hips[sides[0]].center + np.array((12.0 * sides[0].sign, 0.0, -22.0))
        width, height = 0.45 * width, 0.8 * height
    else:
        # Between the iliac spines and the symphysis.
        middle = person.origin + np.array((0.0, 0.0, 42.0))
    middle = middle + np.array((scan.off_center_mm[0], 0.0, scan.off_center_mm[1]))
    turn = Rotation.from_euler("xyz", scan.tilt_deg, degrees=True).as_matrix()
    back = person.origin[1] + person.half_depth_mm + BACK_MM + scan.table_mm
    # Along the central ray, to the depth of the table: the detector is tilted with the tube.
    center = middle + turn[:, 1] * (back - middle[1]) / turn[1, 1]
    columns_rows = np.stack([turn[:, 0], -turn[:, 2]])
    shape = (round(width / scan.pixel_mm), round(height / scan.pixel_mm))
    corner = center - (np.array(shape) - 1) / 2 * scan.pixel_mm @ columns_rows
    return Cone(center - scan.source_detector_mm * turn[:, 1], corner, columns_rows, scan.pixel_mm, shape)


def _opening(cone: Cone, scan: DxScan) -> Array:
    """Share of the beam that the collimator lets through at each pixel; a wider focal spot makes its edge softer."""
    soft = 2.0 * scan.focus_mm
    result = np.ones(cone.shape, np.float32)
    for axis, count in enumerate(cone.shape):
        place = (np.arange(count) + 0.5) * scan.pixel_mm
        ends = (scan.inset_mm[2 * axis], scan.inset_mm[2 * axis + 1])
        for away, inset in ((place, ends[0]), (count * scan.pixel_mm - place, ends[1])):
            if inset > 0:
                edge = np.clip((away - inset) / soft + 0.5, 0, 1).astype(np.float32)
                result *= edge[:, None] if axis == 0 else edge[None]
    return result


def beam(cone: Cone, scan: DxScan) -> Array:
    """Return the beam without a body, 1 in its middle: distance, obliquity, heel effect and collimator."""
    away = cone.pixels() - cone.source
    cosine = cone.source_detector_mm / np.sqrt((away**2).sum(axis=-1))
    down = np.linspace(-1, 1, cone.shape[1])[None]
    return np.asarray(cosine**3 * (1 - scan.heel * down) * _opening(cone, scan), np.float32)


def expose(integrals: Array, cone: Cone, scan: DxScan, rng: np.random.Generator) -> Array:
    """Expose the detector.

    Parameters
    ----------
    integrals : array, shape (columns, rows)
        Attenuation along each ray; see :func:`~marrowmap.phantom.x_rays.line_integrals`.
    cone : Cone
    scan : DxScan
    rng : Generator
        For quanta.

    Returns
    -------
    array of float32, shape (columns, rows)
        Detected quanta a pixel, with their noise, above 0: primary radiation blurred by the focal spot, and scatter,
        which is a much smoother picture of the same body.
    """
    open_beam = beam(cone, scan)
    primary = open_beam * np.exp(-integrals)
    # The focal spot's picture on the detector, for what lies as far from it as the head centers.
    enlarged = scan.source_detector_mm / (scan.source_detector_mm - scan.table_mm - 110.0)
    focus = scan.focus_mm * (enlarged - 1) / np.sqrt(12)
    primary = ndimage.gaussian_filter(primary, focus / scan.pixel_mm)
    behind_body = (integrals > 1.0) & (open_beam > 0.3)
    usual = float(np.median(primary[behind_body])) if behind_body.any() else float(primary.max())
    # Scatter comes from the body: direct radiation beside it adds none.
    cause = np.minimum(primary, 6 * usual)
    step = max(1, round(4.0 / scan.pixel_mm))
    small = ndimage.zoom(ndimage.uniform_filter(cause, step), 1 / step, order=1)
    small = ndimage.gaussian_filter(small, scan.scatter_sd_mm / (scan.pixel_mm * step), mode="constant")
    scattered = ndimage.zoom(small, np.array(cone.shape) / np.array(small.shape), order=1)
    total = primary + np.float32(scan.scatter) * scattered
    quanta = total * np.float32(scan.quanta_per_mm2 * scan.pixel_mm**2 / usual)
    counted = rng.poisson(np.maximum(quanta, 0)).astype(np.float32)
    counted = ndimage.gaussian_filter(counted, scan.blur_sd_mm / scan.pixel_mm)
    # Electronics: a few quanta's worth.
    counted += rng.standard_normal(counted.shape, np.float32) * np.float32(5.0)
    return np.asarray(np.maximum(counted, 1.0), np.float32)


def detector_limits(scan: DxScan) -> tuple[float, float]:
    """Return the fewest and most quanta a pixel that the detector tells apart."""
    usual = scan.quanta_per_mm2 * scan.pixel_mm**2
    return 0.004 * usual, 30.0 * usual
