"""The report of densitometry as data; HTML and PDF only lay it out."""

from __future__ import annotations

import math
from importlib import metadata

from marrowmap.measure.density_precision import SitePrecision
from marrowmap.report.canvas import Picture
from marrowmap.report.density_figures import draw_density_course
from marrowmap.report.density_figures import draw_density_sides
from marrowmap.report.density_result import DensityPerson
from marrowmap.report.density_result import DensityResult
from marrowmap.report.density_tables import change_table
from marrowmap.report.density_tables import classification_table
from marrowmap.report.density_tables import explain_recomputed
from marrowmap.report.density_tables import findings_table
from marrowmap.report.density_tables import recomputed_table
from marrowmap.report.density_tables import reported_table
from marrowmap.report.density_tables import sides_table
from marrowmap.report.page import Document
from marrowmap.report.page import Plate
from marrowmap.report.page import Section
from marrowmap.report.wording import load_reportlets

MOST_DRAWN = 12
"""Beyond so many persons the report holds tables only: it must open."""

LIMITS = (
    "Reported T- and Z-scores are kept as printed; they belong to their machine and its reference. Recomputed ones are "
    "second values against the reference named beside them.",
    "Where no precision study of the site is given, ISCD's least acceptable precision stands in; a site's own least "
    "significant change is smaller as a rule.",
    "What the sides of well people differ in is known for neck, trochanter and total hip only, from small groups; at "
    "the knee nothing is published, so that no verdict is given there.",
    "Newer machines differ from those the unit conversions were made with.",
    "This report names measurements and signs. It makes no diagnosis.",
)
LITERATURE = (
    "ISCD Official Positions (Adult) 2019 and 2023.",
    "Rosen et al. J Clin Densitom 2024;27:101436 (fewer than four vertebrae).",
    "Glüer et al. Osteoporos Int 1995;5:262-270 (precision).",
    "Bland and Altman. Lancet 1986;1:307-310 (agreement).",
    "Looker et al. Osteoporos Int 1998;8:468-489 (NHANES III).",
    "Lu et al. Osteoporos Int 2001;12:438; Hui et al. J Bone Miner Res 1997;12:1463 (units).",
    "Genant et al. J Bone Miner Res 1994;9:1503 (units of the spine).",
    "Calcif Tissue Int 1997;61:189; Faulkner et al. Calcif Tissue Int 1995;56:26; J Clin Densitom 2000;3:133 (sides).",
    "Morse et al. Arch Phys Med Rehabil 2009;90:827 (knee).",
)


def build_density_document(result: DensityResult, studies: tuple[SitePrecision, ...]) -> Document:
    """Put the report of densitometry together."""
    fixed = load_reportlets()
    sections: list[Section] = []
    drawn = 0
    for number, person in enumerate(result.persons, 1):
        mark = f"-{number}" if len(result.persons) > 1 else ""
        if mark:
            sections.append(Section(f"person{mark}", f"Person {person.name}"))
        plates: list[Plate] = []
        if number <= MOST_DRAWN:
            for picture in _pictures(person, studies):
                drawn += 1
                texts = fixed["pictures"][picture.key]
                plates.append(Plate(drawn, texts["title"], texts["text"], texts["good"], texts["bad"], picture))
        sections += _person_sections(person, mark, plates, 3 if mark else 2)
    notes = result.notes
    if len(result.persons) > MOST_DRAWN:
        notes = (*notes, f"pictures are drawn for the first {MOST_DRAWN} persons only")
    if notes:
        sections.append(Section("reading", "How the files were read", items=notes))
    sections += [
        Section("limits", "Limits", items=LIMITS),
        Section("literature", "Literature", items=LITERATURE),
    ]
    return Document(
        "Bone density",
        fixed["notice"],
        _facts(result),
        result.warnings,
        tuple(sections),
        metadata.version("marrowmap"),
    )


def _pictures(person: DensityPerson, studies: tuple[SitePrecision, ...]) -> list[Picture]:
    course = draw_density_course(person.reading.records, studies, person.name)
    sides = draw_density_sides(person.reading.sides, person.name)
    return [picture for picture in (sides, course) if picture is not None]


def _facts(result: DensityResult) -> tuple[tuple[str, str], ...]:
    dates = sorted({record.iso_date for person in result.persons for record in person.reading.records} - {""})
    exams = f"{len(dates)} ({dates[0]} to {dates[-1]})" if len(dates) > 1 else (dates[0] if dates else "date unknown")
    if len(result.persons) != 1:
        return (("Subject", f"{len(result.persons)} persons"), ("Exams", exams))
    subject = result.persons[0].subject
    age = f"{math.floor(subject.age_years)} at the last exam" if subject.age_years is not None else "unknown"
    return (
        ("Subject", subject.person_id or "not named"),
        ("Sex", {"M": "male", "F": "female"}.get(subject.sex, "unknown")),
        ("Age", age),
        ("Exams", exams),
    )


def _person_sections(person: DensityPerson, mark: str, plates: list[Plate], level: int) -> list[Section]:
    reading = person.reading
    by_key = {plate.picture.key: plate for plate in plates}

    def one(key: str) -> tuple[Plate, ...]:
        return (by_key[key],) if key in by_key else ()

    machine, reported = reported_table(reading.records)
    told = (machine,) if machine else ()
    sections = [
        Section(f"reported{mark}", "As reported", told, tables=(reported,), level=level),
        Section(
            f"signs{mark}",
            "Signs and classification",
            tables=(
                *((findings_table(person.findings),) if person.findings else ()),
                classification_table(person.classifications),
            ),
            items=reading.notes,
            level=level,
        ),
    ]
    if reading.sides:
        tables = (sides_table(reading.sides),)
        sections.append(
            Section(f"sides{mark}", "Left against right", tables=tables, plates=one("density_sides"), level=level)
        )
    if reading.changes:
        tables = (change_table(reading.changes),)
        sections.append(
            Section(f"change{mark}", "Change over time", tables=tables, plates=one("density_course"), level=level)
        )
    if reading.recomputed:
        why = explain_recomputed(reading.records, reading.recomputed)
        tables = (recomputed_table(reading.recomputed),)
        sections.append(
            Section(f"recomputed{mark}", "Recomputed scores", why[:1], items=why[1:], tables=tables, level=level)
        )
    return sections
