"""Reads rows back from a FHIR bundle we wrote: the whole of measurements, findings and differential, nothing lost."""

from __future__ import annotations

from typing import Any

from marrowmap.errors import InputError
from marrowmap.report.rows import Row
from marrowmap.report.rows import Rows
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import name_of
from marrowmap.terms.coding import scheme_of

Resource = dict[str, Any]


def _key(concept: Resource) -> tuple[str, str]:
    """Return scheme and value of a concept's last coding: our own stands after the public one."""
    coding = concept["coding"][-1]
    return scheme_of(coding["system"]), coding["code"]


class _Parts:
    """The components of one Observation by the name of their column."""

    def __init__(self, observation: Resource) -> None:
        self._parts: dict[str, list[Resource]] = {}
        for part in observation.get("component", []):
            self._parts.setdefault(name_of("field", *_key(part["code"])), []).append(part)

    def strings(self, field: str) -> list[str]:
        """Return every text under a name."""
        return [part["valueString"] for part in self._parts.get(field, ())]

    def string(self, field: str) -> str:
        """Return the text under a name, empty if there is none."""
        return next(iter(self.strings(field)), "")

    def name(self, kind: str) -> str | None:
        """Return what a coded component says, or its text where there was no code."""
        for part in self._parts.get(kind, ()):
            if "valueString" in part:
                return str(part["valueString"])
            return name_of(kind, *_key(part["valueCodeableConcept"]))
        return None

    def quantity(self, field: str) -> Resource | None:
        """Return value and unit under a name."""
        for part in self._parts.get(field, ()):
            return _quantity(part["valueQuantity"])
        return None

    def number(self, field: str) -> float | None:
        """Return the value under a name."""
        found = self.quantity(field)
        return None if found is None else found["value"]

    def evidence(self) -> Row | None:
        """Return the pixels behind the row."""
        series = self.strings("evidence_series")
        if not series:
            return None
        instances = self.string("evidence_instances")
        return {
            "series_uid": series[0],
            "instance_uids": instances.split("\n") if instances else [],
            "frames": [int(number) for number in self.string("evidence_frames").split()],
            "mask_sha256": self.string("mask_sha256") or None,
            "mask_file": self.string("mask_file") or None,
        }


def _quantity(value: Resource) -> Resource:
    return {"value": float(value["value"]), "unit": name_of("unit", scheme_of(value["system"]), value["code"])}


def _place(observation: Resource, parts: _Parts) -> Row:
    return {
        "date": observation.get("effectiveDateTime", ""),
        "joint": parts.name("joint"),
        "side": parts.name("side"),
    }


def _measurement(observation: Resource, parts: _Parts) -> Row:
    found = _quantity(observation["valueQuantity"])
    return {
        **_place(observation, parts),
        "region": name_of("region", *_key(observation["bodySite"])),
        "quantity": name_of("quantity", *_key(observation["code"])),
        "value": found["value"],
        "unit": found["unit"],
        "low": parts.number("interval_low"),
        "high": parts.number("interval_high"),
        "modality": parts.name("modality") or "",
        "method": observation.get("method", {}).get("text", ""),
        "evidence": parts.evidence(),
    }


def _finding(observation: Resource, parts: _Parts) -> Row:
    state = "not_assessable"
    if "dataAbsentReason" not in observation:
        state = name_of("state", *_key(observation["valueCodeableConcept"]))
    return {
        **_place(observation, parts),
        "sign": name_of("sign", *_key(observation["code"])),
        "state": state,
        "certainty": parts.number("certainty"),
        "smallest_detectable": parts.quantity("smallest_detectable"),
        "modality": parts.name("modality") or "",
        "evidence": parts.evidence(),
        "note": next((note["text"] for note in observation.get("note", ())), ""),
    }


def _probability(observation: Resource, parts: _Parts) -> Row:
    return {
        **_place(observation, parts),
        "entity": parts.name("entity"),
        "probability": _quantity(observation["valueQuantity"])["value"],
        "low": parts.number("interval_low"),
        "high": parts.number("interval_high"),
        **{kind: parts.strings(kind) for kind in ("supports", "against", "missing")},
    }


def _read_observation(observation: Resource, rows: Rows) -> None:
    parts = _Parts(observation)
    probability = FIELDS["probability"]
    if _key(observation["code"]) == (probability.scheme, probability.value):
        rows.differential.append(_probability(observation, parts))
    elif "valueQuantity" in observation:
        rows.measurements.append(_measurement(observation, parts))
    else:
        rows.findings.append(_finding(observation, parts))


def rows_of_bundle(bundle: Resource) -> Rows:
    """Return the rows a FHIR bundle of ours holds, equal to those it was written from.

    Raises
    ------
    InputError
        If an Observation in it is none of marrowmap's.
    """
    rows = Rows([], [], [])
    try:
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "Observation":
                _read_observation(entry["resource"], rows)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the bundle holds an Observation that is not marrowmap's ({error}): give one that marrowmap wrote"
        ) from error
    return rows
