"""What the user says of a bone scan where its files are silent."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.image import View
from marrowmap.ingest.scan import Phase

VIEW_OPTION, PHASE_OPTION = "--view", "--phase"
"""The user's word is recorded under the option that it came by."""


@dataclass(frozen=True)
class ScanHint:
    """The user's word on a bone scan; it fills gaps and never overrules a file.

    Parameters
    ----------
    patient_position : str
        Of `nm_geometry.POSITIONS`: how the patient lay; empty if not said.
    view : View or None
        Anterior or posterior: from where planar views are seen that nothing in their file names.
    phase : Phase
        Of parts whose phase neither time nor description tells; `Phase.UNKNOWN` if not said.
    """

    patient_position: str = ""
    view: View | None = None
    phase: Phase = Phase.UNKNOWN


NOTHING_SAID = ScanHint()
