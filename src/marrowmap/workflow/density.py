"""From densitometry records to rows and report; precision studies and cross-calibrations of a site."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from marrowmap import __version__
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.ingest.dxa_checks import check_each
from marrowmap.ingest.dxa_checks import check_records
from marrowmap.ingest.dxa_csv import DensityTable
from marrowmap.ingest.dxa_csv import read_density_csv
from marrowmap.ingest.dxa_dicom import read_density_dicom
from marrowmap.ingest.dxa_double_entry import require_same_typing
from marrowmap.measure.density import DensityReading
from marrowmap.measure.density import read_density
from marrowmap.measure.density_calibration import Agreement
from marrowmap.measure.density_calibration import Calibration
from marrowmap.measure.density_calibration import calibrate
from marrowmap.measure.density_precision import Precision
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_precision import study_precision
from marrowmap.measure.density_scores import classify_exam
from marrowmap.measure.density_tables import Reference
from marrowmap.measure.density_tables import read_references
from marrowmap.report.density_result import DensityPerson
from marrowmap.report.density_result import DensityResult
from marrowmap.report.density_write import write_density
from marrowmap.report.folder import SCHEMA
from marrowmap.report.folder import replacing_folder
from marrowmap.report.rows import dump_json
from marrowmap.signs import focal_osteopenia_by_side
from marrowmap.signs import low_bone_density
from marrowmap.signs import significant_bone_change
from marrowmap.values import DensityRecord
from marrowmap.values import Finding

EXAMPLE = Path(str(resources.files("marrowmap.ingest").joinpath("data", "berman2016_case1.csv")))
"""Berman et al. 2016, case 1: dates, machine and person's facts that the paper does not print are marked as such."""

EXAMPLE_NOTE = (
    "Published case (Berman et al. Bone Rep 2016;5:308-311, case 1), numbers from its captions. Dates are invented: "
    "only 3 months and 3 years are printed. The maker is inferred from the T-scores; sex and age are not printed."
)

_TEXT = {".csv", ".txt", ".tsv"}


def analyze_density(
    sources: Sequence[Path],
    out: Path,
    *,
    again: Path | None = None,
    references: Path | None = None,
    precision: Path | None = None,
    calibration: Path | None = None,
    today: date,
) -> dict[str, Any]:
    """Read densitometry records, check them, and write rows and report.

    Parameters
    ----------
    sources : sequence of Path
        CSV tables, or DICOM objects of a densitometer.
    again : Path, optional
        A second, independent typing of all records.
    references, precision, calibration : Path, optional
        The user's reference tables (TOML); ``precision.json`` and ``calibration.json`` of the site.
    today : datetime.date
        No exam is later.

    Returns
    -------
    dict
        Rows, findings and classification.

    Raises
    ------
    InputError, GeometryError
        If a record cannot be read or cannot be; nothing is written.
    UsageError
        If the second typing is the file of the first.
    """
    table = _read(sources)
    if again is not None:
        if any(again.samefile(source) for source in sources if again.exists()):
            raise UsageError(f"{again.name}: is the first typing itself: give a second one, typed without the first")
        require_same_typing(table.records, read_density_csv(again).records)
    warnings = check_records(table.records, today)
    if EXAMPLE in sources:
        warnings = (EXAMPLE_NOTE, *warnings)
    studies = read_precision(precision) if precision else ()
    calibrations = read_calibration(calibration) if calibration else ()
    own = read_references(references) if references else ()
    persons: dict[str, list[DensityRecord]] = defaultdict(list)
    for record in table.records:
        persons[record.person].append(record)
    notes = table.notes if again is None else (*table.notes, f"typed twice, {again.name} agrees in every field")
    given = [path for path in (again, references, precision, calibration) if path is not None]
    result = DensityResult(
        tuple(_person(name, records, own, studies, calibrations) for name, records in persons.items()),
        warnings,
        notes,
        (*sources, *given),
        {
            "again": again.name if again else None,
            "references": references.name if references else None,
            "precision": precision.name if precision else None,
            "calibration": calibration.name if calibration else None,
        },
    )
    return write_density(result, studies, out)


def _read(sources: Sequence[Path]) -> DensityTable:
    records: list[DensityRecord] = []
    notes: list[str] = []
    found: list[str] = []
    for source in sources:
        if source.is_dir():
            raise InputError(f"{source.name}: is a folder: name the files of densitometry in it")
        if not source.exists():
            raise InputError(f"{source.name}: no such file: check the path")
        if source.suffix.lower() in _TEXT or not _is_dicom(source):
            table = read_density_csv(source)
            records += table.records
            notes += table.notes
            continue
        read, objects = read_density_dicom(source)
        records += read
        found += [str(one) for one in objects]
    if not records:
        raise InputError("; ".join(found) or "no densitometry record found")
    return DensityTable(tuple(records), (*notes, *found))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _complete(records: Sequence[DensityRecord]) -> list[DensityRecord]:
    """Let birth date and sex, which the checks found to be one, hold for all lines of a named person."""
    birth = next((record.birth_date for record in records if record.birth_date), None)
    sex = next((record.sex for record in records if record.sex), "")
    return [replace(record, birth_date=birth, sex=sex) if record.person else record for record in records]


def _person(
    name: str,
    records: Sequence[DensityRecord],
    references: Sequence[Reference],
    studies: Sequence[SitePrecision],
    calibrations: Sequence[Calibration],
) -> DensityPerson:
    reading = read_density(_complete(records), references=references, studies=studies, calibrations=calibrations)
    exams: dict[str, list[DensityRecord]] = defaultdict(list)
    for record in reading.records:
        exams[record.iso_date].append(record)
    return DensityPerson(
        name,
        reading,
        _judge(reading, studies),
        tuple(classify_exam(exam, studies) for _, exam in sorted(exams.items())),
    )


def _judge(reading: DensityReading, studies: Sequence[SitePrecision]) -> tuple[Finding, ...]:
    places = dict.fromkeys(
        (record.iso_date, record.joint, record.side) for record in reading.records if record.joint and record.side
    )
    findings: list[Finding] = []
    for day, joint, side in places:
        if joint is None or side is None:
            continue
        records = [r for r in reading.records if (r.iso_date, r.joint, r.side) == (day, joint, side)]
        sides = [one for one in reading.sides if (one.left.iso_date, one.left.joint) == (day, joint)]
        changes = [c for c in reading.changes if (c.later.iso_date, c.later.joint, c.later.side) == (day, joint, side)]
        findings.append(focal_osteopenia_by_side.assess(records, sides, joint, side))
        findings.append(low_bone_density.assess(records, joint, side, studies))
        if changes:
            findings.append(significant_bone_change.assess(changes, joint, side))
    return tuple(findings)


def run_precision_study(scans: Path, out: Path, *, today: date) -> dict[str, Any]:
    """Compute precision and least significant change by machine and region: ``precision.json``."""
    table = read_density_csv(scans)
    warnings = check_each(table.records, today)
    rows = []
    for one in study_precision(table.records):
        lsc, low, high = one.precision.lsc
        rows.append(
            {
                "machine": one.machine,
                "region": one.region,
                "vertebrae": list(one.vertebrae),
                **asdict(one.precision),
                "least_significant_change": lsc,
                "least_significant_change_low": low,
                "least_significant_change_high": high,
                "least_significant_change_percent": one.precision.lsc_percent,
                "unit": "g/cm2",
                "notes": list(one.notes),
            }
        )
    return _write_study("precision.json", rows, [*table.notes, *warnings], out)


def run_cross_calibration(scans: Path, out: Path, *, from_machine: str, to_machine: str, today: date) -> dict[str, Any]:
    """Calibrate one machine against another by people scanned on both: ``calibration.json``."""
    table = read_density_csv(scans)
    warnings = check_each(table.records, today)
    rows = [asdict(one) for one in calibrate(table.records, from_machine, to_machine)]
    return _write_study("calibration.json", rows, [*table.notes, *warnings], out)


def _write_study(name: str, rows: list[dict[str, Any]], notes: list[str], out: Path) -> dict[str, Any]:
    document = {"schema": SCHEMA, "version": __version__, "notes": notes, "rows": rows}
    with replacing_folder(out) as folder:
        (folder / name).write_text(dump_json(document), encoding="utf-8")
    return document


def _rows(path: Path, made_by: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document["rows"]
        if document["schema"] != SCHEMA or not isinstance(rows, list):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}: is not what marrowmap {made_by} writes: give that file") from error
    return rows


def read_precision(path: Path) -> tuple[SitePrecision, ...]:
    """Read ``precision.json``."""
    fields = Precision.__dataclass_fields__
    try:
        studies = tuple(
            SitePrecision(
                row["machine"],
                row["region"],
                tuple(row["vertebrae"]),
                Precision(**{name: row[name] for name in fields}),
                tuple(row["notes"]),
            )
            for row in _rows(path, "density-precision")
        )
        if not all(math.isfinite(one.precision.rms_sd) and one.precision.rms_sd > 0 for one in studies):
            raise ValueError("its rms_sd is not above 0")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.name}: a row cannot be used ({error}): run marrowmap density-precision again"
        ) from error
    return studies


def read_calibration(path: Path) -> tuple[Calibration, ...]:
    """Read ``calibration.json``."""
    try:
        calibrations = tuple(
            Calibration(
                **{
                    **row,
                    "vertebrae": tuple(row["vertebrae"]),
                    "notes": tuple(row["notes"]),
                    "agreement": Agreement(**row["agreement"]),
                }
            )
            for row in _rows(path, "density-calibration")
        )
        if not all(one.residual_sd > 0 and one.spread > 0 and one.agreement.n > 2 for one in calibrations):
            raise ValueError("its residual_sd, spread or n is not above 0")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.name}: a row cannot be used ({error}): run marrowmap density-calibration again"
        ) from error
    return calibrations
