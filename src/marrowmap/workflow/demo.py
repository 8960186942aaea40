"""The demonstration: a virtual patient from seed to report."""

from __future__ import annotations

from pathlib import Path

from marrowmap.phantom import write_virtual_exam
from marrowmap.report import write_report
from marrowmap.values import Side
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

DEMO_KIND = "toh"


def run_demo(out: Path, *, seed: int = 7, progress: Progress = silent) -> Path:
    """Write a virtual patient with transient osteoporosis of the left hip into ``out/patient``, analyze it.

    Returns
    -------
    Path
        The report, ``out/analysis/report.html``.
    """
    patient = write_virtual_exam(
        DEMO_KIND,
        out / "patient",
        seed=seed,
        modalities=("mr",),
        side=Side.LEFT,
        weeks=None,
        progress=lambda step, share: progress(step, 0.4 * share),
    )
    result = analyze([patient / "dicom"], progress=lambda step, share: progress(step, 0.4 + 0.5 * share))
    folder = write_report(result, out / "analysis", progress=lambda step, share: progress(step, 0.9 + 0.1 * share))
    return folder / "report.html"
