"""What ingest hands on of a bone scan: planar views, dynamic frames, projections, reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Dynamic
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.image import Volume
from marrowmap.image import geometric_mean
from marrowmap.image.grid import read_only


class Phase(Enum):
    """The three phases of a bone scan."""

    FLOW = "flow"
    BLOOD_POOL = "blood pool"
    DELAYED = "delayed"
    UNKNOWN = "unknown phase"


@dataclass(frozen=True)
class EnergyWindow:
    """Which photons were counted.

    Parameters
    ----------
    name : str
        As the camera calls it; may be empty.
    ranges_kev : tuple of (float, float)
        Lower and upper limits; empty where the file does not say.
    """

    name: str
    ranges_kev: tuple[tuple[float, float], ...]

    def holds(self, kev: float) -> bool:
        """Say whether photons of this energy are counted."""
        return any(low <= kev <= high for low, high in self.ranges_kev)

    def __str__(self) -> str:
        limits = ", ".join(f"{low:g} to {high:g} keV" for low, high in self.ranges_kev)
        return " ".join(part for part in (self.name, limits) if part) or "limits not stated"


@dataclass(frozen=True)
class Tracer:
    """What was injected, as far as the file says.

    Parameters
    ----------
    nuclide : str
        ``Tc-99m``, or empty.
    half_life_s : float or None
    agent : str
        The pharmaceutical; may be empty.
    activity_mbq : float or None
        At the time of injection.
    injected_at : datetime or None
        The camera's local time.
    weight_kg : float or None
        Of the patient.
    lacks : tuple of str
        One line for each of these that is absent or unusable, with its tag.
    """

    nuclide: str = ""
    half_life_s: float | None = None
    agent: str = ""
    activity_mbq: float | None = None
    injected_at: datetime | None = None
    weight_kg: float | None = None
    lacks: tuple[str, ...] = ()

    def decay_to(self, when: datetime) -> float:
        """Return the share of the injected activity not yet decayed at a time, biology apart.

        Raises
        ------
        InputError
            If the time of injection or the half-life is unknown; says which tag is missing.
        """
        if self.injected_at is None or self.half_life_s is None:
            raise InputError(f"decay cannot be computed: {'; '.join(self.lacks)}")
        seconds = (when - self.injected_at).total_seconds()
        return float(np.exp2(-seconds / self.half_life_s))

    def activity_at(self, when: datetime) -> float:
        """Return the injected activity decayed to a time, in MBq; raises InputError as `decay_to`."""
        if self.activity_mbq is None:
            raise InputError(f"activity cannot be computed: {'; '.join(self.lacks)}")
        return self.activity_mbq * self.decay_to(when)


@dataclass(frozen=True)
class SuvScale:
    """How voxel values become standardized uptake values (body weight, g/mL).

    Parameters
    ----------
    factor : float or None
        SUV of a voxel value of 1; None where it cannot be known.
    reason : str
        How it was computed, or what is missing and in which tag.
    """

    factor: float | None
    reason: str


@dataclass(frozen=True)
class Source:
    """What every part of a bone scan says of itself.

    Parameters
    ----------
    uid, study_uid, number, description, date
        Of the series, as in `Series`.
    file : Path
    instance_uid : str
    started_at : datetime or None
        Start of the acquisition, of this part of it where phases are split; the camera's local time.
    patient_position : str
        ``HFS`` and the like; empty where neither the file nor the user says.
    tracer : Tracer
    phase, phase_reason
        Recognized by timing, and how.
    said : tuple of str
        What is the user's word alone, as the file names it not: ``view anterior by --view`` and the like.
    """

    uid: str
    study_uid: str
    number: int | None
    description: str
    date: str
    file: Path
    instance_uid: str
    started_at: datetime | None
    patient_position: str
    tracer: Tracer
    phase: Phase = Phase.UNKNOWN
    phase_reason: str = ""
    said: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file, as a series would list it."""
        return (self.file,)


@dataclass(frozen=True, eq=False)
class Planar:
    """Static or whole-body views of one acquisition.

    Parameters
    ----------
    source : Source
    whole_body : bool
    views : tuple of Plane
        In counts; of opposed views both have columns to the patient's left, see `PlaneGrid`.
    frame_numbers : tuple of int
        1-based frame of each view in its file.
    view_reasons : tuple of str
        How each view was recognized.
    duration_s : float or None
        Of the whole acquisition.
    window : EnergyWindow or None
    """

    source: Source
    whole_body: bool
    views: tuple[Plane, ...]
    frame_numbers: tuple[int, ...]
    view_reasons: tuple[str, ...]
    duration_s: float | None
    window: EnergyWindow | None

    def view(self, view: View) -> Plane | None:
        """Return one view, None where it was not taken; the geometric mean for the conjugate view."""
        if view is View.CONJUGATE:
            front, back = self.view(View.ANTERIOR), self.view(View.POSTERIOR)
            return None if front is None or back is None else geometric_mean(front, back)
        return next((plane for plane in self.views if plane.grid.view is view), None)

    def rate(self, view: View) -> Plane | None:
        """Return one view in counts/s.

        Raises
        ------
        InputError
            If the duration is unknown; or for a whole-body pass, which sees each place for a part of its time only.
        """
        plane = self.view(view)
        if plane is None:
            return None
        if self.whole_body:
            raise InputError("a whole-body pass sees each place for a part of its time only: compare counts, not rates")
        if self.duration_s is None:
            raise InputError("counts per second need (0018,1242) Actual Frame Duration, which is absent: use counts")
        return Plane(plane.grid, plane.array / np.float32(self.duration_s), "counts/s")


@dataclass(frozen=True, eq=False)
class DynamicScan:
    """One phase of a dynamic acquisition: frames of equal duration, seen by one or several detectors at once.

    Parameters
    ----------
    source : Source
        `started_at` is the start of this phase.
    part : int
        1-based phase of the file.
    views : tuple of Dynamic
        Frame times count from the start of this phase.
    frame_numbers : tuple of tuple of int
        For each view the 1-based frames of the file, in time.
    view_reasons : tuple of str
    window : EnergyWindow or None
    """

    source: Source
    part: int
    views: tuple[Dynamic, ...]
    frame_numbers: tuple[tuple[int, ...], ...]
    view_reasons: tuple[str, ...]
    window: EnergyWindow | None

    def view(self, view: View) -> Dynamic | None:
        """Return the frames of one view, None where it was not taken."""
        return next((frames for frames in self.views if frames.grid.view is view), None)


@dataclass(frozen=True, eq=False)
class Projections:
    """SPECT as acquired.

    Space: a detector at angle a stands in the direction (sin a, cos a, 0) LPS from the axis of rotation, which runs
    along the patient: 0 at the patient's back, 90 degrees at the left side, 180 in front. Columns run to the right as
    seen from the detector, (-cos a, sin a, 0); rows run to the feet.

    Parameters
    ----------
    source : Source
    array : ndarray of float32, shape (columns, rows, views, windows)
        Counts; views by rotation, detector and angular view, each detector's in the order of acquisition.
    angles_deg : ndarray, shape (views,)
        From 0 to below 360.
    radius_mm : ndarray, shape (views,), or None
        Of each view's detector from the axis.
    detectors : ndarray of int, shape (views,)
        1-based.
    counterclockwise : bool
        As seen from the feet, angles rising.
    spacing_mm : tuple of 2 float
        Between columns, between rows.
    center_mm : ndarray, shape (3,), or None
        LPS mm of the point on the axis at the middle of the detector.
    duration_s : float
        Of one view.
    windows : tuple of EnergyWindow
    photopeak : int
        Index of the window with the tracer's main photons; others serve to estimate scatter.
    frame_numbers : ndarray of int, shape (views, windows)
    frame_of_reference_uid : str
    """

    source: Source
    array: NDArray[np.float32]
    angles_deg: NDArray[np.float64]
    radius_mm: NDArray[np.float64] | None
    detectors: NDArray[np.int64]
    counterclockwise: bool
    spacing_mm: tuple[float, float]
    center_mm: NDArray[np.float64] | None
    duration_s: float
    windows: tuple[EnergyWindow, ...]
    photopeak: int
    frame_numbers: NDArray[np.int64]
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        for name in ("array", "angles_deg", "detectors", "frame_numbers"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """SPECT as reconstructed by the camera.

    Parameters
    ----------
    source : Source
    volume : Volume
        Slices along the third axis in the order of rising position along the slice normal, whatever the sign of the
        file's spacing. Unit ``counts``, or ``Bq/mL`` where the file is calibrated.
    placed : bool
        False where no file says where the slices lie: the volume is then centered at the origin of a frame of
        reference of its own.
    suv : SuvScale
    valid_at, valid_reason
        The time for which the values hold, decay being corrected to it or running, and why; None where unknown.
    corrections : tuple of str
        (0028,0051) Corrected Image: ``ATTN``, ``SCAT``, ``DECY`` and the like.
    frame_numbers : tuple of int
        1-based frame of each slice.
    ct_uids : tuple of str
        Series Instance UIDs of the CT in the same frame of reference.
    """

    source: Source
    volume: Volume
    placed: bool
    suv: SuvScale
    valid_at: datetime | None
    valid_reason: str
    corrections: tuple[str, ...]
    frame_numbers: tuple[int, ...]
    ct_uids: tuple[str, ...] = ()


BoneScan = Planar | DynamicScan | Projections | Reconstruction


def describe_scan(scan: BoneScan) -> str:
    """Say in a few words what a part of a bone scan is."""
    if isinstance(scan, Projections):
        kind = f"SPECT projections, {len(scan.angles_deg)} views"
    elif isinstance(scan, Reconstruction):
        kind = f"SPECT, {scan.volume.grid.shape[2]} slices{' with CT' if scan.ct_uids else ''}"
    else:
        grids = [view.grid for view in scan.views]
        kind = "whole body" if isinstance(scan, Planar) and scan.whole_body else "planar"
        if isinstance(scan, DynamicScan):
            count = scan.views[0].array.shape[2]
            kind = f"dynamic, {count} frame{'' if count == 1 else 's'}"
        kind += f", {' and '.join(f'{grid.view.value}' for grid in grids)}"
    number = "" if scan.source.number is None else f"series {scan.source.number} "
    return f"{number}{kind} ({scan.source.phase.value})"
