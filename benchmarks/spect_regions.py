"""What a small volume's SUV is worth in SPECT/CT, and uptake over the shaft where there is no SUV.

    .venv/bin/python benchmarks/spect_regions.py --seeds 101:107 --keep FOLDER

On scans kept by ``spect_scans.py``. Truth is the activity that was drawn, over the same voxels and there over what is
bone by truth. A volume of set size is made of the voxels of head or neck nearest to a point: to the region's middle,
and for small ones also to points a third of its length beside it. Corrected is the mean of the image that
``measure.spect`` takes the blur out of; uncorrected that of the image as it is.
"""

from __future__ import annotations

import argparse
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.resample import resample
from marrowmap.measure.spect import REGIONS
from marrowmap.measure.spect import SpectHip
from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import blurred
from marrowmap.measure.spect_parts import fit_even
from marrowmap.measure.spect_parts import near_femur
from marrowmap.measure.spect_parts import sharpness
from marrowmap.measure.spect_rows import spect_rows
from marrowmap.phantom import draw_exam
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.bone_scan import suv_at
from marrowmap.phantom.spect_exam import lay_out_activity
from marrowmap.values import Side
from spect_scans import body
from spect_scans import exact
from spect_scans import measure_hips
from spect_scans import needed

SIZES_ML = (1.0, 3.0, 8.0, 20.0, 50.0)
NAMES = ("femoral_head", "femoral_neck")


def drawn(found: dict[str, Any]) -> tuple[Activity, Volume]:
    """Lay out the activity of a kept scan again; with its SUV."""
    seed = found["seed"]
    person, lesions, _ = draw_exam(found["kind"], seed)
    activity = lay_out_activity(body(person, lesions), seed)
    how = sample_bone_scan(person, np.random.default_rng([seed, 500]))
    suv = np.asarray(suv_at(activity, how, how.spect.middle_s), np.float32)
    return activity, Volume(activity.grid, suv, "g/mL")


def on_parts(image: Volume, parts: Parts) -> NDArray[np.float32]:
    """Sample an image of the model on a hip's grid."""
    target = Grid(parts.grid.shape, parts.grid.affine, image.grid.frame_of_reference_uid)
    return np.asarray(resample(image, target, order=1).array, np.float32)


def volumes(share: NDArray[np.float32], size_ml: float) -> list[NDArray[np.float32]]:
    """Return weights of volumes of interest of a set size within a region; none where the region is smaller."""
    if float(share.sum()) * VOXEL_MM**3 / 1000 < size_ml:
        return []
    place = np.argwhere(share > 0)
    weight = share[tuple(place.T)].astype(np.float64)
    middle = (place * weight[:, None]).sum(axis=0) / weight.sum()
    spread = np.sqrt((weight[:, None] * (place - middle) ** 2).sum(axis=0) / weight.sum())
    points = [middle]
    if size_ml < 5:
        points += [middle + sign * spread[axis] * np.eye(3)[axis] for axis in range(3) for sign in (-1, 1)]
    found = []
    for point in points:
        order = np.argsort(((place - point) ** 2).sum(axis=1))
        count = int(np.searchsorted(np.cumsum(weight[order]) * VOXEL_MM**3 / 1000, size_ml)) + 1
        one = np.zeros_like(share)
        one[tuple(place[order[:count]].T)] = weight[order[:count]]
        found.append(one)
    return found


def look(found: dict[str, Any]) -> dict[str, Any]:
    """Compare volumes of set sizes, regions over the shaft, and the noise's share, with what was drawn."""
    activity, suv = drawn(found)
    hips = measure_hips(found)
    sizes, noises, regions = [], [], {}
    for hip in hips:
        parts, corrected = hip.parts, hip.corrected
        assert parts is not None
        assert corrected is not None
        model = activity.hips[hip.side]
        true, bone = on_parts(suv, parts), on_parts(Volume(model.truth.grid, model.truth.bone, "1"), parts)
        for name in NAMES:
            for size in SIZES_ML:
                for weight in volumes(parts.shares[name], size):
                    actual = float((true * bone * weight).sum() / (bone * weight).sum())
                    raw = float((parts.uptake.array * weight).sum() / weight.sum())
                    pure = float((corrected * weight).sum() / weight.sum())
                    sizes.append((name, size, raw / actual, pure / actual))
        for name in (*REGIONS, "femoral_shaft"):
            weight = bone * parts.shares[name]
            regions[hip.side, name] = float((true * weight).sum() / weight.sum())
        near = near_femur(parts)
        unexplained = float(np.square(fit_even(parts, hip.resolution_mm, near)[1]).sum())
        # The blur of the whole is the one that explains best, so that its error does not pass for noise.
        tried = [blurred(true, sharpness(factor, hip.resolution_mm))[near] for factor in (0.5, 1, 1.7, 3)]
        rest = min(float(np.square(parts.uptake.array[near] - one).sum()) for one in tried)
        noises.append(rest / unexplained)
    return {"sizes": sizes, "noise": noises, "ratios": over_shaft(hips, regions)}


def over_shaft(hips: tuple[SpectHip, ...], true: dict[tuple[Side, str], float]) -> list[tuple[str, Any]]:
    """Measure uptake over the shaft as without SUV; the shaft is the one that takes up less."""
    blind = [replace(hip, source=replace(hip.source, suv_factor=None, suv_reason="none")) for hip in hips]
    least = min(hips, key=lambda hip: hip.regions["femoral_shaft"].mean if hip.regions else np.inf)
    shaft = true[least.side, "femoral_shaft"]
    found = []
    for row in spect_rows(blind):
        if row.name == "uptake_ratio":
            mine = next(hip for hip in hips if hip.side is row.side)
            assert mine.regions is not None
            assert least.regions is not None
            noise = np.hypot(mine.regions[row.region].noise, least.regions["femoral_shaft"].noise)
            quantity = row.quantity
            found.append(
                (row.region, (quantity.value, quantity.low, quantity.high, true[row.side, row.region] / shaft, noise))
            )
    return found


def print_sizes(sizes: list[tuple[str, float, float, float]]) -> None:
    """Print bias and spread by region and size."""
    print("| region | volume, mL | n | uncorrected: bias | SD | corrected: bias | SD | 95 of 100 corrected within |")
    print("|---|---|---|---|---|---|---|---|")
    for name in NAMES:
        for size in SIZES_ML:
            pairs = np.array([one[2:] for one in sizes if one[:2] == (name, size)])
            if not len(pairs):
                print(f"| {name} | {size:g} | 0 | | | | | |")
                continue
            raw, pure = 100 * (pairs.T - 1)
            print(
                f"| {name} | {size:g} | {len(pairs)} | {raw.mean():+.0f} % | {raw.std():.0f} % "
                f"| {pure.mean():+.0f} % | {pure.std():.0f} % | {np.percentile(np.abs(pure), 95):.0f} % |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:107")
    parser.add_argument("--keep", type=Path, required=True, help="folder of scans kept by spect_scans.py")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    looked = [look(pickle.loads((options.keep / f"{seed}.pkl").read_bytes())) for seed in range(first, last)]
    print_sizes([one for found in looked for one in found["sizes"]])
    print("\n| region over the shaft | n | bias | spread (SD) | in the 95 % interval | SHAFT_RATIO_SD on these seeds |")
    print("|---|---|---|---|---|---|")
    for name in REGIONS:
        value, low, high, true, noise = np.array(
            [row for found in looked for region, row in found["ratios"] if region == name]
        ).T
        error = 100 * (value / true - 1)
        held = int(((low <= true) & (true <= high)).sum())
        spread = needed(np.log(value / true), noise)
        print(
            f"| {name} | {len(value)} | {error.mean():+.1f} % | {error.std():.1f} % "
            f"| {exact(held, len(value))} | {spread:.3f} |"
        )
    shares = [share for found in looked for share in found["noise"]]
    print(f"\nof the variance that even bones leave unexplained at most {np.median(shares):.2f} (median) is noise")


if __name__ == "__main__":
    main()
