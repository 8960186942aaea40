"""Readers' masks of marrow edema on real MRI, and marrowmap's mask as one more read.

STIR of sacroiliac joints of four people, two readers, two trials each (R11, R12: first reader; R21, R22: second).
Prints Dice and surface distance within and between readers, limits of agreement of the logarithm of volume, intraclass
correlation, smallest detectable change, and the consensus of all four by STAPLE with how each read agrees with it;
marrowmap's own mask beside them. Four people: the intervals say how little that is. The parameters of marrowmap were
looked at on these people (docs/benchmarks/real_mri_edema.md).
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from marrowmap.image import Mask
from marrowmap.measure.edema import measure_edema
from marrowmap.readers.bland_altman import limits_of_agreement
from marrowmap.readers.detectable_change import smallest_detectable_change
from marrowmap.readers.drawn_regions import dice
from marrowmap.readers.drawn_regions import staple
from marrowmap.readers.drawn_regions import surface_distance
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.icc import icc_a1
from real_mri_edema import READERS
from real_mri_edema import Case
from real_mri_edema import asked_cases

OURS = "marrowmap"
WITHIN = (("R11", "R12"), ("R21", "R22"))
BETWEEN = tuple(product(("R11", "R12"), ("R21", "R22")))
GROUPS = (
    ("within reader 1 (R11, R12)", WITHIN[:1]),
    ("within reader 2 (R21, R22)", WITHIN[1:]),
    ("between readers, 4 pairs", BETWEEN),
    ("marrowmap and readers, 4 pairs", tuple((OURS, reader) for reader in READERS)),
)


def interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return estimate.note
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} ({estimate.note})"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def ratio(estimate: Estimate) -> str:
    """Give limits of logarithms as factors."""
    numbers = (estimate.value, estimate.low, estimate.high)
    value, low, high = (math.nan if number is None else math.exp(number) for number in numbers)
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def overlaps(masks: dict[str, dict[str, Mask]]) -> None:
    print(f"{'Dice; surface distance, mm: mean, 95 %':44s}" + "".join(f"{s:>18s}" for s in masks))
    for title, pairs in GROUPS:
        cells = []
        for reads in masks.values():
            shares = [dice(reads[a], reads[b]).value for a, b in pairs]
            distances = [surface_distance(reads[a], reads[b]) for a, b in pairs]
            means, far = [d.mean.value for d in distances], [d.percentile_95.value for d in distances]
            cells.append((np.mean(shares), np.mean(means), np.mean(far)))
        dices = np.mean([cell[0] for cell in cells])
        row = "".join(f"{share:6.3f} {mean:5.1f} {percentile:5.1f}" for share, mean, percentile in cells)
        print(f"{title:44s}{row}   mean Dice {dices:.3f}")


def volumes(masks: dict[str, dict[str, Mask]]) -> None:
    people = np.arange(len(masks))
    of = {name: np.array([math.log(reads[name].volume_ml) for reads in masks.values()]) for name in (*READERS, OURS)}
    print("\nvolume, mL" + " " * 10 + "".join(f"{name:>11s}" for name in of))
    for number, subject in enumerate(masks):
        print(f"{subject:20s}" + "".join(f"{math.exp(values[number]):11.2f}" for values in of.values()))
    print("\nlimits of agreement of volumes as factors, each with its 95 % interval")
    for a, b in (*WITHIN, ("R11", "R21"), *((OURS, reader) for reader in READERS)):
        limits = limits_of_agreement(of[a], of[b], people)
        print(f"{a + ' over ' + b:22s} {ratio(limits.bias)}, from {ratio(limits.lower)} to {ratio(limits.upper)}")
    print("\nICC(A,1) of the logarithm of volume, and smallest detectable change as a factor")
    for title, names in (
        *((" and ".join(pair), pair) for pair in WITHIN),
        ("R11 and R21", ("R11", "R21")),
        ("all four reads", READERS),
        ("all four and marrowmap", (*READERS, OURS)),
    ):
        table = np.column_stack([of[name] for name in names])
        print(f"{title:24s} {interval(icc_a1(table, people))}; {ratio(smallest_detectable_change(table))}")


def consensus(masks: dict[str, dict[str, Mask]], cases: dict[str, Case]) -> None:
    print("\nSTAPLE of the four reads within the disease region: its volume; sensitivity of each read; Dice with it")
    for subject, reads in masks.items():
        found = staple([reads[reader] for reader in READERS], cases[subject].within)
        rates = "".join(
            f"  {reader} {sensitivity:.2f}" for reader, sensitivity in zip(READERS, found.sensitivity, strict=True)
        )
        agree = "".join(f"  {name} {dice(reads[name], found.region).value:.3f}" for name in (*READERS, OURS))
        print(f"{subject}: {found.region.volume_ml:7.2f} mL; {rates};{agree}")


def left_out(masks: dict[str, dict[str, Mask]]) -> None:
    """Judge every read by other people's reads only; marrowmap by those of both."""
    print("\nDice with what the other reader drew in both trials or in one (mean of the two), mean over people")
    for name in (*READERS, OURS):
        others = [pair for pair in WITHIN if name not in pair]
        shares = [
            np.mean(
                [
                    dice(reads[name], both).value
                    for a, b in others
                    for both in (reads[a] & reads[b], reads[a] | reads[b])
                ]
            )
            for reads in masks.values()
        ]
        print(f"{name:10s} {np.mean(shares):.3f}")


def main() -> None:
    cases = asked_cases(__doc__)
    masks = {
        subject: {
            **case.readers,
            OURS: measure_edema(case.fluid, case.within, case.reference, case.t1).closed,
        }
        for subject, case in cases.items()
    }
    overlaps(masks)
    volumes(masks)
    consensus(masks, cases)
    left_out(masks)


if __name__ == "__main__":
    main()
