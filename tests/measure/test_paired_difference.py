from __future__ import annotations

import pytest

from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.measure.paired_difference import spread_percent
from marrowmap.values import Quantity


def difference(this: float, gain: float = 1.0, gain_sd: float = 0.0, limit: float | None = 5.0) -> PairedDifference:
    return PairedDifference("bone_volume_fraction", "whole region", this, 0.2, limit, 10.0, "", gain, gain_sd)


def test_the_gain_is_a_power_of_the_ratio():
    assert difference(0.18).percent == pytest.approx(-10.0)
    assert difference(0.18, gain=2.0).percent == pytest.approx(-19.0)
    assert difference(0.2, gain=2.0).percent == pytest.approx(0.0)


def test_the_interval_holds_the_difference_and_grows_with_a_doubtful_gain():
    low, high = difference(0.16).interval or (0.0, 0.0)
    assert low == pytest.approx(100 * (0.8 / 1.0513 - 1), abs=0.01)
    assert high == pytest.approx(100 * (0.8 * 1.0513 - 1), abs=0.01)
    wide = difference(0.16, gain_sd=0.3).interval or (0.0, 0.0)
    assert wide[0] < low < high < wide[1]
    # Where the sides are alike the gain does not matter.
    assert difference(0.2, gain_sd=0.3).interval == difference(0.2).interval
    assert difference(0.16, limit=None).interval is None


def test_spread_of_an_interval():
    assert spread_percent(Quantity(0.2, "1", 0.2 - 0.0196, 0.2 + 0.0196)) == pytest.approx(5.0)
    assert spread_percent(Quantity(0.2, "1")) == 0.0
