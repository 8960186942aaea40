"""Coded concepts, each with how sure we are of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A coded concept.

    Parameters
    ----------
    value, scheme, meaning : str
        As in a DICOM code sequence item; scheme ``SCT``, ``DCM``, ``UCUM`` or our own ``99MARROWMAP``.
    provisional : bool
        True where no open source confirmed the code: a private one that may change.
    """

    value: str
    scheme: str
    meaning: str
    provisional: bool = False


PRIVATE_SCHEME = "99MARROWMAP"


def private(value: str, meaning: str) -> Code:
    """Return a provisional code of our own scheme, for concepts without a verified public one."""
    return Code(value, PRIVATE_SCHEME, meaning, provisional=True)


LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")
HIP_JOINT = Code("24136001", "SCT", "Hip joint structure")
BONE_MARROW = Code("14016003", "SCT", "Bone marrow")
EDEMA = Code("79654002", "SCT", "Edema")
NECROSIS = Code("6574001", "SCT", "Necrosis")
REPLACED_MARROW = private("replaced_marrow", "Marrow replaced on T1")
EFFUSION = Code("41699000", "SCT", "Effusion")
ANATOMICAL_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
MORPHOLOGICALLY_ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
BODY_SUBSTANCE = Code("91720002", "SCT", "Body Substance")
