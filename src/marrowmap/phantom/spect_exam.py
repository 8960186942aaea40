"""A virtual SPECT/CT as files: projections, the camera's own reconstruction, and the low-dose CT beside them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Volume
from marrowmap.image.attenuation import attenuation_map
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_reconstruction import Osem
from marrowmap.image.spect_reconstruction import reconstruct
from marrowmap.image.spect_reconstruction import scatter_from_windows
from marrowmap.phantom import nm_dicom
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.bone_scan import BoneScan
from marrowmap.phantom.bone_scan import SpectSeries
from marrowmap.phantom.bone_scan import low_dose_ct
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.bone_scan import spect_series
from marrowmap.phantom.bone_scan import suv_per_count
from marrowmap.phantom.camera import poisson
from marrowmap.phantom.ct import write_ct
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.kinetics import decay
from marrowmap.phantom.nm_file import MOST
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.person import Person
from marrowmap.phantom.planar_exam import draw_uptakes
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.scene import Scene

INJECTED_AT = datetime(2026, 1, 5, 8, 30)
LOWER_KEV = (92.0, 125.0)
"""The window just below the photopeak, for scatter."""
CAMERA = Osem(post_filter_fwhm_mm=7.0)
"""How the virtual camera reconstructs: 4 iterations of 10 subsets and a Gaussian of 7 mm, within the guideline's 3 to 5
iterations, 8 to 10 subsets and 4 to 10 mm (EANM 2016)."""
PLANAR_QUANTITIES = ("flow_ratio", "pool_ratio")
PLANAR_SIGNS = ("diffuse_hyperemia",)
"""Truth of the planar phases, which SPECT does not show."""


@dataclass(frozen=True, eq=False)
class Acquired:
    """Counts as the camera stores them.

    Parameters
    ----------
    photopeak, lower : array of uint16, shape (views, rows, columns)
    series : SpectSeries
        What was expected, and the geometry.
    """

    photopeak: NDArray[np.uint16]
    lower: NDArray[np.uint16]
    series: SpectSeries


def acquire(person: Person, activity: Activity, scan: BoneScan, rng: np.random.Generator) -> Acquired:
    """Draw SPECT projections."""
    series = spect_series(person, activity, scan)
    return Acquired(poisson(series.counts, rng), poisson(series.lower_window, rng), series)


def reconstruct_suv(acquired: Acquired, activity: Activity, scan: BoneScan, options: Osem = CAMERA) -> Volume:
    """Reconstruct as a camera does that knows its sensitivity: SUV at injection, axes to the left, the back, the feet.

    Attenuation is the model's, smoothed; scatter is that of the lower window.
    """
    series = acquired.series
    mu = attenuation_map(Volume(activity.grid, activity.attenuation, "1/mm"), series.grid)
    found = reconstruct(
        acquired.photopeak.astype(np.float32),
        Orbit(series.angles_deg, series.radius_mm, series.scan.pixel_mm),
        options,
        attenuation=np.ascontiguousarray(mu.transpose(2, 1, 0)),
        scatter=scatter_from_windows(acquired.lower.astype(np.float32)),
    )
    suv = found.transpose(2, 1, 0) * np.float32(suv_per_count(scan))
    return Volume(series.grid, np.ascontiguousarray(suv), "g/mL")


def write_spect_files(
    folder: Path, acquired: Acquired, suv: Volume, scan: BoneScan, study: StudyTags, *, rising: bool
) -> str:
    """Write projections and reconstruction as NM DICOM.

    Parameters
    ----------
    folder : Path
        To make.
    acquired, suv, scan
    study : StudyTags
    rising : bool
        Whether slices run to the head. Else they run to the feet and Spacing Between Slices is negative.

    Returns
    -------
    str
        Series Instance UID of the reconstruction.
    """
    series, how = acquired.series, scan.spect
    folder.mkdir(parents=True)
    started = INJECTED_AT + timedelta(seconds=how.start_s)
    injection = Injection(INJECTED_AT, scan.injected_mbq, scan.mass_g / 1000)
    middle = (series.grid.center[0], series.grid.center[1], series.grid.center[2])
    camera = Camera(21, "BONE SPECT PROJECTIONS", started, how.pixel_mm, middle)
    orbit = nm_dicom.Orbit(
        how.first_deg, 360.0 / how.views, tuple(float(r) for r in series.radius_mm), how.seconds, heads=2
    )
    nm_dicom.write_projections(
        folder / "projections.dcm", acquired.photopeak, orbit, study, camera, injection, [(LOWER_KEV, acquired.lower)]
    )
    # Bq/mL at the start, as cameras correct for decay.
    becquerel = suv.array * np.float32(scan.injected_mbq * 1e6 / scan.mass_g * float(decay(np.array([how.start_s]))[0]))
    affine = np.array(suv.grid.affine)
    stored = becquerel.transpose(2, 1, 0)
    if rising:
        stored = stored[::-1]
        affine[:3, 3] = suv.grid.to_world((0, 0, suv.grid.shape[2] - 1))
        affine[:3, 2] *= -1
    scale = float(stored.max()) / (MOST - 1)
    camera = replace(camera, number=22, description="BONE SPECT AC SC RR")
    nm_dicom.write_reconstruction(
        folder / "reconstruction.dcm",
        np.rint(stored / scale).astype(np.uint16),
        affine,
        study,
        camera,
        injection,
        bq_per_ml=scale,
    )
    return make_uid(study.study_uid, "nm", 22)


def write_spect(
    folder: Path, scene: Scene, study: StudyTags, seed: int, date: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Write a SPECT/CT of a scene and compute its truth.

    The SPECT/CT has a frame of reference of its own, as on another scanner; the person lies in it as in the MR, so its
    coordinates are the same.

    Parameters
    ----------
    folder : Path
        ``SPECT`` and ``SPECT_CT`` go into it.
    scene : Scene
    study : StudyTags
        Of the exam; person and date are taken from it.
    seed : int
    date : str
        ISO 8601.

    Returns
    -------
    settings, measurements, findings
        For ``truth.json``.
    """
    own = replace(
        study,
        study_uid=make_uid(study.study_uid, "spect"),
        frame_of_reference_uid=make_uid(study.study_uid, "spect", "frame of reference"),
    )
    scan = sample_bone_scan(scene.person, np.random.default_rng([seed, 500]))
    activity = lay_out_activity(scene, seed)
    acquired = acquire(scene.person, activity, scan, np.random.default_rng([seed, 510]))
    suv = reconstruct_suv(acquired, activity, scan)
    uid = write_spect_files(folder / "SPECT", acquired, suv, scan, own, rising=seed % 3 == 0)
    ct = low_dose_ct(np.random.default_rng([seed, 520]))
    ct_uid, _ = write_ct(folder / "SPECT_CT", scene, ct, own, 23, np.random.default_rng([seed, 521]))
    evidence = {"series_uid": uid, "image_uids": []}
    measurements = scan_measurements(scene.person, activity, scan, {}, date, evidence)
    findings = scan_findings(scene.person, activity, date, evidence)
    settings = {
        "injected_mbq": scan.injected_mbq,
        "mass_g": scan.mass_g,
        "views": scan.spect.views,
        "seconds_a_view": scan.spect.seconds,
        "start_s": scan.spect.start_s,
        "frame_of_reference_uid": own.frame_of_reference_uid,
        "ct_series_uid": ct_uid,
    }
    return (
        settings,
        [row for row in measurements if row["quantity"] not in PLANAR_QUANTITIES],
        [row for row in findings if row["sign"] not in PLANAR_SIGNS],
    )


def lay_out_activity(scene: Scene, seed: int) -> Activity:
    """Draw what each hip draws and lay the tracer out; every modality of one bone scan shares it."""
    return build_activity(scene, draw_uptakes(scene, seed), seed)
