"""Adds what the findings support to an analyzed exam."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

from marrowmap.errors import UsageError
from marrowmap.ingest import Exam
from marrowmap.ingest.clinical import read_clinical
from marrowmap.ingest.clinical import require_same_person
from marrowmap.reasoning.differential import choose_prior
from marrowmap.reasoning.differential import differentials
from marrowmap.report.result import AnalysisResult
from marrowmap.values.clinical import ClinicalForm


@dataclass(frozen=True)
class Clinical:
    """A clinical form and the file it was read from."""

    form: ClinicalForm
    file: Path


def read_form(file: Path | None, onset: datetime.date | None) -> Clinical | None:
    """Read a clinical form before any image is; None if there is none.

    Raises
    ------
    InputError
        If it cannot be read, contradicts itself, or names a prior that cannot be used.
    UsageError
        If `onset` is given, too, and differs from the form's.
    """
    if file is None:
        return None
    form = read_clinical(file)
    choose_prior(form, file.name)
    if onset is not None and form.onset is not None and onset != form.onset:
        raise UsageError(f"--onset {onset} and {file.name} (onset {form.onset}) differ: correct one")
    return Clinical(form, file)


def onset_of(exam: Exam, clinical: Clinical | None, onset: datetime.date | None) -> datetime.date | None:
    """Return when pain began, by the option or the form, once form and images are known to be of one person.

    Raises
    ------
    GeometryError
        If the clinical form is of another person than the images.
    InputError
        If pain began after the exam, by the form.
    """
    if clinical is None:
        return onset
    require_same_person(clinical.form, exam.subject, exam.date, clinical.file.name)
    return onset or clinical.form.onset


def add_differentials(result: AnalysisResult, clinical: Clinical | None = None) -> AnalysisResult:
    """Return the analysis with the differential of each joint that has findings."""
    form = clinical.form if clinical is not None else None
    found = differentials(result.findings, subject=result.exam.subject, measurements=result.measurements, form=form)
    options = {**result.options, "clinical": clinical.file.name if clinical is not None else None}
    return replace(
        result, differentials=found, clinical=clinical.file if clinical is not None else None, options=options
    )
