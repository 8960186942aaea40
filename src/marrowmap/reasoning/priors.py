"""How probable each entity is before any finding: by setting, stated and changeable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.reasoning.literature import read_toml
from marrowmap.reasoning.rates import Array
from marrowmap.terms.entities import ENTITIES

JEFFREYS = 0.5
"""Added to every entity of a setting."""


@dataclass(frozen=True)
class Prior:
    """Probabilities before any finding.

    Parameters
    ----------
    setting, text, source : str
        What it is, for the report; source is a key of ``sources.toml``, empty where the user gave it.
    weights : mapping of str to float
        By entity, above 0.
    is_counted : bool
        Whether the weights are people (then their shares are uncertain, Dirichlet) or probabilities as given.
    """

    setting: str
    text: str
    source: str
    weights: Mapping[str, float]
    is_counted: bool

    @property
    def shares(self) -> Array:
        """Probabilities in the order of ``ENTITIES``; they add up to 1."""
        weights = np.array([self.weights[entity] for entity in ENTITIES])
        shares: Array = weights / weights.sum()
        return shares

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Return `count` priors, shape (count, entities)."""
        if not self.is_counted:
            return np.tile(self.shares, (count, 1))
        return rng.dirichlet([self.weights[entity] for entity in ENTITIES], size=count)


@cache
def _settings() -> tuple[str, dict[str, Prior]]:
    document = read_toml(resources.files("marrowmap.reasoning").joinpath("data", "priors.toml"))
    settings = {}
    for entry in document["setting"]:
        people = {entity: entry["counted"].get(entity, entry["stated"].get(entity, 0.0)) for entity in ENTITIES}
        unknown = sorted((set(entry["counted"]) | set(entry["stated"])) - set(ENTITIES))
        if unknown or any(number < 0 for number in people.values()):
            raise InputError(f"priors.toml, {entry['name']}: unknown entity or a count below 0 ({unknown}): correct it")
        weights = {entity: number + JEFFREYS for entity, number in people.items()}
        settings[entry["name"]] = Prior(entry["name"], entry["text"], entry["source"], weights, True)
    return document["default"], settings


def prior_of(setting: str = "") -> Prior:
    """Return the prior of a shipped setting; the default one if none is named.

    Raises
    ------
    UsageError
        If there is no such setting.
    """
    default, settings = _settings()
    name = setting or default
    if name not in settings:
        raise UsageError(f"unknown setting {name!r}: use one of {', '.join(settings)}")
    return settings[name]


def stated_prior(probabilities: Mapping[str, float], where: str) -> Prior:
    """Return a prior the user gives.

    Parameters
    ----------
    probabilities : mapping of str to float
        One for every entity, each above 0 and below 1; together 1.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        If an entity is missing or unknown, one is 0 or 1, or they do not add up to 1.
    """
    unknown = sorted(set(probabilities) - set(ENTITIES))
    missing = [entity for entity in ENTITIES if entity not in probabilities]
    if unknown:
        raise InputError(f"{where}: prior: unknown entity {unknown[0]!r}: use {', '.join(ENTITIES)}")
    if missing:
        raise InputError(f"{where}: prior: {missing[0]} is missing: give all of {', '.join(ENTITIES)}")
    for entity, value in probabilities.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < 1.0:
            raise InputError(
                f"{where}: prior of {entity} is {value!r}: no finding could ever change 0 or 1; give a number between"
            )
    if not math.isclose(sum(probabilities.values()), 1.0, abs_tol=1e-6):
        raise InputError(f"{where}: the prior adds up to {sum(probabilities.values()):.4g}: make it 1")
    return Prior("stated", "as the clinical form gives it", "", dict(probabilities), False)
