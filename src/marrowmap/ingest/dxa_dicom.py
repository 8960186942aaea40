"""Densitometry in DICOM: what a standard code names is read; anything else is shown as found and left to be typed.

DICOM has no IOD and no template (TID) for densitometry. Densitometers send their results as a Secondary Capture page,
an Encapsulated PDF, vendors' private elements or a Structured Report. Of these only numbers that a LOINC code names can
be read without guessing; LOINC has codes for hip and femur by side, and none that tells total hip from femoral neck, so
the region must be coded as finding site.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from marrowmap.errors import InputError
from marrowmap.ingest.dxa_fields import FACTORS
from marrowmap.ingest.dxa_fields import normalize_unit
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import iso_date
from marrowmap.ingest.header import quiet
from marrowmap.terms.regions import REGIONS
from marrowmap.values import DensityRecord
from marrowmap.values import Menopause
from marrowmap.values import Side
from marrowmap.values.density_record import JOINT_OF_REGION

LOINC: dict[str, tuple[str, Side | None]] = {
    "46278-8": ("bmd", Side.LEFT),
    "46279-6": ("bmd", Side.RIGHT),
    "38261-4": ("bmd", None),
    "24701-5": ("bmd", None),
    "80954-1": ("bmd", Side.LEFT),
    "80953-3": ("bmd", Side.RIGHT),
    "24966-4": ("bmd", None),
    "46383-6": ("bmd", None),
    "80946-7": ("t_score", Side.LEFT),
    "80945-9": ("t_score", Side.RIGHT),
    "38264-8": ("t_score", None),
    "80948-3": ("t_score", Side.LEFT),
    "80947-5": ("t_score", Side.RIGHT),
    "38263-0": ("t_score", None),
    "38267-1": ("t_score", None),
    "80938-4": ("z_score", Side.LEFT),
    "80937-6": ("z_score", Side.RIGHT),
    "80933-5": ("z_score", None),
    "80940-0": ("z_score", Side.LEFT),
    "80939-2": ("z_score", Side.RIGHT),
    "80934-3": ("z_score", None),
    "85394-5": ("z_score", None),
}
"""LOINC code to what it is and of which side (None: the side must be coded beside it); conventions of HL7 examples."""
SPINE_CODES = {"24966-4", "38267-1", "85394-5"}

_SIDES = {"7771000": Side.LEFT, "24028007": Side.RIGHT, "G-A101": Side.LEFT, "G-A100": Side.RIGHT}
_FINDING_SITE = {"363698007", "G-C0E3"}
_LATERALITY = {"272741003", "G-C171"}
_UNITS = {"{t-score}": "1", "{z-score}": "1", "{score}": "1", "1": "1"}
_SR = "1.2.840.10008.5.1.4.1.1.88."
_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True)
class FoundObject:
    """A DICOM object of a densitometer whose numbers cannot be read without guessing."""

    file: str
    kind: str
    uid: str
    why: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.file}: {self.kind} (SOP Instance UID {self.uid}) found, not read: {self.why}"


@dataclass
class _Place:
    """What the content items above a number say of it."""

    region: str = ""
    side: Side | None = None
    numbers: dict[str, float] = field(default_factory=dict)


def read_density_dicom(path: Path) -> tuple[tuple[DensityRecord, ...], tuple[FoundObject, ...]]:
    """Read what a DICOM file of a densitometer holds in standard codes.

    Returns
    -------
    records : tuple of DensityRecord
        From a Structured Report with LOINC-coded numbers under a coded finding site.
    found : tuple of FoundObject
        The object itself where nothing, or not all, could be read.

    Raises
    ------
    InputError
        If the file is no DICOM, or a coded number has a unit that is none of its own.
    """
    try:
        with quiet():
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            sop_class = str(dataset.get("SOPClassUID", ""))
    except Exception as error:
        raise InputError(f"{path.name}: is neither a CSV table nor DICOM: give densitometry records") from error
    uid = get_text(dataset, "SOPInstanceUID")
    if sop_class.startswith(_SR):
        return _read_report(dataset, path.name, uid)
    kind = UID(sop_class).name if sop_class else "DICOM object of no class"
    why = "no standard says where its numbers are; type them in (marrowmap density-form)"
    if not (sop_class == _PDF or sop_class.startswith(_CAPTURE)):
        why = "holds no densitometry that a standard names; type its numbers in (marrowmap density-form)"
    return (), (FoundObject(path.name, kind, uid, why),)


def _read_report(dataset: Dataset, name: str, uid: str) -> tuple[tuple[DensityRecord, ...], tuple[FoundObject, ...]]:
    groups: dict[tuple[str, Side | None], dict[str, float]] = defaultdict(dict)
    unread: list[str] = []
    for code, item, region, side in _numbers(dataset, "", None):
        quantity, coded_side = LOINC[code]
        region = "spine" if code in SPINE_CODES else region  # noqa: PLW2901
        if coded_side and side and coded_side is not side:
            raise InputError(f"{name}: LOINC {code} is of the {coded_side.value} side, its finding site of the other")
        side = None if region == "spine" else coded_side or side  # noqa: PLW2901
        if region not in JOINT_OF_REGION or (JOINT_OF_REGION[region] is not None and side is None):
            unread.append(code)
            continue
        value = _value(item, quantity, code, name)
        if groups[region, side].setdefault(quantity, value) != value:
            raise InputError(f"{name}: two values of {quantity} for one {region}: type the right one in by hand")
    records = tuple(_record(dataset, name, uid, region, side, found) for (region, side), found in groups.items())
    kind = UID(str(dataset.SOPClassUID)).name
    if unread:
        why = f"LOINC {', '.join(sorted(set(unread)))} without a coded region and side; type these in"
        return records, (FoundObject(name, kind, uid, why),)
    if not records:
        why = "no number under a LOINC code of densitometry; type its numbers in (marrowmap density-form)"
        return (), (FoundObject(name, kind, uid, why),)
    return records, ()


def _numbers(dataset: Dataset, region: str, side: Side | None) -> Iterator[tuple[str, Dataset, str, Side | None]]:
    """Walk the content tree; yield LOINC-coded numbers with the region and side that hold for them."""
    items = list(get_value(dataset, "ContentSequence") or ())
    region, side = _site(items, region, side)
    for item in items:
        code = _code(item, "ConceptNameCodeSequence")
        if get_text(item, "ValueType") == "NUM" and code in LOINC:
            yield code, item, *_site(list(get_value(item, "ContentSequence") or ()), region, side)
        else:
            yield from _numbers(item, region, side)


def _site(items: Sequence[Dataset], region: str, side: Side | None) -> tuple[str, Side | None]:
    """Return region and side that items beside a number state; none where they state two."""
    codes = {code.value: name for name, code in REGIONS.items() if name in JOINT_OF_REGION}
    regions: set[str] = set()
    sides: set[Side] = set()
    for item in items:
        concept, value = _code(item, "ConceptNameCodeSequence"), _code(item, "ConceptCodeSequence")
        if concept in _FINDING_SITE:
            regions.add(codes.get(value, ""))
            own = _site(list(get_value(item, "ContentSequence") or ()), "", None)[1]
            sides |= {own} if own else set()
        elif concept in _LATERALITY:
            sides |= {_SIDES[value]} if value in _SIDES else set()
    region = next(iter(regions), region) if len(regions) < 2 else ""
    return region, (next(iter(sides), side) if len(sides) < 2 else None)


def _code(item: Dataset, keyword: str) -> str:
    sequence = get_value(item, keyword)
    return get_text(sequence[0], "CodeValue") if sequence else ""


def _value(item: Dataset, quantity: str, code: str, name: str) -> float:
    measured = get_value(item, "MeasuredValueSequence")
    value = as_number(get_value(measured[0], "NumericValue")) if measured else None
    unit = _code(measured[0], "MeasurementUnitsCodeSequence") if measured else ""
    plain = normalize_unit(unit)
    plain = _UNITS.get(plain, plain)
    if value is None or plain not in FACTORS[quantity]:
        raise InputError(
            f"{name}: LOINC {code} with value {value} in {unit or 'no unit'}: {quantity} is given in "
            f"{' or '.join(FACTORS[quantity])}; type it in by hand"
        )
    return value * FACTORS[quantity][plain]


def _date(dataset: Dataset, keyword: str) -> date | None:
    try:
        return date.fromisoformat(iso_date(get_text(dataset, keyword)))
    except ValueError:
        return None


def _record(
    dataset: Dataset, name: str, uid: str, region: str, side: Side | None, found: dict[str, float]
) -> DensityRecord:
    # A report may be written days after the exam: its study's date comes first.
    when = _date(dataset, "StudyDate") or _date(dataset, "ContentDate")
    sex = get_text(dataset, "PatientSex").upper()
    model = f"{get_text(dataset, 'Manufacturer')} {get_text(dataset, 'ManufacturerModelName')}".strip()
    return DensityRecord(
        person=get_text(dataset, "PatientID"),
        birth_date=_date(dataset, "PatientBirthDate"),
        sex=sex if sex in ("M", "F") else "",
        menopause=Menopause.UNKNOWN,
        date=when,
        region=region,
        side=side,
        vertebrae=(),
        bmd=found.get("bmd"),
        bmc=None,
        area=None,
        t_score=found.get("t_score"),
        z_score=found.get("z_score"),
        machine=model,
        software=get_text(dataset, "SoftwareVersions"),
        reference="",
        source=name,
        place=f"SOP Instance UID {uid}",
    )
