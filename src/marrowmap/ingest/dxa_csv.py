"""Densitometry records from a table that people typed: the contract's columns, in CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marrowmap.errors import InputError
from marrowmap.ingest.csv_text import read_csv_rows
from marrowmap.ingest.csv_text import read_csv_text
from marrowmap.ingest.dxa_fields import FACTORS
from marrowmap.ingest.dxa_fields import normalize_unit
from marrowmap.ingest.dxa_fields import read_date
from marrowmap.ingest.dxa_fields import read_menopause
from marrowmap.ingest.dxa_fields import read_number
from marrowmap.ingest.dxa_fields import read_region
from marrowmap.ingest.dxa_fields import read_sex
from marrowmap.ingest.dxa_fields import read_side
from marrowmap.ingest.dxa_fields import read_vertebrae
from marrowmap.values import DensityRecord
from marrowmap.values.density_record import JOINT_OF_REGION

COLUMNS = (
    "person",
    "birth_date",
    "sex",
    "date",
    "site",
    "region",
    "side",
    "bmd",
    "bmc",
    "area",
    "t_score",
    "z_score",
    "machine",
    "software",
    "reference",
)
"""The contract's columns."""
MORE_COLUMNS = ("menopause", "vertebrae", "note")
"""Columns that may be added."""
REQUIRED = ("person", "date", "region", "side", "bmd")

_SITES = {"hip": "hip", "femur": "hip", "knee": "knee", "spine": "spine", "lumbar spine": "spine", "forearm": "forearm"}
_HEADER = re.compile(r"(?P<name>[^()\[\]]+?)\s*(?:[(\[](?P<unit>[^()\[\]]*)[)\]])?")


@dataclass(frozen=True)
class DensityTable:
    """What a table holds.

    Parameters
    ----------
    records : tuple of DensityRecord
        In the order of the file.
    notes : tuple of str
        All that was done to read it: units converted as stated, decimal commas, columns not there or not known.
    """

    records: tuple[DensityRecord, ...]
    notes: tuple[str, ...]


def read_density_csv(path: Path) -> DensityTable:
    """Read a table of densitometry records.

    Fields may be separated by comma, semicolon or tab; numbers may have a decimal comma where fields keep it apart;
    headers and values may state their unit (``bmd (mg/cm2)``, ``783 mg/cm2``). A unit is converted only where it is
    stated, and every conversion is told of.

    Raises
    ------
    InputError
        If the file is no such table, or a field cannot be read for sure; the message names file, line and column.
    """
    text, notes = read_csv_text(path)
    rows = read_csv_rows(text, path.name)
    if not rows:
        raise InputError(f"{path.name}: the file is empty: give a header line and one line a region")
    header, units = _read_header(rows[0][1], path.name)
    records: list[DensityRecord] = []
    commas: list[int] = []
    for line, row in rows[1:]:
        cells = _cells(row, header, f"{path.name}, line {line}")
        record, done, with_comma = _record(cells, units, path.name, f"line {line}")
        records.append(record)
        notes += [f"line {line}, {what}" for what in done]
        commas += [line] * with_comma
    if commas:
        notes.append(f"decimal commas of {len(commas)} numbers read as points, lines {commas[0]} to {commas[-1]}")
    if not records:
        raise InputError(f"{path.name}: a header but no record: give one line a region")
    known = set(COLUMNS) | set(MORE_COLUMNS)
    strange = [name for name in header if name not in known]
    if strange:
        notes.append(f"columns not known and not read: {', '.join(strange)}")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        notes.append(f"columns not there, taken as empty: {', '.join(missing)}")
    return DensityTable(tuple(records), tuple(f"{path.name}: {note}" for note in notes))


def _read_header(row: Sequence[str], name: str) -> tuple[list[str], dict[str, str]]:
    header: list[str] = []
    units: dict[str, str] = {}
    # Spreadsheets save empty columns to the right of a table.
    last = max(n for n, cell in enumerate(row) if cell.strip())
    for cell in row[: last + 1]:
        match = _HEADER.fullmatch(cell.strip())
        column = re.sub(r"[\s\-]+", "_", match["name"].strip().lower()) if match else cell.strip().lower()
        if match and match["unit"] is not None and column in FACTORS:
            unit = normalize_unit(match["unit"])
            if unit not in FACTORS[column]:
                raise InputError(
                    f"{name}: header {cell.strip()!r}: {column} is given in {' or '.join(FACTORS[column])}"
                )
            units[column] = unit
        header.append(column)
    double = {column for column in header if header.count(column) > 1}
    if double:
        raise InputError(f"{name}: column {sorted(double)[0]!r} stands twice in the header: keep one")
    lacking = [column for column in REQUIRED if column not in header]
    if lacking:
        raise InputError(
            f"{name}: no column {', '.join(lacking)} in the header: the columns are {','.join(COLUMNS)}; "
            "fields may be empty"
        )
    return header, units


def _cells(row: Sequence[str], header: Sequence[str], where: str) -> dict[str, str]:
    if len(row) > len(header) and not any(cell.strip() for cell in row[len(header) :]):
        row = row[: len(header)]
    if len(row) != len(header):
        comma = (
            ": a decimal comma splits a field: write 0.783, or put ; between fields" if len(row) > len(header) else ""
        )
        raise InputError(
            f"{where}: {len(row)} fields under {len(header)} columns{comma or ': fill it up or remove it'}"
        )
    return dict(zip(header, row, strict=True))


def _record(
    cells: dict[str, str], units: dict[str, str], source: str, place: str
) -> tuple[DensityRecord, list[str], int]:
    where = f"{source}, {place}"

    def cell(name: str) -> str:
        return cells.get(name, "").strip()

    done: list[str] = []
    commas = 0
    numbers: dict[str, float | None] = {}
    last_digits: dict[str, float] = {}
    for column in FACTORS:
        read = read_number(cell(column), column, units.get(column, ""), f"{where}, {column}")
        numbers[column] = None if read is None else read.value
        if read is not None:
            last_digits[column] = read.last_digit
        if read is not None and read.done:
            done.append(f"{column}: {read.done}")
        commas += read is not None and read.comma
    region, named = read_region(cell("region"), where)
    _check_site(cell("site"), region, where)
    side = read_side(cell("side"), where)
    if JOINT_OF_REGION[region] is not None and side is None:
        raise InputError(f"{where}: {region} without its side: write left or right")
    if region == "spine" and side is not None:
        raise InputError(f"{where}: the spine has no side, but {side.value!r} is given: leave it empty")
    vertebrae = read_vertebrae(cell("vertebrae"), where)
    if vertebrae and (region != "spine" or (named and named != vertebrae)):
        raise InputError(f"{where}: vertebrae {cell('vertebrae')!r} do not belong to region {cell('region')!r}")
    if not any(numbers[name] is not None for name in numbers) and not cell("note"):
        raise InputError(f"{where}: no number in the line: give at least bmd, or say in a column note what was found")
    record = DensityRecord(
        person=cell("person"),
        birth_date=read_date(cell("birth_date"), f"{where}, birth_date"),
        sex=read_sex(cell("sex"), where),
        menopause=read_menopause(cell("menopause"), where),
        date=read_date(cell("date"), f"{where}, date"),
        region=region,
        side=side,
        vertebrae=named or vertebrae,
        machine=cell("machine"),
        software=cell("software"),
        reference=cell("reference"),
        source=source,
        place=place,
        note=cell("note"),
        last_digits=last_digits,
        **numbers,
    )
    return record, done, commas


def _check_site(site: str, region: str, where: str) -> None:
    if not site:
        return
    joint = JOINT_OF_REGION[region]
    mine = joint.value if joint else region
    said = _SITES.get(site.lower())
    if said is None:
        raise InputError(f"{where}: site {site!r}: write hip, knee, spine or forearm")
    if said != mine:
        raise InputError(f"{where}: region {region} is not at the {said}: correct site or region")
