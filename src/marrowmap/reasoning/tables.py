"""Rates of every sign by entity at one joint, from the evidence files."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from marrowmap.reasoning.literature import Count
from marrowmap.reasoning.literature import ItemEvidence
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.rates import Rate
from marrowmap.reasoning.rates import believed
from marrowmap.reasoning.rates import counted
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Joint


@dataclass(frozen=True, eq=False)
class Reading:
    """A sign by which a group's thing shows: its rate with the thing, and without it."""

    item: str
    shown: Rate
    otherwise: Rate


@dataclass(frozen=True, eq=False)
class Node:
    """A group: how often each entity has its thing, how that shows, and what lies within it.

    Parameters
    ----------
    name, lead : str
        The lead is the sign that shows the thing itself.
    rates : mapping of str to Rate
        By entity: that the thing is there; within another group: given that group's thing.
    otherwise : Rate
        That the lead is called present where the outer group's thing is not there.
    readings : tuple of Reading
    children : tuple of Node
    """

    name: str
    lead: str
    rates: Mapping[str, Rate]
    otherwise: Rate
    readings: tuple[Reading, ...]
    children: tuple[Node, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Every sign that is weighed here or within."""
        inner = (item for child in self.children for item in child.items)
        return (self.lead, *(reading.item for reading in self.readings), *inner)


def _weights(count: Count, literature: Literature, joint: Joint) -> float:
    counts = literature.model["counts"]
    weight = counts["confidence"][count.confidence] * counts["fit"][count.fit]
    return float(weight if count.joint in (joint.value, "any") else weight * counts["borrowed"])


def used_counts(item: ItemEvidence, joint: Joint, entity: str | None, *, otherwise: bool = False) -> tuple[Count, ...]:
    """Return the counts that are used: those of the joint, or the hip's where it has none. `entity` None is all."""
    rows = [
        count for count in item.counts if count.otherwise == otherwise and (entity is None or count.entity == entity)
    ]
    own = tuple(count for count in rows if count.joint in (joint.value, "any"))
    return own or tuple(count for count in rows if count.joint == Joint.HIP.value)


def _rate(item: ItemEvidence, literature: Literature, joint: Joint, entity: str | None, *, otherwise: bool) -> Rate:
    rows = used_counts(item, joint, entity, otherwise=otherwise)
    weights = [_weights(row, literature, joint) for row in rows]
    beliefs = literature.model["beliefs"]
    word = next(
        (one.belief for one in item.stated if one.otherwise == otherwise and one.entity == (entity or "")), "unknown"
    )
    prior = (float(beliefs[word][0]), float(beliefs[word][1]))
    name = f"{item.item}/{joint.value}/{entity or 'all'}/{'otherwise' if otherwise else 'shown'}"
    if not rows:
        return believed(*prior, name)
    counts = [(row.present * weight, row.assessed * weight) for row, weight in zip(rows, weights, strict=True)]
    return counted(counts, literature.model["counts"]["spread"], prior, name)


def _node(literature: Literature, joint: Joint, name: str) -> Node:
    lead = literature.lead_of(name)
    inner = [group.name for group in literature.groups if group.within == name]
    return Node(
        name,
        lead.item,
        {entity: _rate(lead, literature, joint, entity, otherwise=False) for entity in ENTITIES},
        _rate(lead, literature, joint, None, otherwise=True),
        tuple(
            Reading(
                item.item,
                _rate(item, literature, joint, None, otherwise=False),
                _rate(item, literature, joint, None, otherwise=True),
            )
            for item in literature.readings_of(name)
        ),
        tuple(_node(literature, joint, child) for child in inner),
    )


@lru_cache(maxsize=16)
def build_tables(literature: Literature, joint: Joint) -> tuple[Node, ...]:
    """Return the groups that stand on their own, each with what lies within it."""
    return tuple(_node(literature, joint, group.name) for group in literature.groups if not group.within)


def find_node(nodes: Sequence[Node], item: str) -> Node | None:
    """Return the group in which an item is weighed; None if it is not."""
    for node in nodes:
        if item == node.lead or any(item == reading.item for reading in node.readings):
            return node
        inner = find_node(node.children, item)
        if inner is not None:
            return inner
    return None
