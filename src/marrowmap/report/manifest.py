"""``manifest.json``: what made this folder, from what, and how long it took."""

from __future__ import annotations

import hashlib
import platform
import resource
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Planar
from marrowmap.report.folder import SCHEMA
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import dump_json

LIBRARIES = (
    "numpy",
    "scipy",
    "pydicom",
    "highdicom",
    "nibabel",
    "SimpleITK",
    "scikit-image",
    "pylibjpeg",
    "python-gdcm",
    "matplotlib",
    "jinja2",
    "typst",
)


def read_versions() -> dict[str, str]:
    """Return the version of Python, marrowmap and the libraries that can change a number or a file."""
    versions = {"python": platform.python_version(), "marrowmap": metadata.version("marrowmap")}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "missing"
    return versions


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _relative(path: Path, sources: tuple[Path, ...]) -> str:
    """Name an input relative to the source it was found under, never by its place on this machine."""
    resolved = path.resolve()
    for number, source in enumerate(sources, start=1):
        root = source.resolve()
        if resolved == root:
            return resolved.name
        if resolved.is_relative_to(root):
            inside = resolved.relative_to(root).as_posix()
            return inside if len(sources) == 1 else f"source-{number}/{inside}"
    return resolved.name


def _inputs(result: AnalysisResult) -> list[dict[str, Any]]:
    exam = result.exam
    read = [series.files for series in exam.series] + [scan.source.files for scan in exam.scans]
    read += [film.files for film in exam.radiographs] + [(image.file,) for image in exam.densities]
    files = dict.fromkeys(file for files in read for file in files)
    rows = [{"path": _relative(file, result.sources), "sha256": hash_file(file)} for file in files]
    if result.clinical is not None:
        rows.append({"path": result.clinical.name, "sha256": hash_file(result.clinical)})
    return sorted(rows, key=lambda row: (row["path"], row["sha256"]))


def _protocols(result: AnalysisResult) -> list[dict[str, Any]]:
    """Return how each volume was made, for those who compare exams: no name, no date, no free text."""
    return [
        {
            "series": series.uid,
            "modality": series.modality,
            "scanner": series.scanner,
            "field_strength_t": series.field_strength_t,
            "sequence": series.sequence.value,
            "repetition_time_ms": series.repetition_time_ms,
            "echo_time_ms": series.echo_time_ms,
            "inversion_time_ms": series.inversion_time_ms,
            "slice_thickness_mm": series.slice_thickness_mm,
            "voxel_mm": [round(float(x), 4) for x in series.volume.grid.spacing],
        }
        for series in result.exam.series
    ]


def _scans(result: AnalysisResult) -> list[dict[str, Any]]:
    """Return which gamma camera series are planar and which tomographic: rows call both modality NM."""
    kinds = {
        (scan.source.uid, "planar" if isinstance(scan, Planar | DynamicScan) else "tomographic")
        for scan in result.exam.scans
    }
    return [{"series": uid, "kind": kind} for uid, kind in sorted(kinds)]


def build_manifest(result: AnalysisResult, folder: Path, report_steps: Mapping[str, float]) -> str:
    """Return the text of ``manifest.json`` for a folder that holds all other outputs.

    Parameters
    ----------
    result : AnalysisResult
    folder : Path
    report_steps : mapping of str to float
        Seconds of the report's own steps.
    """
    outputs = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return dump_json(
        {
            "schema": SCHEMA,
            "notice": "Research use only. Not a medical device.",
            "versions": read_versions(),
            "options": dict(result.options),
            "inputs": _inputs(result),
            "series": _protocols(result),
            "scans": _scans(result),
            "outputs": [{"path": path.relative_to(folder).as_posix(), "sha256": hash_file(path)} for path in outputs],
            "seconds": {name: round(value, 3) for name, value in (*result.steps.items(), *report_steps.items())},
            "peak_memory_mib": _peak_memory_mib(),
            "warnings": list(result.warnings),
            "notes": list(result.exam.notes),
        }
    )
