"""Gamma camera images: static and whole-body views, dynamic frames, SPECT projections and reconstructions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Dynamic
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.image import Volume
from marrowmap.ingest.exam import Series
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.nm_axes import DETECTOR
from marrowmap.ingest.nm_axes import PHASE
from marrowmap.ingest.nm_axes import SLICE
from marrowmap.ingest.nm_axes import TIME
from marrowmap.ingest.nm_axes import WINDOW
from marrowmap.ingest.nm_axes import FrameAxes
from marrowmap.ingest.nm_axes import read_axes
from marrowmap.ingest.nm_geometry import NM_IMAGE
from marrowmap.ingest.nm_geometry import PlacedView
from marrowmap.ingest.nm_geometry import place_view
from marrowmap.ingest.nm_geometry import read_detectors
from marrowmap.ingest.nm_geometry import read_patient_position
from marrowmap.ingest.nm_projections import read_projections
from marrowmap.ingest.nm_slices import place_slices
from marrowmap.ingest.nm_tracer import decay_reference
from marrowmap.ingest.nm_tracer import photopeak
from marrowmap.ingest.nm_tracer import read_start
from marrowmap.ingest.nm_tracer import read_tracer
from marrowmap.ingest.nm_tracer import read_windows
from marrowmap.ingest.nm_tracer import suv_scale
from marrowmap.ingest.nm_values import read_counts
from marrowmap.ingest.nm_values import read_voxels
from marrowmap.ingest.scan import BoneScan
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import EnergyWindow
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Reconstruction
from marrowmap.ingest.scan import Source
from marrowmap.ingest.scan_hint import NOTHING_SAID
from marrowmap.ingest.scan_hint import VIEW_OPTION
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.ingest.volumes import series_number

SOP_CLASSES = {
    NM_IMAGE: "Nuclear Medicine",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture",
}
_KINDS = {"STATIC", "WHOLE BODY", "DYNAMIC", "TOMO", "RECON TOMO"}


def matches(header: Header) -> bool:
    """Say whether a file is a gamma camera image; of modality NM also one stored as Secondary Capture."""
    return (header.modality == "NM" and header.sop_class in SOP_CLASSES) or (
        header.modality == "" and header.sop_class == NM_IMAGE
    )


def _kind(header: Header) -> str:
    """Return the third value of Image Type.

    Raises
    ------
    InputError
        If it names no acquisition of a bone scan, as in a picture of a screen.
    """
    words = as_words(get_value(header.dataset, "ImageType"))
    kind = next((word for word in words[2:3] if word in _KINDS), "")
    if not kind:
        raise header.lack(
            "ImageType",
            f"is {'/'.join(words) or 'absent'}, not one of {', '.join(sorted(_KINDS))}: its gray values may be no "
            "counts: pass the original series",
        )
    if "TRANSMISSION" in words[3:4]:
        raise header.lack("ImageType", "is TRANSMISSION, a map of attenuation: pass the emission images")
    return kind


def _source(header: Header, position: str) -> Source:
    start = read_start(header)
    return Source(
        uid=header.series_uid,
        study_uid=header.text("StudyInstanceUID"),
        number=series_number(header),
        description=header.text("SeriesDescription") or header.text("ImageID") or header.text("ProtocolName"),
        date=header.date,
        file=header.path,
        instance_uid=header.instance_uid,
        started_at=start,
        patient_position=position,
        tracer=read_tracer(header, start),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None or milliseconds <= 0 else milliseconds / 1000.0


def _placed_views(header: Header, axes: FrameAxes, position: str, asked: View | None) -> dict[int, PlacedView]:
    """Place each detector that frames speak of."""
    numbers = axes.values(DETECTOR)
    detectors = read_detectors(header, max(numbers))
    # A description of one view is of one detector; of several it names what they have in common.
    texts = ("SeriesDescription", "ImageID") if len(numbers) == 1 else ()
    text = " ".join(header.text(keyword) for keyword in texts)
    placed = {number: place_view(header, detectors[number - 1], position, text, asked) for number in numbers}
    names = [view.grid.view for view in placed.values() if view.grid.view not in (View.OTHER, View.UNKNOWN)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise GeometryError(
            f"{header.name}: two detectors of {tag_label('DetectorInformationSequence')} claim the {twice.value} view: "
            "find out which of them is mislabeled"
        )
    if asked is not None and all(view.grid.view is not asked for view in placed.values()):
        words = " and ".join(f"{view.grid.view.value} ({view.reason})" for view in placed.values())
        raise GeometryError(
            f"{header.name}: its view is {words}, {VIEW_OPTION} says {asked.value}: leave out the option or this file, "
            "or find out which is right"
        )
    return placed


def _with_users_view(source: Source, placed: dict[int, PlacedView]) -> Source:
    """Record where a view is the user's word alone."""
    views = dict.fromkeys(view.grid.view.value for view in placed.values() if view.by_user)
    return dataclasses.replace(source, said=(*source.said, *(f"view {name} by {VIEW_OPTION}" for name in views)))


def _one_window(header: Header, axes: FrameAxes) -> tuple[int, EnergyWindow]:
    used = axes.values(WINDOW)
    windows = read_windows(header, max(used))
    number = photopeak(header, windows, used)
    return number, windows[number - 1]


def _read_planar(
    header: Header, axes: FrameAxes, source: Source, asked_view: View | None, whole_body: bool
) -> list[BoneScan]:
    number, window = _one_window(header, axes)
    counts = read_counts(header, axes.count)
    planes, frames, reasons = [], [], []
    placed_views = _placed_views(header, axes, source.patient_position, asked_view)
    source = _with_users_view(source, placed_views)
    for detector, placed in placed_views.items():
        found = axes.frames(**{DETECTOR: detector, WINDOW: number})
        if len(found) != 1:
            raise header.lack(
                DETECTOR, f"gives detector {detector} {len(found)} frames of one energy window: export the original"
            )
        if not counts[:, :, found[0]].any():
            raise header.lack(
                "PixelData", f"holds no counts from detector {detector}: the view is empty, export it again"
            )
        planes.append(Plane(placed.grid, placed.show(counts[:, :, found[0]])))
        frames.append(found[0] + 1)
        reasons.append(placed.reason)
    duration = _seconds(header.number("ActualFrameDuration"))
    return [Planar(source, whole_body, tuple(planes), tuple(frames), tuple(reasons), duration, window)]


def _phase_times(header: Header, axes: FrameAxes) -> dict[int, tuple[float, float, float]]:
    """Return start of each phase after the acquisition began, duration of its frames and pause between them, in s."""
    items = get_value(header.dataset, "PhaseInformationSequence") or ()
    used = axes.values(PHASE)
    if len(items) < max(used):
        raise header.lack(
            "PhaseInformationSequence",
            f"describes {len(items)} phases, frames speak of {max(used)}, so frames have no duration: export the "
            "complete object",
        )
    times: dict[int, tuple[float, float, float]] = {}
    clock = 0.0
    for number, item in enumerate(items, start=1):
        duration = _seconds(as_number(get_value(item, "ActualFrameDuration")))
        if duration is None:
            raise header.lack(
                "ActualFrameDuration", f"of phase {number} is absent or 0, so frames have no duration: export again"
            )
        pause, delay = ((as_number(get_value(item, k)) or 0.0) / 1000.0 for k in ("PauseBetweenFrames", "PhaseDelay"))
        if min(pause, delay) < 0:
            raise header.lack("PauseBetweenFrames", f"or delay of phase {number} is negative: export the original")
        stated = as_number(get_value(item, "NumberOfFramesInPhase"))
        found = len({axes.of(TIME)[n] for n in axes.frames(**{PHASE: number})})
        if stated != found:
            said = "absent" if stated is None else f"{stated:.0f}"
            raise header.lack(
                "NumberOfFramesInPhase",
                f"of phase {number} is {said}, {tag_label(TIME)} has {found}: export the complete object again",
            )
        clock += delay
        times[number] = (clock, duration, pause)
        clock += found * duration + max(found - 1, 0) * pause
    return times


def _read_dynamic(header: Header, axes: FrameAxes, source: Source, asked_view: View | None) -> list[BoneScan]:
    number, window = _one_window(header, axes)
    counts = read_counts(header, axes.count)
    placed_views = _placed_views(header, axes, source.patient_position, asked_view)
    source = _with_users_view(source, placed_views)
    scans: list[BoneScan] = []
    for phase, (begin, duration, pause) in _phase_times(header, axes).items():
        views, frames, reasons = [], [], []
        for detector, placed in placed_views.items():
            found = axes.sorted_by(TIME, axes.frames(**{DETECTOR: detector, WINDOW: number, PHASE: phase}))
            slices = [axes.of(TIME)[n] for n in found]
            if not found or slices != list(range(slices[0], slices[0] + len(found))):
                raise header.lack(
                    TIME, f"leaves out frames of detector {detector} in phase {phase}: export the complete object"
                )
            start = (np.arange(len(found)) * (duration + pause)).astype(np.float64)
            array = placed.show(counts[:, :, list(found)])
            views.append(Dynamic(placed.grid, array, start, np.full(len(found), duration)))
            frames.append(tuple(n + 1 for n in found))
            reasons.append(placed.reason)
        started = None if source.started_at is None else source.started_at + timedelta(seconds=begin)
        part = dataclasses.replace(source, started_at=started)
        scans.append(DynamicScan(part, phase, tuple(views), tuple(frames), tuple(reasons), window))
    return scans


def _scan_seconds(header: Header) -> float:
    """Return how long the projections of a reconstruction took, 0 where no tag says."""
    total = 0.0
    for item in get_value(header.dataset, "RotationInformationSequence") or ():
        duration, count = (as_number(get_value(item, k)) for k in ("ActualFrameDuration", "NumberOfFramesInRotation"))
        total += (duration or 0.0) / 1000.0 * (count or 0.0)
    return total


def _read_reconstruction(header: Header, axes: FrameAxes, source: Source) -> tuple[list[BoneScan], list[LeftOut]]:
    order = axes.sorted_by(SLICE, range(axes.count))
    places = [axes.of(SLICE)[n] for n in order]
    if places != list(range(places[0], places[0] + len(places))) or len(places) < 3:
        raise header.lack(SLICE, "has gaps, or fewer than 3 slices: export the complete object")
    (detector, *_) = read_detectors(header, 1)
    values, unit = read_voxels(header, axes.count)
    where = place_slices(header, detector, axes.count, source.patient_position)
    if where.reverse:
        order = order[::-1]
    array: NDArray[np.float32] = np.ascontiguousarray(values[:, :, list(order)])
    notes = []
    if not where.placed:
        text = f"{header.name}: {tag_label('ImagePositionPatient')} is absent: this SPECT lies beside no other image"
        notes.append(LeftOut(Weight.OTHER, text))
    valid_at, why = decay_reference(header, source.started_at, _scan_seconds(header), source.tracer)
    scan = Reconstruction(
        source=source,
        volume=Volume(where.grid, array, unit),
        placed=where.placed,
        suv=suv_scale(source.tracer, unit, valid_at, why),
        valid_at=valid_at,
        valid_reason=why,
        corrections=as_words(get_value(header.dataset, "CorrectedImage")),
        frame_numbers=tuple(n + 1 for n in order),
    )
    return [scan], notes


def _reserves(header: Header, source: Source) -> list[LeftOut]:
    """Say what makes numbers of a file doubtful though it can be used."""
    texts = []
    if get_text(header.dataset, "LossyImageCompression") == "01":
        texts.append(f"{tag_label('LossyImageCompression')} 01: counts are approximate, use the original")
    if header.text("BurnedInAnnotation").upper() == "YES":
        texts.append(f"{tag_label('BurnedInAnnotation')} YES: text in the pixels would count as activity")
    if source.tracer.lacks:
        texts.append(f"{'; '.join(source.tracer.lacks)}: no SUV")
    return [LeftOut(Weight.OTHER, f"{header.name}: {text}") for text in texts]


def _read_file(header: Header, hint: ScanHint) -> tuple[list[BoneScan], list[LeftOut]]:
    kind = _kind(header)
    axes = read_axes(header)
    source = _source(header, read_patient_position(header, hint.patient_position))
    notes: list[LeftOut] = []
    if kind == "DYNAMIC":
        scans = _read_dynamic(header, axes, source, hint.view)
    elif kind == "TOMO":
        scans = [read_projections(header, axes, source)]
    elif kind == "RECON TOMO":
        scans, notes = _read_reconstruction(header, axes, source)
    else:
        scans = _read_planar(header, axes, source, hint.view, kind == "WHOLE BODY")
    return scans, notes + _reserves(header, source)


def read(headers: Sequence[Header], hint: ScanHint = NOTHING_SAID) -> tuple[list[BoneScan], list[LeftOut]]:
    """Read all files of one series; each file is an acquisition of its own.

    Parameters
    ----------
    headers : sequence of Header
    hint : ScanHint
        What the user says where files do not.

    Raises
    ------
    GeometryError
        If what says left and right contradicts itself or the user: view, angle, orientation, patient position.
    """
    scans: list[BoneScan] = []
    left_out: list[LeftOut] = []
    for header in sorted(headers, key=lambda header: (header.instance_uid, header.path)):
        try:
            found, notes = _read_file(header, hint)
        except InputError as error:
            left_out.append(LeftOut(Weight.FILE, str(error)))
            continue
        scans += found
        left_out += notes
    return scans, left_out


def join_ct(scans: Sequence[BoneScan], series: Sequence[Series]) -> tuple[list[BoneScan], list[LeftOut]]:
    """Join each reconstruction to the CT of the same frame of reference; say where a CT of the study is of another."""
    joined: list[BoneScan] = []
    notes: list[LeftOut] = []
    tomographies = [one for one in series if one.modality == "CT"]
    for scan in scans:
        if not isinstance(scan, Reconstruction):
            joined.append(scan)
            continue
        frame = scan.volume.grid.frame_of_reference_uid
        same = [one for one in tomographies if scan.placed and one.volume.grid.frame_of_reference_uid == frame]
        uids = tuple(dict.fromkeys(one.uid for one in same))
        joined.append(dataclasses.replace(scan, ct_uids=uids))
        if not uids and any(one.study_uid == scan.source.study_uid for one in tomographies):
            text = (
                f"{scan.source.file.name}: no CT shares its {tag_label('FrameOfReferenceUID')}: SPECT and CT of this "
                "study are not joined"
            )
            notes.append(LeftOut(Weight.OTHER, text))
    return joined, notes
