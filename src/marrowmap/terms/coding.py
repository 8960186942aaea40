"""The one table of codes behind DICOM SR and FHIR: what each name of a row is called by others, and back.

Every name has exactly one code that leads back to it (its own); quantities may have a public one beside it that says
less, as volume for edema volume. Codes no open source confirmed lie in our own scheme and are provisional.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from marrowmap.terms.codes import HIP_JOINT
from marrowmap.terms.codes import LEFT
from marrowmap.terms.codes import PRIVATE_SCHEME
from marrowmap.terms.codes import RIGHT
from marrowmap.terms.codes import Code
from marrowmap.terms.codes import private
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.terms.signs import SIGNS
from marrowmap.terms.units import UNITS

PRIVATE_SCHEME_UID = "2.25.28630673188577808966665366608959923519"
"""OID of our own scheme: Coding Scheme UID in DICOM, ``urn:oid:`` in FHIR."""
PRIVATE_SCHEME_NAME = "marrowmap provisional concepts"
RESPONSIBLE = "marrowmap project"

SYSTEMS: dict[str, str] = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    PRIVATE_SCHEME: f"urn:oid:{PRIVATE_SCHEME_UID}",
}
"""Scheme designator of DICOM to the system that FHIR names it by."""

LONGEST_MEANING = 64
"""Characters of a Code Meaning (VR LO)."""


@dataclass(frozen=True)
class Concept:
    """What a name is called by others.

    Parameters
    ----------
    name : str
        As in a row.
    own : Code
        The code that leads back to the name; no other name of its kind has it.
    public : Code or None
        A public code that means as much or more; None where `own` is the public one or there is none.
    """

    name: str
    own: Code
    public: Code | None = None

    @property
    def codes(self) -> tuple[Code, ...]:
        """The public code, if any, before our own."""
        return (self.own,) if self.public is None else (self.public, self.own)


STATES: dict[str, Code] = {
    "present": Code("52101004", "SCT", "Present"),
    "absent": Code("272519000", "SCT", "Absent"),
    "undetermined": Code("373068000", "SCT", "Undetermined"),
    "not_assessable": private("not_assessable", "Not assessable"),
}
"""State of a finding: DICOM CID 240, and one of our own."""

SIDES: dict[str, Code] = {"left": LEFT, "right": RIGHT}

JOINTS: dict[str, Code] = {
    "hip": HIP_JOINT,
    "knee": Code("49076000", "SCT", "Knee joint"),
    "ankle": Code("70258002", "SCT", "Ankle joint"),
}

MODALITIES: dict[str, Code] = {
    "MR": Code("MR", "DCM", "Magnetic Resonance"),
    "CT": Code("CT", "DCM", "Computed Tomography"),
    "NM": Code("NM", "DCM", "Nuclear Medicine"),
    "DX": Code("DX", "DCM", "Digital Radiography"),
    "CR": Code("CR", "DCM", "Computed Radiography"),
    "BMD": Code("BMD", "DCM", "Bone Mineral Densitometry"),
    "DXA": private("modality_DXA", "Dual-energy X-ray absorptiometry"),
    "OT": Code("OT", "DCM", "Other"),
}
"""Modality of a row to its code (CID 29 and 33)."""

FIELDS: dict[str, Code] = {
    "quantity": private("quantity", "Quantity of marrowmap"),
    "interval_low": private("interval_low", "Lower bound of the 95 % interval"),
    "interval_high": private("interval_high", "Upper bound of the 95 % interval"),
    "region": Code("363698007", "SCT", "Finding Site"),
    "joint": private("joint", "Joint"),
    "side": Code("272741003", "SCT", "Laterality"),
    "modality": Code("121139", "DCM", "Modality"),
    "certainty": Code("111012", "DCM", "Certainty of Finding"),
    "smallest_detectable": private("smallest_detectable", "Smallest detectable extent"),
    "note": Code("121106", "DCM", "Comment"),
    "evidence": Code("121112", "DCM", "Source of Measurement"),
    "evidence_series": private("evidence_series", "Source series or file"),
    "evidence_instances": private("evidence_instances", "Source instances or lines"),
    "evidence_frames": private("evidence_frames", "Slices of the source, from 0"),
    "mask_sha256": private("mask_sha256", "SHA-256 of the mask"),
    "mask_file": private("mask_file", "File of the mask"),
    "entity": private("entity", "Disease entity"),
    "probability": Code("122157", "DCM", "Probability"),
    "supports": private("supports", "Supports the entity"),
    "against": private("against", "Speaks against the entity"),
    "missing": private("missing", "Not known, would tell most"),
    "membership": private("edema_membership", "Edema membership, 0 to 1"),
    "restriction": private("restriction", "Restriction of use"),
    "research_use_only": private("research_use_only", "Research use only. Not a medical device."),
}
"""What is said beside a value, by the names of the columns where there is one."""

RESEARCH_USE_ONLY = FIELDS["research_use_only"].meaning


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _of_quantity(name: str) -> Concept:
    code = QUANTITIES[name].code
    return Concept(name, code) if code.provisional else Concept(name, private(name, _title(name)), code)


@cache
def concepts() -> dict[str, dict[str, Concept]]:
    """Return the whole table: kind (``quantity``, ``sign``, ``unit`` …) to name to concept."""
    return {
        "quantity": {name: _of_quantity(name) for name in QUANTITIES},
        "sign": {name: Concept(name, private(name, _title(name))) for name in SIGNS},
        "entity": {name: Concept(name, private(name, meaning)) for name, meaning in ENTITIES.items()},
        "unit": {name: Concept(name, Code(name, "UCUM", meaning)) for name, meaning in UNITS.items()},
        **{
            kind: {name: Concept(name, code) for name, code in table.items()}
            for kind, table in (
                ("region", REGIONS),
                ("state", STATES),
                ("side", SIDES),
                ("joint", JOINTS),
                ("modality", MODALITIES),
                ("field", FIELDS),
            )
        },
    }


def concept_of(kind: str, name: str) -> Concept:
    """Return what a name is called by others.

    Raises
    ------
    ValueError
        If the table has no such name.
    """
    table = concepts()[kind]
    if name not in table:
        raise ValueError(f"{kind} {name!r} has no code: add it to marrowmap.terms")
    return table[name]


@cache
def _names(kind: str) -> dict[tuple[str, str], str]:
    return {(one.own.scheme, one.own.value): name for name, one in concepts()[kind].items()}


def name_of(kind: str, scheme: str, value: str) -> str:
    """Return the name whose own code this is.

    Raises
    ------
    ValueError
        If none has it.
    """
    names = _names(kind)
    if (scheme, value) not in names:
        raise ValueError(f"code {value!r} of scheme {scheme!r} is no {kind} of marrowmap")
    return names[scheme, value]


def scheme_of(system: str) -> str:
    """Return the scheme designator of a system that FHIR names.

    Raises
    ------
    ValueError
        If it is none of :data:`SYSTEMS`.
    """
    for scheme, known in SYSTEMS.items():
        if known == system:
            return scheme
    raise ValueError(f"code system {system!r} is none of {', '.join(SYSTEMS.values())}")
