from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.measure.marrow_replacement import AS_DARK
from marrowmap.measure.marrow_replacement import MarrowReplacement
from marrowmap.measure.marrow_replacement import measure_replacement
from marrowmap.measure.marrow_replacement import replacement_rows
from marrowmap.values import Side
from tests.measure.drawn_thigh import draw
from tests.measure.drawn_thigh import femur

NECK = (28.0, 0.0, 0.0)
MASS = (NECK, 11.0, 85.0)


def _measure(side: Side = Side.LEFT, **drawn) -> MarrowReplacement:
    bone = femur(side)
    return measure_replacement(bone, [bone], draw(side, **drawn), None)


@pytest.fixture(scope="module")
def mass() -> MarrowReplacement:
    return _measure(balls=(MASS,))


def test_a_mass_is_found_with_its_volume_and_ratio(mass):
    true = 4 / 3 * np.pi * 11**3 / 1000
    assert mass.volume.low < true < mass.volume.high
    assert mass.volume.value == pytest.approx(true, rel=0.2)
    assert mass.ratio.value == pytest.approx(0.85, abs=0.06)
    assert mass.ratio.low < 0.85 < mass.ratio.high
    middle = mass.mask.grid.to_world(np.argwhere(mass.mask.array)).mean(axis=0)
    assert femur(Side.LEFT).to_bone(middle) == pytest.approx(NECK, abs=2.0)
    assert mass.smallest_detectable.value < true


def test_plain_marrow_and_edema_hold_none():
    for found in (_measure(), _measure(balls=((NECK, 13.0, 150.0),))):
        assert found.volume.value == 0
        assert found.ratio is None
        assert not found.mask.array.any()
        assert found.darkest > 1.2 * AS_DARK


def test_a_small_cyst_and_a_line_are_too_thin():
    cyst = _measure(balls=((NECK, 3.0, 60.0),))
    line = _measure(balls=tuple(((28.0 + 0.2 * n, float(n), 0.0), 1.8, 10.0) for n in range(-16, 17)))
    assert cyst.volume.value == line.volume.value == 0


def test_the_smallest_that_is_stated_is_found_wherever_the_slices_lie(mass):
    radius = float((3 * 1000 * mass.smallest_detectable.value / (4 * np.pi)) ** (1 / 3))
    for shift in (0.0, 1.1, 2.2, 3.3):
        center = (NECK[0], NECK[1], NECK[2] + shift)
        assert _measure(balls=((center, radius, 85.0),)).volume.value > 0


def test_scale_changes_nothing(mass):
    seven = _measure(balls=(MASS,), scale=7.0)
    assert seven.volume.value == pytest.approx(mass.volume.value, rel=0.01)
    assert seven.ratio.value == pytest.approx(mass.ratio.value, rel=0.01)


def test_shading_hardly_does(mass):
    shaded = _measure(balls=(MASS,), shading=0.15)
    assert shaded.ratio.value == pytest.approx(mass.ratio.value, abs=0.08)
    assert shaded.volume.value == pytest.approx(mass.volume.value, rel=0.15)


def test_the_other_side_is_alike(mass):
    other = _measure(Side.RIGHT, balls=(MASS,))
    assert other.volume.value == pytest.approx(mass.volume.value, rel=0.15)
    assert other.ratio.value == pytest.approx(mass.ratio.value, abs=0.05)


def test_metal_is_a_void_and_no_finding():
    screw = _measure(balls=tuple(((float(x), 0.0, 0.0), 7.0, 0.0) for x in range(0, 40, 4)))
    assert screw.volume.value == 0
    assert screw.void_ml > 1.5


def test_place_within_the_head():
    head = _measure(balls=(((0.0, 0.0, 0.0), 10.0, 85.0),))
    assert head.in_head > 0.9
    assert 8 < head.from_joint_mm < 16


def test_rows(mass):
    rows = replacement_rows(Side.LEFT, mass, "2026-01-05")
    assert [(row.name, row.region, row.quantity.unit) for row in rows] == [
        ("replaced_marrow_volume", "proximal_femur", "mL"),
        ("t1_to_muscle_ratio", "proximal_femur", "1"),
    ]
    assert rows[0].evidence.mask_sha256 == mass.mask.sha256
    assert len(replacement_rows(Side.LEFT, _measure(), "")) == 1


def test_what_cannot_be_measured_says_why():
    bone, t1 = femur(Side.LEFT), draw()
    with pytest.raises(InputError, match="could not be fitted"):
        measure_replacement(replace(bone, trusted=False, reason="poor fit"), [bone], t1, None)
    even = replace(t1, volume=Volume(t1.volume.grid, np.full(t1.volume.grid.shape, 50, np.float32)))
    with pytest.raises(InputError, match="no muscle"):
        measure_replacement(bone, [bone], even, None)
