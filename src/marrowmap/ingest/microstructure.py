"""Images of trabecular bone from any file they come in, and masks on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import file_label
from marrowmap.image.nifti import is_nifti
from marrowmap.image.nifti import read_nifti
from marrowmap.image.nifti import read_nifti_mask
from marrowmap.image.nifti import stated_unit
from marrowmap.ingest import microstructure_itk
from marrowmap.ingest import microstructure_scanco
from marrowmap.ingest import microstructure_tiff
from marrowmap.ingest import nifti
from marrowmap.ingest.exam import Series
from marrowmap.ingest.microstructure_image import DENSITY_UNIT
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_itk import choose_spacing
from marrowmap.ingest.microstructure_spacing import Spacing
from marrowmap.ingest.microstructure_spacing import require_plausible
from marrowmap.ingest.read_exam import read_exam
from marrowmap.values import Joint

DENSITY_WORDS = ("MGML", "MGHA", "MG/ML", "MG/CC", "MG/CM")
"""How (0028,1054) Rescale Type says that values are a density: MGML is DICOM's own term."""
ROUNDING = 1e-5
"""Relative differences of voxel sizes below this are a file's rounding."""
LATTICE = 0.1
"""Voxel centers this far apart, in voxels, are the same."""


def read_microstructure(path: Path, spacing: Spacing | None = None) -> MicroImage:
    """Read an image of trabecular bone: DICOM, AIM, ISQ, MHA, NRRD, NIfTI or a TIFF stack.

    Parameters
    ----------
    path : Path
        A file; for DICOM a file or folder of one series; for TIFF a file or folder.
    spacing : Spacing or None
        What the user says, where the file has no unit or no spacing.

    Raises
    ------
    InputError
        If it cannot be read, holds several series, or has voxels no image of trabecular bone has.
    GeometryError
        If its geometry or sides contradict each other.
    ModelError
        If the package that reads Scanco's files is not installed.
    """
    if not path.exists():
        raise InputError(f"{file_label(path)}: no such file or folder: check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{file_label(path)}: zero bytes long, nothing was written into it: copy the file again")
    if microstructure_scanco.matches(path):
        image = microstructure_scanco.read(path)
    elif microstructure_itk.matches(path):
        image = microstructure_itk.read(path, spacing)
    elif microstructure_tiff.matches(path):
        image = microstructure_tiff.read(path, spacing)
    elif is_nifti(path):
        image = _read_nifti(path, spacing)
    else:
        image = _read_dicom(path)
    if spacing is not None and not np.allclose(image.volume.grid.spacing, spacing.mm, rtol=0.01):
        own = " x ".join(f"{x:.4g}" for x in image.volume.grid.spacing)
        raise InputError(f"{image.name}: {spacing.source} contradicts the file's own {own} mm: leave it out")
    return replace(image, volume=_without_rounding(image.volume))


def _without_rounding(volume: Volume) -> Volume:
    """Make cubes of voxels that are cubes but for a file's rounding: no comparison of balls must hang on it."""
    spacing = volume.grid.spacing
    mean = float(spacing.mean())
    if np.abs(spacing / mean - 1).max() > ROUNDING or np.ptp(spacing) == 0:
        return volume
    affine = np.array(volume.grid.affine)
    affine[:3, :3] = volume.grid.axes * mean
    return Volume(Grid(volume.grid.shape, affine, volume.grid.frame_of_reference_uid), volume.array, volume.unit)


def _read_nifti(path: Path, spacing: Spacing | None) -> MicroImage:
    """Read NIfTI; a sidecar tells how it was acquired, without one nothing does."""
    name = file_label(path)
    sidecar = nifti.read_sidecar(path)
    volume = read_nifti(path, "native")
    i, j, k = volume.grid.spacing
    used = choose_spacing(name, (float(i), float(j), float(k)), stated_unit(path), "NIfTI pixdim", spacing)
    said = (f"voxel size from {used.source}",)
    if not np.allclose(used.mm, volume.grid.spacing, rtol=1e-6):
        scale = np.array(used.mm) / volume.grid.spacing
        affine = np.array(volume.grid.affine)
        affine[:3, :3] *= scale
        affine[:3, 3] *= float(scale.mean())
        volume = Volume(Grid(volume.grid.shape, affine), volume.array, volume.unit)
    require_plausible(name, volume.grid.spacing)
    if sidecar.content:
        series = nifti.read(sidecar, name)
        unit = DENSITY_UNIT if _is_density(sidecar.text("Units") or sidecar.text("RescaleType")) else series.volume.unit
        return replace(_of_series(series, name, said, unit), volume=Volume(volume.grid, volume.array, unit))
    return MicroImage(name=name, volume=volume, modality="OT", uid=name, files=(path,), said=said)


def _is_density(words: str) -> bool:
    plain = words.upper().replace(" ", "")
    return any(word in plain for word in DENSITY_WORDS)


def _read_dicom(path: Path) -> MicroImage:
    exam = read_exam([path])
    name = file_label(path)
    if not exam.series:
        raise InputError(f"{name}: no stack of slices in it: pass the folder of one MR or CT series")
    if len(exam.series) > 1:
        found = "; ".join(f"{one.number or '?'} {one.description or one.sequence.value}" for one in exam.series[:4])
        raise InputError(f"{name}: holds {len(exam.series)} volumes ({found}): pass the folder of one series")
    series = exam.series[0]
    require_plausible(name, series.volume.grid.spacing)
    unit = series.volume.unit
    if series.modality == "CT" and _is_density(_rescale_type(series.files[0])):
        unit = DENSITY_UNIT
    said = ("voxel size from (0028,0030) Pixel Spacing and slice positions", *exam.notes)
    if unit == DENSITY_UNIT:
        said = (*said, "calibrated: (0028,1054) Rescale Type says mgHA/cm3")
    return replace(_of_series(series, name, said, unit), subject=exam.subject)


def _rescale_type(path: Path) -> str:
    header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    return str(header.get("RescaleType", "") or "")


def _of_series(series: Series, name: str, said: tuple[str, ...], unit: str) -> MicroImage:
    words = series.body_part.upper()
    return MicroImage(
        name=name,
        volume=Volume(series.volume.grid, series.volume.array, unit),
        modality=series.modality,
        uid=series.uid,
        files=series.files,
        said=said,
        instance_uids=series.instance_uids,
        protocol={
            "scanner": series.scanner,
            "field strength, T": series.field_strength_t,
            "sequence": series.sequence.value,
            "repetition time, ms": series.repetition_time_ms,
            "echo time, ms": series.echo_time_ms,
            "inversion time, ms": series.inversion_time_ms,
            "slice thickness, mm": series.slice_thickness_mm,
        },
        date=series.date,
        side=series.side,
        joint=next((joint for joint in Joint if joint.value.upper() in words), None),
    )


def read_microstructure_mask(
    path: Path,
    image: MicroImage,
    spacing: Spacing | None = None,
    if_empty: str = "the region of interest is empty: mark the bone in it",
) -> Mask:
    """Read a mask and lay it on an image's grid.

    Its voxels must be the image's own: counted from another corner or cropped they are the same voxels, shifted by a
    part of one or of another size they are not.

    Parameters
    ----------
    path : Path
        NIfTI, MHA, NRRD, AIM or TIFF; 0 outside, above 0 inside.
    image : MicroImage
    spacing : Spacing or None
        As for the image.
    if_empty : str
        What to say of a mask that marks nothing.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or marks voxels beyond the image.
    GeometryError
        If its voxels are not the image's.
    """
    name = file_label(path)
    mask = read_nifti_mask(path) if is_nifti(path) else _as_mask(read_microstructure(path, spacing))
    if not mask.array.any():
        raise InputError(f"{name}: {if_empty}")
    grid = image.volume.grid
    if not _same_lattice(mask.grid, grid):
        raise GeometryError(
            f"{name}: the mask's voxels {_describe(mask.grid)} are not those of {image.name} {_describe(grid)}: "
            "resample the mask onto the image first"
        )
    places = np.rint(grid.to_index(mask.grid.to_world(np.argwhere(mask.array).astype(float)))).astype(int)
    outside = ((places < 0) | (places >= np.array(grid.shape))).any(axis=1)
    if outside.any():
        raise InputError(
            f"{name}: {int(outside.sum())} of its {len(places)} voxels lie beyond {image.name}: the region is larger "
            "than the image; crop it"
        )
    array = np.zeros(grid.shape, np.bool_)
    array[tuple(places.T)] = True
    return Mask(grid, array)


def _same_lattice(one: Grid, other: Grid) -> bool:
    """Say whether voxels of both are the same where they overlap, in whatever order they are counted."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(one.shape) - 1)
    index = other.to_index(one.to_world(corners))
    steps = np.abs(other.to_index(one.to_world(np.eye(3))) - other.to_index(one.to_world(np.zeros(3))))
    turned = np.array_equal(np.rint(steps), np.rint(steps).astype(bool)) and np.allclose(np.rint(steps).sum(axis=0), 1)
    return bool(
        turned and np.abs(steps - np.rint(steps)).max() < LATTICE and np.abs(index - np.rint(index)).max() <= LATTICE
    )


def _as_mask(image: MicroImage) -> Mask:
    values = image.volume.array
    if float(values.min()) < 0 or len(np.unique(values)) > 300:
        raise InputError(f"{image.name}: is an image, not a mask: use 0 outside and 1 inside")
    return Mask(image.volume.grid, values > 0.5)


def _describe(grid: Grid) -> str:
    shape = " x ".join(str(n) for n in grid.shape)
    spacing = " x ".join(f"{x:.3g}" for x in grid.spacing)
    return f"({shape} voxels of {spacing} mm from {', '.join(f'{x:.2f}' for x in grid.to_world((0, 0, 0)))})"
