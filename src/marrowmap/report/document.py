"""The report as data, in a radiology report's order; HTML and PDF only lay it out."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Series
from marrowmap.ingest.scan import describe_scan
from marrowmap.report.areal_figures import draw_areal
from marrowmap.report.canvas import Picture
from marrowmap.report.differential_section import SHOWN_IN
from marrowmap.report.differential_section import cited_sources
from marrowmap.report.differential_section import differential_sections
from marrowmap.report.differential_section import flag_lines
from marrowmap.report.figures import draw_bone_fit
from marrowmap.report.figures import draw_boundary
from marrowmap.report.figures import draw_comparison
from marrowmap.report.figures import draw_edema
from marrowmap.report.figures import draw_regions
from marrowmap.report.figures import draw_threshold_curve
from marrowmap.report.files_section import files_section
from marrowmap.report.findings_section import findings_sections
from marrowmap.report.head_figures import draw_head_map
from marrowmap.report.head_layers import draw_head_layers
from marrowmap.report.head_slices import draw_head_slices
from marrowmap.report.head_tables import head_rows_text
from marrowmap.report.head_tables import outcome_rows
from marrowmap.report.head_tables import read_head
from marrowmap.report.measurements_section import measurements_section
from marrowmap.report.neck_figures import draw_neck_line
from marrowmap.report.page import Document
from marrowmap.report.page import Plate
from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.report.planar_figures import draw_planar
from marrowmap.report.radiograph_figures import RADIOGRAPH_COLUMNS
from marrowmap.report.radiograph_figures import draw_radiographs
from marrowmap.report.radiograph_figures import radiograph_rows
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.report.rows import order_frames
from marrowmap.report.spect_figures import draw_spect
from marrowmap.report.spect_tables import spect_notes
from marrowmap.report.spect_tables import spect_table_rows
from marrowmap.report.wording import SIDE_ORDER
from marrowmap.report.wording import load_reportlets
from marrowmap.report.wording import number_text
from marrowmap.report.wording import plain_words
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Side
from marrowmap.values import Subject

NO_FORECAST = (
    "Published series are literature about other people, whose heads had not collapsed when they came; they are not a "
    "forecast for this one."
)


def _subject_facts(subject: Subject, date: str) -> tuple[tuple[str, str], ...]:
    sex = {"M": "male", "F": "female", "O": "other"}.get(subject.sex, "not given")
    age = "not given" if subject.age_years is None else f"{subject.age_years:.0f} years"
    return (
        ("Subject", subject.person_id or "not given"),
        ("Sex", sex),
        ("Age at examination", age),
        ("Examination", date or "date not given"),
    )


def _series_row(number: int, series: Series) -> tuple[str, ...]:
    spacing, shape = series.volume.grid.spacing, series.volume.grid.shape
    thickness = f", {series.slice_thickness_mm:g} mm thick" if series.slice_thickness_mm else ""
    times = [
        f"{name} {value:g}"
        for name, value in (
            ("TR", series.repetition_time_ms),
            ("TE", series.echo_time_ms),
            ("TI", series.inversion_time_ms),
        )
        if value is not None
    ]
    field = f"{series.field_strength_t:g} T" if series.field_strength_t else ""
    return (
        str(number),
        series.description or "no description",
        series.modality,
        series.sequence.value,
        series.sequence_reason,
        f"{shape[2]} slices {spacing[2]:.2f} mm apart{thickness}; pixels {spacing[0]:.2f} × {spacing[1]:.2f} mm",
        "; ".join(part for part in (", ".join(times) + (" ms" if times else ""), field) if part),
        series.side.value if series.side else "both or not said",
    )


def _technique(result: AnalysisResult) -> Section:
    series = Table(
        "Series",
        ("#", "Description", "Modality", "Recognized as", "Because", "Geometry", "Timing", "Side"),
        tuple(_series_row(number, s) for number, s in enumerate(result.exam.series, start=1)),
    )
    bones = Table(
        "Bones",
        ("Side", "Bone", "Head radius, mm", "Fit error, mm", "Usable", "How"),
        tuple(
            (
                frame.side.value,
                plain_words(frame.bone),
                f"{frame.head_radius_mm:.1f}",
                f"{frame.fit_rms_mm:.1f}" if math.isfinite(frame.fit_rms_mm) else "unknown",
                "yes" if frame.trusted else "no",
                frame.reason,
            )
            for frame in order_frames(result.frames)
        ),
        numeric=(2, 3),
    )
    scans = tuple(
        "; ".join([f"Bone scan: {describe_scan(scan)}", scan.source.phase_reason, *scan.source.said])
        for scan in result.exam.scans
    )
    tables = (*((series,) if series.rows else ()), *((bones,) if result.frames else ()))
    return Section("technique", "Technique and adequacy", items=(*scans, *result.exam.notes), tables=tables)


_HEAD_PICTURES = ("head_map", "head_layers", "head_slices")
_FIGURES: tuple[Callable[[AnalysisResult, JointReading], Picture | None], ...] = (
    draw_head_map,
    draw_head_layers,
    draw_head_slices,
    draw_neck_line,
    draw_bone_fit,
    draw_edema,
    draw_boundary,
    draw_threshold_curve,
)


def draw_pictures(
    result: AnalysisResult, progress: Callable[[str, float], None]
) -> tuple[tuple[str, tuple[Picture, ...]], ...]:
    """Draw every picture the result allows, grouped under their headings."""
    groups: list[tuple[str, tuple[Picture, ...]]] = []
    edema = [r for r in result.readings if r.edema is not None]
    # Without edema one still compares both hips in the first series that shows them.
    pair = edema or [r for r in result.readings if r.series is result.readings[0].series]
    both = [draw_comparison(result, pair), draw_regions(result)]
    if any(both):
        groups.append(("Both sides", tuple(p for p in both if p is not None)))
    scan = draw_planar(result)
    if scan:
        groups.append(("Bone scan: planar images", scan))
    readings = sorted(result.readings, key=lambda r: (r.joint.value, SIDE_ORDER.index(r.side)))
    for number, reading in enumerate(readings):
        progress("drawing", number / len(readings))
        pictures = tuple(p for p in (draw(result, reading) for draw in _FIGURES) if p is not None)
        if pictures:
            groups.append((pictures[0].place[:1].upper() + pictures[0].place[1:], pictures))
    for title, pictures in (
        ("Bone scan: SPECT images", draw_spect(result)),
        ("Radiographs", draw_radiographs(result)),
        ("Areal bone density", draw_areal(result)),
    ):
        if pictures:
            groups.append((title, pictures))
    return tuple(groups)


def _bone_scan(result: AnalysisResult) -> list[Section]:
    """Lay out uptake in SPECT: by region, both sides beside each other, with published values."""
    spect = result.spect
    if spect is None:
        return []
    sides = tuple(side for side in SIDE_ORDER if any(hip.side is side for hip in spect.hips))
    columns = ("Region", "Measure", *(side.value.capitalize() for side in sides), "In the literature")
    table = Table("Uptake in SPECT", columns, spect_table_rows(result.measurements, sides, number_text))
    return [Section("bone-scan", "Bone scan: SPECT", items=spect_notes(spect), tables=(table,))]


def _radiographs(result: AnalysisResult) -> list[Section]:
    """Lay out what is known of each radiograph, and what said so."""
    tables = tuple(
        Table(
            f"Radiograph {number}: {film.modality}, {film.description or 'no description'}",
            RADIOGRAPH_COLUMNS,
            radiograph_rows(film),
            text_last=True,
        )
        for number, film in enumerate(result.exam.radiographs, start=1)
    )
    return [Section("radiographs", "Radiographs", tables=tables)] if tables else []


def _title(exam: Exam) -> str:
    if exam.series:
        return "Bone marrow edema of the hip"
    if exam.scans:
        return "Bone scan of the hips"
    return "Radiographs" if exam.radiographs else "Bone density of the hips"


def _heads(
    result: AnalysisResult, groups: Sequence[tuple[str, tuple[Picture, ...]]], texts: dict[str, dict[str, str]]
) -> list[Section]:
    """Lay out what was seen under the joint surface of each femoral head: map and slices, measures, literature."""
    readings = sorted((r for r in result.readings if r.head is not None), key=lambda r: SIDE_ORDER.index(r.side))
    heads = [head for head in (read_head(result, reading) for reading in readings) if head is not None]
    pictures = [picture for _, group in groups for picture in group if picture.key in _HEAD_PICTURES]
    plates = tuple(_plate(number, picture, texts) for number, picture in enumerate(pictures, start=1))
    if not heads:
        return [Section("joint-surface", "Under the joint surface", plates=plates)] if plates else []
    sides = tuple(read.head.side.value.capitalize() for read in heads)
    tables = [Table("Under the joint surface", ("Measure", *sides, "In the literature"), head_rows_text(heads))]
    outcomes = outcome_rows(heads)
    if outcomes:
        columns = ("Study", "Group", "Collapsed (95 % interval)", "Here")
        tables.append(Table("What became of such heads in published series", columns, outcomes))
    obstacles = tuple(f"{r.head.side.value.capitalize()}: {r.head.obstacle}." for r in heads if r.head.obstacle)
    note = (NO_FORECAST,) if outcomes else ()
    return [
        Section("joint-surface", "Under the joint surface", plates=plates),
        Section("joint-surface-measures", "In numbers", items=(*obstacles, *note), tables=tuple(tables), level=3),
    ]


def _plate(number: int, picture: Picture, texts: dict[str, dict[str, str]]) -> Plate:
    text = texts[picture.key]
    return Plate(number, text["title"], text["text"], text["good"], text["bad"], picture)


def _plates(
    groups: Sequence[tuple[str, tuple[Picture, ...]]], texts: dict[str, dict[str, str]], number: int
) -> list[Section]:
    """Lay out all other pictures; `number` is that of the last picture before them."""
    sections = [Section("pictures", "Pictures")]
    for place, (title, pictures) in enumerate(groups, start=1):
        others = [picture for picture in pictures if picture.key not in _HEAD_PICTURES]
        plates = tuple(_plate(number + n, picture, texts) for n, picture in enumerate(others, start=1))
        number += len(plates)
        if plates:
            sections.append(Section(f"pictures-{place}", title, plates=plates, level=3))
    return sections if len(sections) > 1 else []


def _methods(result: AnalysisResult, fixed: dict[str, Any], version: str, heads: Sequence[Section]) -> list[Section]:
    edema = [r.edema for r in result.readings if r.edema is not None]
    has = {
        "bones": bool(result.frames),
        "edema": bool(edema),
        "boundary": any(r.boundary is not None for r in result.readings),
        "effusion": any(r.effusion is not None for r in result.readings),
        "ct_head": any(r.ct_head is not None and r.ct_head.edge is not None for r in result.readings),
        "planar": result.planar is not None,
        "spect": result.spect is not None,
        "radiographs": bool(result.exam.radiographs),
        "areal": bool(result.areal),
        "head": any(r.head is not None and not r.head.obstacle for r in result.readings),
        "neck": any(r.neck is not None and not r.neck.obstacle for r in result.readings),
        "differential": bool(result.differentials),
    }
    k = f"{edema[0].k:g}" if edema else ""
    paragraphs = [
        entry["text"].format(version=version, k=k)
        for entry in fixed["methods"]
        if has.get(entry.get("needs", ""), True)
    ]
    cells = [
        cell
        for section in (*heads, *_bone_scan(result))
        for table in section.tables
        for row in table.rows
        for cell in row
    ]
    signs = [text for f in result.findings for text in (f.note, SIGNS[f.sign])]
    text = " ".join([*paragraphs, *signs, *cells])
    cited = [f"{entry['key']}: {entry['text']}" for entry in fixed["citations"] if entry["key"] in text]
    told = {line.split(":")[0] for line in cited}
    cited += [line for line in cited_sources(result.differentials) if line.split(":")[0] not in told]
    sections = [Section("methods", "Methods", paragraphs=tuple(paragraphs))]
    if cited:
        sections.append(Section("literature", "Literature", items=tuple(cited), level=3))
    return sections


def _question(result: AnalysisResult) -> str:
    if result.clinical is None:
        return "Not given with the images."
    return f"Not given with the images; the clinical form {result.clinical.name} was read."


def _picture_numbers(sections: Sequence[Section]) -> dict[tuple[str, str], list[int]]:
    """Return the numbers of the pictures in which a sign can be checked, by kind and side (empty for both)."""
    kinds = {kind for shown in SHOWN_IN.values() for kind in shown}
    numbers: dict[tuple[str, str], list[int]] = {}
    for plate in (plate for section in sections for plate in section.plates if plate.picture.key in kinds):
        words = plate.picture.place.lower().split()
        side = next((side.value for side in Side if side.value in words), "")
        numbers.setdefault((plate.picture.key, side), []).append(plate.number)
    return numbers


def build_document(
    result: AnalysisResult,
    groups: Sequence[tuple[str, tuple[Picture, ...]]],
    notes: Sequence[str] = (),
    written: Sequence[str] = (),
) -> Document:
    """Put the report together.

    Parameters
    ----------
    result : AnalysisResult
    groups : sequence of (str, tuple of Picture)
        From :func:`draw_pictures`.
    notes : sequence of str
        What the output lacks and why.
    written : sequence of str, optional
        Paths of masks and DICOM objects in the report's folder; without them no file is named.
    """
    fixed = load_reportlets()
    version = metadata.version("marrowmap")
    subject = result.exam.subject
    question = Section("question", "Clinical question", paragraphs=(_question(result),))
    compared = Section("comparison", "Comparison", paragraphs=("None; this report reads one examination.",))
    steps = Table(
        "Time spent",
        ("Step", "Seconds"),
        tuple((name, f"{seconds:.1f}") for name, seconds in result.steps.items()),
        numeric=(1,),
    )
    measurements = measurements_section(result)
    heads = _heads(result, groups, fixed["pictures"])
    plates = _plates(groups, fixed["pictures"], sum(len(section.plates) for section in heads))
    differential = differential_sections(result.differentials, _picture_numbers((*heads, *plates)))
    return Document(
        _title(result.exam),
        fixed["notice"],
        _subject_facts(subject, result.exam.date),
        (*flag_lines(result.differentials), *result.warnings),
        (
            question,
            _technique(result),
            compared,
            *findings_sections(result),
            *differential,
            *heads,
            *_bone_scan(result),
            *_radiographs(result),
            *((measurements,) if measurements else ()),
            *plates,
            Section("limits", "Limits", items=(*fixed["limits"], *notes)),
            *_methods(result, fixed, version, heads),
            *((files_section(written),) if written else ()),
            *((Section("time", "Time spent", tables=(steps,)),) if result.steps else ()),
        ),
        version,
    )
