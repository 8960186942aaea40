"""All that is measured in one head, and why it was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.ingest.exam import Series
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.head import ERRORS
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.head import error_of
from marrowmap.measure.head import estimate_noise
from marrowmap.measure.head import head_rows
from marrowmap.measure.head import measure_head
from marrowmap.measure.necrosis import head_lattice
from marrowmap.phantom.onfh import band_depth_ratio
from marrowmap.phantom.onfh import deepest_band_ratio
from marrowmap.phantom.onfh import necrotic_arcs_deg
from marrowmap.phantom.onfh import segment_distance
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from tests.measure.ball import ball_femur


def with_slices(series: Series, *, apart_mm: float | None = None, keep: slice | None = None) -> Series:
    """The series with its slices said to lie further apart, or only some of its columns."""
    grid, array = series.volume.grid, series.volume.array
    affine, shape = np.array(grid.affine), grid.shape
    if apart_mm is not None:
        middle = (shape[2] - 1) / 2
        step = affine[:3, 2] / grid.spacing[2]
        affine[:3, 3] -= middle * step * (apart_mm - grid.spacing[2])
        affine[:3, 2] = step * apart_mm
    if keep is not None:
        array = array[keep]
        affine[:3, 3] += affine[:3, 0] * (keep.start or 0)
        shape = array.shape
    return replace(series, volume=Volume(Grid(shape, affine, grid.frame_of_reference_uid), np.array(array)))


def obstacle(head: HeadMeasurement) -> str:
    """Its obstacle; nothing else is measured then."""
    assert head.segment is None
    assert head.sheets == ()
    assert head.surface is None
    assert head_rows(head) == []
    return head.obstacle


def test_a_dead_head_is_measured_as_it_was_drawn(dead_head, measured):
    head = measured(dead_head)
    hip, necrosis = dead_head.hip, dead_head.lesion.necrosis
    lattice = head_lattice(dead_head.femur)
    share = 100 * (segment_distance(necrosis, hip.radius, lattice) < 0).mean()
    assert head.obstacle == ""
    assert head.side is dead_head.femur.side
    assert head.fraction_percent == pytest.approx(share, abs=3)
    assert head.lesion_ml == pytest.approx(share / 100 * len(lattice) / 1000, abs=1.5)
    assert head.kerboul_deg == pytest.approx(sum(necrotic_arcs_deg(hip, necrosis)), abs=20)
    assert head.band_ratio == pytest.approx(band_depth_ratio(hip, necrosis), abs=0.04)
    assert head.deepest_ratio == pytest.approx(deepest_band_ratio(hip, necrosis), abs=0.04)
    assert head.double_line is not None
    assert head.double_line.share > 0.7
    assert head.surface.depression_mm < 1.2
    assert head.snr > 20


def test_a_band_is_no_fracture_line(dead_head, measured):
    assert [sheet for sheet in measured(dead_head).sheets if sheet.evidence >= SEEN_EVIDENCE] == []


def test_a_fracture_line_is_no_band(broken_head, measured):
    head = measured(broken_head)
    assert head.segment is None
    assert (head.fraction_percent, head.lesion_ml, head.kerboul_deg) == (0.0, 0.0, 0.0)
    assert head.sheets[0].evidence >= SEEN_EVIDENCE


def test_nothing_is_found_in_a_well_head(well_head, measured):
    head = measured(well_head)
    assert head.obstacle == ""
    assert head.segment is None
    assert [sheet for sheet in head.sheets if sheet.evidence >= SEEN_EVIDENCE] == []
    assert head.surface.depression_mm < 1.2
    assert {row.name for row in head_rows(head)} == {"head_depression"}
    assert not head.segment_mask(well_head.t1.volume.grid).array.any()


def test_the_mirrored_head_measures_the_same(broken_head, measured):
    here, there = measured(broken_head), broken_head.mirrored().measure()
    assert there.side is here.side.opposite
    assert there.snr == pytest.approx(here.snr, rel=0.01)
    assert there.blur_mm == pytest.approx(here.blur_mm)
    mine, other = ({row.name: row.quantity.value for row in head_rows(head)} for head in (here, there))
    assert other == pytest.approx(mine, rel=0.05, abs=0.1)


def test_the_segment_s_mask_holds_its_volume_in_the_bone(dead_head, measured):
    head = measured(dead_head)
    grid = dead_head.t1.volume.grid
    mask = head.segment_mask(grid)
    assert mask.volume_ml == pytest.approx(head.lesion_ml, rel=0.06)
    middle = grid.points()[mask.array].mean(axis=0)
    assert dead_head.femur.to_bone(middle) @ np.array(dead_head.lesion.necrosis.toward) > 5


def test_a_mask_in_another_frame_of_reference_is_refused(dead_head, measured):
    grid = dead_head.t1.volume.grid
    with pytest.raises(GeometryError, match="different frames of reference"):
        measured(dead_head).segment_mask(Grid(grid.shape, grid.affine, "1.10"))


def test_rows_are_named_coded_and_hold_their_value(dead_head, broken_head, measured):
    dead, broken = (head_rows(measured(head)) for head in (dead_head, broken_head))
    names = [row.name for row in dead]
    assert names.count("band_depth_ratio") == 2
    assert {"lesion_volume", "lesion_fraction", "kerboul_angle", "koo_index", "head_depression"} <= set(names)
    assert {"subchondral_line_length", "subchondral_line_thickness"} <= {row.name for row in broken}
    for row in [*dead, *broken]:
        assert row.name in QUANTITIES
        assert row.region in REGIONS
        assert 0 <= row.quantity.low <= row.quantity.value <= row.quantity.high
        assert row.evidence.series_uid == dead_head.t1.uid
        assert row.date == "2026-01-05"


def test_without_t1_or_fluid_series_nothing_is_read(well_head):
    femur, t1, fluid = well_head.femur, well_head.t1, well_head.fluid
    assert "no T1 series" in obstacle(measure_head(femur, None, fluid, date=""))
    assert "fluid-sensitive series" in obstacle(measure_head(femur, t1, None, date=""))
    assert "no T1 series" in obstacle(measure_head(femur, None, None, date=""))


def test_a_bone_that_fits_badly_is_not_measured_on(well_head):
    femur = replace(well_head.femur, trusted=False, reason="its surface lies 4 mm off")
    assert "its surface lies 4 mm off" in obstacle(measure_head(femur, well_head.t1, well_head.fluid, date=""))


@pytest.mark.parametrize("which", ["t1", "fluid"])
def test_slices_7_mm_apart_are_too_coarse(well_head, which):
    series = {"t1": well_head.t1, "fluid": well_head.fluid}
    series[which] = with_slices(series[which], apart_mm=7.0)
    said = obstacle(measure_head(well_head.femur, series["t1"], series["fluid"], date=""))
    assert "7.0 mm apart" in said
    assert series[which].description in said


@pytest.mark.parametrize("which", ["t1", "fluid"])
def test_half_a_head_is_not_measured(well_head, which):
    series = {"t1": well_head.t1, "fluid": well_head.fluid}
    column = int(series[which].volume.grid.to_index(well_head.femur.head_center_mm)[0])
    series[which] = with_slices(series[which], keep=slice(column, None))
    said = obstacle(measure_head(well_head.femur, series["t1"], series["fluid"], date=""))
    assert "of the femoral head lies within series" in said
    assert 40 < float(said.split("only ")[1].split(" %")[0]) < 60


def test_an_image_without_signal_is_not_read(well_head):
    black = replace(well_head.t1, volume=Volume(well_head.t1.volume.grid, np.zeros_like(well_head.t1.volume.array)))
    assert "no signal" in obstacle(measure_head(well_head.femur, black, well_head.fluid, date=""))


def test_noise_is_measured_beside_slow_change(well_head):
    femur = ball_femur()
    affine = np.diag([0.6, 0.6, 3.0, 1.0])
    affine[:3, 3] = femur.head_center_mm - 35
    grid = Grid((117, 117, 24), affine, femur.frame_of_reference_uid)
    slope = np.linspace(0, 500, 117)[:, None, None] + np.random.default_rng(0).normal(0, 12.0, grid.shape)
    series = replace(well_head.t1, volume=Volume(grid, slope.astype(np.float32)))
    assert estimate_noise(series, femur) == pytest.approx(12.0, rel=0.05)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_a_row_s_error_grows_with_its_value(name):
    constant, relative = ERRORS[name]
    assert error_of(name, 0.0) == constant > 0
    assert error_of(name, np.array([2.0, 10.0])) == pytest.approx([constant + 2 * relative, constant + 10 * relative])
