"""Do the statistics of reader studies hold what they promise? Simulated studies whose truth is known.

Run ``python benchmarks/reader_statistics.py``; prints the tables of docs/benchmarks/reader_statistics.md. Type I error
of the test between modalities on Roe and Metz's model (1997, Acad Radiol 4:298), whose parameters are those of the
original simulations; coverage of 95 % intervals; power that was planned against power that came. True values follow
from the models' parameters, never from the code under test. Seed 1 was for choosing methods, 101 reports.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import LOG_DISAGREEMENT
from marrowmap.readers.additive import jackknife_interval
from marrowmap.readers.agreement import estimate_agreement
from marrowmap.readers.agreement import fleiss_kappa
from marrowmap.readers.agreement import gwet_ac
from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import bootstrap_covariance
from marrowmap.readers.auc_covariance import delong_covariance
from marrowmap.readers.auc_covariance import jackknife_covariance
from marrowmap.readers.auc_interval import auc_interval
from marrowmap.readers.auc_interval import bootstrap_interval
from marrowmap.readers.bland_altman import limits_of_agreement
from marrowmap.readers.cohen import cohen_kappa
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.icc import icc_1
from marrowmap.readers.icc import icc_a1
from marrowmap.readers.icc import icc_c1
from marrowmap.readers.mrmc import Components
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.mrmc import fixed_readers_random_cases
from marrowmap.readers.mrmc import random_readers_random_cases
from marrowmap.readers.mrmc import random_readers_random_cases_of_blocks
from marrowmap.readers.sample_size import Pilot
from marrowmap.readers.sample_size import mrmc_power
from roe_metz import RoeMetz

Floats = NDArray[np.float64]

SETTINGS = (
    *(RoeMetz(s, m, 5, 50, 50) for m in (0.75, 1.5, 2.5) for s in ("HL", "LL", "HH", "LH")),
    RoeMetz("HL", 1.5, 5, 25, 25),
    RoeMetz("LL", 1.5, 5, 25, 25),
    RoeMetz("HL", 1.5, 3, 50, 50),
    RoeMetz("LH", 1.5, 3, 50, 50),
    RoeMetz("HL", 1.5, 10, 50, 50),
    RoeMetz("LH", 1.5, 10, 50, 50),
    RoeMetz("LL", 1.5, 5, 100, 100),
    RoeMetz("LL", 1.5, 5, 10, 90),
    RoeMetz("LL", 1.5, 5, 50, 50, categories=5),
    RoeMetz("HL", 1.5, 5, 50, 50, alike=0.8),
    RoeMetz("HH", 1.5, 3, 12, 12),
)


def type_one_error(studies: int, seed: int) -> None:
    print(f"\n## Test between modalities where there is no difference: share of {studies} studies with p < 0.05\n")
    print("structure, area, readers, positive+negative   random readers and cases: jackknife, DeLong;  fixed readers;")
    print("    coverage of the area of one modality (random readers and cases)")
    for number, setting in enumerate(SETTINGS):
        rng = np.random.default_rng([seed, 1, number])
        rejected = np.zeros(3)
        held = 0
        for _ in range(studies):
            scores = setting.draw(rng)
            area = areas(scores, setting.truth)
            jack = find_components(area, jackknife_covariance(scores, setting.truth, setting.people))
            delong = find_components(area, delong_covariance(scores, setting.truth, setting.people))
            both = random_readers_random_cases(jack)
            rejected += [
                both.p < 0.05,
                random_readers_random_cases(delong).p < 0.05,
                fixed_readers_random_cases(jack).p < 0.05,
            ]
            one = both.modality_areas[0]
            held += one.low <= setting.area <= one.high
        jack_rate, delong_rate, fixed_rate = 100 * rejected / studies
        coverage = f"{100 * held / studies:5.1f} %" if not setting.categories else "    -"
        print(
            f"{setting!s:46s} {jack_rate:5.1f} % {mark(4 <= jack_rate <= 6)} {delong_rate:5.1f} %;  "
            f"{fixed_rate:5.1f} %;  {coverage}"
        )


IN_BLOCKS = (
    *((RoeMetz(s, 1.5, 3, 25, 25),) * 2 for s in ("HL", "LL", "HH", "LH")),
    (RoeMetz("LL", 1.5, 2, 15, 15),) * 4,
    (RoeMetz("LH", 1.5, 2, 25, 25),) * 2,
    (RoeMetz("LL", 1.5, 1, 25, 25),) * 6,
    (RoeMetz("LL", 1.5, 4, 40, 40), RoeMetz("LL", 1.5, 2, 15, 15)),
    (RoeMetz("LH", 1.5, 4, 40, 40), RoeMetz("LH", 1.5, 2, 15, 15)),
    (RoeMetz("HL", 1.5, 3, 12, 12),) * 2,
)
"""Settings of split-plot studies: readers and cases of each block."""


def split_plot_error(studies: int, seed: int) -> None:
    print(f"\n## Split-plot studies without a difference: share of {studies} studies with p < 0.05\n")
    print("structure, area, readers, positive+negative of each block   random readers and cases; marginal-mean;")
    print("    fixed readers;  coverage of the area of one modality (random readers and cases)")
    for number, blocks in enumerate(IN_BLOCKS):
        rng = np.random.default_rng([seed, 8, number])
        rejected = np.zeros(3)
        held = 0
        for _ in range(studies):
            c = components_in_blocks([setting.draw(rng) for setting in blocks], blocks)
            both = random_readers_random_cases(c)
            marginal = random_readers_random_cases_of_blocks(c).p if c.df_within else math.nan
            rejected += [both.p < 0.05, marginal < 0.05, fixed_readers_random_cases(c).p < 0.05]
            one = both.modality_areas[0]
            held += one.low <= blocks[0].area <= one.high
        rate, marginal_rate, fixed_rate = 100 * rejected / studies
        title = " | ".join(str(setting) for setting in blocks[:1] if len(set(blocks)) == 1)
        title = f"{len(blocks)} x {title}" if title else " | ".join(str(setting) for setting in blocks)
        told = f"{marginal_rate:5.1f} %" if c.df_within else "    -  "
        print(
            f"{title:56s} {rate:5.1f} % {mark(4 <= rate <= 6)} {told};  {fixed_rate:5.1f} %;  "
            f"{100 * held / studies:5.1f} %"
        )


def components_in_blocks(scores: Sequence[Floats], blocks: Sequence[RoeMetz]) -> Components:
    """Return what a study says whose blocks share nobody, by leaving out people."""
    readers = [setting.readers for setting in blocks]
    joined = np.zeros((2, sum(readers), 2, sum(readers)))
    for one, setting, end in zip(scores, blocks, np.cumsum(readers), strict=True):
        own = slice(end - setting.readers, end)
        shape = (2, setting.readers, 2, setting.readers)
        joined[:, own, :, own] = jackknife_covariance(one, setting.truth, setting.people).reshape(shape)
    found = np.concatenate([areas(one, setting.truth) for one, setting in zip(scores, blocks, strict=True)], axis=1)
    return find_components(found, joined.reshape(found.size, found.size), np.repeat(np.arange(len(blocks)), readers))


def mark(good: bool) -> str:
    return "  " if good else "! "


def bootstrap_test(studies: int, seed: int) -> None:
    setting = RoeMetz("LL", 1.5, 5, 50, 50)
    rng = np.random.default_rng([seed, 2])
    rejected = 0
    for study in range(studies):
        scores = setting.draw(rng)
        covariance = bootstrap_covariance(scores, setting.truth, setting.people, samples=300, seed=study)
        found = random_readers_random_cases(find_components(areas(scores, setting.truth), covariance))
        rejected += found.p < 0.05
    print(f"{setting!s:46s} covariances by 300 bootstrap samples, {studies} studies: {100 * rejected / studies:.1f} %")


def share_held(estimates: list[Estimate], truth: float) -> str:
    """Say how often the interval holds the truth, and how often there was one."""
    given = [(e.low, e.high) for e in estimates if e.low is not None and e.high is not None]
    if not given:
        return "   none      "
    held = np.array([low <= truth <= high for low, high in given])
    low, high = np.array(given).T
    rate = 100 * held.mean()
    missing = len(estimates) - len(given)
    return (
        f"{rate:5.1f} %{mark(93 <= rate <= 97)}(under {100 * (high < truth).mean():.1f}, over "
        f"{100 * (low > truth).mean():.1f}; width {np.mean(high - low):.3f}"
        + (f"; none in {missing})" if missing else ")")
    )


def coverage_of_areas(studies: int, seed: int) -> None:
    print(f"\n## Area under one reader's curve: 95 % intervals that hold the true area, of {studies}\n")
    for number, (area, positive, negative, hips) in enumerate(
        (a, p, n, h)
        for p, n, h in ((10, 10, 1), (25, 25, 1), (50, 50, 1), (10, 90, 1), (50, 50, 2))
        for a in (0.7, 0.85, 0.95)
    ):
        rng = np.random.default_rng([seed, 3, number])
        truth = np.arange(positive + negative) < positive
        people = np.arange(len(truth)) // hips
        separation = math.sqrt(2) * float(stats.norm.ppf(area))
        score, percentile = [], []
        for study in range(studies):
            shared = rng.normal(size=int(people.max()) + 1)[people] if hips > 1 else 0.0
            noise = rng.normal(size=len(truth))
            scores = separation * truth + (noise if hips == 1 else math.sqrt(0.3) * noise + math.sqrt(0.7) * shared)
            score.append(auc_interval(scores, truth, people))
            if study < 500:
                percentile.append(bootstrap_interval(scores, truth, people, samples=500, seed=study))
        print(
            f"area {area:.2f}, {positive}+{negative}{', two hips a person' if hips > 1 else '':20s} "
            f"score {share_held(score, area)}; bootstrap of 500 {share_held(percentile, area)}"
        )


def kappa_truth(prevalence: float, sensitivity: float, specificity: float) -> tuple[float, float]:
    """Return Cohen's (and Fleiss') kappa and AC1 of readers alike, independent given the case's state."""
    called = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    agree = prevalence * (sensitivity**2 + (1 - sensitivity) ** 2)
    agree += (1 - prevalence) * (specificity**2 + (1 - specificity) ** 2)
    chance = called**2 + (1 - called) ** 2
    chance_gwet = 2 * called * (1 - called)
    return (agree - chance) / (1 - chance), (agree - chance_gwet) / (1 - chance_gwet)


def coverage_of_kappa(studies: int, seed: int) -> None:
    print(f"\n## Agreement on present or absent: 95 % intervals that hold the true value, of {studies}\n")
    number = 0
    for readers, missing, hips in ((2, 0.0, 1), (3, 0.0, 1), (3, 0.1, 1), (3, 0.0, 2)):
        for cases in (12, 30, 60, 120):
            for prevalence in (0.5, 0.2, 0.05):
                number += 1
                rng = np.random.default_rng([seed, 4, number])
                kappa, ac1 = kappa_truth(prevalence, 0.85, 0.9)
                cohen, fleiss, gwet = [], [], []
                people = np.arange(cases) // hips
                for _ in range(studies):
                    ill = rng.random(cases) < prevalence
                    if hips == 2:
                        # Every second pair of hips has one state for both.
                        same = rng.random(int(people.max()) + 1)[people] < 0.5
                        ill = np.where(same, ill[2 * people], ill)
                    codes = (rng.random((cases, readers)) < np.where(ill, 0.85, 0.1)[:, None]).astype(np.intp)
                    codes[rng.random(codes.shape) < missing] = -1
                    weights = np.eye(2)
                    fleiss.append(estimate_agreement(fleiss_kappa(codes, weights), people, codes))
                    gwet.append(estimate_agreement(gwet_ac(codes, weights), people, codes, scale=LOG_DISAGREEMENT))
                    cohen.append(jackknife_interval(cohen_kappa(codes, weights), people))
                title = f"{readers} readers, {cases:3d} cases, prevalence {prevalence:.2f}"
                title += f", {100 * missing:.0f} % missing" if missing else ", two hips a person" if hips == 2 else ""
                print(
                    f"{title:50s} Cohen {share_held(cohen, kappa)}; Fleiss {share_held(fleiss, kappa)}; "
                    f"AC1 {share_held(gwet, ac1)}"
                )


def coverage_of_icc(studies: int, seed: int) -> None:
    print(f"\n## Intraclass correlation: 95 % intervals that hold the true value, of {studies}\n")
    print("reader variance 0.2 of the error's; readers drawn anew in each study")
    number = 0
    for hips in (1, 2):
        for readers in (2, 3, 8):
            for cases in (12, 30, 60):
                for between in (0.5, 4.0):
                    number += 1
                    rng = np.random.default_rng([seed, 5, number])
                    people = np.arange(cases) // hips
                    true = (between / (between + 1.2), between / (between + 1.0))
                    one_way, absolute, consistency = [], [], []
                    for _ in range(studies):
                        own = rng.normal(size=cases)
                        shared = rng.normal(size=cases)[people]
                        level = own if hips == 1 else (own + shared) / math.sqrt(2)
                        values = math.sqrt(between) * level[:, None] + rng.normal(size=(cases, readers))
                        crossed = values + math.sqrt(0.2) * rng.normal(size=(1, readers))
                        nested = values + math.sqrt(0.2) * rng.normal(size=(cases, readers))
                        one_way.append(icc_1(nested, people))
                        absolute.append(icc_a1(crossed, people))
                        consistency.append(icc_c1(crossed, people))
                    title = f"{readers} readers, {cases} cases, true {true[0]:.2f}/{true[1]:.2f}"
                    title += ", two hips a person" if hips == 2 else ""
                    print(
                        f"{title:56s} ICC(1) {share_held(one_way, true[0])}; ICC(A,1) {share_held(absolute, true[0])}; "
                        f"ICC(C,1) {share_held(consistency, true[1])}"
                    )


def coverage_of_limits(studies: int, seed: int) -> None:
    print(f"\n## Limits of agreement: 95 % intervals that hold the true upper limit and bias, of {studies}\n")
    for number, (cases, hips, alike) in enumerate(
        [
            (6, 1, 0.0),
            (12, 1, 0.0),
            (30, 1, 0.0),
            (100, 1, 0.0),
            (12, 2, 0.5),
            (30, 2, 0.5),
            (100, 2, 0.5),
            (30, 2, 0.0),
        ]
    ):
        rng = np.random.default_rng([seed, 6, number])
        people = np.arange(cases) // hips
        upper, bias = [], []
        for _ in range(studies):
            shared = rng.normal(size=cases)[people]
            difference = 1 + math.sqrt(1 - alike) * rng.normal(size=cases) + math.sqrt(alike) * shared
            limits = limits_of_agreement(difference, np.zeros(cases), people)
            upper.append(limits.upper)
            bias.append(limits.bias)
        title = f"{cases} differences{f', two hips a person, correlation {alike}' if hips == 2 else ''}"
        print(f"{title:56s} limit {share_held(upper, 1 + 1.959964)}; bias {share_held(bias, 1.0)}")


def planned_power(studies: int, seed: int) -> None:
    print(f"\n## Power planned from the mean components of a large pilot, and power that came in {studies} studies\n")
    for number, (structure, readers, cases, gain) in enumerate(
        [("HL", 5, 50, 0.3), ("LL", 5, 50, 0.3), ("LH", 5, 50, 0.5), ("LL", 10, 30, 0.3), ("HL", 3, 100, 0.4)]
    ):
        rng = np.random.default_rng([seed, 7, number])
        pilot = RoeMetz(structure, 1.5, 10, 40, 40, gain=gain)
        found = []
        for _ in range(300):
            scores = pilot.draw(rng)
            c = find_components(areas(scores, pilot.truth), jackknife_covariance(scores, pilot.truth, pilot.people))
            found.append((c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3))
        study = RoeMetz(structure, 1.5, readers, cases, cases, gain=gain)
        better = stats.norm.cdf((1.5 + gain) / math.sqrt(2 * (1 + 2 * study.reader_variance)))
        difference = float(better) - study.area
        planned = mrmc_power(Pilot(*np.mean(found, axis=0), cases=80), difference, readers=readers, cases=2 * cases)
        rejected = 0
        for _ in range(studies):
            scores = study.draw(rng)
            c = find_components(areas(scores, study.truth), jackknife_covariance(scores, study.truth, study.people))
            rejected += random_readers_random_cases(c).p < 0.05
        print(
            f"{study} difference {difference:.3f}: planned {100 * planned:.0f} %, came {100 * rejected / studies:.0f} %"
        )


PARTS: dict[str, Callable[[int, int], None]] = {
    "test": type_one_error,
    "split": split_plot_error,
    "bootstrap": bootstrap_test,
    "area": coverage_of_areas,
    "kappa": coverage_of_kappa,
    "icc": coverage_of_icc,
    "limits": coverage_of_limits,
    "power": planned_power,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    print(f"{options.studies} studies a setting, seed {options.seed}; ! marks what lies outside 4-6 % or 93-97 %")
    for name in options.only or PARTS:
        begun = time.perf_counter()
        PARTS[name](options.studies, options.seed)
        print(f"({name}: {time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
