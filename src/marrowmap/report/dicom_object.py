"""What every DICOM object we write shares: name-based UIDs, the source images' headers and date, our code scheme."""

from __future__ import annotations

import datetime
import uuid
import warnings
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.valuerep import DA
from pydicom.valuerep import TM

from marrowmap.errors import ConformanceError
from marrowmap.image import Grid
from marrowmap.ingest.exam import Series
from marrowmap.terms import coding
from marrowmap.terms.codes import PRIVATE_SCHEME
from marrowmap.terms.codes import Code

NAMESPACE = uuid.UUID("6d1c1c0e-8a1e-5a65-9a3c-2f0f4c1b7d10")
"""Root of the name-based UIDs, so that the same input gives the same objects."""

MANUFACTURER = coding.RESPONSIBLE

# Type 2 attributes some writers leave out, but a derived object must carry.
_TYPE_2 = (
    "AccessionNumber",
    "PatientBirthDate",
    "PatientID",
    "PatientName",
    "PatientSex",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyID",
    "StudyTime",
)


def name_based_uid(*parts: str) -> str:
    """Return the UID that belongs to these words: the same words, the same UID."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(parts)).int}"


def coded(code: Code) -> CodedConcept:
    """Return a code as an item of a DICOM code sequence."""
    return CodedConcept(code.value, code.scheme, code.meaning)


def read_header(file: Path) -> Dataset:
    """Read a source image's header, with every attribute a derived object must repeat."""
    source = pydicom.dcmread(file, stop_before_pixels=True, force=True)
    for keyword in _TYPE_2:
        if keyword not in source:
            setattr(source, keyword, "")
    return source


def read_sources(series: Series) -> list[Dataset]:
    """Read the headers of the source images in slice order; one dataset for an enhanced object."""
    return [read_header(file) for file in dict.fromkeys(series.files)]


def frame_planes(series: Series, source: Dataset) -> list[highdicom.PlanePositionSequence]:
    """Return where each slice of the series lies, from the frames of its enhanced object."""
    planes = []
    for number in series.frame_numbers:
        item = source.PerFrameFunctionalGroupsSequence[number - 1]
        position = item.PlanePositionSequence[0].ImagePositionPatient
        planes.append(highdicom.PlanePositionSequence("PATIENT", [float(x) for x in position]))
    return planes


def is_multi_frame(source: Dataset) -> bool:
    """Say whether a source image holds all slices of its series in one object."""
    return "PerFrameFunctionalGroupsSequence" in source


def own_attributes(series: Series, sources: Sequence[Dataset], series_uid: str) -> dict[str, Any]:
    """Return what highdicom is told of every multi-frame object of ours: its origin, its UIDs, where its frames lie."""
    return {
        "source_images": sources,
        "content_creator_name": "marrowmap",
        "series_instance_uid": series_uid,
        "sop_instance_uid": name_based_uid("instance", series_uid),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "marrowmap",
        "software_versions": metadata.version("marrowmap"),
        "device_serial_number": "none",
        "plane_positions": frame_planes(series, sources[0]) if is_multi_frame(sources[0]) else None,
    }


@contextmanager
def one_clear_line(what: str, series: Series) -> Iterator[None]:
    """Make what highdicom says of headers it cannot use a ConformanceError of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values of the source that do not meet the standard are not ours
            yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConformanceError(
            f"cannot write a DICOM {what} for series {series.uid}: {' '.join(str(error).split())} "
            "(the source headers do not allow it)"
        ) from error


def _content_time(sources: Sequence[Dataset]) -> tuple[DA, TM]:
    """Return date and time of the source images, so that the same images give the same object."""
    for stem in ("Content", "Acquisition", "Series", "Study"):
        date = str(sources[0].get(f"{stem}Date", "") or "")
        if date:
            return DA(date), TM(str(sources[0].get(f"{stem}Time", "") or "000000"))
    return DA(datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")), TM("000000")


def private_scheme() -> Dataset:
    """Return the item of Coding Scheme Identification Sequence that names our own codes."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE_SCHEME
    scheme.CodingSchemeUID = coding.PRIVATE_SCHEME_UID
    scheme.CodingSchemeName = coding.PRIVATE_SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    return scheme


def fix_identity(made: Dataset, sources: Sequence[Dataset], series_uid: str) -> None:
    """Replace what highdicom draws at random or from the clock, and name our code scheme."""
    date, time = _content_time(sources)
    made.ContentDate, made.ContentTime = date, time
    made.InstanceCreationDate, made.InstanceCreationTime = date, time
    made.SeriesDate, made.SeriesTime = date, time
    for item in made.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in item:
            item.ContributionDateTime = f"{date}{time}"
    organization = name_based_uid("dimensions", series_uid)
    for item in (*made.get("DimensionOrganizationSequence", ()), *made.get("DimensionIndexSequence", ())):
        item.DimensionOrganizationUID = organization
    made.CodingSchemeIdentificationSequence = [private_scheme()]


def keep_own_frames(made: Dataset, frame_numbers: Sequence[int]) -> None:
    """Drop references to other echoes at the same place, which highdicom adds by position."""
    own = set(frame_numbers)
    for item in made.PerFrameFunctionalGroupsSequence:
        for derivation in item.get("DerivationImageSequence", []):
            derivation.SourceImageSequence = DicomSequence(
                source for source in derivation.SourceImageSequence if source.get("ReferencedFrameNumber", 0) in own
            )


def frame_group(made: Dataset, frame: int, keyword: str) -> Dataset:
    """Return a functional group of a frame, its own or the shared one."""
    own = made.PerFrameFunctionalGroupsSequence[frame]
    group: Dataset = (own if keyword in own else made.SharedFunctionalGroupsSequence[0])[keyword][0]
    return group


def slice_of_frame(path: Path, made: Dataset, frame: int, grid: Grid) -> int:
    """Return the grid's slice that a frame lies on, by its position in the patient, never by its order.

    Raises
    ------
    ConformanceError
        If it does not lie on a slice of the grid.
    """
    position = np.asarray(frame_group(made, frame, "PlanePositionSequence").ImagePositionPatient, float)
    nearest = np.rint(grid.to_index(position)).astype(int)
    off = float(np.linalg.norm(grid.to_world(nearest) - position))
    # Slices may be spaced a little unevenly, so the place along the normal only has to be the nearest.
    if nearest[0] != 0 or nearest[1] != 0 or not 0 <= nearest[2] < grid.shape[2] or off > grid.spacing[2] / 4:
        raise ConformanceError(f"{path.name}: frame {frame + 1} lies {off:.2f} mm off its source slice")
    return int(nearest[2])
