"""Which examination would tell most: expected information (mutual information, Lindley 1956) beside dose and delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import product

import numpy as np

from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import read_toml
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import Prior
from marrowmap.reasoning.rates import Array
from marrowmap.reasoning.tables import Node
from marrowmap.reasoning.weigh import probabilities
from marrowmap.reasoning.weigh import unnormalized
from marrowmap.values import Joint


@dataclass(frozen=True)
class Examination:
    """An examination, what it may show, its effective dose (mSv, a usual range) and how long it takes to get."""

    name: str
    shows: tuple[str, ...]
    joints: tuple[str, ...]
    millisieverts: tuple[float, float]
    delay: str
    source: str
    confidence: str


@dataclass(frozen=True)
class Worth:
    """What an examination is expected to tell.

    Parameters
    ----------
    examination : Examination
    bits : float
        Expected fall of the entropy over entities; what is unclear now holds ``entropy`` bits.
    entropy : float
    shows : tuple of str
        Signs it would add that are not clear yet.
    """

    examination: Examination
    bits: float
    entropy: float
    shows: tuple[str, ...]


@cache
def load_examinations() -> tuple[Examination, ...]:
    """Return the examinations of ``data/examinations.toml``."""
    rows = read_toml(resources.files("marrowmap.reasoning").joinpath("data", "examinations.toml"))["examination"]
    return tuple(
        Examination(
            row["name"],
            tuple(row["shows"]),
            tuple(row["joints"]),
            (float(row["millisieverts"][0]), float(row["millisieverts"][1])),
            row["delay"],
            row["source"],
            row["confidence"],
        )
        for row in rows
    )


def entropy_bits(shares: Array) -> float:
    """Return the entropy of probabilities, bits."""
    held = shares[shares > 0]
    return float(-(held * np.log2(held)).sum())


def expected_bits(
    nodes: Sequence[Node],
    prior: Prior,
    observations: Sequence[Observation],
    items: Sequence[str],
    certainty: float,
) -> float:
    """Return by how much knowing `items` would lower the entropy over entities, in expectation, bits.

    Parameters
    ----------
    items : sequence of str
        Not yet observed.
    certainty : float
        With which each would be read.
    """
    before = entropy_bits(probabilities(nodes, prior, observations))
    base = unnormalized(nodes, prior, observations).sum()
    after = 0.0
    for outcome in product((True, False), repeat=len(items)):
        added = [Observation(item, is_present, certainty) for item, is_present in zip(items, outcome, strict=True)]
        joint = unnormalized(nodes, prior, [*observations, *added])
        if joint.any():
            after += float(joint.sum() / base) * entropy_bits(joint / joint.sum())
    return max(0.0, before - after)


def rank_examinations(
    literature: Literature, nodes: Sequence[Node], prior: Prior, observations: Sequence[Observation], joint: Joint
) -> tuple[Worth, ...]:
    """Return the examinations that could still tell something at this joint, the most telling first."""
    clear = {one.item for one in observations}
    certainty = float(literature.model["answer"]["typical_certainty"])
    entropy = entropy_bits(probabilities(nodes, prior, observations))
    weighed = {item for node in nodes for item in node.items}
    worth = []
    for examination in load_examinations():
        items = tuple(item for item in examination.shows if item not in clear and item in weighed)
        if joint.value not in examination.joints or not items:
            continue
        bits = expected_bits(nodes, prior, observations, items, certainty)
        if bits >= literature.model["answer"]["least_bits"]:
            worth.append(Worth(examination, bits, entropy, items))
    return tuple(sorted(worth, key=lambda one: (-round(one.bits, 6), one.examination.millisieverts[1])))
