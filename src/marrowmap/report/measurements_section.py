"""Every number, both sides of a joint beside each other."""

from __future__ import annotations

from marrowmap.measure.projected_density import MAP_MODALITY
from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import order_measurements
from marrowmap.report.wording import SIDE_ORDER
from marrowmap.report.wording import number_text
from marrowmap.report.wording import plain_words
from marrowmap.report.wording import unit_text
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Measurement
from marrowmap.values import Side


def _cell(measurement: Measurement | None) -> tuple[str, str]:
    """Return value and interval as text."""
    if measurement is None:
        return "", ""
    quantity = measurement.quantity
    interval = "" if quantity.low is None else f"{number_text(quantity.low)} to {number_text(quantity.high)}"
    return number_text(quantity.value), interval


def measurements_section(result: AnalysisResult) -> Section | None:
    """Lay both sides of a joint beside each other: each row is one quantity of one region."""
    ordered = order_measurements(result.measurements)
    if not ordered:
        return None
    methods = list(dict.fromkeys(m.method for m in ordered))
    tables = []
    for joint in dict.fromkeys(m.joint for m in ordered):
        mine = [m for m in ordered if m.joint is joint]
        sides: list[Side | None] = [side for side in SIDE_ORDER if any(m.side is side for m in mine)]
        sides = sides or [None]
        rows: dict[tuple[str, str, str, str], dict[Side | None, Measurement]] = {}
        for m in mine:
            # A bone scan gives one ratio by several methods; elsewhere both sides' methods share a row.
            # Densitometry has an image for each hip.
            series = "" if m.modality == MAP_MODALITY else m.evidence.series_uid
            key = (m.region, m.name, series, m.method if m.modality == "NM" else "")
            rows.setdefault(key, {})[m.side] = m
        regions, quantities = list(REGIONS), list(QUANTITIES)
        in_order = sorted(rows.items(), key=lambda row: (regions.index(row[0][0]), quantities.index(row[0][1])))
        names = [side.value.capitalize() if side else "Value" for side in sides]
        tables.append(
            Table(
                f"{joint.value if joint else 'given region'}".capitalize(),
                ("Region", "Quantity", "Unit", *(c for name in names for c in (name, "95 % interval")), "Method"),
                tuple(
                    (
                        plain_words(region),
                        plain_words(name),
                        unit_text(QUANTITIES[name].unit),
                        *(text for side in sides for text in _cell(by_side.get(side))),
                        ", ".join(dict.fromkeys(str(methods.index(m.method) + 1) for m in by_side.values())),
                    )
                    for (region, name, _, _), by_side in in_order
                ),
                numeric=tuple(range(3, 3 + 2 * len(sides))),
            )
        )
    notes = tuple(f"Method {number}: {text}" for number, text in enumerate(methods, start=1))
    return Section("measurements", "Measurements", items=notes, tables=tuple(tables))
