"""Which files lie beside the report and what each holds: docs/outputs.md says more."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from marrowmap.report.page import Section
from marrowmap.report.page import Table

ALWAYS = (
    "report.pdf",
    "measurements.json",
    "measurements.csv",
    "findings.json",
    "differential.json",
    "frames.json",
    "fhir/bundle.json",
    "manifest.json",
)
"""What an analysis leaves whatever was found."""

HOLDS = (
    ("report.pdf", "this report for printing"),
    ("measurements.*", "every number with place, unit, interval, method and evidence"),
    ("findings.json", "every sign with its state, certainty and smallest detectable extent"),
    ("differential.json", "what the findings support, with all reasons"),
    ("frames.json", "where each bone lies"),
    ("masks/regions.json", "which region each number of a label map is"),
    ("masks/*", "bones, regions and edema on their source's grid, NIfTI"),
    ("dicom/*_seg.dcm", "DICOM Segmentation: regions, edema, effusion, necrotic segment, replaced marrow"),
    ("dicom/*_edema.dcm", "DICOM Parametric Map: edema membership, 0 to 1"),
    ("dicom/registration_*.dcm", "DICOM Spatial Registration between images of one bone"),
    ("dicom/*_sr.dcm", "DICOM Structured Report (TID 1500): all rows"),
    ("fhir/*", "all rows as FHIR R4 bundle"),
    ("manifest.json", "versions, options, digests of inputs and outputs"),
)
"""What a file holds, by its name."""


def files_section(written: Sequence[str]) -> Section:
    """Return the section that names every file; masks in one line.

    Parameters
    ----------
    written : sequence of str
        Paths of masks and DICOM objects within the report's folder.
    """
    masks = [path for path in written if path.startswith("masks/")]
    many = [f"masks/*.nii.gz ({len(masks)})", "masks/regions.json"] if masks else []
    names = [*ALWAYS[:6], *many, *sorted(path for path in written if path not in masks), *ALWAYS[6:]]
    rows = tuple((name, next((words for pattern, words in HOLDS if fnmatchcase(name, pattern)), "")) for name in names)
    return Section("files", "Files beside this page", tables=(Table("Files", ("File", "Holds"), rows),))
