"""What ingest hands on: one person's series of volumes, parts of a bone scan, radiographs and maps of bone density."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from marrowmap.image import Volume
from marrowmap.ingest.density_image import DensityImage
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.scan import BoneScan
from marrowmap.values import Side
from marrowmap.values import Subject


class Sequence(Enum):
    """What a series shows, recognized from its physics."""

    T1 = "T1"
    T2 = "T2"
    PD = "PD"
    FLUID_FAT_SUPPRESSED = "fluid-sensitive fat-suppressed"
    DIXON_WATER = "Dixon water"
    DIXON_FAT = "Dixon fat"
    DIXON_IN_PHASE = "Dixon in phase"
    DIXON_OPPOSED_PHASE = "Dixon opposed phase"
    GRADIENT_ECHO = "gradient echo"
    MULTI_ECHO = "multi-echo spin echo"
    CT = "CT"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Series:
    """One image volume: one series, or one echo or contrast of it.

    Parameters
    ----------
    uid : str
        Series Instance UID, or a name made from the file for NIfTI.
    volume : Volume
        From DICOM, slices lie along the third index axis in the order of rising position along the slice normal;
        from NIfTI the axes are the file's (``volume.grid.slice_axis`` tells which one is the slice's).
    modality : str
        DICOM modality, ``MR`` or ``CT``.
    sequence, sequence_reason
        What it is and which tags said so.
    side, side_reason
        The one side its tags and descriptions name, or None where they name both or none. An exam of one hip may
        well show both in the image.
    files : tuple of Path
        The file of each slice (classic), the one file (enhanced, NIfTI).
    instance_uids : tuple of str
        SOP Instance UID of each slice; all alike for enhanced; empty for NIfTI.
    frame_numbers : tuple of int
        1-based frame of each slice in its file.
    slice_thickness_mm : float or None
        Extent of the slice profile (full width at half maximum); not the distance of slices.
    scanner : str
        Maker and model, as the file names them; empty if it does not.
    """

    uid: str
    study_uid: str
    number: int | None
    description: str
    modality: str
    date: str
    volume: Volume
    sequence: Sequence
    sequence_reason: str
    side: Side | None
    side_reason: str
    files: tuple[Path, ...]
    instance_uids: tuple[str, ...] = ()
    frame_numbers: tuple[int, ...] = ()
    slice_thickness_mm: float | None = None
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    field_strength_t: float | None = None
    body_part: str = ""
    scanner: str = ""


@dataclass(frozen=True)
class Exam:
    """All series of one person at one date.

    Parameters
    ----------
    subject : Subject
    date : str
        ISO 8601, empty if unknown.
    series : tuple of Series
        Ordered by series number, then UID, echo time: never by the order of files.
    notes : tuple of str
        One line for each file or series that was left out, and why.
    scans : tuple of BoneScan
        Gamma camera images; ordered like the series.
    scans_left_out : tuple of str
        The notes on gamma camera images that are not among them.
    radiographs : tuple of Radiograph
        One for each exposure; ordered like the series.
    radiographs_left_out : tuple of str
        The notes on radiographs that are not among them.
    densities : tuple of DensityImage
        Areal maps of bone mineral; ordered like the series.
    """

    subject: Subject
    date: str
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    scans: tuple[BoneScan, ...] = ()
    scans_left_out: tuple[str, ...] = ()
    radiographs: tuple[Radiograph, ...] = ()
    radiographs_left_out: tuple[str, ...] = ()
    densities: tuple[DensityImage, ...] = ()
