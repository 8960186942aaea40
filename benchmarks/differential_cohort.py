"""What the differential says of virtual people: area under the curve, calibration, abstention, confusion table.

    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --until 07:52
    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --modalities mr,scan,dx --worse mr
    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --signs model --exams 40

Virtual patients only. `--signs images` (usual) takes each through the whole chain: phantom, DICOM, analyze,
differential. `--signs model` gives the differential the signs that the model has, read without error and without
images: what is lost between the two is lost in the images. Seeds from 101 on are for reporting, lower ones for looking
why.
Truth is what the model drew. What each exam gave is kept as one small JSON in the scratch folder, so that a later run
goes on; `--until` or `--exams` says where it stops.

Transient osteoporosis and osteonecrosis come first, by turns, then the other kinds. Kinds are equally many: how often
each is met enters as a weight, once by the series that is also the engine's prior (optimistic: they share a source) and
once by another.

`--worse` scans the same people again, one modality of theirs worse (worse_images.py), and prints beside each other what
the two exams of a person gave: the better ones must be in the scratch folder.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.findings import true_findings
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.readers.auc_interval import auc_interval
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.priors import prior_of
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.workflow.analyze import analyze
from worse_images import WORSE
from worse_images import worse_acquisition
from worse_images import worsen_files

FIRST_SEED = 101
DUEL = ("toh", "onfh")
OTHERS = ("normal", "sif", "stress_fracture", "osteoarthritis", "tumor", "infection", "crps", "toh_fracture")
ENTITY_OF = {
    "toh": "transient_osteoporosis",
    "toh_fracture": "transient_osteoporosis",
    "onfh": "osteonecrosis",
    "sif": "subchondral_insufficiency_fracture",
    "stress_fracture": "stress_fracture",
    "osteoarthritis": "osteoarthritis",
    "tumor": "tumor",
    "infection": "infection",
    "crps": "crps",
}
READ_CERTAINTY = 0.95
"""With which a sign of the model is told to the engine: a choice."""
BINS = 5
LEAST_PER_ENTITY = 2
"""Hips an entity needs before it is weighted: one hip would stand for all of its people."""

ROWS: dict[str, Callable[[Finding], bool]] = {
    "everything": lambda one: True,
    "without signs under the joint surface": lambda one: (
        one.sign not in ("subchondral_band", "double_line", "subchondral_fracture_line", "head_collapse", "crescent")
    ),
    "without signs of edema": lambda one: one.sign not in EDEMA_SIGNS,
    "MRI left out": lambda one: one.modality != "MR",
    "bone scan left out": lambda one: one.modality != "NM",
    "radiograph left out": lambda one: one.modality not in ("DX", "CR"),
}
"""What is kept of an exam's findings; by name."""
EDEMA_SIGNS = (
    "diffuse_edema",
    "intertrochanteric_demarcation",
    "medial_head_sparing",
    "trochanter_sparing",
    "acetabular_edema",
)
DOUBT = 0.75
"""The certainty that every finding is brought down to in the row of a degraded exam."""


@dataclass(frozen=True)
class Hip:
    """One hip that was weighed, and what it truly has."""

    kind: str
    seed: int
    side: Side
    is_affected: bool
    truth: str
    subject: Subject
    findings: tuple[Finding, ...]
    edema: tuple[Measurement, ...]


def true_entity(kind: str, seed: int, side: Side) -> tuple[str, bool]:
    """Return what a hip of a virtual person has, and whether it is the one the kind affects."""
    _, lesions, _ = draw_exam(kind, seed)
    affected = affected_side(kind, seed)
    if lesions[side] == WELL or kind not in ENTITY_OF:
        return "normal", side is affected
    return ENTITY_OF[kind], side is affected


def affected_side(kind: str, seed: int) -> Side:
    """Return the affected side; of the well, the left."""
    # As draw_exam draws it: where both hips are ill, as in osteonecrosis, lesions alone do not tell.
    drawn = Side.LEFT if np.random.default_rng([seed, 100]).random() < 0.5 else Side.RIGHT
    return drawn if kind in ENTITY_OF else Side.LEFT


def schedule(first: int) -> Iterator[tuple[str, int]]:
    """Yield kind and seed without end: the duel's kinds by turns; a round of the others after each ten of both."""
    seed = first
    while True:
        for _ in range(10):
            for kind in DUEL:
                yield kind, seed
                seed += 1
        for kind in OTHERS:
            yield kind, seed
            seed += 1


def _kept(one: Finding) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "sign": one.sign,
        "state": one.state.value,
        "certainty": one.certainty,
        "modality": one.modality,
        "note": one.note,
    }


def _through_images(kind: str, seed: int, modalities: Sequence[str], worse: str, folder: Path) -> dict[str, Any]:
    """Make, scan and analyze a virtual person; return subject and findings."""
    shutil.rmtree(folder, ignore_errors=True)
    acquisition = worse_acquisition(draw_exam(kind, seed)[2]) if worse == "mr" else None
    try:
        write_virtual_exam(kind, folder, seed=seed, modalities=modalities, acquisition=acquisition)
        if worse in ("scan", "dx"):
            worsen_files(folder / "dicom", worse, seed)
        began = time.process_time()
        result = analyze([folder / "dicom"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "analyze_processor_s": time.process_time() - began,
        "sex": result.exam.subject.sex,
        "age": result.exam.subject.age_years,
        "findings": [_kept(one) for one in result.findings if one.joint is Joint.HIP],
        "edema": [
            [one.side.value, one.region, one.quantity.value, one.quantity.low, one.quantity.high]
            for one in result.measurements
            if one.name == "edema_volume" and one.joint is Joint.HIP and one.side is not None
        ],
        "differential": [
            {
                "side": one.side.value,
                "abstains": one.abstains,
                "shares": {s.entity: s.probability for s in one.weighed.shares},
            }
            for one in result.differentials
        ],
    }


def _from_model(kind: str, seed: int) -> dict[str, Any]:
    """Return subject and true findings of the affected hip, on MRI."""
    person, _, _ = draw_exam(kind, seed)
    side = affected_side(kind, seed)
    rows = [
        {**row, "modality": "MR" if row["modality"] == "model" else row["modality"], "certainty": READ_CERTAINTY}
        for row in true_findings(kind, seed, side)
    ]
    fields = ("side", "sign", "state", "certainty", "modality")
    kept = [{**{field: row[field] for field in fields}, "note": ""} for row in rows]
    return {"sex": person.sex, "age": person.age_years, "findings": kept, "edema": []}


def kept_file(kind: str, seed: int, signs: str, modalities: Sequence[str], worse: str, scratch: Path) -> Path:
    """Return where what an exam gave is kept."""
    how = f"images-{'+'.join(modalities)}{f'-worse_{worse}' if worse else ''}" if signs == "images" else signs
    return scratch / f"{how}-{kind}-{seed}.json"


def run(kind: str, seed: int, signs: str, modalities: Sequence[str], worse: str, scratch: Path) -> dict[str, Any]:
    """Return what an exam gave, from the scratch folder if it is there."""
    file = kept_file(kind, seed, signs, modalities, worse, scratch)
    if file.exists() and "edema" in (kept := json.loads(file.read_text())):
        return dict(kept)
    head: dict[str, Any] = {"kind": kind, "seed": seed}
    try:
        if signs == "model":
            found = _from_model(kind, seed)
        else:
            found = _through_images(kind, seed, modalities, worse, scratch / file.stem)
    except MarrowmapError as error:
        found = {"error": str(error), "findings": [], "edema": []}
    part = file.with_suffix(".part")
    part.write_text(json.dumps({**head, **found}, indent=1) + "\n")
    part.rename(file)
    print(f"{kind} {seed}: {found.get('error', 'done')}", flush=True)
    return {**head, **found}


def hips_of(exam: Mapping[str, Any]) -> list[Hip]:
    """Return the hips that an exam says anything of."""
    hips = []
    for side in Side:
        rows = [row for row in exam["findings"] if row["side"] == side.value]
        if not rows:
            continue
        truth, is_affected = true_entity(exam["kind"], exam["seed"], side)
        subject = Subject(sex=exam["sex"], age_years=exam["age"])
        findings = tuple(_finding(row, side) for row in rows)
        edema = tuple(
            Measurement(
                "edema_volume", Joint.HIP, side, region, Quantity(value, "mL", low, high), "MR", "", "", Evidence("")
            )
            for place, region, value, low, high in exam.get("edema", ())
            if place == side.value
        )
        hips.append(Hip(exam["kind"], exam["seed"], side, is_affected, truth, subject, findings, edema))
    return hips


def _finding(row: Mapping[str, Any], side: Side) -> Finding:
    state = State(row["state"])
    certainty = None if state is State.NOT_ASSESSABLE else row["certainty"]
    least = Quantity(1.0, "mL") if state is State.ABSENT else None
    return Finding(row["sign"], Joint.HIP, side, state, certainty, least, row["modality"], "", None, row["note"])


def _doubted(one: Finding) -> Finding:
    if one.certainty is None:
        return one
    least = min(one.certainty, DOUBT)
    return Finding(one.sign, one.joint, one.side, one.state, least, one.smallest_detectable, one.modality, "", None, "")


def weigh_hip(
    hip: Hip, keep: Callable[[Finding], bool] = lambda one: True, *, doubted: bool = False
) -> JointDifferential:
    """Weigh a hip's findings again, some left out or doubted."""
    kept = tuple(_doubted(one) if doubted else one for one in hip.findings if keep(one))
    edema = hip.edema if any(one.modality == "MR" for one in kept) else ()
    return differential(kept, Joint.HIP, hip.side, subject=hip.subject, measurements=edema)


def _share(one: JointDifferential, entity: str) -> float:
    return one.weighed.of(entity).probability


def area_row(hips: Sequence[Hip], weighed: Sequence[JointDifferential]) -> str:
    """Write the area under the curve of the affected hips of the duel's kinds: one hip a person."""
    chosen = [n for n, hip in enumerate(hips) if hip.kind in DUEL and hip.is_affected]
    truth = np.array([hips[n].truth == "transient_osteoporosis" for n in chosen], bool)
    if min(int(truth.sum()), int((~truth).sum())) < 1:
        return f"not computed: {int(truth.sum())} and {int((~truth).sum())} hips"
    scores = [
        np.log(_share(weighed[n], "transient_osteoporosis")) - np.log(_share(weighed[n], "osteonecrosis"))
        for n in chosen
    ]
    found = auc_interval(np.array(scores), truth, np.arange(len(truth)))
    bounds = f"{found.low:.3f} to {found.high:.3f}" if found.low is not None else found.note
    return f"{found.value:.3f} ({bounds}), {int(truth.sum())} and {int((~truth).sum())} hips"


def weights_of(hips: Sequence[Hip], setting: str) -> tuple[np.ndarray, list[str]]:
    """Return each hip's weight by a setting's frequencies, and the entities with too few hips to be weighted."""
    shares = dict(zip(ENTITIES, prior_of(setting).shares, strict=True))
    counts = {entity: sum(hip.truth == entity for hip in hips) for entity in ENTITIES}
    few = [entity for entity in ENTITIES if counts[entity] < LEAST_PER_ENTITY]
    weights = np.array([0.0 if hip.truth in few else shares[hip.truth] / counts[hip.truth] for hip in hips])
    return (weights / weights.sum() if weights.sum() > 0 else weights), few


def calibration_error(hips: Sequence[Hip], weighed: Sequence[JointDifferential], weights: np.ndarray) -> float:
    """Return the expected calibration error of the leading entity's probability: five bins of equal weight."""
    first = [one.weighed.ranked[0] for one in weighed]
    shares = np.array([share.probability for share in first])
    right = np.array([share.entity == hip.truth for share, hip in zip(first, hips, strict=True)], float)
    order = np.argsort(shares, kind="stable")
    bins = np.minimum((np.cumsum(weights[order]) - weights[order] / 2) * BINS, BINS - 1).astype(int)
    error = 0.0
    for number in range(BINS):
        mine = order[bins == number]
        error += abs(float((weights[mine] * (shares[mine] - right[mine])).sum()))
    return error


def width(one: JointDifferential) -> float:
    """Return the mean width of the intervals of the duel's two entities."""
    found = [one.weighed.of(ENTITY_OF[kind]) for kind in DUEL]
    return float(np.mean([share.high - share.low for share in found]))


def confusion(hips: Sequence[Hip], weighed: Sequence[JointDifferential]) -> Iterator[str]:
    """Yield the confusion table: truth by row, what leads by column, how many of them with an answer."""
    yield "| truth | hips | " + " | ".join(name.replace("_", " ") for name in ENTITIES) + " | no answer |"
    yield "|---" * (len(ENTITIES) + 3) + "|"
    for entity in ENTITIES:
        mine = [one for hip, one in zip(hips, weighed, strict=True) if hip.truth == entity]
        cells = []
        for leader in ENTITIES:
            led = [one for one in mine if one.weighed.ranked[0].entity == leader]
            answered = sum(not one.abstains for one in led)
            cells.append(f"{len(led)} ({answered})" if led else "")
        none = sum(bool(one.abstains) for one in mine)
        yield f"| {entity.replace('_', ' ')} | {len(mine)} | {' | '.join(cells)} | {none} |"


def report(exams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables as Markdown."""
    hips = [hip for exam in exams for hip in hips_of(exam)]
    weighed = [weigh_hip(hip) for hip in hips]
    lost = [exam for exam in exams if "error" in exam]
    yield f"{len(exams)} exams, {len(hips)} hips, {len(lost)} exams not read; kinds: " + ", ".join(
        f"{kind} {sum(exam['kind'] == kind for exam in exams)}"
        for kind in dict.fromkeys(exam["kind"] for exam in exams)
    )
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    yield f"| area under the curve, transient osteoporosis against osteonecrosis | {area_row(hips, weighed)} |"
    affected = [one for hip, one in zip(hips, weighed, strict=True) if hip.is_affected]
    yield f"| no answer, affected hips | {sum(bool(one.abstains) for one in affected)} of {len(affected)} |"
    answered = [(hip, one) for hip, one in zip(hips, weighed, strict=True) if not one.abstains]
    right = sum(one.weighed.ranked[0].entity == hip.truth for hip, one in answered)
    yield f"| right where an answer is given, all hips | {right} of {len(answered)} |"
    for setting in ("marrow_edema_clinic", "scintigraphy_clinic"):
        weights, few = weights_of(hips, setting)
        left_out = f"; left out, under {LEAST_PER_ENTITY} hips: {', '.join(few)}" if few else ""
        if weights.sum() > 0:
            error = calibration_error(hips, weighed, weights)
            silent = sum(w for w, one in zip(weights, weighed, strict=True) if one.abstains)
            yield f"| calibration error, kinds as in {setting} | {error:.3f}{left_out} |"
            said = sum(w * one.weighed.ranked[0].probability for w, one in zip(weights, weighed, strict=True))
            true = sum(
                w
                for w, hip, one in zip(weights, hips, weighed, strict=True)
                if one.weighed.ranked[0].entity == hip.truth
            )
            yield f"| the leader's probability, and how often it is right | {100 * said:.0f} % and {100 * true:.0f} % |"
            yield f"| no answer, kinds as in {setting} | {100 * silent:.0f} % of hips |"
    yield ""
    yield "Truth by row, the leading entity by column (with an answer in brackets):"
    yield ""
    yield from confusion(hips, weighed)
    yield ""
    yield from degraded(hips, weighed)
    yield from wrong(hips, weighed)
    for exam in lost:
        yield f"- {exam['kind']} {exam['seed']}: not read: {exam['error']}"


def degraded(hips: Sequence[Hip], weighed: Sequence[JointDifferential]) -> Iterator[str]:
    """Yield what leaving findings out, or doubting them, does to the affected hips of the duel's kinds."""
    chosen = [n for n, hip in enumerate(hips) if hip.is_affected and hip.kind in DUEL]
    yield (
        "| findings used, affected hips of the two kinds | area under the curve | interval, mean width | wider than "
        "with everything | no answer |"
    )
    yield "|---|---|---|---|---|"
    mine = [hips[n] for n in chosen]
    full = [width(weighed[n]) for n in chosen]
    rows: dict[str, tuple[Callable[[Finding], bool], bool]] = {name: (keep, False) for name, keep in ROWS.items()}
    rows[f"all doubted: certainty at most {DOUBT:g}"] = (ROWS["everything"], True)
    for name, (keep, doubted) in rows.items():
        if name != "everything" and not doubted and all(keep(one) for hip in mine for one in hip.findings):
            continue
        again = [weigh_hip(hip, keep, doubted=doubted) for hip in mine]
        widths = [width(one) for one in again]
        wider = sum(now > before for now, before in zip(widths, full, strict=True))
        none = sum(bool(one.abstains) for one in again)
        yield f"| {name} | {area_row(mine, again)} | {np.mean(widths):.2f} | {wider} of {len(mine)} | {none} |"
    yield ""


def beside(exams: Sequence[Mapping[str, Any]], better: Sequence[Mapping[str, Any]], worse: str) -> Iterator[str]:
    """Yield what a worse scan of the same people does to their affected hips; only those with both exams count."""
    first = {(hip.kind, hip.seed): hip for exam in better for hip in hips_of(exam) if hip.is_affected}
    again = {(hip.kind, hip.seed): hip for exam in exams for hip in hips_of(exam) if hip.is_affected}
    both = [key for key in again if key in first and key[0] in DUEL]
    lost = sum("error" in exam for exam in exams)
    yield f"{len(both)} people of the two kinds scanned twice; worse {WORSE[worse]}; {lost} of these exams not read"
    yield ""
    yield "| exam | area under the curve | interval, mean width | wider | not assessable signs, mean | no answer |"
    yield "|---|---|---|---|---|---|"
    full: list[float] = []
    for name, by_key in (("as usual", first), ("worse", again)):
        hips = [by_key[key] for key in both]
        weighed = [weigh_hip(hip) for hip in hips]
        widths = [width(one) for one in weighed]
        full = full or widths
        wider = sum(now > before for now, before in zip(widths, full, strict=True))
        silent = float(np.mean([sum(one.state is State.NOT_ASSESSABLE for one in hip.findings) for hip in hips]))
        none = sum(bool(one.abstains) for one in weighed)
        area = area_row(hips, weighed)
        yield f"| {name} | {area} | {np.mean(widths):.2f} | {wider} of {len(hips)} | {silent:.1f} | {none} |"


def wrong(hips: Iterable[Hip], weighed: Iterable[JointDifferential]) -> Iterator[str]:
    """Yield the affected hips where something else than the truth leads."""
    for hip, one in zip(hips, weighed, strict=True):
        first = one.weighed.ranked[0]
        if first.entity != hip.truth and hip.is_affected:
            seen = ", ".join(f"{o.item} {o.word} {o.certainty:.2f}" for o in one.observations)
            answer = "no answer" if one.abstains else "ANSWER"
            yield f"- {hip.kind} {hip.seed}: {first.entity} leads at {first.probability:.2f} ({answer}): {seen}"


def main() -> None:
    """Go on with the cohort until the time or number that is asked for, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build/differential_cohort"))
    parser.add_argument("--signs", choices=("images", "model"), default="images")
    parser.add_argument("--modalities", default="mr", help="of the images, some of mr,ct,scan,spect,dx,dxa")
    parser.add_argument("--worse", choices=sorted(WORSE), default="", help="scan this modality of theirs worse")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--exams", type=int, default=1000, help="at most, kept ones included")
    parser.add_argument("--until", default="", help="HH:MM today: no exam is begun after it")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now()
    end = datetime.datetime.combine(today, datetime.time.fromisoformat(options.until)) if options.until else None
    modalities = options.modalities.split(",")
    if options.worse and (options.signs != "images" or options.worse not in modalities):
        parser.error(f"--worse {options.worse} needs images of it among --modalities")
    exams, better = [], []
    for number, (kind, seed) in enumerate(schedule(options.first_seed)):
        if number >= options.exams or (end is not None and datetime.datetime.now() >= end):
            break
        if options.worse:
            usual = kept_file(kind, seed, options.signs, modalities, "", options.scratch)
            if kind not in DUEL or not usual.exists():
                continue
            better.append(json.loads(usual.read_text()))
        exams.append(run(kind, seed, options.signs, modalities, options.worse, options.scratch))
    print("\n".join(beside(exams, better, options.worse) if options.worse else report(exams)))


if __name__ == "__main__":
    main()
