from __future__ import annotations

import pytest

from marrowmap.ingest.dxa_csv import COLUMNS
from marrowmap.ingest.dxa_csv import read_density_csv
from marrowmap.phantom import dxa_exam
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms
from tests.phantom.densitometry import write_small_dxa


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    return write_small_dxa(tmp_path_factory.mktemp("dxa"))


def test_columns_are_the_contracts():
    assert dxa_exam.COLUMNS == COLUMNS


def test_scanner_prints_what_its_maps_hold(sick):
    table = read_density_csv(sick.records)
    assert len(table.records) == 8
    for record in table.records:
        assert record.machine == "VIRTUAL"
        assert record.t_score is None
        assert record.bmd == pytest.approx(sick.true(record.side, record.region), rel=0.15)
        assert record.bmd * record.area == pytest.approx(record.bmc, rel=0.01)


def test_truth_has_every_region_and_the_side_difference(sick):
    rows = {(r["side"], r["region"], r["quantity"]): r for r in sick.rows}
    for side in ("left", "right"):
        for region in ("femoral_neck", "greater_trochanter", "intertrochanteric", "total_hip"):
            bmd, bmc, area = (rows[side, region, name]["value"] for name in ("bmd", "bmc", "area"))
            assert bmd == pytest.approx(bmc / area, rel=1e-3)
            assert rows[side, region, "bmd"]["modality"] == "DXA"
    assert rows["left", "femoral_neck", "bmd_side_difference"]["value"] == pytest.approx(-30, abs=2)
    assert ("right", "femoral_neck", "bmd_side_difference") not in rows


def test_metal_is_left_out(tmp_path):
    done = write_small_dxa(tmp_path, metal_side=Side.RIGHT)
    assert [path.stem for path in sorted(done.folder.iterdir())] == ["left"]
    assert {row["side"] for row in done.rows} == {"left"}


def test_dciodvfy_finds_no_errors(sick):
    for path in sick.folder.iterdir():
        assert_conforms(path)
