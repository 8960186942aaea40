"""What must not wait for a probability; told first, whatever the probabilities are."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from marrowmap.reasoning.literature import read_toml
from marrowmap.reasoning.observations import Observation
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side


@dataclass(frozen=True)
class RedFlag:
    """A reason to act now; `source` is a key of ``sources.toml``."""

    id: str
    text: str
    source: str


@cache
def load_flags() -> tuple[Mapping[str, Any], ...]:
    """Return the rules of ``data/red_flags.toml``."""
    return tuple(read_toml(resources.files("marrowmap.reasoning").joinpath("data", "red_flags.toml"))["flag"])


def red_flags(
    observations: Iterable[Observation],
    measurements: Sequence[Measurement],
    joint: Joint,
    side: Side,
    age_years: float | None,
) -> tuple[RedFlag, ...]:
    """Return the flags of one joint, in the order of the rules.

    A rule with several conditions fires where all hold; one about age fires without an age, too, where it only asks for
    more care.
    """
    present = {one.item for one in observations if one.is_present}
    found = []
    for rule in load_flags():
        if any(rule.get(kind) is not None and rule[kind] not in present for kind in ("sign", "clinical")):
            continue
        if "least_age" in rule and (age_years is None or age_years < rule["least_age"]):
            continue
        if "most_age" in rule and age_years is not None and age_years >= rule["most_age"]:
            continue
        beyond = _beyond(rule.get("quantity", {}), measurements, joint, side)
        if "quantity" in rule and not beyond:
            continue
        text = rule["text"].format(age=age_years or 0.0, found=", ".join(beyond))
        found.append(RedFlag(rule["id"], text, rule["source"]))
    return tuple(found)


def _beyond(
    limits: Mapping[str, Mapping[str, float]], measurements: Sequence[Measurement], joint: Joint, side: Side
) -> list[str]:
    """Return the measurements of this joint that lie beyond their limits, as words."""
    words = []
    for name, by_joint in limits.items():
        limit = by_joint.get(joint.value)
        values = [m.quantity.value for m in measurements if (m.name, m.joint, m.side) == (name, joint, side)]
        if limit is not None and values and max(values) > limit:
            words.append(f"{name.rsplit('_', 1)[-1]} {max(values):.1f} mm, limit {limit:g} mm")
    return words
