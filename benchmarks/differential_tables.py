"""Tables of a cohort's differentials, for differential_cohort.py: each hip weighed with and without clinical form.

A person's form is drawn again from the seed (`marrowmap.phantom.clinical`), as `marrowmap phantom` writes it. It counts
for both hips. Its onset is not told to the signs of the radiograph: they were judged without a form.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from differential_scores import brier_score
from differential_scores import calibration_error
from differential_scores import calibration_interval
from differential_scores import reliability
from differential_scores import weights_of
from marrowmap.phantom.clinical import draw_form
from marrowmap.phantom.clinical import known_weeks
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.readers.auc_interval import auc_interval
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.values.clinical import ClinicalForm
from worse_images import WORSE

DUEL = ("toh", "onfh")
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
SETTINGS = ("marrow_edema_clinic", "scintigraphy_clinic")
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
    "marrow_edema",
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
    """One hip that was weighed, what it truly has, and its person's clinical form."""

    kind: str
    seed: int
    side: Side
    is_affected: bool
    truth: str
    subject: Subject
    findings: tuple[Finding, ...]
    measured: tuple[Measurement, ...]
    form: ClinicalForm

    @property
    def person(self) -> tuple[str, int]:
        """Both hips of one exam have the same."""
        return self.kind, self.seed


@dataclass(frozen=True)
class Weighed:
    """Hips and their differentials, all weighed in one way."""

    hips: Sequence[Hip]
    found: Sequence[JointDifferential]

    def pairs(self) -> Iterator[tuple[Hip, JointDifferential]]:
        """Yield each hip with its differential."""
        return zip(self.hips, self.found, strict=True)

    @property
    def shares(self) -> np.ndarray:
        """Probability by hip and entity, in the order of ENTITIES."""
        return np.array([[one.weighed.of(entity).probability for entity in ENTITIES] for one in self.found])

    @property
    def truths(self) -> np.ndarray:
        """Index of what each hip has, in ENTITIES."""
        return np.array([list(ENTITIES).index(hip.truth) for hip in self.hips], int)


def affected_side(kind: str, seed: int) -> Side:
    """Return the affected side; of the well, the left."""
    # As draw_exam draws it: where both hips are ill, as in osteonecrosis, lesions alone do not tell.
    drawn = Side.LEFT if np.random.default_rng([seed, 100]).random() < 0.5 else Side.RIGHT
    return drawn if kind in ENTITY_OF else Side.LEFT


def hips_of(exam: Mapping[str, Any]) -> list[Hip]:
    """Return the hips that an exam says anything of."""
    kind, seed = exam["kind"], exam["seed"]
    person, lesions, _ = draw_exam(kind, seed)
    form = draw_form(kind, seed, sex=person.sex, age_years=person.age_years, weeks=known_weeks(lesions))
    hips = []
    for side in Side:
        rows = [row for row in exam["findings"] if row["side"] == side.value]
        if not rows:
            continue
        truth = "normal" if lesions[side] == WELL or kind not in ENTITY_OF else ENTITY_OF[kind]
        subject = Subject(sex=exam["sex"], age_years=exam["age"])
        findings = tuple(_finding(row, side) for row in rows)
        measured = tuple(
            Measurement(name, Joint.HIP, side, region, Quantity(value, "mL", low, high), "MR", "", "", Evidence(""))
            for name, place, region, value, low, high in exam.get("measured", ())
            if place == side.value
        )
        is_affected = side is affected_side(kind, seed)
        hips.append(Hip(kind, seed, side, is_affected, truth, subject, findings, measured, form))
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
    hip: Hip,
    keep: Callable[[Finding], bool] = lambda one: True,
    *,
    doubted: bool = False,
    form: ClinicalForm | None = None,
) -> JointDifferential:
    """Weigh a hip's findings again, some left out or doubted, with a clinical form or without."""
    kept = tuple(_doubted(one) if doubted else one for one in hip.findings if keep(one))
    measured = hip.measured if any(one.modality == "MR" for one in kept) else ()
    return differential(kept, Joint.HIP, hip.side, subject=hip.subject, measurements=measured, form=form)


def area_row(hips: Sequence[Hip], weighed: Sequence[JointDifferential]) -> str:
    """Write the area under the curve of the affected hips of the duel's kinds: one hip a person."""
    chosen = [n for n, hip in enumerate(hips) if hip.kind in DUEL and hip.is_affected]
    truth = np.array([hips[n].truth == "transient_osteoporosis" for n in chosen], bool)
    if min(int(truth.sum()), int((~truth).sum())) < 1:
        return f"not computed: {int(truth.sum())} and {int((~truth).sum())} hips"
    share = [
        [weighed[n].weighed.of(entity).probability for entity in ("transient_osteoporosis", "osteonecrosis")]
        for n in chosen
    ]
    scores = np.log(np.array(share)) @ (1.0, -1.0)
    found = auc_interval(scores, truth, np.arange(len(truth)))
    bounds = f"{found.low:.3f} to {found.high:.3f}" if found.low is not None else found.note
    return f"{found.value:.3f} ({bounds}), {int(truth.sum())} and {int((~truth).sum())} hips"


def width(one: JointDifferential) -> float:
    """Return the mean width of the intervals of the duel's two entities."""
    found = [one.weighed.of(ENTITY_OF[kind]) for kind in DUEL]
    return float(np.mean([share.high - share.low for share in found]))


def confusion(cohort: Weighed) -> Iterator[str]:
    """Yield the confusion table: truth by row, what leads by column, how many of them with an answer."""
    yield "| truth | hips | " + " | ".join(name.replace("_", " ") for name in ENTITIES) + " | no answer |"
    yield "|---" * (len(ENTITIES) + 3) + "|"
    for entity in ENTITIES:
        mine = [one for hip, one in cohort.pairs() if hip.truth == entity]
        cells = []
        for leader in ENTITIES:
            led = [one for one in mine if one.weighed.ranked[0].entity == leader]
            answered = sum(not one.abstains for one in led)
            cells.append(f"{len(led)} ({answered})" if led else "")
        none = sum(bool(one.abstains) for one in mine)
        yield f"| {entity.replace('_', ' ')} | {len(mine)} | {' | '.join(cells)} | {none} |"


def figures(cohort: Weighed) -> dict[str, str]:
    """Return the cohort's figures by name, as text."""
    affected = [one for hip, one in cohort.pairs() if hip.is_affected]
    answered = [(hip, one) for hip, one in cohort.pairs() if not one.abstains]
    right = sum(one.weighed.ranked[0].entity == hip.truth for hip, one in answered)
    silent = np.array([bool(one.abstains) for one in cohort.found])
    found = {
        "area under the curve, transient osteoporosis against osteonecrosis": area_row(cohort.hips, cohort.found),
        "no answer, affected hips": f"{sum(bool(one.abstains) for one in affected)} of {len(affected)}",
        "right where an answer is given, all hips": f"{right} of {len(answered)}",
    }
    shares, truths, persons = cohort.shares, cohort.truths, [hip.person for hip in cohort.hips]
    for setting in SETTINGS:
        weights, _ = weights_of(truths, setting, LEAST_PER_ENTITY)
        if weights.sum() == 0:
            continue
        low, high = calibration_interval(shares, truths, persons, setting, LEAST_PER_ENTITY)
        leads = shares.max(axis=1)
        hits = shares.argmax(axis=1) == truths
        found |= {
            f"calibration error (95 % bootstrap interval), kinds as in {setting}": (
                f"{calibration_error(shares, truths, weights):.3f} ({low:.3f} to {high:.3f})"
            ),
            f"Brier score over all entities (0 best, 2 worst), kinds as in {setting}": (
                f"{brier_score(shares, truths, weights):.3f}"
            ),
            f"the leader's probability, and how often it is right, kinds as in {setting}": (
                f"{100 * weights @ leads:.0f} % and {100 * weights @ hits:.0f} %"
            ),
            f"no answer, kinds as in {setting}": f"{100 * weights @ silent:.0f} % of hips",
        }
    return found


def reliability_table(cohort: Weighed) -> Iterator[str]:
    """Yield what is said against what is true, in five bins of equal weight, for each setting."""
    yield "| kinds as in | weight | leader's probability, mean | leader right |"
    yield "|---|---|---|---|"
    for setting in SETTINGS:
        weights, _ = weights_of(cohort.truths, setting, LEAST_PER_ENTITY)
        for row in reliability(cohort.shares, cohort.truths, weights):
            yield f"| {setting} | {row.weight:.2f} | {row.said:.2f} | {row.right:.2f} |"


def report(exams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables as Markdown."""
    hips = [hip for exam in exams for hip in hips_of(exam)]
    lost = [exam for exam in exams if "error" in exam]
    yield f"{len(exams)} exams, {len(hips)} hips, {len(lost)} exams not read; kinds: " + ", ".join(
        f"{kind} {sum(exam['kind'] == kind for exam in exams)}"
        for kind in dict.fromkeys(exam["kind"] for exam in exams)
    )
    older = sum("measured" not in exam for exam in exams)
    if older:
        yield f"{older} exams kept by an older version, without volumes: nothing bars an answer there."
    if not hips:
        return
    formed = Weighed(hips, [weigh_hip(hip, form=hip.form) for hip in hips])
    bare = Weighed(hips, [weigh_hip(hip) for hip in hips])
    yield ""
    yield "| figure | with clinical form | without |"
    yield "|---|---|---|"
    without = figures(bare)
    for name, value in figures(formed).items():
        yield f"| {name} | {value} | {without[name]} |"
    _, few = weights_of(formed.truths, SETTINGS[0], LEAST_PER_ENTITY)
    if few:
        yield ""
        yield f"Weighted by kind without those of under {LEAST_PER_ENTITY} hips: {', '.join(few)}."
    yield ""
    yield "With clinical form, truth by row, the leading entity by column (with an answer in brackets):"
    yield ""
    yield from confusion(formed)
    yield ""
    yield "The same without:"
    yield ""
    yield from confusion(bare)
    yield ""
    yield "With clinical form, bins of equal weight:"
    yield ""
    yield from reliability_table(formed)
    yield ""
    yield from degraded(bare)
    yield from wrong(formed)
    for exam in lost:
        yield f"- {exam['kind']} {exam['seed']}: not read: {exam['error']}"


def degraded(cohort: Weighed) -> Iterator[str]:
    """Yield what leaving findings out, or doubting them, does to the duel's affected hips, without form."""
    chosen = [(hip, one) for hip, one in cohort.pairs() if hip.is_affected and hip.kind in DUEL]
    if not chosen:
        return
    yield (
        "| findings used without clinical form, affected hips of the two kinds | area under the curve | interval, mean "
        "width | wider than with everything | no answer |"
    )
    yield "|---|---|---|---|---|"
    mine = [hip for hip, _ in chosen]
    full = [width(one) for _, one in chosen]
    told = [one for hip in mine for one in hip.findings if one.state is not State.NOT_ASSESSABLE]
    rows: dict[str, tuple[Callable[[Finding], bool], bool]] = {name: (keep, False) for name, keep in ROWS.items()}
    rows[f"all doubted: certainty at most {DOUBT:g}"] = (ROWS["everything"], True)
    for name, (keep, doubted) in rows.items():
        kept = sum(keep(one) for one in told)
        if name != "everything" and not doubted and kept in (0, len(told)):
            continue
        again = [weigh_hip(hip, keep, doubted=doubted) for hip in mine]
        widths = [width(one) for one in again]
        wider = sum(now > before for now, before in zip(widths, full, strict=True))
        none = sum(bool(one.abstains) for one in again)
        yield f"| {name} | {area_row(mine, again)} | {np.mean(widths):.2f} | {wider} of {len(mine)} | {none} |"
    yield ""


def beside(exams: Sequence[Mapping[str, Any]], better: Sequence[Mapping[str, Any]], worse: str) -> Iterator[str]:
    """Yield what a worse scan of the same people does to their affected hips; only those with both exams count."""
    first = {hip.person: hip for exam in better for hip in hips_of(exam) if hip.is_affected}
    again = {hip.person: hip for exam in exams for hip in hips_of(exam) if hip.is_affected}
    both = [key for key in again if key in first and key[0] in DUEL]
    lost = sum("error" in exam for exam in exams)
    yield (
        f"{len(both)} people of the two kinds scanned twice, without clinical form; worse {WORSE[worse]}; {lost} of "
        "these exams not read"
    )
    if not both:
        return
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


def wrong(cohort: Weighed) -> Iterator[str]:
    """Yield the affected hips where something else than the truth leads."""
    for hip, one in cohort.pairs():
        first = one.weighed.ranked[0]
        if first.entity != hip.truth and hip.is_affected:
            seen = ", ".join(f"{o.item} {o.word} {o.certainty:.2f}" for o in one.observations)
            answer = "no answer" if one.abstains else "ANSWER"
            yield f"- {hip.kind} {hip.seed}: {first.entity} leads at {first.probability:.2f} ({answer}): {seen}"
