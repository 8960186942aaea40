"""Why a differential says what it says: each finding's part, what is missing, and how far one error would move it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from marrowmap.reasoning.examinations import expected_bits
from marrowmap.reasoning.examinations import load_examinations
from marrowmap.reasoning.literature import Count
from marrowmap.reasoning.literature import ItemEvidence
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import Prior
from marrowmap.reasoning.tables import Node
from marrowmap.reasoning.tables import used_counts
from marrowmap.reasoning.weigh import Weighed
from marrowmap.reasoning.weigh import probabilities
from marrowmap.reasoning.weigh import unnormalized
from marrowmap.reasoning.weigh import weigh
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side


@dataclass(frozen=True)
class Part:
    """What one finding alone does to one entity: its odds with the finding over those before any."""

    observation: Observation
    entity: str
    factor: float


@dataclass(frozen=True)
class IfWrong:
    """Where the leading entity would stand if one finding were the opposite."""

    observation: Observation
    probability: float
    leader: str


@dataclass(frozen=True)
class Enough:
    """One or two findings that would allow an answer, and which."""

    findings: tuple[Observation, ...]
    entity: str
    probability: float


_FEW_DRAWS, _MOST_TRIED, _MOST_ENOUGH = 2000, 8, 4
"""Where many answers are tried: draws of each, answers tried, answers told."""


def _odds(share: float) -> float:
    return share / max(1.0 - share, 1e-12)


def parts(nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation]) -> tuple[Part, ...]:
    """Return what each finding alone does to each entity.

    Factors of findings that are readings of one thing must not be multiplied: together they count once.
    """
    before = prior.shares
    found = []
    for one in observations:
        after = probabilities(nodes, prior, [one])
        for number, entity in enumerate(ENTITIES):
            found.append(Part(one, entity, _odds(float(after[number])) / _odds(float(before[number]))))
    return tuple(found)


def if_wrong(nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation]) -> tuple[IfWrong, ...]:
    """Return for each finding where the leading entity would stand if it were the opposite; the worst first.

    A finding of which the others leave no doubt, as edema where it is surely diffuse, cannot be wrong alone.
    """
    now = probabilities(nodes, prior, observations)
    leader = int(np.argmax(now))
    found = []
    for one in observations:
        flipped = Observation(one.item, not one.is_present, one.certainty, one.origin)
        otherwise = [flipped if other is one else other for other in observations]
        if not unnormalized(nodes, prior, otherwise).any():
            continue
        shares = probabilities(nodes, prior, otherwise)
        found.append(IfWrong(one, float(shares[leader]), tuple(ENTITIES)[int(np.argmax(shares))]))
    return tuple(sorted(found, key=lambda one: (one.probability, one.observation.item)))


def missing(
    literature: Literature, nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation], joint: Joint
) -> tuple[tuple[str, float], ...]:
    """Return what is not known and how much knowing it would tell (expected bits), the most telling first.

    Signs count that an examination of this joint could show, and answers of the clinical form.
    """
    clear = {one.item for one in observations}
    certainty = float(literature.model["answer"]["typical_certainty"])
    told = []
    for item in _open_items(literature, nodes, clear, joint):
        bits = expected_bits(nodes, prior, observations, (item,), certainty)
        if bits >= literature.model["answer"]["least_bits"]:
            told.append((item, bits))
    return tuple(sorted(told, key=lambda pair: (-round(pair[1], 6), pair[0])))


def _open_items(literature: Literature, nodes: Sequence[Node], clear: set[str], joint: Joint) -> Iterator[str]:
    shown = {item for one in load_examinations() if joint.value in one.joints for item in one.shows}
    weighed = {item for node in nodes for item in node.items}
    pregnancy = {"late_pregnancy"}
    for item in literature.items:
        asked = item in weighed and item not in clear and item not in pregnancy
        if asked and (item in shown or literature.items[item].group in _ASKED):
            yield item


_ASKED = frozenset({"corticosteroids", "alcohol", "fever", "cancer", "mass", "load"})
"""Groups of the clinical form whose answers are worth asking for."""


def enough(
    literature: Literature,
    nodes: Sequence[Node],
    prior: Prior,
    observations: Sequence[Observation],
    joint: Joint,
    *,
    barred: Mapping[str, str] | None = None,
) -> tuple[Enough, ...]:
    """Return findings, not known yet, that would allow an answer: single ones, or pairs where no single one would.

    Both outcomes of each sign are tried, read with the certainty an examination usually gives. At most four are
    returned, those that make an answer most probable first.
    """
    answer = literature.model["answer"]
    clear = {one.item for one in observations}
    shown = {item for one in load_examinations() if joint.value in one.joints for item in one.shows}
    items = [item for item in _open_items(literature, nodes, clear, joint) if item in shown]
    certainty = float(answer["typical_certainty"])
    single = [(Observation(item, state, certainty),) for item in items for state in (True, False)]
    pairs = [(*one, *other) for one, other in combinations(single, 2) if one[0].item != other[0].item]
    for tried in (single, pairs):
        # The exact probability is cheap and rules out most; draws are made for the rest.
        ranked = sorted(
            ((float(probabilities(nodes, prior, [*observations, *added]).max()), added) for added in tried),
            key=lambda pair: (-round(pair[0], 9), [one.item for one in pair[1]]),
        )
        likely = [added for share, added in ranked if share >= answer["least_probability"]]
        found = []
        for added in likely[:_MOST_TRIED]:
            result = weigh(nodes, prior, [*observations, *added], draws=_FEW_DRAWS, seed=answer["seed"])
            if not why_abstain(result, answer, barred):
                first = result.ranked[0]
                found.append(Enough(added, first.entity, first.probability))
        if found:
            return tuple(found[:_MOST_ENOUGH])
    return ()


def barred_entities(
    literature: Literature, measurements: Sequence[Measurement], joint: Joint, side: Side
) -> dict[str, str]:
    """Return the entities that no answer may name for what was measured at a joint, with the reason of each.

    A volume counts where the lower bound of its interval lies above the limit of ``model.toml``.
    """
    barred: dict[str, str] = {}
    for bar in literature.model["bar"]:
        rows = [
            (one.quantity.value, one.region.replace("_", " "))
            for one in measurements
            if (one.name, one.joint, one.side) == (bar["quantity"], joint, side)
            and (one.quantity.value if one.quantity.low is None else one.quantity.low) > bar["least"]
        ]
        if rows:
            reason = bar["why"].format(found="{:.1f} mL in the {}".format(*max(rows)))
            barred |= {entity: reason for entity in bar["entities"] if entity not in barred}
    return barred


def why_abstain(result: Weighed, answer: Mapping[str, Any], barred: Mapping[str, str] | None = None) -> str:
    """Return why the evidence is not enough for an answer, by the limits of ``model.toml``; empty if it is.

    `barred` is that of :func:`barred_entities`.
    """
    first = result.ranked[0]
    if barred and first.entity in barred:
        return barred[first.entity]
    if first.probability < answer["least_probability"]:
        return f"nothing reaches {100 * answer['least_probability']:.0f} %"
    if result.lead < answer["least_lead"]:
        others = math.ceil(100 * (1 - result.lead) - 1e-9)
        return (
            "within what the studies leave open something else would lead in "
            f"{others} of 100 draws ({100 * (1 - answer['least_lead']):.0f} are allowed)"
        )
    return ""


def papers(literature: Literature, item: str, entity: str, joint: Joint) -> tuple[str, ...]:
    """Return what is published of a sign in an entity: counts with their papers, or what is believed and why."""
    evidence = literature.items[item]
    if not evidence.is_lead:
        return _papers_of_reading(literature, evidence, joint)
    lines = [_paper(row, literature, joint) for row in used_counts(evidence, joint, entity)]
    believed = [one for one in evidence.stated if one.entity == entity and not one.otherwise]
    lines += [f"not counted; taken as {one.belief}: {one.why}" for one in believed if not lines]
    return tuple(lines) or ("no count found",)


def _paper(row: Count, literature: Literature, joint: Joint) -> str:
    doubt = {"2": ", read second-hand", "M": ", from memory"}.get(row.confidence, "")
    near = ", sign defined otherwise" if row.fit == "near" else ""
    borrowed = ", at the hip" if row.joint not in (joint.value, "any") else ""
    return f"{row.present} of {row.assessed} ({literature.source_name(row.source)}{near}{borrowed}{doubt})"


def _papers_of_reading(literature: Literature, evidence: ItemEvidence, joint: Joint) -> tuple[str, ...]:
    """Return how often a reading shows with its group's thing and without it; the same for every entity."""
    lines = []
    for words, otherwise in (("with it", False), ("without it", True)):
        told = [_paper(row, literature, joint) for row in used_counts(evidence, joint, None, otherwise=otherwise)]
        told += [f"taken as {one.belief}" for one in evidence.stated if one.otherwise == otherwise and not told]
        lines.append(f"{words}: {', '.join(told) or 'no count found'}")
    return (f"a reading of {_group_text(literature, evidence)}; {'; '.join(lines)}",)


def _group_text(literature: Literature, evidence: ItemEvidence) -> str:
    return next(group.text for group in literature.groups if group.name == evidence.group)
