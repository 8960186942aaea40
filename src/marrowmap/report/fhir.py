"""All rows of an exam as one FHIR R4 bundle: one Observation a row, and what they come from.

Identifiers are made from the study and the row, so that the same exam sent twice doubles nothing. A row's
further columns are coded components, not extensions: any server keeps and finds them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from marrowmap.errors import ConformanceError
from marrowmap.errors import InputError
from marrowmap.report.dicom_object import NAMESPACE
from marrowmap.report.fhir_rows import rows_of_bundle
from marrowmap.report.rows import Row
from marrowmap.report.rows import Rows
from marrowmap.report.rows import dump_json
from marrowmap.report.source_images import SourceImages
from marrowmap.terms.codes import Code
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import JOINTS
from marrowmap.terms.coding import MODALITIES
from marrowmap.terms.coding import RESPONSIBLE
from marrowmap.terms.coding import SIDES
from marrowmap.terms.coding import STATES
from marrowmap.terms.coding import SYSTEMS
from marrowmap.terms.coding import concept_of

PATH = "fhir/bundle.json"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
IMAGING_STUDY_REPORT = Code("18748-4", "LN", "Diagnostic imaging study")

Resource = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What every resource of one bundle repeats.

    Parameters
    ----------
    seed : str
        Study Instance UID or, for NIfTI, the names of the series: the root of all identifiers.
    person_id : str
        As the files say; empty if they do not.
    studies : mapping of str to Resource
        ImagingStudy by Series Instance UID.
    version : str
    """

    seed: str
    person_id: str
    studies: Mapping[str, Resource]
    version: str

    def identify(self, kind: str, *path: str) -> str:
        """Return the UUID of a resource: the same exam and path, the same UUID."""
        return str(uuid.uuid5(NAMESPACE, "|".join(("fhir", self.seed, kind, *path))))


def _coding(code: Code) -> Resource:
    return {"system": SYSTEMS[code.scheme], "code": code.value, "display": code.meaning}


def _concept(*codes: Code) -> Resource:
    return {"coding": [_coding(code) for code in codes]}


def _resource(context: Context, kind: str, *path: str) -> Resource:
    return {
        "resourceType": kind,
        "id": context.identify(kind, *path),
        "meta": {"tag": [_coding(FIELDS["research_use_only"])]},
    }


def _reference(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}", "type": resource["resourceType"]}


def _subject(context: Context) -> Resource:
    """Refer to the person by the number the files hold, if any; no resource of the person is made."""
    if context.person_id:
        return {"type": "Patient", "identifier": {"value": context.person_id}}
    return {"type": "Patient", "display": "not named in the files"}


def _quantity(value: float, unit: str) -> Resource:
    code = concept_of("unit", unit).own
    return {"value": value, "unit": code.meaning, "system": SYSTEMS["UCUM"], "code": unit}


def _component(field: str, **value: Any) -> Resource:
    return {"code": _concept(FIELDS[field]), **value}


def _interval(row: Row, unit: str) -> Iterator[Resource]:
    for column, field in (("low", "interval_low"), ("high", "interval_high")):
        if row[column] is not None:
            yield _component(field, valueQuantity=_quantity(row[column], unit))


def _place(row: Row) -> Iterator[Resource]:
    if row["joint"]:
        yield _component("joint", valueCodeableConcept=_concept(JOINTS[row["joint"]]))
    if row["side"]:
        yield _component("side", valueCodeableConcept=_concept(SIDES[row["side"]]))
    modality = row.get("modality")
    if modality in MODALITIES:
        yield _component("modality", valueCodeableConcept=_concept(MODALITIES[modality]))
    elif modality:
        yield _component("modality", valueString=modality)


def _evidence(evidence: Row | None) -> Iterator[Resource]:
    if evidence is None:
        return
    yield _component("evidence_series", valueString=evidence["series_uid"])
    # One line an instance; as components of their own they would be most of the bundle.
    for field, words in (
        ("evidence_instances", "\n".join(evidence["instance_uids"])),
        ("evidence_frames", " ".join(map(str, evidence["frames"]))),
        ("mask_sha256", evidence["mask_sha256"]),
        ("mask_file", evidence["mask_file"]),
    ):
        if words:
            yield _component(field, valueString=words)


def _observation(context: Context, row: Row, site: Code | None, what: str, *path: str) -> Resource:
    made = _resource(context, "Observation", *path)
    # Nobody has read it: preliminary, never final.
    made["status"] = "preliminary"
    made["category"] = [{"coding": [{"system": CATEGORY, "code": "imaging", "display": "Imaging"}]}]
    made["subject"] = _subject(context)
    made["device"] = {"reference": f"urn:uuid:{context.identify('Device')}", "type": "Device"}
    if row["date"]:
        made["effectiveDateTime"] = row["date"]
    if site is not None:
        text = " ".join(word for word in (row["side"], what.replace("_", " ")) if word)
        made["bodySite"] = {**_concept(site), "text": text}
    study = context.studies.get((row.get("evidence") or {}).get("series_uid", ""))
    if study is not None:
        made["derivedFrom"] = [_reference(study)]
    return made


def _measurement(context: Context, row: Row, *path: str) -> Resource:
    made = _observation(context, row, concept_of("region", row["region"]).own, row["region"], *path)
    made["code"] = _concept(*concept_of("quantity", row["quantity"]).codes)
    made["valueQuantity"] = _quantity(row["value"], row["unit"])
    if row["method"]:
        made["method"] = {"text": row["method"]}
    made["component"] = [*_interval(row, row["unit"]), *_place(row), *_evidence(row["evidence"])]
    return made


def _finding(context: Context, row: Row, *path: str) -> Resource:
    made = _observation(context, row, JOINTS[row["joint"]], row["joint"], *path)
    made["code"] = _concept(concept_of("sign", row["sign"]).own)
    if row["state"] == "not_assessable":
        why = "not-performed" if row["evidence"] is None else "unsupported"
        made["dataAbsentReason"] = {"coding": [{"system": DATA_ABSENT, "code": why}]}
    else:
        made["valueCodeableConcept"] = _concept(STATES[row["state"]])
    if row["note"]:
        made["note"] = [{"text": row["note"]}]
    parts = list(_place(row))
    if row["certainty"] is not None:
        parts.append(_component("certainty", valueQuantity=_quantity(row["certainty"], "1")))
    limit = row["smallest_detectable"]
    if limit is not None:
        parts.append(_component("smallest_detectable", valueQuantity=_quantity(limit["value"], limit["unit"])))
    made["component"] = [*parts, *_evidence(row["evidence"])]
    return made


def _probability(context: Context, row: Row, *path: str) -> Resource:
    made = _observation(context, row, JOINTS[row["joint"]], row["joint"], *path)
    made["code"] = _concept(FIELDS["probability"])
    made["valueQuantity"] = _quantity(row["probability"], "1")
    entity = _component("entity", valueCodeableConcept=_concept(concept_of("entity", row["entity"]).own))
    reasons = [_component(kind, valueString=item) for kind in ("supports", "against", "missing") for item in row[kind]]
    made["component"] = [entity, *_interval(row, "1"), *_place(row), *reasons]
    return made


def _observations(context: Context, rows: Rows) -> Iterator[Resource]:
    seen: dict[str, int] = {}
    for kind, columns, make, some in (
        ("measurement", ("region", "quantity", "modality", "method"), _measurement, rows.measurements),
        ("finding", ("sign", "modality"), _finding, rows.findings),
        ("differential", ("entity",), _probability, rows.differential),
    ):
        for row in some:
            series = (row.get("evidence") or {}).get("series_uid", "")
            path = json.dumps([kind, *(row[name] for name in ("date", "joint", "side", *columns)), series])
            seen[path] = seen.get(path, 0) + 1
            yield make(context, row, path, str(seen[path]))


def _date_of(header: Dataset) -> str:
    date = str(header.get("StudyDate", "") or "")
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else ""


def _series(headers: list[Dataset]) -> Resource:
    first = headers[0]
    made: Resource = {"uid": str(first.SeriesInstanceUID)}
    if str(first.get("SeriesNumber", "") or "").isdigit():
        made["number"] = int(first.SeriesNumber)
    made["modality"] = {"system": SYSTEMS["DCM"], "code": str(first.Modality)}
    made["numberOfInstances"] = len(headers)
    made["instance"] = [
        {
            "uid": str(header.SOPInstanceUID),
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{header.SOPClassUID}"},
        }
        for header in headers
    ]
    return made


def _imaging_studies(context: Context, images: SourceImages) -> dict[str, Resource]:
    """Return the ImagingStudy of each series by the series' UID; series of one study share theirs."""
    studies: dict[str, Resource] = {}
    found = {}
    for uid, headers in images.by_series().items():
        study_uid = str(headers[0].StudyInstanceUID)
        if study_uid not in studies:
            made = _resource(context, "ImagingStudy", study_uid)
            made["identifier"] = [{"system": "urn:dicom:uid", "value": f"urn:oid:{study_uid}"}]
            made["status"] = "available"
            made["subject"] = _subject(context)
            if _date_of(headers[0]):
                made["started"] = _date_of(headers[0])
            made["series"] = []
            studies[study_uid] = made
        studies[study_uid]["series"].append(_series(headers))
        found[uid] = studies[study_uid]
    for made in studies.values():
        made["numberOfSeries"] = len(made["series"])
        made["numberOfInstances"] = sum(series["numberOfInstances"] for series in made["series"])
        names = sorted({series["modality"]["code"] for series in made["series"]})
        made["modality"] = [{"system": SYSTEMS["DCM"], "code": name} for name in names]
    return found


def _device(context: Context) -> Resource:
    return {
        **_resource(context, "Device"),
        "status": "active",
        "manufacturer": RESPONSIBLE,
        "deviceName": [{"name": "marrowmap", "type": "model-name"}],
        "version": [{"value": context.version}],
    }


def _report(context: Context, observations: Iterable[Resource], studies: list[Resource], pdf: Path | None) -> Resource:
    made = {
        **_resource(context, "DiagnosticReport"),
        "status": "preliminary",
        "code": _concept(IMAGING_STUDY_REPORT),
        "subject": _subject(context),
    }
    dates = sorted({one["effectiveDateTime"] for one in observations if "effectiveDateTime" in one})
    if dates:
        made["effectiveDateTime"] = dates[-1]
    made["imagingStudy"] = [_reference(study) for study in studies]
    made["result"] = [_reference(one) for one in observations]
    if pdf is not None:
        digest = hashlib.sha1(pdf.read_bytes(), usedforsecurity=False).digest()  # FHIR R4 asks for SHA-1
        made["presentedForm"] = [
            {
                "contentType": "application/pdf",
                "url": "../report.pdf",
                "size": pdf.stat().st_size,
                "hash": base64.b64encode(digest).decode(),
                "title": FIELDS["research_use_only"].meaning,
            }
        ]
    return {name: value for name, value in made.items() if value != []}


def _provenance(context: Context, targets: list[Resource], studies: list[Resource], device: Resource) -> Resource:
    unknown = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    made = {
        **_resource(context, "Provenance"),
        "target": [_reference(target) for target in targets],
        # No output holds the clock, so that the same exam gives the same bytes.
        "_recorded": {"extension": [{"url": unknown, "valueCode": "unknown"}]},
        "agent": [{"who": _reference(device)}],
    }
    if studies:
        made["entity"] = [{"role": "source", "what": _reference(study)} for study in studies]
    return made


def build_bundle(rows: Rows, images: SourceImages, person_id: str, pdf: Path | None = None) -> Resource:
    """Build the bundle of an exam: a transaction of PUTs, which can be sent again without doubling anything.

    Parameters
    ----------
    rows : Rows
    images : SourceImages
        Empty for NIfTI.
    person_id : str
    pdf : Path, optional
        The report beside it.

    Raises
    ------
    ConformanceError
        If a name has no code.
    """
    version = metadata.version("marrowmap")
    named = sorted({(row["evidence"] or {}).get("series_uid", "") for row in (*rows.measurements, *rows.findings)})
    seed = str(images.first.StudyInstanceUID) if images.headers else json.dumps([person_id, *named])
    bare = Context(seed, person_id, {}, version)
    context = Context(seed, person_id, _imaging_studies(bare, images), version)
    try:
        observations = list(_observations(context, rows))
    except (KeyError, ValueError) as error:
        raise ConformanceError(f"cannot write {PATH}: {' '.join(str(error).split())}") from error
    studies = list({study["id"]: study for study in context.studies.values()}.values())
    device = _device(context)
    report = _report(context, observations, studies, pdf)
    resources = [device, *studies, *observations, report]
    resources.append(_provenance(context, [*observations, report], studies, device))
    return {
        "resourceType": "Bundle",
        "id": context.identify("Bundle"),
        "meta": {"tag": [_coding(FIELDS["research_use_only"])]},
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{one['id']}",
                "resource": one,
                "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
            }
            for one in resources
        ],
    }


def write_bundle(rows: Rows, images: SourceImages, person_id: str, folder: Path) -> str:
    """Write ``fhir/bundle.json`` into the output folder, after its PDF, and check it by reading it back.

    Returns
    -------
    str
        Path inside `folder`.

    Raises
    ------
    ConformanceError
        If a name has no code, or a row does not read back as it was meant.
    """
    pdf = folder / "report.pdf"
    text = dump_json(build_bundle(rows, images, person_id, pdf if pdf.is_file() else None))
    try:
        back = rows_of_bundle(json.loads(text))
    except InputError as error:
        raise ConformanceError(f"{PATH}: {error}") from error
    for kind in ("measurements", "findings", "differential"):
        if getattr(back, kind) != getattr(rows, kind):
            raise ConformanceError(f"{PATH}: {kind} read back differ")
    (folder / "fhir").mkdir(exist_ok=True)
    (folder / PATH).write_text(text, encoding="utf-8")
    return PATH
