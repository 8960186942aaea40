"""``differential.json``: the contract's rows, and for each joint the reasons behind them."""

from __future__ import annotations

from typing import Any

from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.explain import papers
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.priors import Prior
from marrowmap.terms.entities import ENTITIES

DIFFERENTIAL_COLUMNS = (
    "date",
    "joint",
    "side",
    "entity",
    "probability",
    "low",
    "high",
    "supports",
    "against",
    "missing",
)

Row = dict[str, Any]


def _digits(value: float) -> float:
    """Four decimals: far more than the studies give, and the same on every machine."""
    return round(float(value), 4)


def differential_rows(one: JointDifferential) -> list[Row]:
    """Return one row an entity under :data:`DIFFERENTIAL_COLUMNS`.

    ``supports`` and ``against`` name signs, answers and courses, the strongest first; whether one is present or absent
    stands in ``joints``. ``missing`` names what is not known and would tell most.
    """
    least = float(shipped().model["answer"]["least_factor"])
    rows = []
    for entity in ENTITIES:
        share = one.weighed.of(entity)
        rows.append(
            {
                "date": one.date,
                "joint": one.joint.value,
                "side": one.side.value,
                "entity": entity,
                "probability": _digits(share.probability),
                "low": _digits(share.low),
                "high": _digits(share.high),
                "supports": [part.observation.item for part in one.supporting(entity, least)],
                "against": [part.observation.item for part in one.opposing(entity, least)],
                "missing": [item for item, _ in one.missing],
            }
        )
    return rows


def _prior_row(prior: Prior) -> Row:
    return {
        "setting": prior.setting,
        "text": prior.text,
        "source": prior.source,
        "probabilities": dict(zip(ENTITIES, map(_digits, prior.shares), strict=True)),
    }


def _reasons(one: JointDifferential, literature: Literature) -> Row:
    """Return all that explains the rows of one joint."""
    factors = {(part.observation.item, part.entity): round(part.factor, 3) for part in one.parts}
    return {
        "date": one.date,
        "joint": one.joint.value,
        "side": one.side.value,
        "red_flags": [{"id": flag.id, "text": flag.text, "source": flag.source} for flag in one.flags],
        "abstains": bool(one.abstains),
        "why": one.abstains,
        "enough": [
            {
                "findings": [{"sign": seen.item, "state": seen.word} for seen in found.findings],
                "entity": found.entity,
                "probability": _digits(found.probability),
            }
            for found in one.enough
        ],
        "leads_in": _digits(one.weighed.lead),
        "evidence": [
            {
                "sign": seen.item,
                "state": seen.word,
                "certainty": _digits(seen.certainty),
                "origin": seen.origin,
                "odds_factor": {entity: factors[seen.item, entity] for entity in ENTITIES},
                "published": {entity: list(papers(literature, seen.item, entity, one.joint)) for entity in ENTITIES},
            }
            for seen in one.observations
        ],
        "if_wrong": [
            {
                "sign": wrong.observation.item,
                "state": wrong.observation.word,
                "probability": _digits(wrong.probability),
                "leader": wrong.leader,
            }
            for wrong in one.if_wrong
        ],
        "missing": [{"sign": item, "bits": _digits(bits)} for item, bits in one.missing],
        "next_examinations": [
            {
                "examination": worth.examination.name,
                "bits": _digits(worth.bits),
                "of_bits": _digits(worth.entropy),
                "shows": list(worth.shows),
                "millisieverts": list(worth.examination.millisieverts),
                "delay": worth.examination.delay,
                "source": worth.examination.source,
                "confidence": worth.examination.confidence,
            }
            for worth in one.examinations
        ],
        "not_weighed": {item: literature.unused.get(item, "") for item in one.unused},
        "prior": _prior_row(one.prior),
        "method": one.version,
    }


def differential_document(differentials: tuple[JointDifferential, ...]) -> Row:
    """Return ``rows`` and ``joints`` of all joints."""
    literature = shipped()
    return {
        "rows": [row for one in differentials for row in differential_rows(one)],
        "joints": [_reasons(one, literature) for one in differentials],
    }
