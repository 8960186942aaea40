from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_repeat import with_repeats
from marrowmap.values import Quantity
from tests.measure.test_microarchitecture_sides import SHAPE
from tests.measure.test_microarchitecture_sides import side

NAME = "bone_volume_fraction"


def scans(*shares: float) -> list[Microarchitecture]:
    return [side(np.full(SHAPE, share), False) for share in shares]


def test_worse_repeatability_than_known_counts():
    precision = with_repeats(load_precision("HR-pQCT"), scans(0.19, 0.21))
    assert precision.cv_percent[NAME] == pytest.approx(100 * 0.02 / 2**0.5 / 0.2)
    assert "2 scans of this bone: bone volume fraction 7.1 %" in precision.sources[-1]


def test_two_scans_that_agree_by_chance_make_nothing_better():
    shipped = load_precision("HR-pQCT")
    precision = with_repeats(shipped, scans(0.2, 0.2))
    assert precision.cv_percent[NAME] == shipped.cv_percent[NAME]


def test_where_nothing_is_known_one_pair_is_widened_by_students_t():
    precision = with_repeats(load_precision("micro-CT"), scans(0.199, 0.201))
    assert precision.cv_percent[NAME] == pytest.approx(12.706 / 1.96 * 100 * 0.002 / 2**0.5 / 0.2, rel=1e-3)
    three = with_repeats(load_precision("micro-CT"), scans(0.199, 0.2, 0.201))
    assert three.cv_percent[NAME] == pytest.approx(4.303 / 1.96 * 0.5, rel=1e-3)


def test_texture_counts_with_its_gain():
    shipped = load_precision("MR")
    pair = [replace(s, texture=Quantity(t, "1")) for s, t in zip(scans(0.2, 0.2), (0.2, 0.22), strict=True)]
    found = with_repeats(shipped, pair).texture
    assert found.cv_percent == pytest.approx(100 * shipped.texture.gain * np.log(1.1) / 2**0.5)
    assert found.pair_percent > shipped.texture.pair_percent
    assert with_repeats(shipped, scans(0.2, 0.22)).texture == shipped.texture
