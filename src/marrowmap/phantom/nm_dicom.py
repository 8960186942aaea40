"""Virtual gamma camera images as DICOM of the Nuclear Medicine IOD, tagged the way cameras tag them.

Arrays are counts as a camera stores them: every view upright as its detector sees it, so that in a posterior view the
patient's left is on the left. Space: LPS mm; a detector's angle counts from the patient's back, rising toward the left
side (PS3.3 C.8.4.12), and a detector at angle a stands in the direction (sin a, cos a, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from marrowmap.image import View
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.nm_file import MOST
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.nm_file import add_vectors
from marrowmap.phantom.nm_file import add_windows
from marrowmap.phantom.nm_file import code
from marrowmap.phantom.nm_file import decimal_strings
from marrowmap.phantom.nm_file import describe_detector
from marrowmap.phantom.nm_file import item
from marrowmap.phantom.nm_file import new_image
from marrowmap.phantom.nm_file import save_image

PHOTOPEAK_KEV = (126.45, 154.55)
"""20 % around the 140.5 keV of Tc-99m."""
ANGLES = {View.POSTERIOR: 0.0, View.LEFT_LATERAL: 90.0, View.ANTERIOR: 180.0, View.RIGHT_LATERAL: 270.0}
_VIEW_CODES = {
    View.ANTERIOR: ("399321004", "Anterior projection"),
    View.POSTERIOR: ("399001007", "Posterior projection"),
    View.LEFT_LATERAL: ("399118008", "Left lateral projection"),
    View.RIGHT_LATERAL: ("399297009", "Right lateral projection"),
}


class PlanarKind(Enum):
    """Third value of Image Type."""

    STATIC = "STATIC"
    WHOLE_BODY = "WHOLE BODY"


class Turn(Enum):
    """Direction of rotation as seen from the patient's feet."""

    CLOCKWISE = "CW"
    COUNTERCLOCKWISE = "CC"


@dataclass(frozen=True, eq=False)
class TimedFrames:
    """One phase of a dynamic acquisition.

    Parameters
    ----------
    counts : array of int, shape (frames, views, rows, columns)
    frame_s, pause_s : float
        Duration of a frame and pause between two.
    delay_s : float
        Pause before the phase.
    """

    counts: NDArray[np.integer]
    frame_s: float
    pause_s: float = 0.0
    delay_s: float = 0.0


@dataclass(frozen=True)
class Orbit:
    """How the detectors went round.

    Parameters
    ----------
    start_deg, step_deg : float
        Angle of the first view and between views; the step is positive.
    radius_mm : float or tuple of float
        One, or one for each view.
    view_s : float
        Duration of a view.
    turn : Turn
    heads : int
        Detectors that share the views in equal consecutive parts, all turning at once.
    """

    start_deg: float
    step_deg: float
    radius_mm: float | tuple[float, ...]
    view_s: float
    turn: Turn = Turn.COUNTERCLOCKWISE
    heads: int = 1


def _planar_detectors(camera: Camera, views: Sequence[View], shape: tuple[int, int]) -> list[Dataset]:
    detectors = []
    for view in views:
        detector = describe_detector(camera, ANGLES[view], [camera.radius_mm], shape)
        value, meaning = _VIEW_CODES[view]
        detector.ViewCodeSequence = [code(value, "SCT", meaning)]
        detectors.append(detector)
    return detectors


def write_planar(
    path: Path,
    counts: NDArray[np.integer],
    views: Sequence[View],
    duration_s: float,
    study: StudyTags,
    camera: Camera,
    injection: Injection | None = None,
    kind: PlanarKind = PlanarKind.STATIC,
) -> str:
    """Write static or whole-body views, one detector each.

    Parameters
    ----------
    path : Path
    counts : array of int, shape (views, rows, columns)
        As each detector sees them.
    views : sequence of View
        Anterior, posterior or lateral.
    duration_s : float
    study, camera, injection, kind

    Returns
    -------
    str
        SOP Instance UID.
    """
    data = new_image(study, camera, injection, ("ORIGINAL", "PRIMARY", kind.value, "EMISSION"), path.name)
    data.ActualFrameDuration = round(duration_s * 1000)
    add_windows(data, [PHOTOPEAK_KEV])
    data.NumberOfDetectors = len(views)
    data.DetectorInformationSequence = _planar_detectors(camera, views, counts.shape[1:])
    add_vectors(data, EnergyWindowVector=[1] * len(views), DetectorVector=np.arange(len(views)) + 1)
    return save_image(path, data, counts, camera.pixel_mm)


def write_dynamic(
    path: Path,
    phases: Sequence[TimedFrames],
    views: Sequence[View],
    study: StudyTags,
    camera: Camera,
    injection: Injection | None = None,
) -> str:
    """Write a dynamic acquisition of one or several phases; frames are stored detector by detector.

    Returns
    -------
    str
        SOP Instance UID.
    """
    data = new_image(study, camera, injection, ("ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"), path.name)
    add_windows(data, [PHOTOPEAK_KEV])
    shape = phases[0].counts.shape[2:]
    data.NumberOfDetectors = len(views)
    data.DetectorInformationSequence = _planar_detectors(camera, views, shape)
    data.NumberOfPhases = len(phases)
    data.PhaseInformationSequence = [
        item(
            PhaseDelay=round(phase.delay_s * 1000),
            ActualFrameDuration=round(phase.frame_s * 1000),
            PauseBetweenFrames=round(phase.pause_s * 1000),
            NumberOfFramesInPhase=len(phase.counts),
        )
        for phase in phases
    ]
    frames: list[NDArray[np.integer]] = []
    detector_at: list[int] = []
    phase_at: list[int] = []
    time_at: list[int] = []
    for detector in range(len(views)):
        for number, phase in enumerate(phases, start=1):
            frames.append(phase.counts[:, detector])
            detector_at += [detector + 1] * len(phase.counts)
            phase_at += [number] * len(phase.counts)
            time_at += range(1, len(phase.counts) + 1)
    add_vectors(
        data,
        EnergyWindowVector=[1] * len(time_at),
        DetectorVector=detector_at,
        PhaseVector=phase_at,
        TimeSliceVector=time_at,
    )
    return save_image(path, data, np.concatenate(frames), camera.pixel_mm)


def write_projections(
    path: Path,
    counts: NDArray[np.integer],
    orbit: Orbit,
    study: StudyTags,
    camera: Camera,
    injection: Injection | None = None,
    scatter: Sequence[tuple[tuple[float, float], NDArray[np.integer]]] = (),
) -> str:
    """Write SPECT projections of one rotation.

    Parameters
    ----------
    path : Path
    counts : array of int, shape (views, rows, columns)
        In the photopeak; view n at ``start_deg`` plus or minus n ``step_deg``. With several heads the first share of
        views is the first detector's, and so on.
    orbit : Orbit
    study, camera, injection
    scatter : sequence of (limits in keV, counts)
        Further energy windows, counts as above.

    Returns
    -------
    str
        SOP Instance UID.

    Raises
    ------
    ValueError
        If views do not part evenly among heads, or radii are not one for each view.
    """
    views = len(counts)
    each = views // orbit.heads
    radii = np.atleast_1d(np.asarray(orbit.radius_mm, float))
    if each * orbit.heads != views or len(radii) not in (1, views):
        raise ValueError(f"{views} views, {orbit.heads} heads and {len(radii)} radii do not fit each other")
    sign = 1.0 if orbit.turn is Turn.COUNTERCLOCKWISE else -1.0
    data = new_image(study, camera, injection, ("ORIGINAL", "PRIMARY", "TOMO", "EMISSION"), path.name)
    windows = [(PHOTOPEAK_KEV, counts), *scatter]
    add_windows(data, [limits for limits, _ in windows])
    data.NumberOfDetectors = orbit.heads
    data.DetectorInformationSequence = [
        describe_detector(
            camera,
            orbit.start_deg + sign * orbit.step_deg * each * head,
            radii.tolist() if len(radii) == 1 else radii[head * each : (head + 1) * each].tolist(),
            counts.shape[1:],
        )
        for head in range(orbit.heads)
    ]
    data.NumberOfRotations = 1
    data.TypeOfDetectorMotion = "STEP AND SHOOT"
    data.RotationInformationSequence = [
        item(
            StartAngle=f"{orbit.start_deg % 360:.9g}",
            AngularStep=f"{orbit.step_deg:.9g}",
            RotationDirection=orbit.turn.value,
            ScanArc=f"{orbit.step_deg * each:.9g}",
            ActualFrameDuration=round(orbit.view_s * 1000),
            NumberOfFramesInRotation=each,
        )
    ]
    heads, angular = np.divmod(np.arange(views), each)
    add_vectors(
        data,
        EnergyWindowVector=np.repeat(np.arange(len(windows)) + 1, views),
        DetectorVector=np.tile(heads + 1, len(windows)),
        RotationVector=np.ones(views * len(windows)),
        AngularViewVector=np.tile(angular + 1, len(windows)),
    )
    return save_image(path, data, np.concatenate([frames for _, frames in windows]), camera.pixel_mm)


def write_reconstruction(
    path: Path,
    values: NDArray[np.integer],
    affine: NDArray[np.float64],
    study: StudyTags,
    camera: Camera,
    injection: Injection | None = None,
    bq_per_ml: float | None = None,
) -> str:
    """Write a reconstructed SPECT.

    Parameters
    ----------
    path : Path
    values : array of int, shape (slices, rows, columns)
    affine : array, shape (4, 4)
        Index (column, row, slice) to LPS mm, orthogonal, square pixels of the camera's size. Where slices run against
        the normal (column direction x row direction), Spacing Between Slices is negative, as cameras have it.
    study, camera, injection
    bq_per_ml : float, optional
        Concentration of a stored value of 1, corrected for decay to the start; without it values are counts.

    Returns
    -------
    str
        SOP Instance UID.
    """
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(steps[:2], camera.pixel_mm, atol=1e-4):
        raise ValueError(f"pixels of {steps[:2]} mm by the affine, {camera.pixel_mm} mm by the camera")
    axes = (affine[:3, :3] / steps).T
    sign = float(np.sign(np.cross(axes[0], axes[1]) @ axes[2]))
    data = new_image(study, camera, injection, ("ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"), path.name)
    add_windows(data, [PHOTOPEAK_KEV])
    data.NumberOfDetectors = 1
    detector = item(CollimatorGridName="LEHR", CollimatorType="PARA", FocalDistance=0)
    detector.ImagePositionPatient = decimal_strings(affine[:3, 3])
    detector.ImageOrientationPatient = decimal_strings(axes[:2])
    data.DetectorInformationSequence = [detector]
    data.NumberOfRotations = 1
    data.RotationInformationSequence = []
    data.TypeOfDetectorMotion = "STEP AND SHOOT"
    data.SliceThickness = f"{steps[2]:.9g}"
    data.SpacingBetweenSlices = f"{sign * steps[2]:.9g}"
    data.NumberOfSlices = len(values)
    data.CorrectedImage = ["UNIF", "NRGY", "ATTN", "SCAT", "DECY"]
    if bq_per_ml is not None:
        data.RealWorldValueMappingSequence = [
            item(
                RealWorldValueFirstValueMapped=0,
                RealWorldValueLastValueMapped=MOST,
                RealWorldValueIntercept=0.0,
                RealWorldValueSlope=float(bq_per_ml),
                LUTExplanation="activity concentration",
                LUTLabel="BQML",
                MeasurementUnitsCodeSequence=[code("Bq/ml", "UCUM", "Becquerels/milliliter")],
            )
        ]
        for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
            data.RealWorldValueMappingSequence[0][keyword].VR = "US"
    add_vectors(data, SliceVector=np.arange(len(values)) + 1)
    return save_image(path, data, values, camera.pixel_mm)
