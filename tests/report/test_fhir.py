"""The bundle is valid FHIR R4, its codes lie in the required value sets, and every row comes back from it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B.bundle import Bundle

from marrowmap.errors import ConformanceError
from marrowmap.errors import InputError
from marrowmap.report.fhir import build_bundle
from marrowmap.report.fhir import write_bundle
from marrowmap.report.fhir_rows import rows_of_bundle
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import Rows
from marrowmap.report.rows import collect_rows
from marrowmap.report.source_images import SourceImages
from marrowmap.report.source_images import read_source_images

from .structured import every_row
from .structured import with_differential

Resource = dict[str, Any]

# Value sets of binding strength "required" in R4; the two validators do not look at them.
REQUIRED = {
    ("Bundle", "type"): {"transaction"},
    ("Observation", "status"): {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "unknown"},
    ("DiagnosticReport", "status"): {"registered", "partial", "preliminary", "final", "amended", "unknown"},
    ("ImagingStudy", "status"): {"registered", "available", "cancelled", "entered-in-error", "unknown"},
    ("Device", "status"): {"active", "inactive", "entered-in-error", "unknown"},
}
DEVICE_NAMES = {
    "udi-label-name",
    "user-friendly-name",
    "patient-reported-name",
    "manufacturer-name",
    "model-name",
    "other",
}
ROLES = {"derivation", "revision", "quotation", "source", "removal"}
WHY_ABSENT = {"not-performed", "unsupported"}


@pytest.fixture(scope="module")
def images(result: AnalysisResult) -> SourceImages:
    return read_source_images(result.exam)


@pytest.fixture(scope="module")
def rows(result: AnalysisResult) -> Rows:
    return collect_rows(with_differential(result), {})


@pytest.fixture(scope="module")
def bundle(rows: Rows, images: SourceImages, tmp_path_factory: pytest.TempPathFactory) -> Resource:
    folder = tmp_path_factory.mktemp("fhir")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    return json.loads((folder / write_bundle(rows, images, "P-1", folder)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def full(result: AnalysisResult, images: SourceImages) -> tuple[Rows, Resource]:
    series = result.exam.series[0]
    rows = every_row(series.uid, series.instance_uids[:3])
    return rows, json.loads(json.dumps(build_bundle(rows, images, "")))


def resources(bundle: Resource, kind: str = "") -> list[Resource]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in found if not kind or one["resourceType"] == kind]


def walk(value: Any) -> Iterator[Resource]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def assert_valid(bundle: Resource) -> None:
    for one in [bundle, *resources(bundle)]:
        issues = fhirkit.validate(json.dumps(one))
        assert not issues, (one["resourceType"], issues[:3])
    Bundle.model_validate(bundle)


def test_two_validators_find_no_error(bundle: Resource, full: tuple[Rows, Resource]) -> None:
    assert_valid(bundle)
    assert_valid(full[1])


def test_the_validators_do_find_errors(bundle: Resource) -> None:
    spoilt = copy.deepcopy(bundle)
    del resources(spoilt, "Observation")[0]["code"]
    with pytest.raises(AssertionError, match="code: required element missing"):
        assert_valid(spoilt)


def test_required_codes_are_of_their_value_sets(bundle: Resource, full: tuple[Rows, Resource]) -> None:
    for document in (bundle, full[1]):
        for one in [document, *resources(document)]:
            for (kind, field), allowed in REQUIRED.items():
                if one["resourceType"] == kind:
                    assert one[field] in allowed
        for entry in document["entry"]:
            assert entry["request"]["method"] == "PUT"
        for part in walk(document):
            if "dataAbsentReason" in part:
                assert part["dataAbsentReason"]["coding"][0]["code"] in WHY_ABSENT
            if "deviceName" in part:
                assert {name["type"] for name in part["deviceName"]} <= DEVICE_NAMES
            if "role" in part:
                assert part["role"] in ROLES


def test_every_kind_of_resource_is_there_and_tagged(bundle: Resource) -> None:
    kinds = {one["resourceType"] for one in resources(bundle)}
    assert kinds == {"ImagingStudy", "Observation", "DiagnosticReport", "Device", "Provenance"}
    for one in [bundle, *resources(bundle)]:
        assert one["meta"]["tag"][0]["display"] == "Research use only. Not a medical device."


def test_every_reference_leads_to_a_resource(bundle: Resource) -> None:
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    references = {part["reference"] for part in walk(bundle) if "reference" in part}
    assert references <= set(urls)
    observations = {f"urn:uuid:{one['id']}" for one in resources(bundle, "Observation")}
    (report,) = resources(bundle, "DiagnosticReport")
    assert {one["reference"] for one in report["result"]} == observations


def test_identifiers_are_name_based_and_do_not_change(bundle: Resource, rows: Rows, images: SourceImages) -> None:
    again = build_bundle(rows, images, "P-1")
    assert [e["fullUrl"] for e in again["entry"]] == [e["fullUrl"] for e in bundle["entry"]]
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(pattern.fullmatch(one["id"]) for one in resources(bundle))


def test_a_row_more_leaves_the_others_as_they_are(rows: Rows, images: SourceImages, bundle: Resource) -> None:
    fewer = build_bundle(Rows(rows.measurements[1:], rows.findings, rows.differential), images, "P-1")
    assert {e["fullUrl"] for e in fewer["entry"]} < {e["fullUrl"] for e in bundle["entry"]}


def test_the_rows_come_back(bundle: Resource, rows: Rows, full: tuple[Rows, Resource]) -> None:
    assert rows_of_bundle(bundle) == rows
    assert rows_of_bundle(full[1]) == full[0]


def test_absent_is_a_value_and_not_assessable_is_none(bundle: Resource, rows: Rows) -> None:
    signs = [one for one in resources(bundle, "Observation") if "valueQuantity" not in one]
    for row, one in zip(rows.findings, signs, strict=True):
        if row["state"] == "not_assessable":
            assert "valueCodeableConcept" not in one
            assert one["dataAbsentReason"]["coding"][0]["code"] in WHY_ABSENT
        else:
            code = {"present": "52101004", "absent": "272519000", "undetermined": "373068000"}[row["state"]]
            assert one["valueCodeableConcept"]["coding"][0]["code"] == code
            assert "dataAbsentReason" not in one
    assert {row["state"] for row in rows.findings} == {"present", "absent", "undetermined", "not_assessable"}


def test_identity_is_the_number_of_the_files_and_no_more(bundle: Resource, full: tuple[Rows, Resource]) -> None:
    text = json.dumps(bundle)
    assert "Secret" not in text
    assert "1980" not in text
    assert "P-1" not in json.dumps(full[1])
    assert not resources(bundle, "Patient")


def test_images_are_listed_by_study_and_series(bundle: Resource, result: AnalysisResult) -> None:
    (study,) = resources(bundle, "ImagingStudy")
    assert study["identifier"][0]["value"] == f"urn:oid:{result.exam.series[0].study_uid}"
    assert {series["uid"] for series in study["series"]} == {series.uid for series in result.exam.series}
    assert study["numberOfInstances"] == sum(len(series.instance_uids) for series in result.exam.series)


def test_without_dicom_there_is_no_study(rows: Rows) -> None:
    bundle = build_bundle(rows, SourceImages({}, {}), "")
    assert_valid(bundle)
    assert not resources(bundle, "ImagingStudy")
    assert rows_of_bundle(bundle) == rows


@pytest.mark.parametrize(("column", "value"), [("quantity", "girth"), ("unit", "furlong"), ("region", "elbow")])
def test_a_name_without_a_code_is_refused(rows: Rows, images: SourceImages, column: str, value: str) -> None:
    bad = Rows([{**rows.measurements[0], column: value}], [], [])
    with pytest.raises(ConformanceError, match=f"{value}.* has no code") as caught:
        build_bundle(bad, images, "")
    assert caught.value.exit_code == 6


def test_what_does_not_read_back_is_not_written(rows: Rows, images: SourceImages, tmp_path: Path) -> None:
    evidence = {**rows.measurements[0]["evidence"], "instance_uids": ["two\nlines"]}
    bad = Rows([{**rows.measurements[0], "evidence": evidence}], [], [])
    with pytest.raises(ConformanceError, match="measurements read back differ"):
        write_bundle(bad, images, "", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_anothers_observation_is_refused(bundle: Resource) -> None:
    other = copy.deepcopy(bundle)
    resources(other, "Observation")[0]["code"]["coding"][-1]["code"] = "8867-4"
    with pytest.raises(InputError, match="not marrowmap's"):
        rows_of_bundle(other)
