"""One imaging sign at one joint, with its state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from marrowmap.terms.signs import require_sign
from marrowmap.values.evidence import Evidence
from marrowmap.values.quantity import Quantity
from marrowmap.values.side import Joint
from marrowmap.values.side import Side


class State(Enum):
    """What can be said of a sign. ABSENT is earned: the image could have shown it."""

    PRESENT = "present"
    ABSENT = "absent"
    UNDETERMINED = "undetermined"
    NOT_ASSESSABLE = "not_assessable"


@dataclass(frozen=True)
class Finding:
    """One row of ``findings.json``.

    Parameters
    ----------
    sign : str
        A sign of :mod:`marrowmap.terms.signs`.
    joint, side : Joint, Side
    state : State
    certainty : float or None
        0 to 1, how sure the state is; None where it is NOT_ASSESSABLE.
    smallest_detectable : Quantity or None
        The least extent this image could have shown; required for ABSENT.
    modality : str
    date : str
    evidence : Evidence or None
        None only where nothing could be looked at.
    note : str
        Why, in one sentence a radiologist understands.

    Raises
    ------
    ValueError
        If ABSENT comes without its smallest detectable extent, or NOT_ASSESSABLE without a reason.
    """

    sign: str
    joint: Joint
    side: Side
    state: State
    certainty: float | None
    smallest_detectable: Quantity | None
    modality: str
    date: str
    evidence: Evidence | None
    note: str

    def __post_init__(self) -> None:
        require_sign(self.sign)
        if self.state is State.ABSENT and self.smallest_detectable is None:
            raise ValueError(f"{self.sign}: absence must be earned, say what would have been seen")
        if self.state is State.NOT_ASSESSABLE and not self.note:
            raise ValueError(f"{self.sign}: not assessable needs its reason")
        if (self.certainty is None) != (self.state is State.NOT_ASSESSABLE):
            raise ValueError(f"{self.sign}: a certainty belongs to every state but not_assessable")
        if self.certainty is not None and not 0.0 <= self.certainty <= 1.0:
            raise ValueError(f"{self.sign}: certainty {self.certainty} is not within 0 to 1")
