"""Why a differential says what it says: each finding's part, what is missing, and how far one error would move it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrowmap.reasoning.examinations import expected_bits
from marrowmap.reasoning.examinations import load_examinations
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import Prior
from marrowmap.reasoning.tables import Node
from marrowmap.reasoning.tables import find_node
from marrowmap.reasoning.tables import used_counts
from marrowmap.reasoning.weigh import probabilities
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Joint


@dataclass(frozen=True)
class Part:
    """What one finding does to one entity: its odds with the finding over those without it."""

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
    """A finding that alone would settle the answer, and for what."""

    item: str
    is_present: bool
    entity: str
    probability: float


def _odds(share: float) -> float:
    return share / max(1.0 - share, 1e-12)


def parts(nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation]) -> tuple[Part, ...]:
    """Return what each finding does to each entity, all others in place."""
    with_all = probabilities(nodes, prior, observations)
    found = []
    for one in observations:
        without = probabilities(nodes, prior, [other for other in observations if other is not one])
        for number, entity in enumerate(ENTITIES):
            found.append(Part(one, entity, _odds(float(with_all[number])) / max(_odds(float(without[number])), 1e-12)))
    return tuple(found)


def if_wrong(nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation]) -> tuple[IfWrong, ...]:
    """Return for each finding where the leading entity would stand if it were the opposite; the worst first."""
    now = probabilities(nodes, prior, observations)
    leader = int(np.argmax(now))
    found = []
    for one in observations:
        flipped = Observation(one.item, not one.is_present, one.certainty, one.origin)
        shares = probabilities(nodes, prior, [flipped if other is one else other for other in observations])
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
    literature: Literature, nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation], joint: Joint
) -> tuple[Enough, ...]:
    """Return single findings, not known yet, that would make one entity probable enough; the likeliest to come first.

    Both outcomes of a sign are tried, read with the certainty an examination usually gives.
    """
    answer = literature.model["answer"]
    clear = {one.item for one in observations}
    shown = {item for one in load_examinations() if joint.value in one.joints for item in one.shows}
    found: list[tuple[float, Enough]] = []
    for item in _open_items(literature, nodes, clear, joint):
        if item not in shown or item in {"complete_resolution"}:
            continue
        for is_present in (True, False):
            added = Observation(item, is_present, float(answer["typical_certainty"]))
            shares = probabilities(nodes, prior, [*observations, added])
            best = int(np.argmax(shares))
            if shares[best] >= answer["least_probability"] + 0.1:
                found.append(
                    (float(shares[best]), Enough(item, is_present, tuple(ENTITIES)[best], float(shares[best])))
                )
    found.sort(key=lambda pair: (-round(pair[0], 6), pair[1].item))
    return tuple(one for _, one in found)


def papers(literature: Literature, item: str, entity: str, joint: Joint) -> tuple[str, ...]:
    """Return what is published of a sign in an entity: counts with their papers, or what is believed and why."""
    evidence = literature.items[item]
    name = literature.source_name
    lines = []
    for otherwise in (False, True) if not evidence.is_lead else (False,):
        for row in used_counts(evidence, joint, entity, otherwise=otherwise):
            doubt = (
                ""
                if row.confidence in ("S", "A", "C")
                else ", read second-hand"
                if row.confidence == "2"
                else ", from memory"
            )
            near = ", sign defined otherwise" if row.fit == "near" else ""
            other = ", hip" if row.joint not in (joint.value, "any") else ""
            lines.append(f"{row.present} of {row.assessed} ({name(row.source)}{near}{other}{doubt})")
    believed = [one for one in evidence.stated if one.entity == entity and not one.otherwise]
    lines += [f"not counted; taken as {one.belief}: {one.why}" for one in believed if not lines]
    if not lines and evidence.is_lead:
        lines.append("no count found: Jeffreys' prior")
    return tuple(lines)


def is_weighed(nodes: Sequence[Node], item: str) -> bool:
    """Return whether an item enters the number at all."""
    return find_node(nodes, item) is not None
