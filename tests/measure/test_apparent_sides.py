from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from marrowmap.image import Transform
from marrowmap.measure.apparent_sides import difference_by_texture
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_apparent import measure_apparent
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure.trabecular_scans import drawn
from tests.measure.trabecular_scans import region
from tests.measure.trabecular_scans import truth

PRECISION = load_precision("MR")


@cache
def measured(thickness_mm: float) -> Microarchitecture:
    scan = drawn(thickness_mm)
    return measure_apparent(scan.image, region(scan), "why")


def test_a_loss_is_told_without_marrow_that_is_free_of_bone():
    one = difference_by_texture(measured(0.12), measured(0.15), PRECISION, "whole region")
    true = 100 * (truth(drawn(0.12)) / truth(drawn(0.15)) - 1)
    assert true < -15
    low, high = one.interval
    assert low < true < high
    assert high - low < 25
    assert "texture" in one.method
    # The absolute fractions' own intervals could not have told.
    limits = [side.values["bone_volume_fraction"] for side in (measured(0.12), measured(0.15))]
    assert limits[0].high > limits[1].low


def test_the_sign_follows():
    states = []
    for worn in (0.11, 0.15):
        this, other = measured(worn), measured(0.15)
        match = replace(match_by_masks(this.region, other.region, 1), to_other=Transform.identity())
        comparison = compare_sides(this, other, match, PRECISION, "lateral")
        assert comparison.of("bone_volume_fraction").gain == PRECISION.texture.gain
        finding = microarchitecture_deterioration.assess(
            comparison, (), Joint.KNEE, Side.LEFT, "MR", "", Evidence("1.2")
        )
        states.append(finding.state)
    assert states == [State.PRESENT, State.ABSENT]


def test_it_is_not_done_where_it_was_not_tried():
    here, there = measured(0.12), measured(0.15)
    assert difference_by_texture(replace(here, texture=None), there, PRECISION, "w") is None
    assert difference_by_texture(here, there, load_precision("CT"), "w") is None
    coarse = replace(here.region, grid=replace(here.region.grid, affine=np.diag([0.4, 0.4, 1.5, 1.0])))
    assert difference_by_texture(replace(here, region=coarse), there, PRECISION, "w") is None


def test_a_small_or_uneven_region_is_less_sure():
    here, there = measured(0.12), measured(0.15)
    uneven = replace(
        here, texture=Quantity(here.texture.value, "1", 0.5 * here.texture.value, 1.5 * here.texture.value)
    )
    sure, unsure = (difference_by_texture(one, there, PRECISION, "w") for one in (here, uneven))
    assert unsure.repeat_limit > 5 * sure.repeat_limit
    assert sure.repeat_limit >= 1.96 * PRECISION.texture.pair_percent
