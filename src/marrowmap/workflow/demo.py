"""The demonstration: a virtual patient from seed to report."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

from marrowmap.errors import UsageError
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.clinical import CLINICAL_FILE
from marrowmap.report import write_report
from marrowmap.report.folder import SCHEMA
from marrowmap.report.folder import require_writable
from marrowmap.values import Side
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.differential import read_form
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

DEMO_KIND = "toh"
DEMO_SEED = 27
"""A coronal exam of both hips, edema of head and neck with medial sparing, a fracture line and some fluid."""


def run_demo(out: Path, *, seed: int = DEMO_SEED, progress: Progress = silent) -> Path:
    """Write a virtual patient with transient osteoporosis of the left hip into ``out/patient``, analyze it.

    The patient's clinical form is read, too.

    Returns
    -------
    Path
        The report, ``out/analysis/report.html``.

    Raises
    ------
    UsageError
        If these folders hold anything but what an earlier demonstration left, or cannot be written.
    """
    require_writable(out / "analysis")
    _remove_earlier_patient(out / "patient")
    patient = write_virtual_exam(
        DEMO_KIND,
        out / "patient",
        seed=seed,
        modalities=("mr",),
        side=Side.LEFT,
        weeks=None,
        progress=lambda step, share: progress(step, 0.4 * share),
    )
    result = analyze(
        [patient / "dicom"],
        clinical=read_form(patient / CLINICAL_FILE, None),
        progress=lambda step, share: progress(step, 0.4 + 0.5 * share),
    )
    folder = write_report(result, out / "analysis", progress=lambda step, share: progress(step, 0.9 + 0.1 * share))
    return folder / "report.html"


def _remove_earlier_patient(folder: Path) -> None:
    """Remove the virtual patient an earlier demonstration left, so that it can be run again; nothing else."""
    with suppress(OSError, ValueError):
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        # The form is missing where an older version left the patient.
        others = {path.name for path in folder.iterdir()} - {CLINICAL_FILE}
        if truth["schema"] == SCHEMA and others == {"dicom", "truth", "truth.json"}:
            shutil.rmtree(folder)
    if folder.exists():
        raise UsageError(f"{folder}: holds no virtual patient of an earlier demo: choose another --out")
