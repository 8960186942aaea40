"""The SPECT or SPECT/CT of an exam: which image, whose bones, reconstructed first where only projections exist."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.registration import BoneRegistration
from marrowmap.anatomy.registration import register_bone
from marrowmap.anatomy.registration import register_to_spect
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.attenuation import attenuation_map
from marrowmap.image.attenuation import attenuation_of_hu
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_reconstruction import Osem
from marrowmap.image.spect_reconstruction import effective_scatter
from marrowmap.image.spect_reconstruction import reconstruct
from marrowmap.image.spect_reconstruction import scatter_from_windows
from marrowmap.ingest import Exam
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.scan import Projections
from marrowmap.ingest.scan import Reconstruction
from marrowmap.ingest.scan import describe_scan
from marrowmap.measure.spect import SpectSource
from marrowmap.measure.spect import measure_spect
from marrowmap.report.result import SpectImage
from marrowmap.values import Evidence
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress

OSEM = Osem(iterations=4, subsets=10, post_filter_fwhm_mm=7.0)
"""Within the guideline's 3 to 5 iterations, 8 to 10 subsets and 4 to 10 mm (EANM 2016)."""
LEAST_FRAME_ERROR_MM = 1.0
"""Standard deviation of a bone's place in the CT of a SPECT/CT, and of that CT to its SPECT, at least."""


def _locate(ct: Series, progress: Progress) -> tuple[BoneFrame, ...]:
    return locate_bones([ct], progress=progress)


def study_spect(
    exam: Exam,
    group: Sequence[Series],
    frames: tuple[BoneFrame, ...],
    progress: Progress,
    locate: Callable[[Series, Progress], tuple[BoneFrame, ...]] = _locate,
) -> tuple[SpectImage | None, list[str]]:
    """Measure the exam's SPECT, if it has one that bones can be laid on.

    Parameters
    ----------
    exam : Exam
    group : sequence of Series
        Those in which `frames` were found; one frame of reference.
    frames : tuple of BoneFrame
    progress : callable
    locate : callable
        Finds the bones in a CT of a frame of reference of its own.

    Returns
    -------
    SpectImage or None
    list of str
        Warnings: what was not measured, and why.
    """
    scans = [scan for scan in exam.scans if isinstance(scan, Reconstruction | Projections)]
    warnings: list[str] = []
    for scan in sorted(scans, key=_preference):
        try:
            return _study(scan, exam, group, frames, progress, locate), warnings
        except MarrowmapError as error:
            warnings.append(f"{describe_scan(scan)}: {error}: it was not measured")
    return None, warnings


def _preference(scan: Reconstruction | Projections) -> tuple[bool, bool, bool]:
    """Reconstructions before projections, those with SUV and corrected for attenuation first."""
    if isinstance(scan, Projections):
        return True, True, True
    return False, scan.suv.factor is None, "ATTN" not in scan.corrections


def _frame_uid(scan: Reconstruction | Projections) -> str:
    return scan.volume.grid.frame_of_reference_uid if isinstance(scan, Reconstruction) else scan.frame_of_reference_uid


def _study(
    scan: Reconstruction | Projections,
    exam: Exam,
    group: Sequence[Series],
    frames: tuple[BoneFrame, ...],
    progress: Progress,
    locate: Callable[[Series, Progress], tuple[BoneFrame, ...]],
) -> SpectImage:
    uid = _frame_uid(scan)
    beside = [
        one for one in exam.series if one.sequence is ImageSequence.CT and one.volume.grid.frame_of_reference_uid == uid
    ]
    ct = min(beside, key=lambda one: float(one.volume.grid.spacing.max()), default=None)
    bones: tuple[BoneFrame, ...] | None = frames
    if not any(series.volume.grid.frame_of_reference_uid == uid for series in group):
        bones = None if ct is None else _in_ct(ct, locate, lambda step, share: progress(step, 0.6 * share))
    if isinstance(scan, Projections):
        volume, note = _reconstructed(scan, ct, progress)
        factor, reason = None, "no SUV: projections are reconstructed in counts, without a calibration"
    else:
        volume = scan.volume
        note = f"reconstructed by the camera with {', '.join(scan.corrections) or 'no correction stated'}"
        factor, reason = scan.suv.factor, scan.suv.reason
    source = SpectSource(
        Evidence(scan.source.uid, (scan.source.instance_uid,)),
        factor,
        reason,
        f"{note}; {scan.source.phase.value} phase",
    )
    registrations: tuple[BoneRegistration, ...] = ()
    if bones is None:
        progress("registering SPECT", 0.75)
        try:
            registrations, bones = register_to_spect(frames, volume)
        except MarrowmapError as problem:
            raise InputError(
                f"no CT or MR that shows hips shares its (0020,0052) Frame of Reference UID, and {problem}"
            ) from problem
    else:
        registrations = _registered(frames, bones)
    progress("uptake", 0.8)
    fits = [frame.fit_rms_mm for frame in bones if frame.bone == "femur" and np.isfinite(frame.fit_rms_mm)]
    error = max([LEAST_FRAME_ERROR_MM, *fits])
    hips = measure_spect(bones, volume, source, date=exam.date, frame_error_mm=error)
    if all(hip.obstacle for hip in hips):
        raise InputError(hips[0].obstacle if hips else "no femur was found in its CT")
    if factor is not None:
        volume = Volume(volume.grid, volume.array * np.float32(factor), "g/mL")
    return SpectImage(scan, volume, ct, bones, hips, registrations)


def _in_ct(
    ct: Series, locate: Callable[[Series, Progress], tuple[BoneFrame, ...]], progress: Progress
) -> tuple[BoneFrame, ...] | None:
    """Return the bones of the CT of a SPECT/CT; None where it shows none well enough."""
    try:
        found = locate(ct, progress)
    except InputError:
        return None
    return found if any(frame.bone == "femur" and frame.trusted for frame in found) else None


def _registered(frames: Sequence[BoneFrame], bones: Sequence[BoneFrame]) -> tuple[BoneRegistration, ...]:
    if frames is bones:
        return ()
    there = {frame.side: frame for frame in bones if frame.bone == "femur" and frame.trusted}
    here = [frame for frame in frames if frame.bone == "femur" and frame.trusted and frame.side in there]
    return tuple(register_bone(frame, there[frame.side]) for frame in here)


def _reconstructed(scan: Projections, ct: Series | None, progress: Progress) -> tuple[Volume, str]:
    """Reconstruct projections; says how.

    Raises
    ------
    InputError
        If where the camera stood is not stated, pixels are not square or there is no CT for attenuation.
    """
    if ct is None:
        raise InputError(
            "projections need the CT of the SPECT/CT for attenuation, and none shares their frame of reference"
        )
    if scan.center_mm is None or scan.radius_mm is None:
        raise InputError("(0018,1142) Radial Position or (0020,0032) Image Position is absent: export the original")
    if abs(scan.spacing_mm[0] - scan.spacing_mm[1]) > 1e-3:
        raise InputError("pixels are not square: export the original projections")
    size = scan.spacing_mm[0]
    columns, rows = scan.array.shape[:2]
    affine = np.diag([size, size, -size, 1.0])
    affine[:3, 3] = scan.center_mm + size * np.array([-(columns - 1) / 2, -(columns - 1) / 2, (rows - 1) / 2])
    grid = Grid((columns, columns, rows), affine, scan.frame_of_reference_uid)
    mu = Volume(ct.volume.grid, attenuation_of_hu(ct.volume.array), "1/mm")
    attenuation = np.ascontiguousarray(attenuation_map(mu, grid).transpose(2, 1, 0))
    orbit = Orbit(scan.angles_deg, scan.radius_mm, size)
    counts = np.ascontiguousarray(scan.array[..., scan.photopeak].transpose(2, 1, 0))
    peak = scan.windows[scan.photopeak]
    lower = [
        number
        for number, window in enumerate(scan.windows)
        if window.ranges_kev and peak.ranges_kev and window.ranges_kev[0][1] <= peak.ranges_kev[0][0] + 1
    ]
    if lower:
        scatter = scatter_from_windows(scan.array[..., lower[-1]].transpose(2, 1, 0))
        estimate = "a lower energy window"
    else:
        first = reconstruct(counts, orbit, replace(OSEM, iterations=2), attenuation=attenuation)
        scatter = effective_scatter(first, orbit, attenuation, response=OSEM.response)
        estimate = "a first reconstruction"
    found = reconstruct(
        counts,
        orbit,
        OSEM,
        attenuation=attenuation,
        scatter=scatter,
        progress=lambda share: progress("reconstructing SPECT", 0.6 + 0.2 * share),
    )
    note = (
        f"reconstructed here: OSEM/1 {OSEM.iterations} iterations of {OSEM.subsets} subsets, attenuation from CT, "
        f"scatter from {estimate}, resolution recovery (LEHR), Gaussian of {OSEM.post_filter_fwhm_mm:g} mm"
    )
    return Volume(grid, np.ascontiguousarray(found.transpose(2, 1, 0)), "counts"), note
