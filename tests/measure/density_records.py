"""Densitometry records for tests."""

from __future__ import annotations

from datetime import date

from marrowmap.values import DensityRecord
from marrowmap.values import Menopause
from marrowmap.values import Side


def record(**changes: object) -> DensityRecord:
    """A man's left femoral neck; anything may be changed."""
    fields: dict[str, object] = {
        "person": "A",
        "birth_date": date(1980, 1, 1),
        "sex": "M",
        "menopause": Menopause.UNKNOWN,
        "date": date(2020, 1, 1),
        "region": "femoral_neck",
        "side": Side.LEFT,
        "vertebrae": (),
        "bmd": 0.9,
        "bmc": None,
        "area": None,
        "t_score": None,
        "z_score": None,
        "machine": "GE Lunar iDXA 1",
        "software": "",
        "reference": "",
        "source": "records.csv",
        "place": "line 2",
        "note": "",
    }
    return DensityRecord(**{**fields, **changes})  # type: ignore[arg-type]
