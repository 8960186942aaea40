"""How often densitometry calls a change, or a side, in people in whom nothing happened.

    python benchmarks/density_errors.py --sites 40 --people 60

Draws sites with a precision study of their own (30 people scanned twice), and stable people measured there three times
in one region or in three; pairs of machines with a cross-calibration; and well people whose sides differ as published.
Every verdict goes through the code of ``marrowmap density``. Seeds from 101.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np

from marrowmap.measure.density_calibration import calibrate
from marrowmap.measure.density_change import compare_exams
from marrowmap.measure.density_change import follow_changes
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_precision import precision_error
from marrowmap.measure.density_sides import compare_sides
from marrowmap.measure.density_tables import change_limits
from marrowmap.measure.density_tables import side_references
from marrowmap.signs import significant_bone_change
from marrowmap.values import DensityRecord
from marrowmap.values import Joint
from marrowmap.values import Menopause
from marrowmap.values import Side
from marrowmap.values import State

FIRST_SEED = 101
REGIONS = ("femoral_neck", "total_hip", "greater_trochanter")
SD = 0.015
DAYS = (date(2020, 1, 1), date(2021, 1, 1), date(2022, 1, 1))


def make_record(
    bmd: float,
    day: date,
    *,
    region: str = "femoral_neck",
    side: Side = Side.LEFT,
    machine: str = "A",
    person: str = "P",
) -> DensityRecord:
    return DensityRecord(
        person=person,
        birth_date=None,
        sex="",
        menopause=Menopause.UNKNOWN,
        date=day,
        region=region,
        side=side,
        vertebrae=(),
        bmd=bmd,
        bmc=None,
        area=None,
        t_score=None,
        z_score=None,
        machine=machine,
        software="",
        reference="",
        source="drawn",
        place="",
    )


def study_site(rng: np.random.Generator) -> tuple[tuple[SitePrecision, ...], int]:
    """Return a site's precision in each region, and in how many the interval holds the truth."""
    studies, held = [], 0
    for region in REGIONS:
        scans = rng.normal(0.9, 0.12, (30, 1)) + rng.normal(0, SD, (30, 2))
        precision = precision_error(scans.tolist())
        held += precision.rms_sd_low <= SD <= precision.rms_sd_high
        studies.append(SitePrecision("A", region, (), precision))
    return tuple(studies), held


def follow_stable(
    rng: np.random.Generator, studies: Sequence[SitePrecision], regions: Sequence[str]
) -> tuple[State, bool]:
    """Return the verdict at the third exam, and whether ISCD's plain rule would call any change."""
    exams = [
        make_record(0.9 + rng.normal(0, SD), day, region=region) for region in regions for day in DAYS
    ]  # fmt: skip
    last = [change for change in follow_changes(exams, studies) if change.later.date == DAYS[-1]]
    plain = any(abs(c.difference or 0.0) >= c.error.lsc for c in last if c.error)
    return significant_bone_change.assess(last, Joint.HIP, Side.LEFT).state, plain


def report_changes(sites: int, people: int) -> None:
    held = 0
    verdicts: dict[int, Counter[State]] = {1: Counter(), 3: Counter()}
    plain = Counter[int]()
    for seed in range(FIRST_SEED, FIRST_SEED + sites):
        rng = np.random.default_rng(seed)
        studies, right = study_site(rng)
        held += right
        for number, counts in verdicts.items():
            for _ in range(people):
                state, called = follow_stable(rng, studies, REGIONS[:number])
                counts[state] += 1
                plain[number] += called
    total = sites * people
    print(f"interval of the precision error holds the truth: {100 * held / (3 * sites):.1f} % of {3 * sites}")
    for number, counts in verdicts.items():
        print(
            f"stable people, three exams, {number} region{'s' * (number > 1)}: called changed "
            f"{100 * counts[State.PRESENT] / total:.1f} %, "
            f"undetermined {100 * counts[State.UNDETERMINED] / total:.1f} %, "
            f"by the plain least significant change {100 * plain[number] / total:.1f} % of {total}"
        )


def report_machines(sites: int, people: int) -> None:
    called = 0
    for seed in range(FIRST_SEED, FIRST_SEED + sites):
        rng = np.random.default_rng(seed)
        true = rng.normal(0.9, 0.12, 30)
        scans = [
            make_record(float(value), DAYS[0], machine=machine, person=str(n))
            for n, one in enumerate(true)
            for machine, value in (("A", one + rng.normal(0, SD)), ("B", 0.04 + 1.15 * one + rng.normal(0, SD)))
        ]
        calibrations = calibrate(scans, "A", "B")
        for one in rng.normal(0.9, 0.08, people):
            first = make_record(one + rng.normal(0, SD), DAYS[0], machine="A")
            later = make_record(0.04 + 1.15 * one + rng.normal(0, SD), DAYS[1], machine="B")
            change = compare_exams(first, later, "first exam", (), calibrations)
            if change.error is not None:
                called += abs(change.difference or 0.0) >= change.error.lsc
    share = 100 * called / (sites * people)
    print(f"stable people, two machines over a cross-calibration: beyond the limit {share:.1f} %")


def report_sides(people: int) -> None:
    for region in REGIONS:
        for reference in side_references()[region]:
            rng = np.random.default_rng(FIRST_SEED)
            drawn = rng.normal(reference.mean, reference.sd, people)
            beyond = least = 0
            for value in drawn:
                half = value / 200.0 if reference.unit == "%" else value / 1.8
                pair = [
                    make_record(0.9 * (1 + half), DAYS[0], region=region),
                    make_record(0.9 * (1 - half), DAYS[0], region=region, side=Side.RIGHT),
                ]
                (one,) = compare_sides(pair)
                beyond += abs(one.in_reference_unit(Side.LEFT)) >= one.limit()
                limit = change_limits().get(region)
                least += limit is not None and abs(one.percent(Side.LEFT)) >= limit.percent
            lsc = f"{100 * least / people:.0f} %" if region in change_limits() else "none known"
            print(
                f"sides, {region}, as in {reference.source} (n = {reference.n}): beyond the limit "
                f"{100 * beyond / people:.1f} %, beyond the published least significant change {lsc}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=40)
    parser.add_argument("--people", type=int, default=60, help="stable people a site")
    options = parser.parse_args()
    began = time.perf_counter()
    report_changes(options.sites, options.people)
    report_machines(options.sites, options.people)
    report_sides(options.sites * options.people)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
