"""Reads rows back from a DICOM SR we wrote: the whole of measurements, findings and differential, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from marrowmap.errors import InputError
from marrowmap.report.rows import Row
from marrowmap.report.rows import Rows
from marrowmap.terms.codes import Code
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import name_of

MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
GROUP = Code("125007", "DCM", "Measurement Group")
TIME_POINT = Code("C2348792", "UMLS", "Time Point")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")


def _key(item: Dataset) -> tuple[str, str]:
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or ""
    return str(item.get("CodingSchemeDesignator", "")), str(value)


def _children(item: Dataset, name: Code | None = None) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        if name is None or _named(child, name):
            yield child


def _named(item: Dataset, name: Code) -> bool:
    concepts = item.get("ConceptNameCodeSequence", ())
    return bool(concepts) and _key(concepts[0]) == (name.scheme, name.value)


def _texts(item: Dataset, name: Code) -> list[str]:
    return [str(child.TextValue) for child in _children(item, name) if child.ValueType == "TEXT"]


def _text(item: Dataset, name: Code) -> str:
    return next(iter(_texts(item, name)), "")


def _code(item: Dataset) -> tuple[str, str]:
    return _key(item.ConceptCodeSequence[0])


def _value(item: Dataset) -> tuple[float, str]:
    """Return number and UCUM unit of a NUM; as the double where there is one, else as its decimal text."""
    measured = item.MeasuredValueSequence[0]
    number = measured.get("FloatingPointValue")
    unit = name_of("unit", *_key(measured.MeasurementUnitsCodeSequence[0]))
    return float(measured.NumericValue if number is None else number), unit


def _number(item: Dataset, name: Code) -> float | None:
    return next((_value(child)[0] for child in _children(item, name)), None)


def _modality(group: Dataset) -> str:
    for child in _children(group, FIELDS["modality"]):
        return name_of("modality", *_code(child)) if child.ValueType == "CODE" else str(child.TextValue)
    return ""


def _evidence(group: Dataset) -> Row | None:
    series = _texts(group, FIELDS["evidence_series"])
    if not series:
        return None
    images = [
        str(child.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for child in _children(group, FIELDS["evidence"])
        if child.ValueType == "IMAGE"
    ]
    return {
        "series_uid": series[0],
        "instance_uids": images or _texts(group, FIELDS["evidence_instances"]),
        "frames": [int(number) for number in _text(group, FIELDS["evidence_frames"]).split()],
        "mask_sha256": _text(group, FIELDS["mask_sha256"]) or None,
        "mask_file": _text(group, FIELDS["mask_file"]) or None,
    }


def _place(group: Dataset, *, region: bool) -> Row:
    sites = list(_children(group, FIELDS["region"]))
    side = None
    for site in sites:
        for child in _children(site, FIELDS["side"]):
            side = name_of("side", *_code(child))
    place: Row = {"date": _text(group, TIME_POINT), "joint": None, "side": side}
    if region:
        place["region"] = name_of("region", *_code(sites.pop(0)))
    if sites:
        place["joint"] = name_of("joint", *_code(sites[0]))
    return place


def _measurements(group: Dataset, numbers: list[Dataset]) -> Iterator[Row]:
    for item in numbers:
        value, unit = _value(item)
        (own,) = _children(item, FIELDS["quantity"])
        yield {
            **_place(group, region=True),
            "quantity": name_of("quantity", *_code(own)),
            "value": value,
            "unit": unit,
            "low": _number(item, FIELDS["interval_low"]),
            "high": _number(item, FIELDS["interval_high"]),
            "modality": _modality(group),
            "method": _text(item, ALGORITHM_PARAMETERS),
            "evidence": _evidence(group),
        }


def _finding(group: Dataset, evaluation: Dataset) -> Row:
    limits = [_value(child) for child in _children(group, FIELDS["smallest_detectable"])]
    return {
        **_place(group, region=False),
        "sign": name_of("sign", *_key(evaluation.ConceptNameCodeSequence[0])),
        "state": name_of("state", *_code(evaluation)),
        "certainty": _number(group, FIELDS["certainty"]),
        "smallest_detectable": {"value": limits[0][0], "unit": limits[0][1]} if limits else None,
        "modality": _modality(group),
        "evidence": _evidence(group),
        "note": _text(group, FIELDS["note"]),
    }


def _probability(group: Dataset, item: Dataset) -> Row:
    (entity,) = _children(item, FIELDS["entity"])
    return {
        **_place(group, region=False),
        "entity": name_of("entity", *_code(entity)),
        "probability": _value(item)[0],
        "low": _number(item, FIELDS["interval_low"]),
        "high": _number(item, FIELDS["interval_high"]),
        **{kind: _texts(item, FIELDS[kind]) for kind in ("supports", "against", "missing")},
    }


def _evaluations(group: Dataset) -> list[Dataset]:
    """Return the coded evaluations of a group: what it says in a code under one of our own names, modality aside."""
    private = FIELDS["quantity"].scheme
    return [
        child
        for child in _children(group)
        if child.ValueType == "CODE" and _key(child.ConceptNameCodeSequence[0])[0] == private
    ]


def _read_group(group: Dataset, rows: Rows) -> None:
    probabilities = list(_children(group, FIELDS["probability"]))
    evaluations = _evaluations(group)
    if probabilities:
        rows.differential.extend(_probability(group, item) for item in probabilities)
    elif evaluations:
        rows.findings.extend(_finding(group, item) for item in evaluations)
    else:
        numbers = [child for child in _children(group) if child.ValueType == "NUM"]
        rows.measurements.extend(_measurements(group, numbers))


def rows_of_sr(report: Dataset) -> Rows:
    """Return the rows a DICOM SR of ours holds, equal to those it was written from.

    Raises
    ------
    InputError
        If it is not one of ours, or a code in it is none of marrowmap's.
    """
    rows = Rows([], [], [])
    containers = list(_children(report, MEASUREMENTS))
    if len(containers) != 1:
        raise InputError("the SR holds no Imaging Measurements (126010, DCM): give one that marrowmap wrote")
    try:
        for group in _children(containers[0], GROUP):
            _read_group(group, rows)
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise InputError(
            f"the SR holds a group that is not marrowmap's ({error}): give one that marrowmap wrote"
        ) from error
    return rows
