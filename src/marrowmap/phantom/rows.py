"""Rows of ``truth.json`` about one hip, in the columns that measured rows have."""

from __future__ import annotations

from typing import Any

from marrowmap.values import Side


def measurement_row(
    side: Side,
    region: str,
    quantity: str,
    value: float | None,
    unit: str,
    *,
    date: str,
    modality: str,
    method: str,
    evidence: dict[str, Any],
) -> dict[str, Any]:
    """Return a measurement row; the truth has no interval.

    Parameters
    ----------
    side : Side
    region, quantity : str
    value : float or None
        As it is written.
    unit : str
        UCUM.
    date : str
        ISO 8601.
    modality, method : str
    evidence : dict
        ``series_uid`` and ``image_uids``.
    """
    return {
        "date": date,
        "joint": "hip",
        "side": side.value,
        "region": region,
        "quantity": quantity,
        "value": value,
        "unit": unit,
        "low": None,
        "high": None,
        "modality": modality,
        "method": method,
        "evidence": evidence,
    }


def finding_row(
    side: Side,
    sign: str,
    *,
    present: bool,
    in_view: bool,
    date: str,
    modality: str,
    evidence: dict[str, Any],
    note: str,
) -> dict[str, Any]:
    """Return a finding row: what is there, whether it can be seen or not; where it is out of view, that is said.

    Parameters
    ----------
    side : Side
    sign : str
    present, in_view : bool
    date : str
        ISO 8601.
    modality : str
    evidence : dict
        ``series_uid`` and ``image_uids``.
    note : str
    """
    return {
        "date": date,
        "joint": "hip",
        "side": side.value,
        "sign": sign,
        "state": ("present" if present else "absent") if in_view else "not_assessable",
        "certainty": 1.0 if in_view else None,
        "smallest_detectable": None,
        "modality": modality,
        "evidence": evidence,
        "note": note,
        "in_view": in_view,
    }
