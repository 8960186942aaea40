"""Reads the folders that ``marrowmap analyze`` and ``marrowmap density`` leave."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Protocol
from marrowmap.values.analyzed import Row
from marrowmap.values.analyzed import SignRow

SCHEMA = "marrowmap/1"
EARLIEST = date(1895, 1, 1)
"""Before this day no examination was made of anyone."""


def _document(path: Path, label: str) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{label}/{path.name}: cannot be read ({reason}): analyze the exam again") from error
    except ValueError as error:
        raise InputError(f"{label}/{path.name}: is no JSON ({error}): analyze the exam again") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{label}/{path.name}: its schema is not {SCHEMA!r}: was it written by marrowmap?")
    rows = document.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{label}/{path.name}: 'rows' is no list of rows: analyze the exam again")
    return document


def _text(row: Mapping[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{where}: {field} is {value!r}, not text")
    return value


def _number(row: Mapping[str, Any], field: str, where: str) -> float | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: {field} is {value!r}, not a finite number")
    return float(value)


def _day(row: Mapping[str, Any], where: str) -> date:
    text = _text(row, "date", where)
    if not text:
        raise InputError(f"{where}: has no date: a course needs one; give it in the images or their sidecar")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: date {text!r} is no day as YYYY-MM-DD") from error
    if day < EARLIEST:
        raise InputError(f"{where}: date {text} lies before there were X-rays: correct it")
    return day


def _place(row: Mapping[str, Any], where: str) -> Place | None:
    joint, side = _text(row, "joint", where), _text(row, "side", where)
    if not joint:
        return None
    try:
        Joint(joint)
    except ValueError as error:
        raise InputError(f"{where}: joint {joint!r} is none of {', '.join(j.value for j in Joint)}") from error
    if side not in {s.value for s in Side}:
        raise InputError(f"{where}: side {side!r} of the {joint} is neither left nor right")
    return Place(joint, side)


def _row(row: Mapping[str, Any], where: str) -> Row:
    quantity, unit = _text(row, "quantity", where), _text(row, "unit", where)
    if quantity in QUANTITIES and unit != QUANTITIES[quantity].unit:
        raise InputError(f"{where}: {quantity} in {unit!r}, which is measured in {QUANTITIES[quantity].unit!r}")
    value, low, high = (_number(row, field, where) for field in ("value", "low", "high"))
    if value is None:
        raise InputError(f"{where}: {quantity} has no value")
    if (low is None) != (high is None) or (low is not None and high is not None and not low <= value <= high):
        raise InputError(f"{where}: {quantity} {value:g} does not lie in its interval {low} to {high}")
    return Row(
        day=_day(row, where),
        place=_place(row, where),
        region=_text(row, "region", where),
        quantity=quantity,
        value=value,
        unit=unit,
        low=low,
        high=high,
        modality=_text(row, "modality", where),
        method=_text(row, "method", where),
        document=row,
    )


def _limit(row: Mapping[str, Any], where: str) -> tuple[float, str] | None:
    limit = row.get("smallest_detectable")
    if isinstance(limit, dict):
        value = _number(limit, "value", where)
        return None if value is None else (value, _text(limit, "unit", where))
    return None


def _sign(row: Mapping[str, Any], where: str) -> SignRow | None:
    place = _place(row, where)
    if place is None:
        return None
    try:
        state = State(_text(row, "state", where))
    except ValueError as error:
        raise InputError(
            f"{where}: state {row.get('state')!r} is none of {', '.join(s.value for s in State)}"
        ) from error
    return SignRow(
        day=_day(row, where),
        place=place,
        sign=_text(row, "sign", where),
        state=state,
        modality=_text(row, "modality", where),
        note=_text(row, "note", where),
        limit=_limit(row, where),
        document=row,
    )


def _vector(value: Any, where: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(x, int | float) for x in value):
        raise InputError(f"{where}: {value!r} is no point of three numbers")
    return float(value[0]), float(value[1]), float(value[2])


def _frame(row: Mapping[str, Any], where: str) -> FrameRow | None:
    place, radius, axes = _place(row, where), _number(row, "head_radius_mm", where), row.get("axes")
    if place is None or radius is None or not radius > 0 or not isinstance(axes, dict):
        return None
    return FrameRow(
        place=place,
        bone=_text(row, "bone", where),
        center_mm=_vector(row.get("head_center_mm"), where),
        radius_mm=radius,
        axes=tuple(_vector(axes.get(name), where) for name in ("neck", "superior", "anterior")),
        fit_rms_mm=_number(row, "fit_rms_mm", where),
        trusted=row.get("trusted", True) is True,
        series=_text(row, "series", where),
        frame_of_reference_uid=_text(row, "frame_of_reference_uid", where),
    )


def read_frames(path: Path) -> tuple[FrameRow, ...]:
    """Read a ``frames.json`` alone, without the exam it belongs to.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    rows = _document(path, path.absolute().parent.name)["rows"]
    found = (_frame(row, f"{path.name} row {n}") for n, row in enumerate(rows, start=1))
    return tuple(frame for frame in found if frame is not None)


def _person(document: Mapping[str, Any], where: str) -> Subject:
    subject = document.get("subject") or {}
    if not isinstance(subject, dict):
        raise InputError(f"{where}: 'subject' is no single person: follow one person's exams")
    birth = _text(subject, "birth_date", where)
    if birth:
        try:
            date.fromisoformat(birth)
        except ValueError as error:
            raise InputError(f"{where}: birth date {birth!r} is no day as YYYY-MM-DD") from error
    try:
        return Subject(
            person_id=_text(subject, "id", where),
            sex=_text(subject, "sex", where),
            birth_date=birth,
            age_years=_number(subject, "age_years", where),
        )
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _series(rows: list[Row]) -> frozenset[str]:
    found = [row.document.get("evidence") for row in rows]
    return frozenset(
        evidence["series_uid"]
        for evidence in found
        if isinstance(evidence, dict) and isinstance(evidence.get("series_uid"), str) and evidence["series_uid"]
    )


_NUMBERS = ("field_strength_t", "repetition_time_ms", "echo_time_ms", "inversion_time_ms", "slice_thickness_mm")


def _protocols(path: Path, label: str) -> dict[str, Protocol]:
    """Read how the series were made from ``manifest.json``; nothing where it, or its list of series, is not there."""
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document.get("series", []) if isinstance(document, dict) else None
    except (OSError, ValueError) as error:
        raise InputError(f"{label}/{path.name}: cannot be read ({error}): analyze the exam again") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{label}/{path.name}: 'series' is no list of series: analyze the exam again")
    found = {}
    for number, row in enumerate(rows, start=1):
        where = f"{label}/{path.name} series {number}"
        numbers = {name: _number(row, name, where) for name in _NUMBERS}
        if row.get("voxel_mm") is not None:
            numbers["voxel_mm"] = max(_vector(row["voxel_mm"], where))
        known = {name: value for name, value in numbers.items() if value is not None}
        found[_text(row, "series", where)] = Protocol(
            _text(row, "scanner", where), _text(row, "sequence", where), known
        )
    return found


def read_analyzed(folder: Path) -> tuple[AnalyzedExam, ...]:
    """Read one folder back; one exam for each day its rows speak of.

    Parameters
    ----------
    folder : Path
        As ``marrowmap analyze`` or ``marrowmap density`` left it.

    Raises
    ------
    InputError
        If it is no such folder, or a row cannot be used; names file, row and what is wrong.
    """
    label = folder.name or folder.resolve().name
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder: give folders that marrowmap analyze or density left")
    path = folder / "measurements.json"
    if not path.is_file():
        raise InputError(f"{folder}: holds no measurements.json: give folders that marrowmap analyze or density left")
    document = _document(path, label)
    person = _person(document, f"{label}/measurements.json")
    rows = [_row(row, f"{label}/measurements.json row {n}") for n, row in enumerate(document["rows"], start=1)]
    signs: list[SignRow] = []
    if (folder / "findings.json").is_file():
        found = _document(folder / "findings.json", label)["rows"]
        read = (_sign(row, f"{label}/findings.json row {n}") for n, row in enumerate(found, start=1))
        signs = [sign for sign in read if sign is not None]
    frames: list[FrameRow] = []
    if (folder / "frames.json").is_file():
        found = _document(folder / "frames.json", label)["rows"]
        drawn = (_frame(row, f"{label}/frames.json row {n}") for n, row in enumerate(found, start=1))
        frames = [frame for frame in drawn if frame is not None]
    protocols = _protocols(folder / "manifest.json", label)
    days = sorted({row.day for row in rows} | {sign.day for sign in signs})
    if not days:
        raise InputError(f"{label}: holds neither a measurement nor a finding: nothing to follow")
    return tuple(
        AnalyzedExam(
            label=label,
            folder=folder,
            day=day,
            person=person if len(days) == 1 else Subject(person.person_id, person.sex, person.birth_date),
            rows=tuple(row for row in rows if row.day == day),
            signs=tuple(sign for sign in signs if sign.day == day),
            frames=tuple(frames) if len(days) == 1 else (),
            series=_series([row for row in rows if row.day == day]),
            protocols=protocols,
        )
        for day in days
    )
