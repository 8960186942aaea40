"""Virtual courses against their truth: recovery, false change in stable people, migration graphs.

Run ``python benchmarks/course_recovery.py --people 600``; prints the tables of docs/benchmarks/course_recovery.md. A
person is drawn from the seed; what is known is what ``follow`` gets: dates, measured values, their errors.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from datetime import date
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from marrowmap.course.activity import NORMAL_ML
from marrowmap.course.change import Call
from marrowmap.course.change import find_changes
from marrowmap.course.episodes import build_course
from marrowmap.course.likelihood import Observation
from marrowmap.course.migration import migration_graph
from marrowmap.course.migration import step_between
from marrowmap.course.recovery import Bounded
from marrowmap.course.recovery import Recovery
from marrowmap.course.recovery import fit_recovery
from marrowmap.course.trajectory import LSC_FACTOR
from marrowmap.course.trajectory import Z95
from marrowmap.course.trajectory import build_trajectories
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Row
from marrowmap.values.analyzed import SignRow
from marrowmap.values.course import DAYS_PER_MONTH
from marrowmap.values.course import Onset
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import StatedEpisode
from marrowmap.values.course import Statements

FIRST_SEED = 101
LIMIT_ML = 0.19
"""Smallest detectable edema of the demonstration's exam."""
RELATIVE_ERRORS = (0.022, 0.03, 0.10)
"""Least, median and rare standard error of edema volume over its value, as rows have it (docs/benchmarks)."""
DAY_ZERO = date(2020, 1, 1)
METHOD = "marrowmap edema 2: quadratic shading taken out; reference 180 SD 50 (the other hip); k=3 SD"
PLACES = tuple(Place.of(joint, side) for joint in Joint for side in Side)
REGIONS = {"hip": "proximal_femur", "knee": "distal_femur", "ankle": "talus"}


def relative_errors(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw standard errors over values."""
    least, median, most = RELATIVE_ERRORS
    return np.clip(np.exp(rng.normal(np.log(median), 0.4, count)), least, most)


def observe(rng: np.random.Generator, months: np.ndarray, truth: np.ndarray) -> list[Observation]:
    """Measure a true course: Gaussian error of the row's size, and nothing below the limit."""
    relative = relative_errors(rng, len(months))
    measured = truth + np.hypot(relative * truth, LIMIT_ML / 2) * rng.normal(size=len(months))
    return [
        Observation(float(t), LIMIT_ML, LIMIT_ML / 2, True)
        if value < LIMIT_ML
        else Observation(float(t), float(value), max(float(r * value), LIMIT_ML / 2))
        for t, value, r in zip(months, measured, relative, strict=True)
    ]


def draw_recovery(
    rng: np.random.Generator, *, followed: float, incomplete: float, logistic: bool
) -> tuple[dict[str, float], list[Observation]]:
    """Draw one episode and its exams: 3 to 7, or 6 to 9 of a logistic fall, within the months it is followed."""
    top = float(np.exp(rng.normal(np.log(40), 0.4)))
    residual = top * float(rng.uniform(0.05, 0.4)) if rng.random() < incomplete else 0.0
    count = int(rng.integers(6, 10)) if logistic else int(rng.integers(3, 8))
    months = np.r_[0.0, np.sort(rng.uniform(0.7, followed, count - 1))]
    if logistic:
        middle, width = float(rng.uniform(2.5, 4.5)), float(rng.uniform(0.4, 0.8))
        truth = residual + (top - residual) / (1 + np.exp((months - middle) / width))
        ratio = (top - residual) / max(NORMAL_ML - residual, 1e-9)
        # Half of what is there at the start is gone a little after half of the plateau.
        half = 0.5 / (1 + math.exp(-middle / width))
        known = {
            "half-life": middle - width * math.log(half / (1 - half)),
            "time": middle + width * math.log(ratio - 1),
        }
    else:
        tau = float(np.exp(rng.normal(np.log(1.2), 0.35)))
        truth = residual + (top - residual) * np.exp(-months / tau)
        ratio = (top - residual) / max(NORMAL_ML - residual, 1e-9)
        known = {"half-life": tau * math.log(2), "time": tau * math.log(ratio)}
    known["residual"] = residual
    if residual >= NORMAL_ML:
        known["time"] = math.inf
    return known, observe(rng, months, truth)


def estimates(fit: Recovery) -> dict[str, Bounded]:
    """Name what is compared."""
    return {"half-life": fit.half_life, "time": fit.time_to_normal, "residual": fit.residual}


def tell_recovery(name: str, drawn: list[tuple[dict[str, float], Recovery]]) -> None:
    """Print bias and coverage of each figure as a row."""
    words = {"half-life": "half-life", "time": "time to normal", "residual": "residual"}
    for key, word in words.items():
        kept = [(known[key], estimates(fit)[key]) for known, fit in drawn]
        covered = [b.low - 1e-9 <= truth <= b.high + 1e-9 for truth, b in kept]
        # Where all was over before the second exam there is only a bound, no estimate.
        finite = [
            (t, b) for t, b in kept if math.isfinite(t) and math.isfinite(b.value) and (b.low > 0 or key == "residual")
        ]
        errors = np.array([b.value - t for t, b in finite])
        scale = np.array([t for t, _ in finite])
        relative = key != "residual"
        values = 100 * errors / scale if relative else errors
        unit = "%" if relative else "mL"
        middle = np.median(values)
        low, high = np.percentile(values, [5, 95])
        text = f"{middle:+.1f} {unit} ({low:+.0f} to {high:+.0f})"
        bounded = np.mean([math.isfinite(b.high) and (b.low > 0 or key == "residual") for _, b in kept])
        print(
            f"| {name} | {word} | {len(kept)} | {text} | {100 * np.mean(covered):.1f} % of {len(covered)} | "
            f"{100 * bounded:.0f} % |"
        )
    known_time = [(known["time"], fit.time_to_normal) for known, fit in drawn]
    ends = [b.low - 1e-9 <= t <= b.high + 1e-9 for t, b in known_time if math.isfinite(t)]
    print(f"| {name} | time to normal, where there is one | {len(ends)} | | {100 * np.mean(ends):.1f} % | |")


def run_recovery(people: int) -> None:
    """Fit virtual episodes of four kinds."""
    kinds = {
        "followed for a year, complete": {"followed": 12.0, "incomplete": 0.0, "logistic": False},
        "followed for a year, 3 of 10 incomplete": {"followed": 12.0, "incomplete": 0.3, "logistic": False},
        "followed for 4 months, 3 of 10 incomplete": {"followed": 4.0, "incomplete": 0.3, "logistic": False},
        "logistic, followed for a year": {"followed": 12.0, "incomplete": 0.15, "logistic": True},
    }
    print("| episodes | figure | n | error, median (5 to 95 %) | in the 95 % interval | bounded on both sides |")
    print("|---|---|---|---|---|---|")
    shapes: Counter[str] = Counter()
    widened = []
    for number, (name, how) in enumerate(kinds.items()):
        drawn = []
        for person in range(people if not how["logistic"] else people // 3):
            rng = np.random.default_rng([FIRST_SEED + person, number])
            known, seen = draw_recovery(rng, **how)
            fit = fit_recovery(seen, NORMAL_ML)
            if fit is not None and not fit.residual_fixed:
                drawn.append((known, fit))
                shapes[f"{name}: {fit.shape.value}"] += 1
                widened.append(fit.scale > 1)
        tell_recovery(name, drawn)
    print(f"\nShapes chosen: {dict(shapes)}. Errors widened in {100 * np.mean(widened):.1f} %.")


def edema_exam(label: str, day: date, volumes: dict[Place, float], relative: dict[Place, float]) -> AnalyzedExam:
    """Make an exam as ``follow`` reads it, MRI of every joint in `volumes`."""
    rows, signs = [], []
    for place, measured in volumes.items():
        volume = 0.0 if measured < LIMIT_ML else measured
        half = Z95 * relative[place] * volume
        rows.append(
            Row(
                day,
                place,
                REGIONS[place.joint_name],
                "edema_volume",
                volume,
                "mL",
                volume - half,
                volume + half,
                "MR",
                METHOD,
            )
        )
        state = State.PRESENT if volume > 5 else State.ABSENT if volume <= NORMAL_ML else State.UNDETERMINED
        signs.append(SignRow(day, place, "diffuse_edema", state, "MR", "", (LIMIT_ML, "mL")))
    return AnalyzedExam(label, Path(label), day, Subject("P"), tuple(rows), tuple(signs))


def stable_person(rng: np.random.Generator) -> list[AnalyzedExam]:
    """Draw someone in whom nothing changes: 2 to 6 exams, edema, its ends and BMD of both hips by region."""
    count = int(rng.integers(2, 7))
    truths: dict[tuple[Place, str, str], tuple[float, float, str]] = {}
    hips = [Place.of(Joint.HIP, side) for side in Side]
    for place in hips:
        for region in ("femoral_head", "femoral_neck", "proximal_femur"):
            truths[place, region, "edema_volume"] = (float(rng.uniform(2, 50)), 0.0, "mL")
            truths[place, region, "suv_mean"] = (float(rng.uniform(1, 4)), 0.12, "g/mL")
        truths[place, "proximal_femur", "edema_boundary_position"] = (float(rng.normal(0, 4)), 1.0, "mm")
        for region in ("femoral_neck", "total_hip"):
            truths[place, region, "bmd"] = (float(rng.normal(1.0, 0.12)), 0.05 / LSC_FACTOR, "g/cm2")
    exams = []
    for number in range(count):
        day = DAY_ZERO + timedelta(days=90 * number)
        rows = []
        for (place, region, quantity), (truth, error, unit) in truths.items():
            sem = error
            if quantity == "edema_volume":
                sem = float(np.hypot(relative_errors(rng, 1)[0] * truth, LIMIT_ML / 2))
            value = truth + sem * float(rng.normal())
            half = Z95 * sem
            rows.append(Row(day, place, region, quantity, value, unit, value - half, value + half, "MR", METHOD))
            if quantity == "bmd":
                lsc = Row(day, place, region, "least_significant_change", 0.05, unit, None, None, "MR", METHOD)
                rows.append(lsc)
        exams.append(AnalyzedExam(f"e{number}", Path(f"e{number}"), day, Subject("P"), tuple(rows), ()))
    return exams


def run_stable(people: int) -> None:
    """Count people in whom nothing changed and something was called."""
    called = uncorrected = comparisons = single = 0
    for person in range(people):
        exams = stable_person(np.random.default_rng([FIRST_SEED + person, 77]))
        changes = find_changes(build_trajectories(exams)[0])
        comparisons += len(changes)
        single += sum(abs(change.difference) > change.repeatability for change in changes)
        called += any(change.call is Call.CHANGED for change in changes)
        uncorrected += any(change.call is not Call.STABLE for change in changes)
    print("\n| stable people | result |\n|---|---|")
    print(f"| people with any false change called | {called} of {people}, {100 * called / people:.1f} % |")
    print(
        f"| single comparisons beyond repeatability | {single} of {comparisons}, {100 * single / comparisons:.1f} % |"
    )
    print(f"| people with any comparison beyond repeatability | {100 * uncorrected / people:.0f} % |")


def draw_history(rng: np.random.Generator) -> list[tuple[Place, int, int]]:
    """Draw a person's true episodes: place, first and last day; those of one joint do not touch."""
    count = int(rng.integers(1, 6))
    free = dict.fromkeys(PLACES, 0)
    history, day = [], 60
    for _ in range(count):
        place = PLACES[int(rng.integers(len(PLACES)))]
        start = max(day, free[place])
        lasts = int(rng.uniform(120, 400))
        history.append((place, start, start + lasts))
        free[place] = start + lasts + 400
        day = start + int(rng.uniform(20, 700))
    return sorted(history, key=lambda episode: episode[1])


def run_graphs(people: int) -> None:
    """Compare migration graphs of exams every 30 days with those of the true history."""
    exact = edges_true = 0
    for person in range(people):
        rng = np.random.default_rng([FIRST_SEED + person, 99])
        history = draw_history(rng)
        last = max(end for _, _, end in history) + 90
        exams = []
        for day in range(0, last, 30):
            volumes, relative = {}, {}
            for place in PLACES:
                truth = 0.0
                for where, start, end in history:
                    if where == place and start <= day < end:
                        truth = 40 * (1 - (day - start) / (end - start)) + 3
                relative[place] = float(relative_errors(rng, 1)[0])
                noise = float(rng.normal()) * np.hypot(relative[place] * truth, LIMIT_ML / 2)
                volumes[place] = truth + noise
            exams.append(edema_exam(f"e{day}", DAY_ZERO + timedelta(days=day), volumes, relative))
        said = Statements(
            episodes=tuple(
                StatedEpisode(place, Onset(OnsetKind.KNOWN, DAY_ZERO + timedelta(days=start)))
                for place, start, _ in history
            )
        )
        course = build_course(exams, said if person % 2 else None)
        got = [
            (course.episodes[e.earlier - 1].place, course.episodes[e.later - 1].place, e.step, e.months, e.low, e.high)
            for e in migration_graph(course.episodes)
        ]
        # Every second person's onsets are known; of the others only exams tell, to within 30 days.
        starts = [start if person % 2 else -(-start // 30) * 30 for _, start, _ in history]
        order = sorted(range(len(history)), key=lambda n: (starts[n], history[n][0]))
        want = []
        for n, m in pairwise(order):
            months = (history[m][1] - history[n][1]) / DAYS_PER_MONTH
            want.append((history[n][0], history[m][0], starts[m] == starts[n], months))
        if any(same for *_, same, _ in want):
            continue
        edges_true += len(want)
        right = len(got) == len(want) and all(
            (a, b) == (x, y) and step is step_between(x, y) and low - 1e-6 <= months <= high + 1e-6
            for (a, b, step, _, low, high), (x, y, _, months) in zip(got, want, strict=True)
        )
        exact += right
        if not right:
            print("not exact:", FIRST_SEED + person, got, want)
    print(f"\nMigration graphs exact, intervals of months held: {exact} people, {edges_true} steps in truth.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600)
    people = parser.parse_args().people
    began = time.perf_counter()
    run_recovery(people)
    run_stable(2 * people)
    run_graphs(people // 3)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
