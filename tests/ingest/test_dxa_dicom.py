"""DICOM objects of a densitometer: LOINC-coded numbers are read, anything else is shown as found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import generate_uid

from marrowmap.errors import InputError
from marrowmap.ingest.dxa_dicom import read_density_dicom
from marrowmap.values import Side

NECK, LEFT, RIGHT = "29627003", "7771000", "24028007"


def coded(value: str, scheme: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, value
    return [item]


def code(concept: str, value: str, *children: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = coded(concept, "SCT"), coded(value, "SCT")
    if children:
        item.ContentSequence = list(children)
    return item


def number(loinc: str, value: str, unit: str, *children: Dataset) -> Dataset:
    item, measured = Dataset(), Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence = coded(loinc, "LN")
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, coded(unit, "UCUM")
    item.MeasuredValueSequence = [measured]
    if children:
        item.ContentSequence = list(children)
    return item


def group(*children: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER"
    item.ConceptNameCodeSequence, item.ContentSequence = coded("125007", "DCM"), list(children)
    return item


def site(side: str, region: str = NECK) -> Dataset:
    return code("363698007", region, code("272741003", side))


def write(folder: Path, sop_class: str, *content: Dataset) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.PatientSex, dataset.PatientBirthDate = "P1", "F", "19600229"
    dataset.StudyDate, dataset.ContentDate, dataset.Manufacturer = "20200103", "20200105", "HOLOGIC"
    dataset.ManufacturerModelName = "Horizon A"
    if content:
        dataset.ContentSequence = list(content)
    path = folder / "object.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


def test_coded_numbers_under_a_coded_site(tmp_path):
    path = write(
        tmp_path,
        ENHANCED_SR,
        group(site(LEFT), number("46278-8", "0.783", "g/cm2"), number("80946-7", "-2.1", "{T-score}")),
        group(site(RIGHT), number("24701-5", "811", "mg/cm2")),
        number("24966-4", "1.02", "g/cm2"),
    )
    records, found = read_density_dicom(path)
    assert found == ()
    told = {(r.region, r.side): (r.bmd, r.t_score) for r in records}
    assert told == {
        ("femoral_neck", Side.LEFT): (0.783, -2.1),
        ("femoral_neck", Side.RIGHT): (pytest.approx(0.811), None),
        ("spine", None): (1.02, None),
    }
    assert (records[0].person, records[0].sex, records[0].birth_date) == ("P1", "F", date(1960, 2, 29))
    assert (records[0].date, records[0].machine) == (date(2020, 1, 3), "HOLOGIC Horizon A")
    assert records[0].place.startswith("SOP Instance UID 1.2.826")


def test_a_hip_without_its_region_is_not_guessed(tmp_path):
    records, (found,) = read_density_dicom(write(tmp_path, ENHANCED_SR, number("46278-8", "0.783", "g/cm2")))
    assert records == ()
    assert "46278-8 without a coded region" in str(found)


@pytest.mark.parametrize(
    "content",
    [
        (group(site(RIGHT), number("46278-8", "0.783", "g/cm2")),),
        (group(site(LEFT), number("46278-8", "0.783", "g")),),
        (group(site(LEFT), number("46278-8", "0.783", "g/cm2"), number("80954-1", "0.8", "g/cm2")),),
    ],
)
def test_contradictions_stop(tmp_path, content):
    with pytest.raises(InputError, match=r"object\.dcm"):
        read_density_dicom(write(tmp_path, ENHANCED_SR, *content))


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
        ("1.2.840.10008.5.1.4.1.1.7", "Secondary Capture"),
        (ENHANCED_SR, "Enhanced SR"),
    ],
)
def test_what_no_standard_names_is_shown_as_found(tmp_path, sop_class, kind):
    path = write(tmp_path, sop_class)
    records, (found,) = read_density_dicom(path)
    assert records == ()
    assert kind in str(found)
    assert found.uid in str(found)
    assert "density-form" in str(found)


def test_no_dicom(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"hello")
    with pytest.raises(InputError, match="neither a CSV table nor DICOM"):
        read_density_dicom(tmp_path / "x.dcm")


def test_two_sites_or_two_sides_beside_one_number_are_not_guessed(tmp_path):
    bmd = number("24701-5", "0.783", "g/cm2")
    for two in ((site(LEFT), site(RIGHT)), (site(LEFT), site(LEFT, "30547004"))):
        records, (found,) = read_density_dicom(write(tmp_path, ENHANCED_SR, group(*two, bmd)))
        assert records == ()
        assert "24701-5 without a coded region and side" in str(found)
    beside = group(code("363698007", NECK), code("272741003", LEFT), bmd)
    (one,), _ = read_density_dicom(write(tmp_path, ENHANCED_SR, beside))
    assert (one.region, one.side) == ("femoral_neck", Side.LEFT)
