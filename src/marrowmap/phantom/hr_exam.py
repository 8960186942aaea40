"""High resolution of both sides: 7 T MR, at the knee also HR-pQCT, with masks and truth."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.hr_ct import HrCt
from marrowmap.phantom.hr_ct import scan_hr_ct
from marrowmap.phantom.hr_dicom import write_hr_ct
from marrowmap.phantom.hr_dicom import write_hr_mr
from marrowmap.phantom.hr_hip import hip_site
from marrowmap.phantom.hr_knee import knee_site
from marrowmap.phantom.hr_mr import HrMr
from marrowmap.phantom.hr_mr import sample_hr_mr
from marrowmap.phantom.hr_mr import scan_hr_mr
from marrowmap.phantom.hr_site import RECIPE
from marrowmap.phantom.hr_site import SIDE_SD
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.hr_site import grow_site
from marrowmap.phantom.hr_truth import CUBES
from marrowmap.phantom.hr_truth import Where
from marrowmap.phantom.hr_truth import deterioration_row
from marrowmap.phantom.hr_truth import lost_volume
from marrowmap.phantom.hr_truth import structure_rows
from marrowmap.phantom.hr_truth import true_structure
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import upsample
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Person
from marrowmap.phantom.trabecular_cells import Network
from marrowmap.phantom.trabecular_raster import Floats
from marrowmap.values import Side

HR_KINDS = ("normal", "red_marrow", "toh")
"""Kinds whose marrow and trabeculae are made at high resolution; the others have focal changes that are not."""
WITHIN_MM = 1.0
"""The region of trabecular bone begins this far under the cortex."""

Rows = list[dict[str, Any]]


def require_hr_kind(kind: str) -> None:
    """Raise where a kind is not made at high resolution.

    Raises
    ------
    UsageError
    """
    if kind not in HR_KINDS:
        raise UsageError(f"no virtual {kind!r} at high resolution (hr) yet: use one of {', '.join(HR_KINDS)}")


def _write_image(path: Path, values: NDArray[np.generic], grid: Grid) -> None:
    write_nifti(Volume(grid, np.asarray(values, np.float32), "1"), path)


def _in_box(site: Site, grid: Grid, depth_mm: float) -> Where:
    """Return a function that says which LPS points lie in a grid's box and so deep under the cortex."""
    low = grid.to_world((0, 0, 0)) - grid.spacing / 2
    high = grid.to_world(np.array(grid.shape) - 1) + grid.spacing / 2

    def where(points: Floats) -> NDArray[np.bool_]:
        inside = np.asarray(((points > low) & (points < high)).all(axis=1))
        inside[inside] = site.depth(points[inside]) > depth_mm
        return inside

    return where


def _rows(
    site: Site,
    networks: tuple[Network, Network],
    grid: Grid,
    within: NDArray[np.bool_],
    fraction: Array,
    chosen: tuple[int, int],
    **said: str,
) -> tuple[Rows, float]:
    """Return the truth of one image's region as rows, and the share of its bone that is lost; `chosen`: seed, cubes."""
    where = _in_box(site, grid, WITHIN_MM)
    share = float(fraction[within].mean(dtype=np.float64))
    structure = true_structure(site, networks[0], where, share, np.random.default_rng([chosen[0], 440]), chosen[1])
    rows = structure_rows(site, structure, said["date"], said["modality"], said["series_uid"], said["region"])
    return rows, lost_volume(networks[1], networks[0], where)


def write_hr(
    folder: Path,
    joint: str,
    person: Person,
    lesions: Mapping[Side, Lesion],
    study: StudyTags,
    seed: int,
    date: str,
    *,
    mr: HrMr | None = None,
    ct: HrCt | None = None,
    cubes: int = CUBES,
    progress: Callable[[str, float], None] = lambda phrase, share: None,
) -> tuple[dict[str, Any], Rows, Rows]:
    """Write both sides' series, masks and truth.

    Both sides are grown by one recipe, each from cells of its own, and differ a little by nature. HR-pQCT is made of
    knees only: no scanner of that kind takes in a hip.

    Parameters
    ----------
    folder : Path
        ``dicom/`` and ``truth/`` are below it; the latter exists.
    joint : str
        ``hip`` or ``knee``.
    person, lesions, study, seed, date
    mr, ct : optional
        Fix how it is scanned.
    cubes : int
        In so many cubes of each region separation, number and connectivity are looked at.
    progress : callable

    Returns
    -------
    settings : dict
    measurements, findings : list of dict
        Rows of the contract.
    """
    rng = np.random.default_rng([seed, 450])
    drawn = sample_hr_mr(rng)
    mr, ct = mr or drawn, ct or HrCt()
    # Half of the difference to each side, the other way round.
    difference = float(rng.normal(0, SIDE_SD))
    layout = knee_site if joint == "knee" else hip_site
    settings: dict[str, Any] = {
        "joint": joint,
        "recipe": asdict(RECIPE),
        "side_difference": round(difference, 5),
        "mr": asdict(mr),
        **({"ct": asdict(ct)} if joint == "knee" else {}),
    }
    measurements: Rows = []
    findings: Rows = []
    chosen = (seed, cubes)
    mr_study = replace(study, study_uid=make_uid(study.study_uid, "hr mr"))
    ct_study = replace(study, study_uid=make_uid(study.study_uid, "hr ct"))
    for number, side in enumerate((Side.LEFT, Side.RIGHT), start=1):
        name, begin = side.value, 0.5 * (number - 1)
        progress(f"growing trabeculae, {name}", begin)
        site = layout(person, side, lesions[side], mr.half_mm, seed)
        networks = grow_site(site, [seed, 460, number], 1 + side.sign * difference / 2)
        progress(f"scanning at 7 T, {name}", begin + 0.15)
        pixels, grid, fraction = scan_hr_mr(site, networks[0], mr, seed)
        uid = write_hr_mr(folder / "dicom" / f"HR_MR_{name}", pixels, grid, site, mr, mr_study, number)
        depth = -upsample(site.fields["bone"] + site.fields["cortex"], site.grid, grid)
        within = depth > WITHIN_MM
        truth = folder / "truth"
        _write_image(truth / f"hr_mr_within_{name}.nii.gz", within, grid)
        _write_image(truth / f"hr_mr_bone_{name}.nii.gz", np.rint(fraction * 256) / 256, grid)
        edema = upsample(site.fields["edema"], site.grid, grid) * (depth > 0)
        _write_image(truth / f"hr_mr_edema_{name}.nii.gz", np.rint(edema * 256) / 256, grid)
        progress(f"computing the truth, {name}", begin + 0.35)
        slab = f"{WITHIN_MM:g} mm and more under the cortex, in the slab of the 7 T slices"
        rows, lost = _rows(
            site, networks, grid, within, fraction, chosen, date=date, modality="MR", series_uid=uid, region=slab
        )
        measurements += rows
        findings.append(deterioration_row(site, lost, date, uid))
        if joint == "knee":
            progress(f"scanning HR-pQCT, {name}", begin + 0.42)
            pixels, grid, fraction = scan_hr_ct(site, networks[0], ct, seed)
            uid = write_hr_ct(folder / "dicom" / f"HR_CT_{name}", pixels, grid, site, ct_study, number)
            within = -upsample(site.fields["bone"] + site.fields["cortex"], site.grid, grid) > WITHIN_MM
            _write_image(truth / f"hr_ct_within_{name}.nii.gz", within, grid)
            field = f"{WITHIN_MM:g} mm and more under the cortex, in the field of the HR-pQCT"
            rows, _ = _rows(
                site, networks, grid, within, fraction, chosen, date=date, modality="CT", series_uid=uid, region=field
            )
            measurements += rows
    return settings, measurements, findings
