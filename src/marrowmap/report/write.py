"""Everything ``analyze`` leaves in its folder, all or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marrowmap.report.document import build_document
from marrowmap.report.document import draw_pictures
from marrowmap.report.fhir import write_bundle
from marrowmap.report.folder import replacing_folder
from marrowmap.report.html import render_html
from marrowmap.report.manifest import build_manifest
from marrowmap.report.masks import write_masks
from marrowmap.report.pdf import render_pdf
from marrowmap.report.pm import write_pms
from marrowmap.report.reg import write_registrations
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import collect_rows
from marrowmap.report.rows import differential_json
from marrowmap.report.rows import findings_json
from marrowmap.report.rows import frames_json
from marrowmap.report.rows import measurements_csv
from marrowmap.report.rows import measurements_json
from marrowmap.report.seg import write_segs
from marrowmap.report.source_images import read_source_images
from marrowmap.report.sr import write_sr

Progress = Callable[[str, float], None]

NO_DICOM = (
    "No DICOM segmentation was written: the images are NIfTI, which names no patient, study or instance to refer to."
)


def _silent(_step: str, _share: float) -> None:
    """Report progress to nobody."""


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began


def write_report(result: AnalysisResult, out: Path, progress: Progress | None = None) -> Path:
    """Write report, rows, masks, DICOM objects, FHIR bundle and manifest of an analyzed exam.

    Parameters
    ----------
    result : AnalysisResult
    out : Path
        A new or empty folder, or one with an earlier marrowmap result, which is replaced.
    progress : callable, optional
        Told of each step and the share done, 0 to 1.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds anything else or cannot be written.
    ConformanceError
        If an output would not conform; nothing is left behind.
    """
    tell = progress or _silent
    seconds: dict[str, float] = {}
    with replacing_folder(out) as folder:
        tell("writing masks", 0.0)
        with _timed(seconds, "writing masks"):
            masks = write_masks(result, folder)
        tell("writing DICOM", 0.15)
        with _timed(seconds, "writing DICOM"):
            written = segs = write_segs(result, folder)
            written += write_pms(result, folder) + write_registrations(result, folder)
        tell("writing tables", 0.3)
        files = {mask.sha256: mask.path for mask in reversed(masks) if mask.sha256}
        with _timed(seconds, "writing structured report"):
            rows, images = collect_rows(result, files), read_source_images(result.exam)
            written += write_sr(result, rows, images, folder)
        for name, text in (
            ("measurements.json", measurements_json(result, files)),
            ("measurements.csv", measurements_csv(result, files)),
            ("findings.json", findings_json(result, files)),
            ("differential.json", differential_json(result)),
            ("frames.json", frames_json(result)),
        ):
            (folder / name).write_text(text, encoding="utf-8")
        with _timed(seconds, "drawing"):
            groups = draw_pictures(result, lambda step, share: tell(step, 0.3 + 0.5 * share))
        tell("writing report", 0.8)
        with _timed(seconds, "writing report"):
            notes = () if segs or not masks else (NO_DICOM,)
            document = build_document(result, groups, notes, [*written, *(mask.path for mask in masks)])
            (folder / "report.html").write_text(render_html(document), encoding="utf-8")
            (folder / "report.pdf").write_bytes(render_pdf(document))
        write_bundle(rows, images, result.exam.subject.person_id, folder)
        tell("writing manifest", 0.95)
        (folder / "manifest.json").write_text(build_manifest(result, folder, seconds), encoding="utf-8")
    tell("done", 1.0)
    return out
