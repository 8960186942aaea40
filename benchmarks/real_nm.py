"""Real gamma camera files: a whole-body bone scan in several encodings, and quality control of a SPECT camera.

    python benchmarks/real_nm.py --wholebody FOLDER --qc FOLDER

The whole-body file names neither its view nor its phase: it is analyzed as with `marrowmap analyze --view anterior
--phase delayed`, as face, breastbone and kneecaps are seen in it. Of the SPECT phantom the places of its parts are
printed, as the sign of Spacing Between Slices puts them and as they would be without it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage

from marrowmap.errors import MarrowmapError
from marrowmap.image import View
from marrowmap.ingest import DynamicScan
from marrowmap.ingest import Phase
from marrowmap.ingest import Planar
from marrowmap.ingest import Reconstruction
from marrowmap.ingest import read_exam
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.values import Side
from marrowmap.workflow.analyze import analyze

SAID = ScanHint(view=View.ANTERIOR, phase=Phase.DELAYED)
FILLED = 0.9
"""Of the fullest slice's counts: rods take the place of more than a tenth of the water."""


def tell_whole_body(path: Path) -> None:
    """Print a row for one file: counts, hips and ratio, or why not."""
    try:
        result = analyze([path], scan_hint=SAID)
    except MarrowmapError as error:
        print(f"| {path.name} | refused, exit {error.exit_code}: {error} |")
        return
    (scan,) = result.exam.scans
    assert isinstance(scan, Planar)
    counts = scan.views[0].array
    planar = result.planar
    assert planar is not None
    ratios = []
    for region in ("femoral_head", "femoral_neck", "intertrochanteric"):
        ratio = planar.hips[Side.LEFT].ratios[Phase.DELAYED, region]
        ratios.append(f"{region} {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})")
    print(
        f"| {path.name} | max {counts.max():.0f}, sum {counts.sum(dtype=np.float64):.0f}; both hips, "
        f"{100 * planar.bones.fit.explained:.0f} % explained; left over right: {', '.join(ratios)} |"
    )


def _inside(volume: np.ndarray) -> np.ndarray:
    """Return what lies well inside the cylinder, shape (columns, rows)."""
    body = volume.mean(axis=2)
    return ndimage.binary_erosion(body > 0.5 * body.max(), iterations=4)


def _coldest(volume: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the index of the coldest place well inside the cylinder, in slices that are allowed."""
    smooth = ndimage.gaussian_filter(volume, 1.5)
    part = np.where(_inside(smooth)[..., np.newaxis] & allowed, smooth, np.inf)
    return np.array(np.unravel_index(part.argmin(), part.shape))


def tell_spect(scan: Reconstruction) -> None:
    """Print where the parts of the phantom lie, with and without the sign of the slices' spacing."""
    volume, grid = scan.volume.array, scan.volume.grid
    filled = volume[_inside(volume)].mean(axis=0)
    filled = filled / filled.max()
    numbers = np.arange(len(filled))
    runs, count = ndimage.label(filled < FILLED)
    # Solid rods take the place of water along the longest run of slices; lids do so along shorter ones.
    longest = max(range(1, count + 1), key=lambda run: int((runs == run).sum()))
    rods = np.flatnonzero(runs == longest)
    # The end slices are dim by the cylinder's lids.
    apart = (numbers < rods.min() - 2) | (numbers > rods.max() + 2)
    sphere = _coldest(volume, apart & (filled > FILLED))
    near, far = sorted((int(rods.min()), int(rods.max())), key=lambda n: abs(n - int(sphere[2])))
    even = np.flatnonzero(filled > FILLED)
    lid = int(even.min() if near > sphere[2] else even.max())
    first = scan.frame_numbers.index(1)
    z_first = grid.to_world([0, 0, first])[2]

    def places(number: float) -> str:
        signed = grid.to_world([0, 0, number])[2]
        unsigned = z_first + abs(signed - z_first)
        return f"{signed:.0f} mm | {unsigned:.0f} mm"

    print("| part of the phantom | frame in the file | z | z if the sign were ignored |")
    print("|---|---|---|---|")
    for name, number in (
        ("first slice of the file", first),
        ("even part, furthest from the rods", lid),
        ("largest cold sphere, middle", int(sphere[2])),
        ("rods, nearest the spheres", near),
        ("rods, furthest from them", far),
    ):
        print(f"| {name} | {scan.frame_numbers[number]} | {places(number)} |")
    middle = np.argwhere(volume.mean(axis=2) > 0.5 * volume.mean(axis=2).max()).mean(axis=0)
    away = (sphere[:2] - middle) * grid.spacing[:2]
    print(
        f"\nThe largest sphere lies {abs(away[0]):.0f} mm to the {'left' if away[0] > 0 else 'right'} of the axis and "
        f"{abs(away[1]):.0f} mm {'behind' if away[1] > 0 else 'before'} it. "
        f"Among rods {100 * np.median(filled[rods]):.0f} % of the fullest slice's counts are left."
    )


def tell_dynamic(scan: DynamicScan) -> None:
    """Print the time axis of a dynamic acquisition."""
    (frames,) = scan.views
    per_frame = frames.array.sum(axis=(0, 1))
    print(
        f"{scan.source.file.name}: {frames.grid.view.value}, {frames.array.shape[2]} frames of "
        f"{frames.duration_s.min():g} to {frames.duration_s.max():g} s, beginning {frames.start_s[0]:g}, "
        f"{frames.start_s[1]:g} ... {frames.start_s[-1]:g} s; counts per frame {per_frame.min():.0f} to "
        f"{per_frame.max():.0f}, most in frame {int(per_frame.argmax()) + 1}, together {per_frame.sum():.0f}; phase "
        f"{scan.source.phase.value} ({scan.source.phase_reason})"
    )


def tell_qc(path: Path) -> None:
    """Print what a file of the camera's quality control holds, or why it is refused."""
    try:
        scans = read_exam([path]).scans
    except MarrowmapError as error:
        print(f"{path.name}: refused, exit {error.exit_code}: {error}")
        return
    for scan in scans:
        if isinstance(scan, Reconstruction):
            print(f"{path.name}: {scan.volume.grid.shape[2]} slices, {scan.volume.unit}\n")
            tell_spect(scan)
        elif isinstance(scan, DynamicScan):
            tell_dynamic(scan)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wholebody", type=Path, required=True)
    parser.add_argument("--qc", type=Path, required=True)
    asked = parser.parse_args()
    print("| file | result |\n|---|---|")
    for path in sorted(asked.wholebody.glob("*.dcm")):
        tell_whole_body(path)
    print()
    for path in sorted(asked.qc.rglob("*.dcm")):
        tell_qc(path)
        print()


if __name__ == "__main__":
    main()
