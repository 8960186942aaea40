"""The other side in virtual MRI of trabecular bone: difference by texture and the sign, against the model's own truth.

python benchmarks/apparent_sides.py [--first 101] [--people 20] [--ways 4]

Both sides of a virtual person have bone of one recipe, each in a layout of its own, and no marrow without bone beside.
The worn side loses bone as in `apparent_trabeculae.py`. The first lines are what
`measure/data/microarchitecture_precision.toml` holds of texture, there from seeds 1 to 19.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from apparent_trabeculae import MARGIN
from apparent_trabeculae import PUBLISHED
from apparent_trabeculae import SIZE
from apparent_trabeculae import bone_share
from apparent_trabeculae import person
from apparent_trabeculae import thinned
from marrowmap.image import Transform
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_apparent import measure_apparent
from marrowmap.measure.microarchitecture_match import SideMatch
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.measure.paired_difference import spread_percent
from marrowmap.phantom.trabecular import TrabecularBlock
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular import resorbed
from marrowmap.phantom.trabecular_mr import scan_block
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State

LOSSES = (0.1, 0.2, 0.3)
TRIED = 0.2
WAYS = {"thinned alone": (0.2, 0.0, 0.0)}
"""Another way of losing bone: thinning, plates with holes, lost rods."""
WELL = "none"
PRECISION = load_precision("MR")
IN_PLACE = SideMatch(Transform.identity(), np.eye(3), np.array([6.0, 6.0, 6.0]), 1.0, "blocks in one place")


@dataclass(frozen=True, eq=False)
class Imaged:
    """A block as measured, and its true share of bone in the region."""

    measured: Microarchitecture
    truth: float

    @property
    def texture(self) -> float:
        """Logarithm of the share of bone that texture tells."""
        assert self.measured.texture is not None
        return float(np.log(self.measured.texture.value))


def imaged(block: TrabecularBlock, seed: int) -> Imaged:
    scan = scan_block(block, PUBLISHED, seed)
    region = scan.inner(MARGIN)
    truth = float(scan.fraction[region.array].mean(dtype=np.float64))
    return Imaged(measure_apparent(scan.image, region, "MR"), truth)


def worn_sides(seed: int, other: TrabecularBlock) -> dict[str, Imaged]:
    """Return the other side with holes in a fifth of its plates and one rod in 30 gone, thinned to what is wanted."""
    worn = grow(SIZE, resorbed(person(seed), 0.0, 0.2, 0.03), seed + 500)
    share, before, after = bone_share(other), bone_share(worn), bone_share(thinned(worn, TRIED))
    sides = {}
    for n, loss in enumerate(LOSSES, start=2):
        thinning = TRIED * (before - (1 - loss) * share) / (before - after)
        sides[f"{100 * loss:.0f} %"] = imaged(thinned(worn, thinning), seed + 1000 * n)
    return sides


def compared(worn: Imaged, well: Imaged) -> SideComparison:
    return compare_sides(worn.measured, well.measured, IN_PLACE, PRECISION, "lateral")


def judged(comparison: SideComparison) -> State:
    return microarchitecture_deterioration.assess(
        comparison, (), Joint.KNEE, Side.LEFT, "MR", "", Evidence("1.2")
    ).state


def print_calibration(people: list[dict[str, Imaged]]) -> None:
    """Print gain, repeatability and layout as the data file holds them."""
    steps = [(p["30 %"].texture - p[WELL].texture, np.log(p["30 %"].truth / p[WELL].truth)) for p in people]
    gains = np.array([bone / texture for texture, bone in steps])
    gain = float(gains.mean())
    again = np.array([p["again"].texture - p["first"].texture for p in people])
    cv = 100 * gain * float(np.sqrt((again**2).mean() / 2))
    off = [
        gain * (p[name].texture - p["first"].texture) - np.log(p[name].truth / p["first"].truth)
        for p in people
        for name in (WELL, *(f"{100 * loss:.0f} %" for loss in LOSSES))
    ]
    pair = 100 * float(np.sqrt(np.mean(np.square(off))))
    own = 100 * gain * np.mean([spread_percent(p["first"].measured.texture) for p in people]) / 100
    print(f"gain {gain:.2f} (SD {gains.std(ddof=1):.2f} over people)")
    print(f"coefficient of variation, one block twice: {cv:.2f} %; by the scatter of its parts {own:.2f} %")
    print(f"two layouts, repetition taken off: {np.sqrt(max(pair**2 - 2 * cv**2, 0)):.2f} % (in all {pair:.2f} %)")
    for way in WAYS:
        found = [np.log(p[way].truth / p[WELL].truth) / (p[way].texture - p[WELL].texture) for p in people if way in p]
        lost = [100 * (1 - p[way].truth / p[WELL].truth) for p in people if way in p]
        if found:
            print(f"gain where bone is {way} ({np.mean(lost):.0f} %): {np.mean(found):.2f}, {np.round(found, 2)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--ways", type=int, default=4)
    parser.add_argument("--first", type=int, default=101)
    options = parser.parse_args()
    people: list[dict[str, Imaged]] = []
    for n in range(options.people):
        seed = options.first + n
        recipe = person(seed)
        well, other = (grow(SIZE, recipe, s) for s in (seed, seed + 500))
        sides = {"first": imaged(well, seed), "again": imaged(well, seed + 3000), WELL: imaged(other, seed + 1000)}
        sides |= worn_sides(seed, other)
        if n < options.ways:
            for k, (way, loss) in enumerate(WAYS.items()):
                sides[way] = imaged(grow(SIZE, resorbed(recipe, *loss), seed + 500), seed + 5000 + 1000 * k)
        people.append(sides)
    print(f"{options.people} people from seed {options.first}\n")
    print_calibration(people)
    print("\n| loss | true difference | off, mean | off, SD | 95 % intervals that hold the truth |", end="")
    print(" off, SD, absolute fraction |\n|---|---|---|---|---|---|")
    states: dict[str, Counter[State]] = defaultdict(Counter)
    for name in (WELL, *(f"{100 * loss:.0f} %" for loss in LOSSES), *WAYS):
        table, held = [], 0
        for sides in (p for p in people if name in p):
            comparison = compared(sides[name], sides["first"])
            one = comparison.of("bone_volume_fraction")
            truth = 100 * (sides[name].truth / sides["first"].truth - 1)
            assert one is not None
            assert one.interval is not None
            held += one.interval[0] <= truth <= one.interval[1]
            a, b = (sides[s].measured.values["bone_volume_fraction"].value for s in (name, "first"))
            table.append((truth, one.percent - truth, 100 * (a / b - 1) - truth, one.repeat_limit, one.side_limit))
            states[name][judged(comparison)] += 1
        if not table:
            continue
        t = np.array(table, float)
        spread = t.std(axis=0, ddof=1) if len(t) > 1 else np.full(5, np.nan)
        print(f"| {name} | {t[:, 0].mean():+.1f} % | {t[:, 1].mean():+.1f} | {spread[1]:.1f} |", end="")
        print(f" {held} of {len(t)} | {spread[2]:.1f} |")
        limits = t[:, 3:].mean(axis=0)
    print(f"\nLimits in the last row, mean: error {limits[0]:.1f} %, sides of well people {limits[1]:.1f} %\n")
    print("| loss | present | undetermined | absent | not assessable |\n|---|---|---|---|---|")
    for name, found in states.items():
        print(f"| {name} | " + " | ".join(str(found[s]) for s in (State.PRESENT, State.UNDETERMINED, State.ABSENT,
                                                                 State.NOT_ASSESSABLE)) + " |")  # fmt: skip


if __name__ == "__main__":
    main()
