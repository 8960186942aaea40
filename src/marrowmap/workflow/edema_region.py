"""Marrow edema inside one given region, from NIfTI to NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from marrowmap import __version__
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest import read_nifti
from marrowmap.ingest import read_nifti_mask
from marrowmap.ingest import write_nifti
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.measure.edema import measure_edema
from marrowmap.measure.edema_regions import measure_regions
from marrowmap.report.folder import replacing_folder
from marrowmap.report.rows import dump_json
from marrowmap.report.rows import measurement_row
from marrowmap.values import Evidence
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent


def measure_edema_region(
    image: Path,
    within: Path,
    out: Path,
    *,
    reference: Path | None = None,
    t1: Path | None = None,
    k: float = DEFAULT_K,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure marrow edema in any region of any joint.

    Writes into `out`, all or nothing: ``edema.nii.gz`` (the closed region a reader would draw),
    ``edema_membership.nii.gz`` (0 to 1), ``edema_voxels.nii.gz`` (above the threshold), ``measurements.json``.

    Parameters
    ----------
    image, within, reference, t1 : Path
        NIfTI; the masks lie on the image's grid, the T1 anywhere in the same coordinates.
    k : float
        Edema starts this many robust standard deviations above reference marrow.

    Returns
    -------
    dict
        The document of ``measurements.json``.

    Raises
    ------
    InputError
        If a file cannot be read or a mask is empty.
    GeometryError
        If a mask lies on another grid than the image.
    """
    progress("reading", 0.0)
    fluid = read_nifti(image)
    region = _mask_on(fluid, within, image)
    normal = _mask_on(fluid, reference, image) if reference else None
    other = read_nifti(t1) if t1 else None
    progress("measuring edema", 0.1)
    result = measure_edema(fluid, region, normal, other, k=k)
    progress("writing", 0.9)
    whole = LabelMap(fluid.grid, region.array.astype(np.uint16), {1: "given_region"})
    evidence = Evidence(image.name, mask_sha256=result.closed.sha256, mask_file="edema.nii.gz")
    rows = measure_regions(result, whole, joint=None, side=None, date="", evidence=evidence)
    document = {
        "schema": "marrowmap/1",
        "subject": {"id": "", "sex": "", "age_years": None},
        "version": __version__,
        "notes": [result.reference.chosen, result.t1_note],
        "rows": [measurement_row(row, {}) for row in rows],
    }
    with replacing_folder(out) as folder:
        write_nifti(result.closed, folder / "edema.nii.gz")
        write_nifti(result.membership, folder / "edema_membership.nii.gz")
        write_nifti(result.voxels, folder / "edema_voxels.nii.gz")
        (folder / "measurements.json").write_text(dump_json(document), encoding="utf-8")
    progress("done", 1.0)
    return document


def _mask_on(fluid: Volume, path: Path, image: Path) -> Mask:
    """Read a mask and require it to lie on the image's grid."""
    mask = read_nifti_mask(path)
    if not mask.array.any():
        raise InputError(f"{path.name}: the mask is empty: mark the marrow in it")
    if not mask.grid.written_alike(fluid.grid):
        raise GeometryError(
            f"{path.name}: the mask's grid {_describe(mask.grid)} is not that of {image.name} {_describe(fluid.grid)}: "
            "resample the mask onto the image first"
        )
    return Mask(fluid.grid, mask.array)


def _describe(grid: Grid) -> str:
    """Return shape, voxel size and place of the first voxel."""
    shape = " x ".join(str(n) for n in grid.shape)
    spacing = " x ".join(f"{x:.3g}" for x in grid.spacing)
    return f"({shape} voxels of {spacing} mm from {', '.join(f'{x:.1f}' for x in grid.to_world((0, 0, 0)))})"
