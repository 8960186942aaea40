"""Apparent bone fraction, number and topology from virtual MRI of trabecular bone, against the model's own truth.

python benchmarks/apparent_trabeculae.py [--people 20] [--detailed 6] [--first 101] [--picture FILE]
                                          [--other-voxels] [--topology]

With --topology only plate-to-rod ratio and erosion index of small blocks are ordered, at several voxels.
With --other-voxels only voxels other than the published ones are imaged, and marrow's level is taken without a canal.

Each virtual person has bone of their own layout (spacing, plates, thickness, stretch drawn by the seed). Truth is the
share of bone in the model, and for number and separation how often straight lines through the model meet bone.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from marrowmap.image import Mask
from marrowmap.measure.apparent_fraction import ApparentFraction
from marrowmap.measure.apparent_fraction import apparent_fraction
from marrowmap.measure.apparent_structure import apparent_structure
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import TrabecularBlock
from marrowmap.phantom.trabecular import bone_fraction_map
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular import resorbed
from marrowmap.phantom.trabecular_mr import BlockImage
from marrowmap.phantom.trabecular_mr import FlashScan
from marrowmap.phantom.trabecular_mr import MarrowEdema
from marrowmap.phantom.trabecular_mr import scan_block
from marrowmap.values import Quantity

SIZE = (12.0, 12.0, 12.0)
MARGIN = 1.4
CANAL = 8.0
LOSS = 0.10
PUBLISHED = FlashScan()
SCANS = {
    "0.234 x 0.234 x 1.0, SNR 15 (published voxel)": PUBLISHED,
    "the same, SNR 30": FlashScan(signal_to_noise=30),
    "the same, SNR 8": FlashScan(signal_to_noise=8),
    "0.234 x 0.234 x 0.5, SNR 15": FlashScan(voxel_mm=(0.234, 0.234, 0.5)),
    "0.156 x 0.156 x 0.5, SNR 15": FlashScan(voxel_mm=(0.156, 0.156, 0.5)),
    "0.312 x 0.312 x 1.5, SNR 15": FlashScan(voxel_mm=(0.312, 0.312, 1.5)),
}
STRUCTURE = tuple(SCANS)[0:3:2]
"""Images whose number and topology are tabulated."""
TOPOLOGY_VOXELS = (
    (0.1, 0.1, 0.1),
    (0.137, 0.137, 0.137),
    (0.137, 0.137, 0.2),
    (0.137, 0.137, 0.41),
    (0.234, 0.234, 1.0),
)
EDEMA = {"edema 0.8 x signal": 0.8, "edema 1.25 x signal": 1.25}


def person(seed: int) -> Recipe:
    rng = np.random.default_rng(seed)
    thickness = rng.uniform(0.13, 0.17)
    return Recipe(
        plate_mm=thickness,
        rod_mm=thickness,
        spacing_mm=rng.uniform(0.8, 1.05),
        stretch=rng.uniform(1.2, 1.7),
        plate_share=rng.uniform(0.2, 0.5),
    )


def thinned(block: TrabecularBlock, share: float) -> TrabecularBlock:
    return replace(
        block,
        plates=tuple(replace(p, thickness_mm=p.thickness_mm * (1 - share)) for p in block.plates),
        rods=tuple(replace(r, diameter_mm=r.diameter_mm * (1 - share)) for r in block.rods),
    )


def bone_share(block: TrabecularBlock) -> float:
    return float(bone_fraction_map(block, (0.08, 0.08, 0.12), 1).mean())


def deteriorated(recipe: Recipe, seed: int, goal: float) -> TrabecularBlock:
    """Return the bone with holes in a fifth of its plates and one rod in 30 gone, thinned until `goal` is left."""
    worn = grow(SIZE, resorbed(recipe, 0.0, 0.2, 0.03), seed)
    one, other = bone_share(worn), bone_share(thinned(worn, 0.06))
    return thinned(worn, 0.06 * (one - goal) / (one - other))


def lines(block: TrabecularBlock) -> tuple[float, float]:
    """Return bone met per mm and mean marrow between, mm, on lines along both axes of the slice plane."""
    met = length = marrow = 0.0
    for axis in (0, 1):
        step = [0.3, 0.3, 0.3]
        step[axis] = 0.01
        bone = bone_fraction_map(block, (step[0], step[1], step[2]), 1) > 0.5
        skip = [round(MARGIN / s) for s in step]
        inner = bone[tuple(slice(s, n - s) for s, n in zip(skip, bone.shape, strict=True))]
        met += float((np.diff(inner.astype(np.int8), axis=axis) > 0).sum())
        length += inner.size * 0.01
        marrow += float((~inner).sum()) * 0.01
    return met / length, marrow / met


def measured(scan: BlockImage, with_canal: bool, edema: bool = False) -> tuple[ApparentFraction, float]:
    region = scan.inner(MARGIN)
    spared = region | Mask(region.grid, scan.canal.array) if with_canal else None
    answer = apparent_fraction(scan.image, region, spared=spared, edema=scan.edema if edema else None)
    return answer, float(scan.fraction[region.array].mean(dtype=np.float64))


def row(rows: list[tuple[float, float, bool]]) -> str:
    table = np.array(rows, float)
    off = table[:, 0] - table[:, 1]
    return f"{off.mean():+.3f} | {off.std(ddof=1):.3f} | {int(table[:, 2].sum())} of {len(table)}"


def held(answer: ApparentFraction, truth: float) -> bool:
    mean = answer.mean
    return mean.low is not None and mean.high is not None and mean.low <= truth <= mean.high


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--detailed", type=int, default=3)
    parser.add_argument("--first", type=int, default=101)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--other-voxels", action="store_true")
    parser.add_argument("--topology", action="store_true")
    options = parser.parse_args()
    if options.topology:
        topology(range(options.first, options.first + options.people))
        return
    if options.other_voxels:
        other_voxels(range(options.first, options.first + options.people))
        return
    errors: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    orders: dict[str, list[float]] = defaultdict(list)
    numbers: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    losses, span = [], []
    for n in range(options.people):
        seed = options.first + n
        recipe = person(seed)
        block = grow(SIZE, recipe, seed)
        goal = (1 - LOSS) * bone_share(block)
        worn = {"same cells": deteriorated(recipe, seed, goal), "other side": deteriorated(recipe, seed + 500, goal)}
        well = scan_block(block, PUBLISHED, seed, None, CANAL)
        pairs = {
            name: scan_block(b, PUBLISHED, seed + 1000 + k, None, CANAL) for k, (name, b) in enumerate(worn.items())
        }
        for canal in (True, False):
            by = "canal" if canal else "no canal"
            answer, truth = measured(well, canal)
            errors[f"{next(iter(SCANS))}, {by}"].append((answer.mean.value, truth, held(answer, truth)))
            for name, scan in pairs.items():
                other, less = measured(scan, canal)
                orders[f"fraction, {name}, {by}"].append(answer.mean.value - other.mean.value)
                if canal:
                    change = answer.from_texture.value - other.from_texture.value
                    orders[f"fraction from texture, {name}"].append(change)
                    losses.append(1 - less / truth)
        span.append(truth)
        if n < options.detailed:
            details(block, well, pairs, seed, errors, numbers, orders)
            if n == 0 and options.picture:
                picture(well, options.picture)
    print(
        f"{options.people} people from seed {options.first}; true fraction {min(span):.3f} to {max(span):.3f}; ", end=""
    )
    print(f"deteriorated: {100 * np.mean(losses):.1f} % lost ({100 * min(losses):.1f} to {100 * max(losses):.1f})\n")
    print("| image | off | SD | 95 % intervals that hold the truth |\n|---|---|---|---|")
    for name, rows in errors.items():
        print(f"| {name} | {row(rows)} |")
    print("\n| order of well and deteriorated | right | mean difference over its SD |\n|---|---|---|")
    for name, differences in orders.items():
        d = np.array(differences)
        print(f"| {name} | {int((d > 0).sum())} of {len(d)} | {d.mean() / d.std(ddof=1):.1f} |")
    print("\n| apparent | mean | truth | off | SD of that |\n|---|---|---|---|---|")
    for name, rows in numbers.items():
        t = np.array(rows, float)
        true = "" if np.isnan(t[:, 1]).any() else f"{t[:, 1].mean():.3f}"
        off = "" if not true else f"{(t[:, 0] - t[:, 1]).mean():+.3f}"
        spread = "" if not true else f"{(t[:, 0] - t[:, 1]).std(ddof=1):.3f}"
        print(f"| {name} | {t[:, 0].mean():.3f} | {true} | {off} | {spread} |")


def other_voxels(seeds: range) -> None:
    """Print how far the mean is off, and how often its interval holds, where marrow's level was not tried."""
    rows: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    for seed in seeds:
        block = grow(SIZE, person(seed), seed)
        for name, scan in SCANS.items():
            if scan.voxel_mm != PUBLISHED.voxel_mm:
                answer, truth = measured(scan_block(block, scan, seed, None, CANAL), False)
                rows[name].append((answer.mean.value, truth, held(answer, truth)))
    print("| image, no canal | off | SD | 95 % intervals that hold the truth |\n|---|---|---|---|")
    for name, found in rows.items():
        print(f"| {name} | {row(found)} |")


def opened(recipe: Recipe, block_mm: tuple[float, float, float], seed: int, goal: float) -> Recipe:
    """Return the recipe with so many plates lost, the rods around them left, that the bone share falls to `goal`."""
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        left = grow(block_mm, replace(recipe, plate_share=recipe.plate_share * (1 - middle)), seed)
        low, high = (middle, high) if bone_share(left) > goal else (low, middle)
    return replace(recipe, plate_share=recipe.plate_share * (1 - middle))


def topology(seeds: range) -> None:
    """Print how often ratio and index order bone rightly against bone that lost plates, 10 % of its volume."""
    size = (8.0, 8.0, 8.0)
    right: dict[tuple[str, bool], list[tuple[bool, bool]]] = defaultdict(list)
    for seed in seeds:
        recipe = person(seed)
        well = grow(size, recipe, seed)
        fewer = opened(recipe, size, seed, (1 - LOSS) * bone_share(well))
        blocks = [well, grow(size, fewer, seed), grow(size, fewer, seed + 500)]
        for voxel in TOPOLOGY_VOXELS:
            scans = [
                scan_block(block, FlashScan(voxel_mm=voxel), seed + 1000 * n, None, 5.0)
                for n, block in enumerate(blocks)
            ]
            for canal in (True, False):
                found = [apparent_structure(measured(scan, canal)[0], scan.inner(MARGIN)) for scan in scans]
                ratios = [value(one.plate_rod_ratio) for one in found]
                indices = [value(one.erosion_index) for one in found]
                name = " x ".join(f"{side:g}" for side in voxel)
                right[name, canal] += [(ratios[n] < ratios[0], indices[n] > indices[0]) for n in (1, 2)]
    print("| voxel, mm | marrow's level from | plate-rod ratio right | erosion index right |\n|---|---|---|---|")
    for (name, canal), pairs in right.items():
        good = [sum(pair[n] for pair in pairs) for n in (0, 1)]
        source = "canal" if canal else "the region"
        print(f"| {name} | {source} | {good[0]} of {len(pairs)} | {good[1]} of {len(pairs)} |")


def value(quantity: Quantity | None) -> float:
    return np.nan if quantity is None else quantity.value


def details(
    block: TrabecularBlock,
    well: BlockImage,
    pairs: dict[str, BlockImage],
    seed: int,
    errors: dict[str, list[tuple[float, float, bool]]],
    numbers: dict[str, list[tuple[float, float, bool]]],
    orders: dict[str, list[float]],
) -> None:
    per_mm, between = lines(block)
    for name, scan in SCANS.items():
        image = well if scan is PUBLISHED else scan_block(block, scan, seed, None, CANAL)
        for canal in (True, False):
            if scan is not PUBLISHED:
                answer, truth = measured(image, canal)
                errors[f"{name}, {'canal' if canal else 'no canal'}"].append(
                    (answer.mean.value, truth, held(answer, truth))
                )
        answer, _ = measured(image, True)
        if name not in STRUCTURE:
            continue
        shape = apparent_structure(answer, image.inner(MARGIN))
        numbers[f"number, 1/mm, {name}"].append((shape.number.value, per_mm, True))
        numbers[f"separation, mm, {name}"].append((shape.separation.value, between, True))
        numbers[f"plate-rod ratio, {name}"].append((value(shape.plate_rod_ratio), np.nan, True))
        numbers[f"erosion index, {name}"].append((value(shape.erosion_index), np.nan, True))
        if scan is PUBLISHED:
            other = apparent_structure(measured(pairs["other side"], True)[0], pairs["other side"].inner(MARGIN))
            orders["number, other side"].append(shape.number.value - other.number.value)
            orders["plate-rod ratio, other side"].append(value(shape.plate_rod_ratio) - value(other.plate_rod_ratio))
            orders["erosion index, other side"].append(value(other.erosion_index) - value(shape.erosion_index))
    for name, factor in EDEMA.items():
        image = scan_block(block, PUBLISHED, seed, MarrowEdema((6.0, 6.0, 6.0), 4.2, factor), CANAL)
        answer, truth = measured(image, True, edema=True)
        errors[f"{name}, marked"].append((answer.mean.value, truth, held(answer, truth)))
        unmarked = answer.mean_ignoring_edema
        inside = unmarked.low is not None and unmarked.high is not None and unmarked.low <= truth <= unmarked.high
        errors[f"{name}, not marked"].append((unmarked.value, truth, inside))


def picture(scan: BlockImage, path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    answer, _ = measured(scan, True)
    middle = scan.image.grid.shape[2] // 2
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), constrained_layout=True)
    panels = (("image", scan.image.array), ("fraction measured", answer.map), ("fraction of the model", scan.fraction))
    for axis, (title, array) in zip(axes, panels, strict=True):
        limits = {} if title == "image" else {"vmin": 0.0, "vmax": 0.7}
        shown = axis.imshow(array[:, :, middle].T, cmap="gray" if title == "image" else "viridis", **limits)
        axis.set_title(title)
        axis.set_axis_off()
        figure.colorbar(shown, ax=axis)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
