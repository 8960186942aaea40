"""Pictures of densitometry: drawn where there is something to draw, the same bytes every time."""

from __future__ import annotations

from datetime import date

from marrowmap.measure.density_sides import compare_sides
from marrowmap.report.density_figures import draw_density_course
from marrowmap.report.density_figures import draw_density_sides
from marrowmap.values import Side
from marrowmap.values.density_record import JOINT_OF_REGION
from tests.measure.density_records import record

PAIR = (record(bmd=0.8), record(bmd=1.0, side=Side.RIGHT))


def test_a_course_needs_two_dates():
    assert draw_density_course(PAIR, (), "A") is None
    later = record(bmd=0.9, date=date(2021, 1, 1))
    picture = draw_density_course((*PAIR, later), (), "A")
    assert picture.data == draw_density_course((*PAIR, later), (), "A").data
    assert "femoral neck" in picture.alt


def test_sides_need_a_reference():
    assert draw_density_sides(compare_sides(PAIR), "A") is not None
    knee = [record(bmd=b, region="distal_femur", side=s) for b, s in ((0.8, Side.LEFT), (0.9, Side.RIGHT))]
    assert draw_density_sides(compare_sides(knee), "A") is None


def test_undated_and_empty_records_are_no_trouble():
    later = record(bmd=0.9, date=date(2021, 1, 1))
    records = (*PAIR, later, record(bmd=None, date=date(2022, 1, 1)), record(date=None))
    assert draw_density_course(records, (), "A") is not None


def test_other_vertebrae_are_other_lines():
    def spine(vertebrae: tuple[int, ...], bmd: float, year: int):
        return record(region="spine", side=None, vertebrae=vertebrae, bmd=bmd, date=date(year, 1, 1))

    records = tuple(spine(v, b + n / 100, 2020 + n) for n in range(2) for v, b in (((1,), 0.8), ((1, 2, 3, 4), 1.0)))
    picture = draw_density_course(records, (), "A")
    assert b"L1-L4" in picture.data
    assert picture.data == draw_density_course(records[::-1], (), "A").data


def test_every_region_is_drawn():
    regions = [region for region, joint in JOINT_OF_REGION.items() if joint is not None]
    assert len(regions) > 6
    records = tuple(record(region=r, bmd=0.8 + n / 50, date=date(2020 + n, 1, 1)) for r in regions for n in range(2))
    picture = draw_density_course(records, (), "A")
    for region in regions:
        words = region.replace("_", " ")
        assert words in picture.alt
        assert f"<!-- {words} -->".encode() in picture.data
