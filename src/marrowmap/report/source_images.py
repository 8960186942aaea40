"""The exam's DICOM files as outputs refer to them: who, which study, series and instances."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from marrowmap.ingest.exam import Exam
from marrowmap.report.dicom_object import read_header


@dataclass(frozen=True, eq=False)
class SourceImages:
    """Headers of the images of one exam.

    Parameters
    ----------
    headers : mapping of str to Dataset
        SOP Instance UID to header, in the order of the exam; empty for NIfTI.
    frames : mapping of (str, str) to tuple of int
        Series and SOP Instance UID of an enhanced object to its 1-based frames in slice order.
    """

    headers: Mapping[str, Dataset]
    frames: Mapping[tuple[str, str], tuple[int, ...]]

    @property
    def first(self) -> Dataset:
        """The header whose person and study outputs belong to."""
        return next(iter(self.headers.values()))

    def by_series(self) -> dict[str, list[Dataset]]:
        """Return the headers of each series by its UID."""
        found: dict[str, list[Dataset]] = {}
        for header in self.headers.values():
            found.setdefault(str(header.SeriesInstanceUID), []).append(header)
        return found


def _files(exam: Exam) -> Iterator[Path]:
    for series in exam.series:
        if series.instance_uids:
            yield from series.files
    for scan in exam.scans:
        yield from scan.source.files
    for film in exam.radiographs:
        yield from film.files
    for image in exam.densities:
        yield image.file


def read_source_images(exam: Exam) -> SourceImages:
    """Read the headers of all DICOM images of an exam."""
    headers = {}
    for file in dict.fromkeys(_files(exam)):
        header = read_header(file)
        if "SOPInstanceUID" in header and "SeriesInstanceUID" in header and "StudyInstanceUID" in header:
            headers[str(header.SOPInstanceUID)] = header
    frames = {
        (series.uid, series.instance_uids[0]): series.frame_numbers
        for series in exam.series
        if len(set(series.instance_uids)) == 1 and len(series.frame_numbers) > 1
    }
    return SourceImages(headers, frames)
