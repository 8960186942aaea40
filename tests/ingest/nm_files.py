"""Small bone scans as a camera writes them, each tag open to change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from marrowmap.image import View
from marrowmap.ingest import Exam
from marrowmap.ingest import read_exam
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.nm_dicom import Orbit
from marrowmap.phantom.nm_dicom import PlanarKind
from marrowmap.phantom.nm_dicom import TimedFrames
from marrowmap.phantom.nm_dicom import Turn
from marrowmap.phantom.nm_dicom import write_dynamic
from marrowmap.phantom.nm_dicom import write_planar
from marrowmap.phantom.nm_dicom import write_projections
from marrowmap.phantom.nm_dicom import write_reconstruction
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.person import sample_person

ROWS, COLUMNS, PIXEL = 6, 4, 4.8
BOTH = (View.ANTERIOR, View.POSTERIOR)
INJECTED = datetime(2026, 1, 5, 9, 0, 0)
STUDY = StudyTags("P1", make_uid("study"), make_uid("frame"), "20260105", sample_person(np.random.default_rng(0)))

Edit = Callable[[Dataset], None]


def leave(_data: Dataset) -> None:
    """Change nothing."""


def counts(*shape: int) -> np.ndarray:
    """Counts that are all different."""
    return (np.arange(np.prod(shape)) + 1).reshape(shape)


def camera(number: int = 3, at: datetime = datetime(2026, 1, 5, 12, 0, 0), description: str = "bone") -> Camera:
    return Camera(number, description, at, PIXEL, center_mm=(10.0, -20.0, 300.0))


def edited(path: Path, edit: Edit) -> Path:
    """Rewrite a file with its tags changed."""
    data = pydicom.dcmread(path)
    edit(data)
    data.save_as(path)
    return path


def planar(folder: Path, edit: Edit = leave, views=BOTH, kind=PlanarKind.STATIC, **more) -> Path:
    write_planar(
        folder / "planar.dcm",
        more.pop("values", counts(len(views), ROWS, COLUMNS)),
        views,
        300.0,
        STUDY,
        more.pop("camera", camera()),
        more.pop("injection", Injection(INJECTED)),
        kind,
    )
    return edited(folder / "planar.dcm", edit)


def dynamic(folder: Path, edit: Edit = leave, **more) -> Path:
    """Flow of 12 frames, then 3 min later a blood pool of one frame."""
    phases = [
        TimedFrames(counts(12, 2, ROWS, COLUMNS), 2.0, pause_s=0.5),
        TimedFrames(counts(1, 2, ROWS, COLUMNS), 300.0, delay_s=180.0),
    ]
    path = folder / "dynamic.dcm"
    injection = more.pop("injection", Injection(INJECTED))
    write_dynamic(path, phases, BOTH, STUDY, more.pop("camera", camera(2, INJECTED)), injection)
    return edited(path, edit)


def projections(folder: Path, edit: Edit = leave, heads: int = 1, turn: Turn = Turn.COUNTERCLOCKWISE, **more) -> Path:
    orbit = Orbit(180.0, 30.0, more.pop("radius_mm", 250.0), 10.0, turn, heads)
    path = folder / "tomo.dcm"
    values = counts(12, ROWS, COLUMNS)
    write_projections(path, values, orbit, STUDY, camera(4), Injection(INJECTED), more.pop("scatter", ()))
    return edited(path, edit)


def reconstruction(folder: Path, edit: Edit = leave, step: float = 4.8, **more) -> Path:
    """Write 5 slices; slice 0 at z = 100, then up or, with a negative step, down."""
    affine = np.diag([PIXEL, PIXEL, step, 1.0])
    affine[:3, 3] = (-26.0, -30.0, 100.0)
    path = folder / "recon.dcm"
    injection, scale = more.pop("injection", Injection(INJECTED)), more.pop("bq_per_ml", None)
    write_reconstruction(path, counts(5, ROWS, COLUMNS), affine, STUDY, camera(5), injection, scale)
    return edited(path, edit)


def permute_frames(data: Dataset) -> None:
    """Store frames in another order, their vectors with them."""
    order = np.random.default_rng(1).permutation(int(data.NumberOfFrames))
    data.PixelData = np.ascontiguousarray(data.pixel_array[order]).tobytes()
    pointer = data.FrameIncrementPointer
    for tag in pointer if isinstance(pointer, MultiValue) else [pointer]:
        data[tag].value = [int(data[tag].value[n]) for n in order]


def only(path: Path, **options) -> object:
    """Read one file that holds one part of a bone scan."""
    (scan,) = read(path, **options).scans
    return scan


def read(path: Path, **options) -> Exam:
    return read_exam([path], scan_hint=ScanHint(**options))
