"""From any files of one person to an Exam."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from types import ModuleType

import numpy as np
from pydicom.uid import UID

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest import ct
from marrowmap.ingest import density_image
from marrowmap.ingest import dx
from marrowmap.ingest import mr
from marrowmap.ingest import nifti
from marrowmap.ingest import nm
from marrowmap.ingest.density_image import DensityImage
from marrowmap.ingest.discover import find_files
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Series
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import quiet
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.nm_geometry import NM_IMAGE
from marrowmap.ingest.nm_phase import recognize_phases
from marrowmap.ingest.person import Identity
from marrowmap.ingest.person import identity_in
from marrowmap.ingest.person import identity_of
from marrowmap.ingest.person import note_impossible_ages
from marrowmap.ingest.person import note_missing_ids
from marrowmap.ingest.person import require_one_date
from marrowmap.ingest.person import require_one_person
from marrowmap.ingest.person import subject_of
from marrowmap.ingest.pixels import PICTURES
from marrowmap.ingest.pixels import read_stored_values
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.read_header import read_header
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan_hint import NOTHING_SAID
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.ingest.volumes import series_name

Progress = Callable[[str, int, int], None]
"""Called with the step's name, what is done and what there is to do."""

READERS: tuple[ModuleType, ...] = (mr, ct, nm, dx, density_image)
"""Each has ``matches(header)`` and ``read(headers)``; a new modality is a new file and an entry here."""

_SHOWN_REASONS = 3


@dataclass
class _Findings:
    """What the first pass over the files has found."""

    groups: dict[tuple[ModuleType, str, str], list[Header]] = field(default_factory=dict)
    unread: dict[tuple[str, str, str], list[Header]] = field(default_factory=dict)
    sidecars: list[nifti.Sidecar] = field(default_factory=list)
    people: list[Identity] = field(default_factory=list)
    people_with_images: list[Identity] = field(default_factory=list)
    people_with_scans: list[Identity] = field(default_factory=list)
    people_with_radiographs: list[Identity] = field(default_factory=list)
    people_with_densities: list[Identity] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    by_instance: dict[str, list[Header]] = field(default_factory=dict)


def _why_not_read(header: Header) -> str:
    """Say in words why no reader takes a DICOM file."""
    modality, sop_class = header.modality, header.sop_class
    if modality == "PR":
        return "a presentation state (0008,0060) PR: how another image was shown; its marks and windows are not used"
    known = {**mr.SOP_CLASSES, **ct.SOP_CLASSES, **dx.SOP_CLASSES, NM_IMAGE: nm.SOP_CLASSES[NM_IMAGE]}
    if sop_class in known and modality:
        return (
            f"{tag_label('Modality')} {modality} contradicts {tag_label('SOPClassUID')} {known[sop_class]} image: "
            "correct it or export it again"
        )
    kinds = {"NM": "gamma camera image", "CR": "plain radiograph", "DX": "plain radiograph", "RG": "plain radiograph"}
    if modality in ("MR", "CT", *kinds):
        what = kinds.get(modality, f"stack of {modality} slices")
        return (
            f"{modality}, but {tag_label('SOPClassUID')} {UID(sop_class).name} is no {what}: pass the original series"
        )
    if modality:
        return f"modality {modality} (0008,0060) is not read yet: pass MR, CT, a bone scan (NM) or radiographs"
    return f"{tag_label('Modality')} is absent: pass MR, CT, NM, CR or DX images"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _take_header(findings: _Findings, header: Header) -> None:
    if header.sop_class == "1.2.840.10008.1.3.10" or "DirectoryRecordSequence" in header.dataset:
        text = f"{header.name}: a DICOMDIR {tag_label('SOPClassUID')}, an index without images: pass its folder"
        findings.left_out.append(LeftOut(Weight.OTHER, text))
        return
    findings.people.append(identity_of(header))
    reader = next((reader for reader in READERS if reader.matches(header)), None)
    if reader is None:
        key = (header.modality, header.sop_class, header.series_uid)
        findings.unread.setdefault(key, []).append(header)
        return
    projections = {
        nm: findings.people_with_scans,
        dx: findings.people_with_radiographs,
        density_image: findings.people_with_densities,
    }
    imaged = projections.get(reader, findings.people_with_images)
    imaged.append(findings.people[-1])
    findings.by_instance.setdefault(header.instance_uid or _digest(header.path), []).append(header)
    findings.groups.setdefault((reader, header.text("StudyInstanceUID"), header.series_uid), []).append(header)


def _same_image(one: Header, other: Header) -> bool:
    if one.path.stat().st_size == other.path.stat().st_size and _digest(one.path) == _digest(other.path):
        return True
    try:
        first, second = (read_stored_values(header.path, PICTURES)[0] for header in (one, other))
    except InputError:
        return False
    try:
        places = [[frame.position for frame in header.frames()] for header in (one, other)]
    except InputError:  # projections have no place of their own
        places = [[], []]
    return first.shape == second.shape and bool((first == second).all()) and places[0] == places[1]


def _drop_copies(findings: _Findings) -> list[LeftOut]:
    """Use an image that lies there several times once.

    Raises
    ------
    GeometryError
        If two different images bear one SOP Instance UID.
    """
    dropped: list[LeftOut] = []
    copies: set[Path] = set()
    for first, *others in findings.by_instance.values():
        for other in others:
            if not _same_image(first, other):
                raise GeometryError(
                    f"{first.name} and {other.name} are different images with one {tag_label('SOPInstanceUID')}: "
                    "find out which is right and remove the other"
                )
            copies.add(other.path)
            text = f"{other.name}: the same image as {first.name} {tag_label('SOPInstanceUID')}: used once"
            dropped.append(LeftOut(Weight.OTHER, text))
    for key, headers in findings.groups.items():
        findings.groups[key] = [header for header in headers if header.path not in copies]
    return dropped


def _take_file(findings: _Findings, path: Path, sidecar_names: set[Path]) -> None:
    if nifti.matches(path):
        sidecar = nifti.read_sidecar(path)
        findings.sidecars.append(sidecar)
        findings.people.append(identity_in(sidecar, file_label(path)))
        findings.people_with_images.append(findings.people[-1])
    elif path not in sidecar_names:
        header = read_header(path)
        if header is None:
            text = f"{file_label(path)}: neither DICOM (no DICM at byte 128, no group 0008) nor NIfTI: leave it out"
            findings.left_out.append(LeftOut(Weight.OTHER, text))
        else:
            _take_header(findings, header)


def _survey(files: Sequence[Path], progress: Progress) -> _Findings:
    findings = _Findings()
    sidecar_names = {nifti.sidecar_path(path) for path in files if nifti.matches(path)}
    for done, path in enumerate(files):
        progress("reading headers", done, len(files))
        try:
            _take_file(findings, path, sidecar_names)
        except InputError as error:
            findings.left_out.append(LeftOut(Weight.FILE, str(error)))
    for headers in findings.unread.values():
        name = headers[0].name if len(headers) == 1 else series_name(headers)
        findings.left_out.append(LeftOut(Weight.MODALITY, f"{name}: {_why_not_read(headers[0])}"))
    return findings


def _note_captions(series: Series, headers: Sequence[Header]) -> list[LeftOut]:
    if any(header.text("BurnedInAnnotation").upper() == "YES" for header in headers) and series:
        text = f"{series_name(headers)}: {tag_label('BurnedInAnnotation')} YES: text in the pixels may lie over anatomy"
        return [LeftOut(Weight.OTHER, text)]
    return []


def _nifti_uids(sidecars: Sequence[nifti.Sidecar]) -> dict[Path, str]:
    """Name NIfTI images by file; by folder and file where names repeat."""
    names = [sidecar.path.name for sidecar in sidecars]
    return {
        sidecar.path: file_label(sidecar.path)
        if names.count(sidecar.path.name) == 1
        else f"{file_label(sidecar.path.parent)}_{file_label(sidecar.path)}"
        for sidecar in sidecars
    }


def _order(series: Series) -> tuple[object, ...]:
    grid = series.volume.grid
    return (
        series.number is None,
        series.number or 0,
        series.uid,
        series.echo_time_ms or 0.0,
        series.inversion_time_ms or 0.0,
        tuple(grid.affine.ravel().round(3).tolist()),
        float(series.volume.array.sum(dtype=np.float64)),  # tells repeated acquisitions apart, whatever their files
    )


def _of_the_date(headers: Sequence[Header], date: str, what: str) -> tuple[list[Header], list[LeftOut]]:
    """Keep the projections that are of the exam's date: MRI, scan and radiograph are often made on different days."""
    kept = [header for header in headers if not (header.date and date) or header.date == date]
    other = [header for header in headers if header not in kept]
    if not other:
        return kept, []
    text = f"{series_name(other)}: a {what} of {other[0].date}, the images are of {date}: pass one date's files"
    return kept, [LeftOut(Weight.FILE, text)]


def _scan_order(scan: BoneScan) -> tuple[object, ...]:
    source = scan.source
    part = scan.part if isinstance(scan, DynamicScan) else 0
    return source.number is None, source.number or 0, source.uid, source.instance_uid, part


def _radiograph_order(film: Radiograph) -> tuple[object, ...]:
    return film.number is None, film.number or 0, film.uid, film.instance_uid


def _read_densities(findings: _Findings, date: str) -> tuple[list[DensityImage], list[LeftOut]]:
    """Take the density maps out of what was found, and read them."""
    images: list[DensityImage] = []
    left_out: list[LeftOut] = []
    for key in [key for key in findings.groups if key[0] is density_image]:
        kept, of_other_dates = _of_the_date(findings.groups.pop(key), date, "bone densitometry")
        found, reasons = density_image.read(kept)
        images += found
        left_out += [*of_other_dates, *reasons]
    return images, left_out


def _read_niftis(findings: _Findings, report: Progress) -> tuple[list[Series], list[LeftOut]]:
    series: list[Series] = []
    left_out: list[LeftOut] = []
    uids = _nifti_uids(findings.sidecars)
    groups = len(findings.groups)
    for done, sidecar in enumerate(findings.sidecars):
        report("reading images", groups + done, groups + len(findings.sidecars))
        try:
            series.append(nifti.read(sidecar, uids[sidecar.path]))
        except InputError as error:
            left_out.append(LeftOut(Weight.FILE, str(error)))
    return series, left_out


def _say_nothing(step: str, done: int, total: int) -> None:
    """Report no progress."""


def read_exam(sources: Sequence[Path], progress: Progress | None = None, scan_hint: ScanHint = NOTHING_SAID) -> Exam:
    """Read everything found under the sources as one person's examination at one date.

    Space: LPS mm. The result depends on what the files hold, not on their names, nesting, order or instance numbers.

    Parameters
    ----------
    sources : sequence of Path
        Files and folders with DICOM in any nesting, or NIfTI with sidecar.
    progress : callable, optional
        Called with (step, done, total).
    scan_hint : ScanHint, optional
        What the user says of a bone scan: used only for files that do not say, never against one that does.

    Raises
    ------
    InputError
        If nothing usable is found; gives the most telling reasons in one line.
    GeometryError
        If files are of two persons, sides contradict each other or the user, or two different images bear one UID.
    UsageError
        If the files are of several dates.
    """
    with quiet():
        return _read_exam(sources, progress or _say_nothing, scan_hint)


def _read_exam(sources: Sequence[Path], report: Progress, scan_hint: ScanHint) -> Exam:
    files, left_out = find_files([Path(source) for source in sources])
    findings = _survey(files, report)
    left_out += findings.left_out
    require_one_person(findings.people)
    imaged = findings.people_with_images or findings.people_with_scans or findings.people_with_radiographs
    imaged = imaged or findings.people_with_densities
    date = require_one_date(imaged)
    left_out += _drop_copies(findings)
    left_out += note_missing_ids(findings.people)
    left_out += note_impossible_ages(imaged)

    series: list[Series] = []
    scans: list[BoneScan] = []
    scans_left_out: list[LeftOut] = []
    films: list[Radiograph] = []
    films_left_out: list[LeftOut] = []
    densities, reasons = _read_densities(findings, date)
    left_out += reasons
    total = len(findings.groups) + len(findings.sidecars)
    for done, (key, headers) in enumerate(sorted(findings.groups.items(), key=lambda item: item[0][1:])):
        report("reading images", done, total)
        if key[0] is nm:
            kept, scans_of_other_dates = _of_the_date(headers, date, "bone scan")
            parts, reasons = nm.read(kept, scan_hint)
            scans += parts
            left_out += reasons
            scans_left_out += [*scans_of_other_dates, *(reason for reason in reasons if reason.weight is Weight.FILE)]
            continue
        if key[0] is dx:
            kept, films_of_other_dates = _of_the_date(headers, date, "radiograph")
            exposures, reasons = dx.read(kept)
            films += exposures
            left_out += reasons
            films_left_out += [*films_of_other_dates, *(reason for reason in reasons if reason.weight is Weight.FILE)]
            continue
        found, reasons = key[0].read(headers)
        series += found
        left_out += reasons
        if found:
            left_out += _note_captions(found[0], headers)
    from_nifti, reasons = _read_niftis(findings, report)
    series += from_nifti
    left_out += reasons
    report("reading images", total, total)
    scans, unjoined = nm.join_ct(recognize_phases(scans, scan_hint.phase), series)
    films, twins = dx.one_per_exposure(films)
    films_left_out += twins
    left_out += [*unjoined, *scans_left_out, *films_left_out]

    notes = [item.text for item in sorted(set(left_out))]
    if not series and not scans and not films and not densities:
        more = f"; and {len(notes) - _SHOWN_REASONS} more" if len(notes) > _SHOWN_REASONS else ""
        raise InputError(f"no usable image: {'; '.join(notes[:_SHOWN_REASONS])}{more}")
    return Exam(
        subject=subject_of(imaged, date),
        date=date,
        series=tuple(sorted(series, key=_order)),
        notes=tuple(notes),
        scans=tuple(sorted(scans, key=_scan_order)),
        scans_left_out=tuple(item.text for item in sorted(set(scans_left_out))),
        radiographs=tuple(sorted(films, key=_radiograph_order)),
        radiographs_left_out=tuple(item.text for item in sorted(set(films_left_out))),
        densities=tuple(sorted(densities, key=lambda one: (one.number is None, one.number or 0, one.instance_uid))),
    )
