"""How probable each entity can become under its best findings: ``python benchmarks/differential_reach.py``.

An entity that stays below the limit of an answer cannot be answered, whatever an exam shows. Findings are chosen one by
one, three rounds over all of them, each present, absent or not known at certainty 0.95, so a little more may be reached
by several at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from marrowmap.reasoning.examinations import load_examinations
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import prior_of
from marrowmap.reasoning.tables import build_tables
from marrowmap.reasoning.weigh import probabilities
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Joint

CERTAINTY = 0.95
ROUNDS = 3


def _best(joint: Joint, setting: str, entity: int, items: Sequence[str]) -> float:
    nodes, prior = build_tables(shipped(), joint), prior_of(setting)
    chosen: dict[str, Observation] = {}

    def reached(observations: dict[str, Observation]) -> float:
        return float(probabilities(nodes, prior, observations.values())[entity])

    for _ in range(ROUNDS):
        for item in items:
            others = {name: one for name, one in chosen.items() if name != item}
            states = [Observation(item, present, CERTAINTY) for present in (True, False)]
            chosen = max((others, *({**others, item: state} for state in states)), key=reached)
    return reached(chosen)


def main() -> None:
    """Print the table."""
    settings = ("even", "marrow_edema_clinic")
    print("| joint | entity | " + " | ".join(f"{s}, imaging | {s}, all" for s in settings) + " |")
    print("|---|---|" + "---|" * 2 * len(settings))
    for joint in (Joint.HIP, Joint.KNEE):
        items = [item for node in build_tables(shipped(), joint) for item in node.items]
        shown = {item for one in load_examinations() if joint.value in one.joints for item in one.shows}
        imaging = [item for item in items if item in SIGNS and item in shown]
        items = [item for item in items if item not in SIGNS or item in shown]
        for k, entity in enumerate(ENTITIES):
            values = [_best(joint, setting, k, use) for setting in settings for use in (imaging, items)]
            print(f"| {joint.value} | {entity} | " + " | ".join(f"{value:.2f}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
