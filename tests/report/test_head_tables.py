from __future__ import annotations

import dataclasses

import pytest
from scipy.stats import beta

from marrowmap.measure.head import HeadMeasurement
from marrowmap.report import AnalysisResult
from marrowmap.report.head_tables import OUTCOMES
from marrowmap.report.head_tables import ReadHead
from marrowmap.report.head_tables import head_rows_text
from marrowmap.report.head_tables import outcome_rows
from marrowmap.report.head_tables import read_head
from marrowmap.values import Side


def _read(heads: AnalysisResult, side: Side, **changes) -> ReadHead:
    reading = next(r for r in heads.readings if r.head is not None and r.side is side)
    assert isinstance(reading.head, HeadMeasurement)
    changed = dataclasses.replace(reading, head=dataclasses.replace(reading.head, **changes))
    read = read_head(heads, changed)
    assert read is not None
    return read


def test_each_measure_stands_beside_its_limit(heads: AnalysisResult) -> None:
    rows = {row[0]: row[1:] for row in head_rows_text([_read(heads, Side.RIGHT), _read(heads, Side.LEFT)])}
    assert rows["Necrotic segment"][0] == "none seen"
    assert rows["Modified Kerboul angle"][1] == "220° (grade 2; 100° + 120°)"
    assert rows["Koo index"][1] == "37"
    assert rows["Band-depth ratio, mid-coronal"][1] == "0.30 (above 0.22)"
    assert rows["Band-depth ratio, maximal"][1] == "0.35 (below 0.38)"
    assert rows["Fracture line, coronal length"][1] == "10.2 mm"
    assert rows["Greatest depression of the joint surface"][1] == "2.6 mm"
    assert rows["ARCO 2019 stage"][1].startswith("IIIB, as far as MRI shows it")
    assert rows["ARCO 2019 stage"][0].startswith("none")
    assert all(len(row) == 3 for row in rows.values())


def test_a_line_beyond_the_limits_is_flagged(heads: AnalysisResult) -> None:
    line = _read(heads, Side.LEFT).seen.lines[0]
    long = dataclasses.replace(line, length_mm=12.6, thickness_mm=4.2)
    rows = {row[0]: row[1] for row in head_rows_text([_read(heads, Side.LEFT, sheets=(long,))])}
    assert rows["Fracture line, coronal length"] == "12.6 mm (over 12.5 mm)"
    assert rows["Fracture line, thickness"] == "4.2 mm (over 4 mm)"


def test_what_was_not_measured_is_not_called_unseen(heads: AnalysisResult) -> None:
    read = _read(heads, Side.LEFT, obstacle="there is no T1 series")
    assert {row[1] for row in head_rows_text([read])} == {"not assessable"}
    assert outcome_rows([read]) == ()


@pytest.mark.parametrize(
    ("arcs", "percent", "places"),
    [
        ((95, 104.9), 25.0, {0, 4}),
        ((100, 100), 25.1, {1, 5}),
        ((125, 125), 10.0, {2, 4}),
        ((150, 150), 40.0, {3, 5}),
    ],
)
def test_a_head_falls_into_one_group_of_each_study(
    heads: AnalysisResult, arcs: tuple[float, float], percent: float, places: set[int]
) -> None:
    rows = outcome_rows([_read(heads, Side.LEFT, arcs_deg=arcs, fraction_percent=percent, surface=None)])
    assert {place for place, row in enumerate(rows) if row[3] == "left"} == places


def test_no_outcome_is_held_beside_a_head_that_has_sunken_or_has_no_segment(heads: AnalysisResult) -> None:
    assert all(row[3] == "" for row in outcome_rows([_read(heads, Side.LEFT)]))
    assert outcome_rows([_read(heads, Side.RIGHT)]) == ()


def test_intervals_are_exact() -> None:
    for o in OUTCOMES:
        low = 0.0 if o.collapsed == 0 else beta.ppf(0.025, o.collapsed, o.heads - o.collapsed + 1)
        high = 1.0 if o.collapsed == o.heads else beta.ppf(0.975, o.collapsed + 1, o.heads - o.collapsed)
        assert o.low_percent == pytest.approx(100 * low, abs=0.06)
        assert o.high_percent == pytest.approx(100 * high, abs=0.06)
