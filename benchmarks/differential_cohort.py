"""What the differential says of virtual people: area under the curve, calibration, abstention, confusion table.

    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --until 07:52
    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --modalities mr,scan,dx --worse mr
    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --signs model --exams 40
    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --keep-images --again 2026-11-22T13:00

Virtual patients only. `--signs images` (usual) takes each through the whole chain: phantom, DICOM, analyze,
differential. `--signs model` gives the differential the signs that the model has, read without error and without
images: what is lost between the two is lost in the images. Seeds from 101 on are for reporting, lower ones (`--tune`)
for looking why.
Truth is what the model drew. What each exam gave is kept as one small JSON in the scratch folder, so that a later run
goes on; `--until` or `--exams` says where it stops. Tables are of all exams that lie there, whoever made them: several
processes may work in one folder, each claims an exam before it begins. A process that was killed leaves its claim
behind: `--unclaim`, while no other runs, takes the claims away.

`--keep-images` leaves the exams' folders in the scratch folder; a later run with it analyzes them instead of making
them again. `--again` analyzes exams again whose JSON is older than a moment (usually: now; name one where several
processes work).

Transient osteoporosis and osteonecrosis come by turns, four of each, then one of each other kind, and so on. How often
each is met enters as a weight, once by the series that is also the engine's prior (optimistic: they share a source) and
once by another.

Findings are kept as an exam without a clinical form gives them. The tables weigh them once with the form that is drawn
for the person and once without (differential_tables.py).

`--worse` scans the same people again, one modality of theirs worse (worse_images.py), and prints beside each other what
the two exams of a person gave: the better ones must be in the scratch folder.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import time
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from differential_tables import DUEL
from differential_tables import affected_side
from differential_tables import beside
from differential_tables import report
from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.findings import true_findings
from marrowmap.phantom.kinds import draw_exam
from marrowmap.reasoning.literature import shipped
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.workflow.analyze import analyze
from worse_images import WORSE
from worse_images import worse_acquisition
from worse_images import worsen_files

FIRST_SEED = 101
"""Of those for reporting; lower ones are for tuning."""
OTHERS = ("normal", "sif", "stress_fracture", "osteoarthritis", "tumor", "infection", "crps", "toh_fracture")
TURNS = 4
"""Exams of each of the duel's kinds before a round of the others."""
READ_CERTAINTY = 0.95
"""With which a sign of the model is told to the engine: a choice."""


@dataclass(frozen=True)
class Run:
    """How exams are made and where what they gave is kept.

    Parameters
    ----------
    scratch : Path
    signs : str
        ``images`` or ``model``.
    modalities : tuple of str
    worse : str
        Modality that is scanned worse; empty for none.
    keeps_images : bool
    oldest : float
        What was kept before is made again, in seconds as of a file's time.
    """

    scratch: Path
    signs: str
    modalities: tuple[str, ...]
    worse: str = ""
    keeps_images: bool = False
    oldest: float = 0.0

    def file(self, kind: str, seed: int) -> Path:
        """Return where what an exam gave is kept; its images lie beside it without the suffix."""
        how = self.signs
        if how == "images":
            how = f"images-{'+'.join(self.modalities)}{f'-worse_{self.worse}' if self.worse else ''}"
        return self.scratch / f"{how}-{kind}-{seed}.json"

    def kept(self, kind: str, seed: int) -> dict[str, Any] | None:
        """Return what an exam gave; None if it is not there, or too old."""
        try:
            file = self.file(kind, seed)
            found = json.loads(file.read_text())
            return dict(found) if "measured" in found and file.stat().st_mtime >= self.oldest else None
        except FileNotFoundError:
            return None

    def everything(self, seeds: range) -> list[dict[str, Any]]:
        """Return what all exams of these seeds gave that lie there, by seed."""
        found = []
        for file in self.scratch.glob(f"{self.signs}-*.json"):
            exam = json.loads(file.read_text())
            if exam["seed"] in seeds and file == self.file(exam["kind"], exam["seed"]):
                found.append(exam)
        return sorted(found, key=lambda exam: (exam["seed"], exam["kind"]))


def schedule(seeds: range) -> Iterator[tuple[str, int]]:
    """Yield kind and seed: the duel's kinds by turns, four of each; one of each other kind; and so on."""
    kinds = DUEL * TURNS + OTHERS
    for number, seed in enumerate(seeds):
        yield kinds[number % len(kinds)], seed


@contextmanager
def claim(file: Path) -> Iterator[bool]:
    """Claim an exam for this process; False if another has it."""
    own = file.with_suffix(".claim")
    try:
        os.close(os.open(own, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        yield False
        return
    try:
        yield True
    finally:
        own.unlink(missing_ok=True)


def _finding_row(one: Finding) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "sign": one.sign,
        "state": one.state.value,
        "certainty": one.certainty,
        "modality": one.modality,
        "note": one.note,
    }


def write_images(kind: str, seed: int, run: Run) -> Path:
    """Return the folder with an exam's images, made if it is not there; whole or not at all."""
    folder = run.file(kind, seed).with_suffix("")
    if run.keeps_images and folder.exists():
        return folder
    # Images that an earlier run kept stay, also where this one keeps none.
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    acquisition = worse_acquisition(draw_exam(kind, seed)[2]) if run.worse == "mr" else None
    write_virtual_exam(kind, part, seed=seed, modalities=run.modalities, acquisition=acquisition)
    if run.worse in ("scan", "dx"):
        worsen_files(part / "dicom", run.worse, seed)
    return part.rename(folder) if run.keeps_images else part


def _through_images(kind: str, seed: int, run: Run) -> dict[str, Any]:
    """Make, scan and analyze a virtual person; return subject and findings."""
    try:
        folder = write_images(kind, seed, run)
        result = analyze([folder / "dicom"])
    finally:
        part = run.file(kind, seed).with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
    return {
        "sex": result.exam.subject.sex,
        "age": result.exam.subject.age_years,
        "findings": [_finding_row(one) for one in result.findings if one.joint is Joint.HIP],
        "measured": [
            [one.name, one.side.value, one.region, one.quantity.value, one.quantity.low, one.quantity.high]
            for one in result.measurements
            if one.name in shipped().barring and one.joint is Joint.HIP and one.side is not None
        ],
    }


def _from_model(kind: str, seed: int) -> dict[str, Any]:
    """Return subject and true findings of the affected hip, on MRI, bone scan and radiograph."""
    person, _, _ = draw_exam(kind, seed)
    rows = [
        {**row, "modality": "MR" if row["modality"] == "model" else row["modality"], "certainty": READ_CERTAINTY}
        for row in true_findings(kind, seed, affected_side(kind, seed))
    ]
    fields = ("side", "sign", "state", "certainty", "modality")
    kept = [{**{field: row[field] for field in fields}, "note": ""} for row in rows]
    return {"sex": person.sex, "age": person.age_years, "findings": kept, "measured": []}


def make(kind: str, seed: int, run: Run) -> None:
    """Examine a virtual person and keep what it gave, unless it is there or another process is at it."""
    file = run.file(kind, seed)
    if run.kept(kind, seed) is not None:
        return
    with claim(file) as is_mine:
        # Another process may have finished it since.
        if not is_mine or run.kept(kind, seed) is not None:
            return
        try:
            found = _from_model(kind, seed) if run.signs == "model" else _through_images(kind, seed, run)
        except MarrowmapError as error:
            found = {"error": str(error), "findings": [], "measured": []}
        part = file.with_suffix(".json.part")
        part.write_text(json.dumps({"kind": kind, "seed": seed, **found}, indent=1) + "\n")
        part.rename(file)
    print(f"{kind} {seed}: {found.get('error', 'done')}", flush=True)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build/differential_cohort"))
    parser.add_argument("--signs", choices=("images", "model"), default="images")
    parser.add_argument("--modalities", default="mr", help="of the images, some of mr,ct,scan,spect,dx,dxa")
    parser.add_argument("--worse", choices=sorted(WORSE), default="", help="scan this modality of theirs worse")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--first-seed", type=int, default=FIRST_SEED)
    seeds.add_argument("--tune", action="store_true", help=f"seeds below {FIRST_SEED}, with tables that say so")
    parser.add_argument("--exams", type=int, default=1000, help="at most, kept ones included")
    parser.add_argument("--until", default="", help="HH:MM today: no exam is begun after it")
    parser.add_argument("--keep-images", action="store_true", help="keep the exams' folders, use those that are there")
    parser.add_argument(
        "--again", nargs="?", const="now", default="", help="analyze again what is older: a time, or now"
    )
    parser.add_argument("--unclaim", action="store_true", help="first take away the claims of killed processes")
    options = parser.parse_args()
    if options.worse and (options.signs != "images" or options.worse not in options.modalities.split(",")):
        parser.error(f"--worse {options.worse} needs images of it among --modalities")
    return options


def moment(text: str) -> float:
    """Return a time as seconds: an ISO day and time, ``now``, or the beginning of all if empty."""
    if not text:
        return 0.0
    return time.time() if text == "now" else datetime.datetime.fromisoformat(text).timestamp()


def tables(run: Run, usual: Run, seeds: range) -> Iterator[str]:
    """Yield the tables of all exams that lie in the scratch folder."""
    if seeds.start < FIRST_SEED:
        yield f"# For tuning: seeds below {FIRST_SEED}, not for reporting"
        yield ""
    exams = run.everything(seeds)
    yield from beside(exams, usual.everything(seeds), run.worse) if run.worse else report(exams)


def examine(run: Run, usual: Run, plan: Sequence[tuple[str, int]], end: datetime.datetime | None) -> None:
    """Go through the schedule until it ends or time is up."""
    for kind, seed in plan:
        if end is not None and datetime.datetime.now() >= end:
            return
        if not run.worse or (kind in DUEL and usual.file(kind, seed).exists()):
            make(kind, seed, run)


def main() -> None:
    """Go on with the cohort until the time or number that is asked for, then print the tables."""
    options = read_options()
    options.scratch.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now()
    end = datetime.datetime.combine(today, datetime.time.fromisoformat(options.until)) if options.until else None
    seeds = range(1, FIRST_SEED) if options.tune else range(options.first_seed, 10**9)
    modalities = tuple(options.modalities.split(","))
    oldest = moment(options.again)
    usual = Run(options.scratch, options.signs, modalities)
    run = Run(options.scratch, options.signs, modalities, options.worse, options.keep_images, oldest)
    if options.unclaim:
        for stale in options.scratch.glob("*.claim"):
            stale.unlink(missing_ok=True)
    examine(run, usual, list(schedule(seeds[: options.exams])), end)
    print("\n".join(tables(run, usual, seeds)))


if __name__ == "__main__":
    main()
