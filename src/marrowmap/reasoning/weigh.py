"""Bayes' rule over the entities, with the rates' own uncertainty.

Signs of one group are readings of one thing that is there or not (a latent class, as in Hui and Walter 1980, Biometrics
36:167): given the thing they are independent, and entities differ only in how often they have it. So edema in MRI and
uptake of the same marrow count once: when MRI is sure, uptake adds nothing, and however many readings agree, they never
weigh more than the thing itself.

The likelihood of an entity is a sum of products in which every rate stands once; its expectation is that of the mean
rates. The probability given is therefore exact, and only its interval is simulated.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrowmap.errors import InputError
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import Prior
from marrowmap.reasoning.rates import Array
from marrowmap.reasoning.rates import Rate
from marrowmap.reasoning.tables import Node
from marrowmap.terms.entities import ENTITIES

Seen = Mapping[str, Observation]


@dataclass(frozen=True)
class Share:
    """Probability of one entity with its 95 % interval: what the studies behind it leave open."""

    entity: str
    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Weighed:
    """All entities, and how often the leading one leads when rates are drawn from what is known of them."""

    shares: tuple[Share, ...]
    lead: float

    def of(self, entity: str) -> Share:
        """Return one entity's share."""
        return next(share for share in self.shares if share.entity == entity)

    @property
    def ranked(self) -> tuple[Share, ...]:
        """Entities by probability, the greatest first."""
        return tuple(sorted(self.shares, key=lambda share: -share.probability))


@dataclass(frozen=True)
class _Rates:
    """Where a likelihood gets its rates from: `count` draws, or their means if that is 0."""

    count: int = 0
    seed: int = 0

    def one(self, rate: Rate) -> Array:
        """Return shape (count, 1); (1, 1) for means."""
        return rate.drawn(self.count, self.seed) if self.count else np.full((1, 1), rate.mean)

    def by_entity(self, rates: Mapping[str, Rate]) -> Array:
        """Return shape (count, entities); (1, entities) for means."""
        return np.concatenate([self.one(rates[entity]) for entity in ENTITIES], axis=1)


def _chance(seen: Observation | None, rate: Array | float) -> Array | float:
    """Return the chance of what was said of a sign whose true rate is `rate`; 1 where nothing was said."""
    if seen is None:
        return 1.0
    sure = seen.certainty if seen.is_present else 1.0 - seen.certainty
    return sure * rate + (1.0 - sure) * (1.0 - rate)


@dataclass(frozen=True, eq=False)
class _Parts:
    """The chance of what was seen of a group: thing there; not there; not there because the outer one is not."""

    there: Array | float
    absent: Array | float
    outside: Array | float


def _parts(node: Node, seen: Seen, rates: _Rates) -> _Parts:
    lead = seen.get(node.lead)
    shown: Array | float = 1.0
    otherwise: Array | float = 1.0
    for reading in node.readings:
        if reading.item in seen:
            shown = shown * _chance(seen[reading.item], rates.one(reading.shown))
            otherwise = otherwise * _chance(seen[reading.item], rates.one(reading.otherwise))
    for child in node.children:
        if any(item in seen for item in child.items):
            inner = _parts(child, seen, rates)
            share = rates.by_entity(child.rates)
            shown = shown * (share * inner.there + (1.0 - share) * inner.absent)
            otherwise = otherwise * inner.outside
    outside = _chance(lead, rates.one(node.otherwise)) if lead is not None else 1.0
    return _Parts(_chance(lead, 1.0) * shown, _chance(lead, 0.0) * otherwise, outside * otherwise)


def likelihood(nodes: Sequence[Node], seen: Seen, rates: _Rates) -> Array:
    """Return the likelihood of each entity, shape (count, entities)."""
    result: Array = np.ones((1, len(ENTITIES)))
    for node in nodes:
        if any(item in seen for item in node.items):
            parts = _parts(node, seen, rates)
            share = rates.by_entity(node.rates)
            result = result * (share * parts.there + (1.0 - share) * parts.absent)
    return result


def _by_item(observations: Iterable[Observation]) -> dict[str, Observation]:
    return {one.item: one for one in sorted(observations, key=lambda one: one.item)}


def unnormalized(nodes: Sequence[Node], prior: Prior, observations: Iterable[Observation]) -> Array:
    """Return the chance of each entity together with what was seen, in the order of ``ENTITIES``."""
    joint: Array = prior.shares * likelihood(nodes, _by_item(observations), _Rates())[0]
    return joint


def probabilities(nodes: Sequence[Node], prior: Prior, observations: Iterable[Observation]) -> Array:
    """Return the probability of each entity, in the order of ``ENTITIES``; exact, no simulation.

    Raises
    ------
    InputError
        If the observations exclude each other, as diffuse edema does that there is none.
    """
    seen = list(observations)
    joint = unnormalized(nodes, prior, seen)
    total = joint.sum()
    if not total > 0:
        sure = ", ".join(f"{one.item} {one.word}" for one in seen if one.certainty == 1.0)
        raise InputError(f"these findings exclude each other: {sure}: correct them, or state them with less certainty")
    shares: Array = joint / total
    return shares


def weigh(
    nodes: Sequence[Node], prior: Prior, observations: Iterable[Observation], *, draws: int = 20_000, seed: int = 0
) -> Weighed:
    """Return the probability of each entity with its interval.

    Parameters
    ----------
    nodes : sequence of Node
        From :func:`marrowmap.reasoning.tables.build_tables`.
    prior : Prior
    observations : iterable of Observation
        At most one an item, in any order.
    draws, seed : int
        Of the simulation behind the intervals. Rates and prior are drawn from what studies leave open, a rate alike
        whatever else was seen, and each draw counts by how well it foretells what was seen; the mean of the draws is
        the exact probability.
    """
    seen = _by_item(observations)
    exact = probabilities(nodes, prior, seen.values())
    joint = prior.draw(np.random.default_rng(seed), draws) * likelihood(nodes, seen, _Rates(draws, seed))
    weight = joint.sum(axis=1)
    posterior = joint / weight[:, None]
    weight = weight / weight.sum()
    shares = []
    for column, entity in enumerate(ENTITIES):
        low, high = _weighted_quantiles(posterior[:, column], weight, (0.025, 0.975))
        value = float(exact[column])
        shares.append(Share(entity, value, min(low, value), max(high, value)))
    leader = int(np.argmax(exact))
    return Weighed(tuple(shares), float(weight[np.argmax(posterior, axis=1) == leader].sum()))


def _weighted_quantiles(values: Array, weights: Array, at: Sequence[float]) -> tuple[float, ...]:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    index = np.minimum(np.searchsorted(cumulative, at), len(values) - 1)
    return tuple(float(value) for value in values[order][index])
