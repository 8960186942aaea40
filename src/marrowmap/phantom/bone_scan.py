"""A virtual bone scan as plain arrays: flow, blood pool and delayed planar images, and SPECT projections.

Timing is that of the EANM guideline (Van den Wyngaert 2016; facts.md 4.1): flow 30 to 60 frames of 1 to 2 s from
injection on, blood pool within 10 minutes for 3 to 5 minutes, delayed images at 2 to 5 hours; SPECT 60 to 120 views of
10 to 40 s. What lies within those ranges is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.camera import Bench
from marrowmap.phantom.camera import Camera
from marrowmap.phantom.camera import Detector
from marrowmap.phantom.ct import CtScan
from marrowmap.phantom.kinetics import REFERENCE_S
from marrowmap.phantom.kinetics import Kinetics
from marrowmap.phantom.kinetics import decay
from marrowmap.phantom.kinetics import frame_means
from marrowmap.phantom.kinetics import pool_curves
from marrowmap.phantom.kinetics import sample_kinetics
from marrowmap.phantom.layers import Array
from marrowmap.phantom.person import Person

VIEWS = ("anterior", "posterior")
VIEW_ANGLES_DEG = (180.0, 0.0)
CLEARANCE_MM = 25.0
"""Between body and collimator; a choice."""
CAMERA_BELOW_HEADS_MM = 15.0
"""How far below the head centers the middle of the detector lies."""


@dataclass(frozen=True)
class Frames:
    """Planar frames of one phase.

    Parameters
    ----------
    start_s, duration_s : tuple of float
        Of each frame, from injection.
    matrix : int
    pixel_mm : float
    """

    start_s: tuple[float, ...]
    duration_s: tuple[float, ...]
    matrix: int
    pixel_mm: float

    @property
    def middle_s(self) -> float:
        """Middle of all frames."""
        return (self.start_s[0] + self.start_s[-1] + self.duration_s[-1]) / 2


def frames(start_s: float, count: int, each_s: float, matrix: int, pixel_mm: float) -> Frames:
    """Return frames that follow each other without a gap."""
    return Frames(tuple(start_s + n * each_s for n in range(count)), (each_s,) * count, matrix, pixel_mm)


@dataclass(frozen=True)
class SpectScan:
    """How SPECT is acquired.

    Parameters
    ----------
    start_s : float
        From injection.
    views : int
        Over 360 degrees, half by each of two heads at the same time.
    seconds : float
        A view.
    matrix : int
    pixel_mm : float
    first_deg : float
        Angle of the first head's first view; see :mod:`marrowmap.image.spect_projector`.
    """

    start_s: float = REFERENCE_S + 600
    views: int = 60
    seconds: float = 20.0
    matrix: int = 128
    pixel_mm: float = 4.8
    first_deg: float = 180.0

    @property
    def angles_deg(self) -> NDArray[np.float64]:
        """Angle of each view: the first head's views, then the second's, which starts opposite."""
        return np.asarray((self.first_deg + np.arange(self.views) * 360.0 / self.views) % 360.0, np.float64)

    @property
    def view_start_s(self) -> NDArray[np.float64]:
        """When each view begins."""
        half = -(-self.views // 2)
        return np.asarray(self.start_s + (np.arange(self.views) % half) * self.seconds, np.float64)

    @property
    def middle_s(self) -> float:
        """Middle of the acquisition."""
        return self.start_s + -(-self.views // 2) * self.seconds / 2


@dataclass(frozen=True)
class BoneScan:
    """How one person's bone scan is done.

    Parameters
    ----------
    injected_mbq : float
        At injection.
    mass_g : float
        Of the body.
    kinetics : Kinetics
    flow, pool, delayed : Frames
    spect : SpectScan
    camera : Camera
    """

    injected_mbq: float = 700.0
    mass_g: float = 75_000.0
    kinetics: Kinetics = field(default_factory=Kinetics)
    flow: Frames = field(default_factory=lambda: frames(0.0, 40, 2.0, 128, 4.8))
    pool: Frames = field(default_factory=lambda: frames(300.0, 1, 240.0, 256, 2.4))
    delayed: Frames = field(default_factory=lambda: frames(REFERENCE_S, 1, 300.0, 256, 2.4))
    spect: SpectScan = field(default_factory=SpectScan)
    camera: Camera = field(default_factory=Camera)


def sample_bone_scan(person: Person, rng: np.random.Generator) -> BoneScan:
    """Draw how a person's bone scan is done.

    Activity is within the guideline's 300 to 740 MBq; mass follows sex and fat, a choice: a virtual person has none.
    """
    mass = rng.normal(78 if person.sex == "M" else 66, 6) + 0.9 * (person.fat_mm - 20)
    late = float(rng.uniform(2.5, 4.0)) * 3600
    flow_s, flow_matrix = float(rng.choice([1.0, 2.0])), int(rng.choice([64, 128]))
    return BoneScan(
        injected_mbq=float(rng.uniform(480, 740)),
        mass_g=float(np.clip(mass, 45, 130)) * 1000,
        kinetics=sample_kinetics(rng),
        flow=frames(0.0, 60 if flow_s < 1.5 else int(rng.integers(30, 46)), flow_s, flow_matrix, 614.4 / flow_matrix),
        pool=frames(float(rng.uniform(180, 420)), 1, float(rng.uniform(180, 300)), 256, 2.4),
        delayed=frames(late, 1, float(rng.uniform(240, 420)), 256, 2.4),
        spect=SpectScan(late + 900, int(rng.choice([60, 90, 120])), float(rng.choice([12.0, 15.0, 20.0]))),
        camera=Camera(),
    )


def low_dose_ct(rng: np.random.Generator) -> CtScan:
    """Draw the CT of a SPECT/CT: thick slices, large pixels, much noise; choices of the usual size."""
    return CtScan(
        pixel_mm=1.17,
        thickness_mm=3.0,
        fov_mm=500.0,
        above_mm=180.0,
        below_mm=210.0,
        noise_hu=float(rng.uniform(28, 45)),
        kernel_mm=1.0,
    )


@dataclass(frozen=True, eq=False)
class PlanarSeries:
    """Expected planar counts.

    Parameters
    ----------
    counts : array, shape (frames, views, rows, columns)
        Noise-free, photopeak window; views are :data:`VIEWS`. Rows run to the feet; columns to the viewer's right,
        which is the patient's left in front and the right from behind.
    frames : Frames
    detector : Detector
    axis_x_mm : float
        LPS x between the middle columns.
    """

    counts: Array
    frames: Frames
    detector: Detector
    axis_x_mm: float

    def pixel_of(self, point: NDArray[np.float64], view: int) -> NDArray[np.float64]:
        """Return row and column (fractional) of LPS points (..., 3) in a view."""
        middle, size = (self.detector.matrix - 1) / 2, self.detector.pixel_mm
        right = 1.0 if VIEWS[view] == "anterior" else -1.0
        row = middle - (point[..., 2] - self.detector.center_z_mm) / size
        return np.stack([row, middle + right * (point[..., 0] - self.axis_x_mm) / size], axis=-1)


@dataclass(frozen=True, eq=False)
class SpectSeries:
    """Expected SPECT projections.

    Parameters
    ----------
    counts, lower_window : array, shape (views, rows, columns)
        Noise-free; rows run to the feet.
    angles_deg, radius_mm : array, shape (views,)
    scan : SpectScan
    grid : Grid
        Of what :func:`marrowmap.image.spect_reconstruction.reconstruct` makes of them, its array transposed to
        (columns, rows, slices): LPS mm, the third axis to the feet.
    """

    counts: Array
    lower_window: Array
    angles_deg: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    scan: SpectScan
    grid: Grid


def _contour_mm(person: Person, angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how near the collimator comes to the axis at each angle: an ellipse about the body, and a clearance."""
    a = np.radians(angles_deg)
    half = np.array([person.half_width_mm, person.half_depth_mm + 14])
    return np.asarray(np.hypot(half[0] * np.sin(a), half[1] * np.cos(a)) + CLEARANCE_MM, np.float64)


def _becquerel(activity: Activity, scan: BoneScan) -> np.float32:
    """Return Bq in a voxel for an SUV of 1 at injection."""
    return np.float32(scan.injected_mbq * 1e6 / scan.mass_g * activity.grid.voxel_volume_ml)


def planar_series(person: Person, activity: Activity, scan: BoneScan, phase: Frames) -> PlanarSeries:
    """Return the expected counts of one planar phase from both sides at once.

    Each pool is projected once and then weighted by its mean over every frame.
    """
    detector = Detector(phase.matrix, phase.pixel_mm, float(person.origin[2]) - CAMERA_BELOW_HEADS_MM)
    angles = np.array(VIEW_ANGLES_DEG)
    bench = Bench(scan.camera, activity.grid, activity.attenuation, angles, _contour_mm(person, angles), detector)
    means = frame_means(scan.kinetics, phase.start_s, phase.duration_s)
    counts = np.zeros((len(phase.start_s), len(VIEWS), phase.matrix, phase.matrix), np.float32)
    seconds = np.asarray(phase.duration_s, np.float32)
    for pool, share in activity.shares.items():
        sources = bench.sources(share * _becquerel(activity, scan))
        weights = (means[pool] * seconds).astype(np.float32)
        for view in range(len(VIEWS)):
            counts[:, view] += weights[:, None, None] * bench.rates(sources, view)[0]
    return PlanarSeries(counts, phase, detector, float(bench.axis_mm[0]))


def suv_at(activity: Activity, scan: BoneScan, seconds: float) -> Array:
    """Return the noise-free SUV (decay corrected to injection) of every voxel at a time after injection."""
    curves = pool_curves(scan.kinetics, seconds)
    return activity.at({pool: float(curve) for pool, curve in curves.items()})


def spect_series(person: Person, activity: Activity, scan: BoneScan) -> SpectSeries:
    """Return expected SPECT projections: the tracer stays as it is in the middle of the acquisition, but decays."""
    how = scan.spect
    angles = how.angles_deg
    radius = _contour_mm(person, angles)
    detector = Detector(how.matrix, how.pixel_mm, float(person.origin[2]) - CAMERA_BELOW_HEADS_MM)
    bench = Bench(scan.camera, activity.grid, activity.attenuation, angles, radius, detector)
    sources = bench.sources(suv_at(activity, scan, how.middle_s) * _becquerel(activity, scan))
    peak, below = [], []
    from_start = decay(how.view_start_s + how.seconds / 2) * how.seconds
    for view in range(how.views):
        rates = bench.rates(sources, view)
        peak.append(rates[0] * np.float32(from_start[view]))
        below.append(rates[1] * np.float32(from_start[view]))
    step = np.diag([how.pixel_mm, how.pixel_mm, -how.pixel_mm, 1.0])
    half = (how.matrix - 1) / 2 * how.pixel_mm
    step[:3, 3] = (bench.axis_mm[0] - half, bench.axis_mm[1] - half, detector.center_z_mm + half)
    grid = Grid((how.matrix, how.matrix, how.matrix), step)
    return SpectSeries(np.stack(peak), np.stack(below), angles, radius, how, grid)


def suv_per_count(scan: BoneScan) -> float:
    """Return what a reconstructed value (counts in one view) is to be multiplied by to be an SUV at injection."""
    how = scan.spect
    seen = float(decay(np.array([how.middle_s]))[0]) * how.seconds * scan.camera.counts_per_s_bq
    becquerel_per_ml = scan.injected_mbq * 1e6 / scan.mass_g
    return 1.0 / (seen * becquerel_per_ml * (how.pixel_mm / 10) ** 3)


PHASES: Mapping[str, str] = {"flow_ratio": "flow", "pool_ratio": "pool", "delayed_ratio": "delayed"}
"""Quantity to the frames it is measured on."""
