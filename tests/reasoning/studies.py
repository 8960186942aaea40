"""Small bodies of evidence with known counts, and findings made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marrowmap.reasoning.literature import Count
from marrowmap.reasoning.literature import Group
from marrowmap.reasoning.literature import ItemEvidence
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import Source
from marrowmap.reasoning.literature import shipped
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State


def count(entity: str, present: int, assessed: int, **changes: Any) -> Count:
    fields = {
        "joint": "hip",
        "fit": "same",
        "otherwise": False,
        "population": "imagined",
        "compared_with": "nobody",
        "source": "gemmel2012",
        "confidence": "A",
    }
    return Count(entity, present, assessed, **{**fields, **changes})


def one_sign(counts: Mapping[str, tuple[int, int]], item: str = "effusion") -> Literature:
    """Literature of a single sign with one study an entity."""
    model = {**shipped().model, "counts": {**shipped().model["counts"], "spread": []}}
    evidence = ItemEvidence(item, "fluid", True, tuple(count(e, x, n) for e, (x, n) in counts.items()), ())
    return Literature(
        model,
        (Group("fluid", "joint fluid", ""),),
        {item: evidence},
        {"gemmel2012": Source("gemmel2012", "Gemmel 2012", "Gemmel 2012", "abstract")},
        {},
    )


def finding(
    sign: str,
    state: State = State.PRESENT,
    certainty: float | None = 0.9,
    side: Side = Side.LEFT,
    joint: Joint = Joint.HIP,
    date: str = "2020-03-01",
) -> Finding:
    least = Quantity(1.0, "mL") if state is State.ABSENT else None
    sure = None if state is State.NOT_ASSESSABLE else certainty
    return Finding(sign, joint, side, state, sure, least, "MR", date, None, "made by hand")


EVEN = dict.fromkeys(ENTITIES, 1 / len(ENTITIES))
