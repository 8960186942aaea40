"""Records as rows: the reported beside, never under, what is computed."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.measure.density import read_density
from marrowmap.values import Side
from tests.measure.density_records import record


def test_reported_numbers_are_rows_as_they_are():
    reading = read_density([record(bmc=4.5, area=5.0, t_score=-1.3, z_score=-0.9, reference="GE men")])
    rows = {(m.name, m.method.split(";")[0].split(",")[0]): m.quantity.value for m in reading.measurements}
    assert rows["bmd", "as reported"] == 0.9
    assert rows["bmc", "as reported"] == 4.5
    assert rows["area", "as reported"] == 5.0
    assert rows["t_score", "as reported"] == -1.3
    assert rows["z_score", "as reported"] == -0.9
    assert any(m.name == "t_score" and "recomputed" in m.method for m in reading.measurements)
    (bmd,) = [m for m in reading.measurements if m.name == "bmd"]
    assert bmd.evidence.series_uid == "records.csv"
    assert bmd.evidence.instance_uids == ("records.csv line 2",)


def test_recomputing_changes_no_reported_score():
    known = [record(t_score=-1.3, machine="GE Lunar"), record(t_score=-1.3, machine="")]
    for one in known:
        reported = [m for m in read_density([one]).measurements if m.method.startswith("as reported")]
        assert [m.quantity.value for m in reported if m.name == "t_score"] == [-1.3]


def test_a_region_without_known_precision_has_no_interval():
    (bmd,) = read_density([record(region="medial_plateau", machine="x")]).measurements
    assert (bmd.quantity.low, bmd.quantity.high) == (None, None)
    assert "no precision known" in bmd.method


def test_side_difference_has_a_row_a_side_with_its_interval():
    reading = read_density([record(bmd=0.783), record(bmd=1.111, side=Side.RIGHT)])
    rows = {m.side: m for m in reading.measurements if m.name == "bmd_side_difference"}
    assert rows[Side.LEFT].quantity.value == pytest.approx(-29.5, abs=0.05)
    assert rows[Side.RIGHT].quantity.value == pytest.approx(41.9, abs=0.05)
    low, high = rows[Side.LEFT].quantity.low, rows[Side.LEFT].quantity.high
    assert -36 < low < -29.5 < high < -23
    assert "95 % of well people within ±15.8" in rows[Side.LEFT].method


def test_vertebrae_that_disagree_are_told():
    spine = {"region": "spine", "side": None, "date": date(2020, 1, 1)}
    records = [record(**spine, vertebrae=(n,), t_score=t) for n, t in ((1, -2.0), (2, -1.9), (3, 0.3))]
    notes = read_density(records).notes
    assert any("L2 and L3 differ by more than 1.0" in note for note in notes)
    assert not any("L1 and L2" in note for note in notes)
    assert any("one vertebra alone" in note for note in notes)
