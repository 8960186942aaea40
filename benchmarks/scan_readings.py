"""Two readings of the literature on virtual people, so that its disagreement stays visible.

    python benchmarks/scan_readings.py --keep FOLDER [--spect FOLDER]

Gemmel 2012 saw one pattern in 12 of 12 episodes of transient osteoporosis; Staudenherz 1997, planar and blind, saw
diffuse uptake in 8 of 22 hips with bone marrow edema syndrome and a cold spot in 7 of 29 with osteonecrosis. Both are
settings of the phantom: how often a pattern is drawn. What the program then reads of planar images is printed beside
what was drawn. People are those of seeds 401 and up; nothing was tuned on them. A study takes about 8 s of one core;
`--keep` stores them measured, so that judging again takes seconds: empty that folder when anything but signs changes.
`--spect` takes a folder of scans kept by ``spect_scans.py``: the cold area in space, by stage.
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from pathlib import Path

import numpy as np

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectSource
from marrowmap.measure.spect import measure_spect
from marrowmap.phantom import draw_exam
from marrowmap.phantom.uptake import GEMMEL
from marrowmap.phantom.uptake import STAUDENHERZ
from marrowmap.signs import cold_area
from marrowmap.signs import diffuse_hyperemia
from marrowmap.signs import homogeneous_uptake
from marrowmap.signs import uptake_demarcation
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Side
from marrowmap.values import State
from planar_studies import Study
from planar_studies import collapse_of
from planar_studies import interval
from planar_studies import kept
from planar_studies import lay_out
from planar_studies import scan_and_measure
from planar_studies import states
from planar_studies import uptakes_of
from spect_scans import fitted

SETTINGS = {"gemmel": GEMMEL, "staudenherz": STAUDENHERZ}
FIRST_SEED = 401
EPISODES, EDEMA, NECROSES = 12, 22, 29
"""Gemmel 2012: episodes; Staudenherz 1997: hips with bone marrow edema syndrome, and with necrosis."""
SIGNS = (diffuse_hyperemia, homogeneous_uptake, uptake_demarcation, cold_area)
PATTERN = (diffuse_hyperemia, homogeneous_uptake, uptake_demarcation)
COLD = ("cold", "cold_in_hot")
STATES = (State.PRESENT, State.UNDETERMINED, State.ABSENT, State.NOT_ASSESSABLE)
SAID = ("cold", "cold amid hot", "undetermined", "absent", "not assessable")


def study(kind: str, seed: int, setting: str, keep: Path | None) -> Study:
    """Scan and measure one person; only the delayed phase where no other is looked at."""
    _, lesions, _ = draw_exam(kind, seed)
    usual, uptakes = (uptakes_of(lesions, seed, SETTINGS[name]) for name in ("gemmel", setting))
    if setting != "gemmel" and uptakes == usual and (kind == "onfh" or seed < FIRST_SEED + EPISODES):
        return study(kind, seed, "gemmel", keep)

    def make() -> Study:
        delayed = kind == "onfh" or setting != "gemmel"
        phases = ("delayed",) if delayed else ("flow", "pool", "delayed")
        return scan_and_measure(kind, seed, lay_out(kind, seed, whole_body=False), uptakes, {}, phases)

    return kept(None if keep is None else keep / f"{kind}-{seed}-{setting}.pkl", make)


def necrotic_hips(setting: str, keep: Path | None) -> list[tuple[Study, Side]]:
    """Return as many necrotic hips as Staudenherz read, both of a person where both have it."""
    found: list[tuple[Study, Side]] = []
    seed = FIRST_SEED
    while len(found) < NECROSES:
        one = study("onfh", seed, setting, keep)
        found += [(one, side) for side in Side if one.collapse[side]]
        seed += 1
    return found[:NECROSES]


def ill(one: Study) -> Side:
    """Return the side that has edema."""
    return next(side for side in Side if one.pattern[side] != "normal")


def said(finding: Finding) -> str:
    """Return what a cold area's finding says, in one of :data:`SAID`."""
    if finding.state is State.PRESENT:
        return "cold amid hot" if "amid hot" in finding.note else "cold"
    return finding.state.value.replace("_", " ")


def read_gemmel(keep: Path | None) -> None:
    """Print the pattern in episodes of transient osteoporosis."""
    episodes = [study("toh", FIRST_SEED + n, "gemmel", keep) for n in range(EPISODES)]
    counts: dict[str, Counter[str]] = {sign.NAME: Counter() for sign in SIGNS}
    drawn, whole, no_cold, elsewhere = 0, 0, 0, 0
    for one in episodes:
        side, found = ill(one), states(one, SIGNS)
        for sign in SIGNS:
            counts[sign.NAME][found[side, sign.NAME].state.value] += 1
        drawn += all(one.present[side, sign.NAME] for sign in PATTERN) and not one.present[side, "cold_area"]
        cold = found[side, "cold_area"].state
        three = all(found[side, sign.NAME].state is State.PRESENT for sign in PATTERN)
        whole += three and cold is not State.PRESENT
        no_cold += three and cold is State.ABSENT
        elsewhere += any(found[side.opposite, sign.NAME].state is State.PRESENT for sign in SIGNS)
    print("## Gemmel 2012: transient osteoporosis, planar three-phase\n")
    print("| sign | present | undetermined | absent | not assessable |\n|---|---|---|---|---|")
    for name, count in counts.items():
        print(
            f"| {name} | {count['present']} | {count['undetermined']} | {count['absent']} | {count['not_assessable']} |"
        )
    print(f"\npattern drawn: {interval(drawn, EPISODES)}")
    print(f"three signs present and no cold area called: {interval(whole, EPISODES)}")
    print(f"three signs present and cold area called absent: {interval(no_cold, EPISODES)}")
    print(f"any of the signs called present in the other, well hip: {interval(elsewhere, EPISODES)}")


def by_stage(rows: list[tuple[str, str, str]]) -> None:
    """Print what was said of a cold area by drawn uptake and form of the head."""
    print("| drawn uptake | head | hips | " + " | ".join(SAID) + " |\n|---|---|---" + "|---" * len(SAID) + "|")
    for key in sorted({row[:2] for row in rows}):
        count = Counter(row[2] for row in rows if row[:2] == key)
        cells = " | ".join(str(count[word]) for word in SAID)
        print(f"| {key[0].replace('_', ' ')} | {key[1]} | {count.total()} | {cells} |")


def read_stages(keep: Path | None) -> None:
    """Print the planar cold area by stage of osteonecrosis."""
    print("\n## Cold area in osteonecrosis by stage, planar\n")
    hips = necrotic_hips("gemmel", keep)
    found = [states(one, (cold_area,))[side, "cold_area"] for one, side in hips]
    by_stage([(one.pattern[side], one.collapse[side], said(f)) for (one, side), f in zip(hips, found, strict=True)])
    cold = [
        f.state is State.PRESENT for (one, side), f in zip(hips, found, strict=True) if one.present[side, "cold_area"]
    ]
    none = [
        f.state is State.PRESENT
        for (one, side), f in zip(hips, found, strict=True)
        if not one.present[side, "cold_area"]
    ]
    print(f"\ncold by truth (1 mL or more) and called: {interval(sum(cold), len(cold))}")
    print(f"not cold by truth and called: {interval(sum(none), len(none))}")


def read_spect(folder: Path) -> None:
    """Print the cold area in space by stage, from scans that ``spect_scans.py`` kept."""
    rows = []
    for path in sorted(folder.glob("*.pkl")):
        scan = pickle.loads(path.read_bytes())  # our own file
        if scan["kind"] != "onfh":
            continue
        rng = np.random.default_rng([scan["seed"], 730])
        frames = [fitted(hip, side, bone, rng) for side, hip in scan["hips"].items() for bone in ("femur", "hip_bone")]
        _, lesions, _ = draw_exam("onfh", scan["seed"])
        patterns = {row["side"]: row["note"].rsplit(": ", 1)[1] for row in scan["findings"]}
        source = SpectSource(Evidence("1.2"), 1.0, "drawn", "virtual")
        for hip in measure_spect(frames, scan["suv"], source, date="", frame_error_mm=1.0):
            if lesions[hip.side].necrosis is not None:
                finding = cold_area.assess(HipMeasurement(hip.side, "", None, None, spect=hip))
                rows.append((patterns[hip.side.value], collapse_of(lesions[hip.side]), said(finding)))
    print("\n## Cold area in osteonecrosis by stage, SPECT\n")
    by_stage(rows)


def read_staudenherz(keep: Path | None) -> None:
    """Print how often both patterns in dispute were drawn, and how often they were read."""
    print("\n## Staudenherz 1997: frequencies drawn and read, planar\n")
    print("| | published | drawn, Gemmel | read | drawn, Staudenherz | read |\n|---|---|---|---|---|---|")
    cells = []
    for setting, count in (("gemmel", EPISODES), ("staudenherz", EDEMA)):
        people = [study("toh", FIRST_SEED + n, setting, keep) for n in range(count)]
        drawn = sum(one.pattern[ill(one)] == "homogeneous" for one in people)
        read = [states(one, (homogeneous_uptake,))[ill(one), "homogeneous_uptake"].state for one in people]
        cells += [interval(drawn, count), interval(read.count(State.PRESENT), count)]
    print(f"| diffuse uptake in transient osteoporosis | {interval(8, 22)} | " + " | ".join(cells) + " |")
    cells = []
    for setting in SETTINGS:
        hips = necrotic_hips(setting, keep)
        drawn = sum(one.pattern[side] in COLD for one, side in hips)
        read = [states(one, (cold_area,))[side, "cold_area"].state for one, side in hips]
        cells += [interval(drawn, len(hips)), interval(read.count(State.PRESENT), len(hips))]
    print(f"| cold in osteonecrosis | {interval(7, 29)} | " + " | ".join(cells) + " |")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder of studies measured before, and to be kept")
    parser.add_argument("--spect", type=Path, help="folder kept by spect_scans.py")
    asked = parser.parse_args()
    read_gemmel(asked.keep)
    read_stages(asked.keep)
    read_staudenherz(asked.keep)
    if asked.spect is not None:
        read_spect(asked.spect)


if __name__ == "__main__":
    main()
