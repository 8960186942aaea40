"""Signs of planar three-phase bone scans on virtual people, and cold balls against the limit that is stated.

    python benchmarks/planar_signs.py --keep FOLDER
    python benchmarks/planar_signs.py --tune --keep FOLDER

People are those of seeds 401 and up, as in ``scan_readings.py``, whose kept studies serve here too; nothing was tuned
on them. Balls of set size and contrast are drawn into the upper heads of well people of the same seeds, where a cold
area is looked for. ``--tune`` prints, from seeds 1 to 40, what ``measure/planar_cold.py`` takes for granted of heads
without a cold area. A study takes about 8 s of one core; empty the folder when anything but signs changes.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from marrowmap.measure.planar_cold import HEAD_OVER_NECKS
from marrowmap.measure.planar_cold import PLACES
from marrowmap.measure.planar_cold import explain_head
from marrowmap.measure.planar_cold import find_planar_cold_area
from marrowmap.phantom.person import Hip
from marrowmap.phantom.scene import Scene
from marrowmap.signs import cold_area
from marrowmap.signs import diffuse_hyperemia
from marrowmap.values import Side
from marrowmap.values import State
from planar_studies import Ball
from planar_studies import Study
from planar_studies import interval
from planar_studies import kept
from planar_studies import lay_out
from planar_studies import scan_and_measure
from planar_studies import states
from planar_studies import uptakes_of
from scan_readings import FIRST_SEED
from scan_readings import SIGNS
from scan_readings import study

PEOPLE = {"toh": 12, "onfh": 15, "normal": 3}
"""How many of each kind, from the first seed on."""
DIAMETERS_MM = (24.0, 30.0, 36.0)
CONTRASTS = (0.7, 0.5)
BALL_PEOPLE = 3
STATES = ("present", "undetermined", "absent", "not_assessable")
TUNED = {"normal": range(16, 18), "toh": range(9, 14), "onfh": range(1, 7), "osteoarthritis": (19,), "tumor": (21,)}


def upper_place(hip: Hip, diameter_mm: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw a center in the upper head from where the ball lies within it; bone coordinates over the radius."""
    room = max(1 - (diameter_mm / 2 + 1) / hip.radius, 0.0)
    while True:
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        # Within 40 degrees of straight up, as far as a projection from the front tells.
        if way[2] > 0 and abs(np.degrees(np.arctan2(way[0], way[2]))) <= 40:
            x, y, z = hip.axes.T @ way * room * rng.random() ** (1 / 3)
            return float(x), float(y), float(z)


def ball_study(seed: int, diameter_mm: float, turn: int, keep: Path | None) -> Study:
    """Scan a well person with a ball in each head, one of each contrast."""
    scenes: list[Scene] = []

    def make() -> Study:
        scenes.append(lay_out("normal", seed, whole_body=False))
        rng = np.random.default_rng([seed, round(diameter_mm), 820])
        contrasts = CONTRASTS if turn % 2 == 0 else CONTRASTS[::-1]
        balls = {
            side: Ball(diameter_mm, contrast, upper_place(scenes[0].person.hips[side], diameter_mm, rng))
            for side, contrast in zip(Side, contrasts, strict=True)
        }
        return scan_and_measure("normal", seed, scenes[0], uptakes_of(scenes[0].lesions, seed), balls, ("delayed",))

    return kept(None if keep is None else keep / f"ball-{seed}-{diameter_mm:.0f}.pkl", make)


def print_signs(studies: list[Study]) -> None:
    """Print what was said of each sign against the truth, with sensitivity and specificity."""
    print("| sign | truth | hips | " + " | ".join(STATES) + " | called as it is |\n|---|---|---" + "|---" * 5 + "|")
    rows = []
    for one in studies:
        found = states(one, SIGNS)
        for (side, name), finding in found.items():
            # Of osteonecrosis only the delayed phase was taken.
            if name != diffuse_hyperemia.NAME or one.kind != "onfh":
                rows.append((name, one.present[side, name], finding.state))
    for sign in SIGNS:
        for truth in (True, False):
            said = Counter(state.value for name, present, state in rows if name == sign.NAME and present is truth)
            right = said["present" if truth else "absent"]
            cells = " | ".join(str(said[state]) for state in STATES)
            word = "present" if truth else "absent"
            print(f"| {sign.NAME} | {word} | {said.total()} | {cells} | {interval(right, said.total())} |")
    for sign in SIGNS:
        mine = [(present, state) for name, present, state in rows if name == sign.NAME]
        clear = [(present, state) for present, state in mine if state in (State.PRESENT, State.ABSENT)]
        hit = sum(present and state is State.PRESENT for present, state in clear)
        spared = sum(not present and state is State.ABSENT for present, state in clear)
        false = sum(not present and state is State.PRESENT for present, state in mine)
        print(
            f"\n{sign.NAME}: where it was called, sensitivity {interval(hit, sum(p for p, _ in clear))}, specificity "
            f"{interval(spared, sum(not p for p, _ in clear))}; falsely present in "
            f"{interval(false, sum(not p for p, _ in mine))}; left open or not assessable "
            f"{interval(len(mine) - len(clear), len(mine))}"
        )


def print_balls(keep: Path | None) -> None:
    """Print how often drawn balls were called, by size and contrast, and against each head's stated limit."""
    found: dict[tuple[float, float], list[bool]] = {}
    above: list[bool] = []
    below: list[bool] = []
    for n in range(BALL_PEOPLE):
        for m, diameter in enumerate(DIAMETERS_MM):
            one = ball_study(FIRST_SEED + n, diameter, n + m, keep)
            said = states(one, (cold_area,))
            for side, ball in one.balls.items():
                seen = said[side, "cold_area"].state is State.PRESENT
                found.setdefault((diameter, ball.contrast), []).append(seen)
                cold = one.exam and find_planar_cold_area(one.exam.bones.fit, one.exam.hips[side].femur)
                limit = None if cold is None else cold.dead_mm if ball.contrast > 0.6 else cold.half_mm
                (above if limit is not None and diameter >= limit else below).append(seen)
    print("\n| diameter, mm | " + " | ".join(f"{100 * c:.0f} % contrast" for c in CONTRASTS) + " |\n|---|---|---|")
    for diameter in DIAMETERS_MM:
        cells = " | ".join(interval(sum(found[diameter, c]), len(found[diameter, c])) for c in CONTRASTS)
        print(f"| {diameter:.0f} | {cells} |")
    print(f"\nballs at least as large as that head's limit, called: {interval(sum(above), len(above))} (stated: 90 %)")
    print(f"smaller ones, called: {interval(sum(below), len(below))}")


def print_tuning(keep: Path | None) -> None:
    """Print what balls explain in tuning heads that take up what is usual, by place, and those heads' level."""
    signed: dict[int, list[float]] = {n: [] for n in range(len(PLACES))}
    ratios = []
    for kind, seeds in TUNED.items():
        for seed in seeds:
            one = study(kind, seed, "gemmel", keep)
            for side in Side if one.exam is not None else ():
                explained = explain_head(one.exam.bones.fit, one.exam.hips[side].femur)
                if one.pattern[side] != "normal" or explained is None:
                    continue
                balls, free, held, usual = explained
                ratios.append(HEAD_OVER_NECKS * free.even / usual)
                for place, value in zip(balls.place, held.signed, strict=True):
                    signed[int(place)].append(float(value))
    print(f"heads without any lesion: {len(ratios)}; level over necks {np.mean(ratios):.2f}, SD {np.std(ratios):.2f}")
    for n, (shell, aside) in enumerate(PLACES):
        print(f"shell {shell:.2f}, {aside:+.0f} degrees: {np.mean(signed[n]):+.1f}, SD {np.std(signed[n]):.1f}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder of studies measured before, and to be kept")
    parser.add_argument("--tune", action="store_true")
    asked = parser.parse_args()
    if asked.tune:
        print_tuning(asked.keep)
        return
    print_signs(
        [study(kind, FIRST_SEED + n, "gemmel", asked.keep) for kind, count in PEOPLE.items() for n in range(count)]
    )
    print_balls(asked.keep)


if __name__ == "__main__":
    main()
