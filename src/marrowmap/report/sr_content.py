"""The rows of an exam as groups of DICOM SR TID 1500: one NUM a measurement, one coded evaluation a finding.

A sign or an entity never stands as the Finding of its group: a reader that knows no more would take the absent for
present. What no public template has a place for (slices, mask, reasons) stands under our own, provisional codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import SegmentationStorage

from marrowmap.report.dicom_object import coded
from marrowmap.report.dicom_object import name_based_uid
from marrowmap.report.rows import Row
from marrowmap.report.rows import Rows
from marrowmap.report.source_images import SourceImages
from marrowmap.terms.codes import Code
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import JOINTS
from marrowmap.terms.coding import MODALITIES
from marrowmap.terms.coding import SIDES
from marrowmap.terms.coding import STATES
from marrowmap.terms.coding import concept_of

CONTAINS = sr.RelationshipTypeValues.CONTAINS
HAS_CONCEPT_MOD = sr.RelationshipTypeValues.HAS_CONCEPT_MOD
HAS_PROPERTIES = sr.RelationshipTypeValues.HAS_PROPERTIES

Group = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations


@dataclass(frozen=True)
class SegmentPlace:
    """A segment of a Segmentation beside the report: which object, which number, of which series."""

    sop_instance_uid: str
    number: int
    series_uid: str


@dataclass(frozen=True)
class Surroundings:
    """What the groups of one report refer to.

    Parameters
    ----------
    images : SourceImages
    segments : mapping of str to SegmentPlace
        By the SHA-256 of the mask it was written from.
    study_uid : str
    version : str
        Of marrowmap.
    """

    images: SourceImages
    segments: Mapping[str, SegmentPlace]
    study_uid: str
    version: str


def text(name: Code, value: str, relation: sr.RelationshipTypeValues) -> sr.TextContentItem:
    """Return a TEXT item."""
    return sr.TextContentItem(coded(name), value, relation)


def _number(name: Code, value: float, unit: str, relation: sr.RelationshipTypeValues) -> sr.NumContentItem:
    return sr.NumContentItem(coded(name), value, coded(concept_of("unit", unit).own), relationship_type=relation)


def _add(item: Dataset, children: Iterable[Dataset]) -> None:
    """Append children to an item; a plain sequence, as highdicom's own takes no child of another template."""
    item.ContentSequence = DicomSequence([*item.get("ContentSequence", ()), *children])


def _interval(low: float | None, high: float | None, unit: str) -> Iterator[Dataset]:
    if low is not None:
        yield _number(FIELDS["interval_low"], low, unit, HAS_PROPERTIES)
    if high is not None:
        yield _number(FIELDS["interval_high"], high, unit, HAS_PROPERTIES)


def _modality(name: str) -> Iterator[Dataset]:
    if name in MODALITIES:
        yield sr.CodeContentItem(coded(FIELDS["modality"]), coded(MODALITIES[name]), CONTAINS)
    elif name:
        yield text(FIELDS["modality"], name, CONTAINS)


def _images(evidence: Row, images: SourceImages) -> Iterator[Dataset]:
    uids = evidence["instance_uids"]
    frames = images.frames.get((evidence["series_uid"], uids[0]), ()) if uids else ()
    for number, uid in enumerate(uids):
        yield sr.SourceImageForMeasurementGroup(
            images.headers[uid].SOPClassUID, uid, [frames[number]] if len(frames) == len(uids) else None
        )


def _evidence(evidence: Row | None, images: SourceImages) -> Iterator[Dataset]:
    """Yield what a group says of its pixels; lines of a table, which are no images, stay text."""
    if evidence is None:
        return
    yield text(FIELDS["evidence_series"], evidence["series_uid"], CONTAINS)
    uids = evidence["instance_uids"]
    if uids and all(uid in images.headers for uid in uids):
        yield from _images(evidence, images)
    else:
        for uid in uids:
            yield text(FIELDS["evidence_instances"], uid, CONTAINS)
    if evidence["frames"]:
        yield text(FIELDS["evidence_frames"], " ".join(map(str, evidence["frames"])), CONTAINS)
    for name in ("mask_sha256", "mask_file"):
        if evidence[name]:
            yield text(FIELDS[name], evidence[name], CONTAINS)


def _sites(row: Row) -> list[sr.FindingSite]:
    """Return region, then joint, each with its side; a row without a region has its joint only."""
    side = coded(SIDES[row["side"]]) if row["side"] else None
    places = []
    if "region" in row:
        places.append(concept_of("region", row["region"]).own)
    if row["joint"]:
        places.append(JOINTS[row["joint"]])
    return [sr.FindingSite(coded(place), laterality=side) for place in places]


def _label(row: Row, what: str) -> str:
    return " ".join(word for word in (row["side"], row["joint"], what.replace("_", " ")) if word)


def _tracking(place: Surroundings, label: str, *more: str) -> sr.TrackingIdentifier:
    # Of the study, not of the person: a UID made from a patient's number could be traced back to it.
    return sr.TrackingIdentifier(name_based_uid("tracking", place.study_uid, label, *more), label)


def _common(row: Row) -> dict[str, Any]:
    when = sr.TimePointContext(row["date"]) if row["date"] else None
    return {"time_point_context": when, "finding_sites": _sites(row)}


def _num(row: Row, version: str) -> sr.Measurement:
    concept = concept_of("quantity", row["quantity"])
    made = sr.Measurement(
        name=coded(concept.codes[0]),
        value=row["value"],
        unit=coded(concept_of("unit", row["unit"]).own),
        algorithm_id=sr.AlgorithmIdentification("marrowmap", version, [row["method"]] if row["method"] else None),
    )
    own = sr.CodeContentItem(coded(FIELDS["quantity"]), coded(concept.own), HAS_CONCEPT_MOD)
    _add(made[0], [own, *_interval(row["low"], row["high"], row["unit"])])
    return made


def _same_group(row: Row) -> tuple[Any, ...]:
    return (*(row[name] for name in ("date", "joint", "side", "region", "modality")), repr(row["evidence"]))


def _measurement_group(rows: list[Row], place: Surroundings) -> Group:
    row = rows[0]
    evidence = row["evidence"]
    digest = (evidence or {}).get("mask_sha256") or ""
    common = {
        "tracking_identifier": _tracking(place, _label(row, row["region"]), *_same_group(row)[4:]),
        "measurements": [_num(one, place.version) for one in rows],
        **_common(row),
    }
    group: Group
    if digest in place.segments:
        segment = place.segments[digest]
        group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=sr.ReferencedSegment(
                SegmentationStorage,
                segment.sop_instance_uid,
                segment.number,
                source_series=sr.SourceSeriesForSegmentation(segment.series_uid),
            ),
            **common,
        )
    else:
        group = sr.MeasurementsAndQualitativeEvaluations(**common)
    _add(group[0], [*_modality(row["modality"]), *_evidence(evidence, place.images)])
    return group


def _finding_group(row: Row, place: Surroundings) -> Group:
    sign = coded(concept_of("sign", row["sign"]).own)
    series = (row["evidence"] or {}).get("series_uid", "")
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(place, _label(row, row["sign"]), row["modality"], series),
        qualitative_evaluations=[sr.QualitativeEvaluation(sign, coded(STATES[row["state"]]))],
        **_common(row),
    )
    extra: list[Dataset] = []
    if row["certainty"] is not None:
        extra.append(_number(FIELDS["certainty"], row["certainty"], "1", CONTAINS))
    limit = row["smallest_detectable"]
    if limit is not None:
        extra.append(_number(FIELDS["smallest_detectable"], limit["value"], limit["unit"], CONTAINS))
    if row["note"]:
        extra.append(text(FIELDS["note"], row["note"], CONTAINS))
    _add(group[0], [*extra, *_modality(row["modality"]), *_evidence(row["evidence"], place.images)])
    return group


def _probability(row: Row) -> sr.Measurement:
    made = sr.Measurement(
        name=coded(FIELDS["probability"]), value=row["probability"], unit=coded(concept_of("unit", "1").own)
    )
    entity = sr.CodeContentItem(
        coded(FIELDS["entity"]), coded(concept_of("entity", row["entity"]).own), HAS_CONCEPT_MOD
    )
    reasons = [
        text(FIELDS[kind], item, HAS_PROPERTIES) for kind in ("supports", "against", "missing") for item in row[kind]
    ]
    _add(made[0], [entity, *_interval(row["low"], row["high"], "1"), *reasons])
    return made


def _differential_group(rows: list[Row], place: Surroundings) -> Group:
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(place, _label(rows[0], "differential")),
        measurements=[_probability(row) for row in rows],
        **_common(rows[0]),
    )


def build_groups(rows: Rows, place: Surroundings) -> list[Group]:
    """Return the measurement groups of all rows, in their order; neighbors that share place and pixels share a group.

    Raises
    ------
    ValueError
        If a name has no code.
    """
    groups: list[Group] = [_measurement_group(list(some), place) for _, some in groupby(rows.measurements, _same_group)]
    groups += [_finding_group(row, place) for row in rows.findings]
    joints = groupby(rows.differential, lambda row: (row["date"], row["joint"], row["side"]))
    return groups + [_differential_group(list(some), place) for _, some in joints]
