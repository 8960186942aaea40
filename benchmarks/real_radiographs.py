"""Real radiographs: a tibia in two encodings, infants' hips with an invented pixel size, a pelvis without its pixels.

    python benchmarks/real_radiographs.py --tibia FOLDER --pelvis FOLDER

Prints what is read from each file, what each analysis ends with, and how alike the two encodings of the tibia decode.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from marrowmap.errors import MarrowmapError
from marrowmap.image import SpacingSource
from marrowmap.ingest import Radiograph
from marrowmap.ingest import read_exam
from marrowmap.workflow.analyze import analyze

FIELD_COLUMNS = (
    ("fibula", (700, 780)),
    ("tibia", (840, 960)),
    ("opposite the fibula", (1020, 1100)),
    ("air", (1180, 1250)),
)
"""Of the upright tibia film: columns of these parts in the row below."""
ROW = 400


def _describe(film: Radiograph) -> str:
    grid = film.plane.grid
    known = grid.spacing_source is not SpacingSource.UNKNOWN
    parts = [
        f"{film.modality}, {grid.shape[0]} x {grid.shape[1]}",
        f"view {film.view_name.value}",
        f"side {film.side.value if film.side else 'open'}",
        f"left {'known' if film.knows_left else 'unknown'}{', turned from a mirror image' if grid.mirrored else ''}",
        f"pixels {'not stated' if not known else f'{grid.spacing_mm[0]:g} mm {grid.spacing_source.value}'}",
        f"magnification {film.magnification or 'unknown'}",
        f"values {film.intensity.value}",
        f"field {100 * film.lit.mean():.0f} %",
    ]
    return "; ".join(parts)


def tell_file(sources: list[Path], name: str) -> None:
    """Print a row: what was read, what the analysis ends with."""
    try:
        result = analyze(sources)
    except MarrowmapError as error:
        print(f"| {name} | exit {error.exit_code}: {error} | |")
        return
    read = "; ".join(_describe(film) for film in result.exam.radiographs)
    rows = len(result.measurements) + len(result.findings)
    doubts = "; ".join(film.length_doubt or "none" for film in result.exam.radiographs)
    print(f"| {name} | exit 0, {rows} rows; {read} | {doubts} |")


def tell_encodings(lossless: Path, lossy: Path) -> None:
    """Print how alike two encodings of one film decode, and whether bone is bright in both."""
    films = [read_exam([path]).radiographs[0] for path in (lossless, lossy)]
    one, other = (film.plane.array.astype(float) for film in films)
    apart = np.abs(one - other)
    print(
        f"{lossless.name} against {lossy.name}: range {np.ptp(one):.0f}, root mean square difference "
        f"{np.sqrt((apart**2).mean()):.2f}, 99.9th percentile {np.percentile(apart, 99.9):.0f}, largest "
        f"{apart.max():.0f}, correlation {np.corrcoef(one.ravel(), other.ravel())[0, 1]:.5f}"
    )
    for film in films:
        row = film.plane.array[:, ROW]
        values = ", ".join(f"{name} {row[first:last].max():.0f}" for name, (first, last) in FIELD_COLUMNS)
        print(f"{film.file.name}, row {ROW}, greatest value: {values}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tibia", type=Path, required=True, help="Folder of RG3_J2KR.dcm, RG3_J2KI.dcm.")
    parser.add_argument("--pelvis", type=Path, required=True, help="Folder of 331_DDH_*.dcm, at any depth.")
    options = parser.parse_args()
    pair = [options.tibia / "RG3_J2KR.dcm", options.tibia / "RG3_J2KI.dcm"]
    print("| file | read | lengths in mm: what is held against them |\n|---|---|---|")
    for path in pair:
        tell_file([path], path.name)
    tell_file(pair, "both together")
    tell_file([options.tibia / "cr-pelvis-header-only"], "cr-pelvis-header-only")
    infants = sorted(options.pelvis.rglob("*.dcm"))
    for path in infants:
        tell_file([path], path.name)
    tell_file(infants, "all of them at once")
    print()
    tell_encodings(*pair)


if __name__ == "__main__":
    main()
