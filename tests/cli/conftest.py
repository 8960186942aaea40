"""One virtual hip, cheap to make and to analyze, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam
from marrowmap.values import Side

# One hip and coarse pixels: what is tested here is how commands behave, not how well they measure.
COARSE = Acquisition(
    sides=(Side.LEFT,), slice_count=22, thickness_mm=5.0, gap_mm=0.0, pixel_mm=1.0, fov_mm=200.0, noise=0.8
)
T1, STIR = "01_T1", "02_STIR"

Edit = Callable[[Dataset], None]


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual patient with edema of the left hip: ``dicom/``, ``truth.json`` and ``truth/``."""
    out = tmp_path_factory.mktemp("virtual") / "patient"
    return write_virtual_exam("toh", out, seed=7, side=Side.LEFT, acquisition=COARSE)


def copy_series(
    patient: Path,
    series: str,
    target: Path,
    edit: Edit = lambda _dataset: None,
    name: Callable[[int], str] = lambda n: f"{n:04d}.dcm",
) -> Path:
    """Copy one series of the patient with its tags edited; returns the folder."""
    target.mkdir(parents=True)
    for number, source in enumerate(sorted((patient / "dicom" / series).iterdir()), start=1):
        dataset = pydicom.dcmread(source)
        edit(dataset)
        dataset.save_as(target / name(number))
    return target
