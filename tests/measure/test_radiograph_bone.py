"""Both hips of one film against each other: drawn bones, drawn losses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.ingest.radiograph import Intensity
from marrowmap.measure.radiograph_bone import GAIN
from marrowmap.measure.radiograph_bone import TOGETHER
from marrowmap.measure.radiograph_bone import MirroredHips
from marrowmap.measure.radiograph_bone import compare_sides
from marrowmap.values import Side

SHAPE = (84, 91)
NAMES = ["acetabulum", "femur cortex", "greater_trochanter", "head", "intertrochanteric", "neck", "shaft"]


def _blob(column, row, across, down):
    u, v = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.hypot((u - column) / across, (v - row) / down)
    return ndimage.gaussian_filter(np.sqrt(np.clip(1 - away**2, 0, 1)), 1.5)


def drawn(loss=0.0, side=Side.LEFT, offset=0.0, gain=1.0):
    """Two hips alike but for a loss of head and neck of one side, and for soft tissue."""
    inner = {
        "greater_trochanter": _blob(54, 36, 9, 12),
        "head": _blob(27, 33, 15, 15),
        "intertrochanteric": _blob(50, 55, 12, 14),
        "neck": _blob(40, 44, 8, 8),
        "shaft": _blob(50, 85, 9, 22),
    }
    whole = sum(inner.values())
    cortex = np.hypot(*np.gradient(ndimage.gaussian_filter((whole > 0.2).astype(float), 1.5)))
    parts = {"acetabulum": _blob(16, 26, 16, 22), "femur cortex": 3 * cortex, **inner}
    thick = np.stack([parts[name] for name in NAMES])
    sick = inner["head"] + inner["neck"] + parts["femur cortex"] * (inner["head"] + inner["neck"]) / (whole + 0.02)
    u, v = np.mgrid[: SHAPE[0], : SHAPE[1]] / 80.0
    texture = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=SHAPE), 1.0)
    images = {
        one: gain * (thick.sum(axis=0) - loss * sick * (one is side) + 0.1 * texture + 0.3 * one.sign * (u - v**2))
        + offset
        for one in Side
    }
    regions = {"femoral_head": np.ones(SHAPE), "femoral_neck": np.ones(SHAPE), "intertrochanteric": np.ones(SHAPE)}
    levels = np.full(len(NAMES), gain)
    return MirroredHips(np.zeros(2), images, dict.fromkeys(Side, thick), levels, NAMES, regions, np.ones(SHAPE, bool))


def test_a_drawn_loss_comes_back_by_region_and_side():
    nothing, loss = compare_sides(drawn()), compare_sides(drawn(0.2))
    change = {name: loss.lacking[name] - nothing.lacking[name] for name in loss.lacking}
    # 0.2 of one side is 0.222 of the mean of both; the fixed gain stands for what real films lose.
    for name in (TOGETHER, "femoral_head"):
        assert change[name] * GAIN[Intensity.ATTENUATION] == pytest.approx(0.2, abs=0.05)
    assert abs(change["intertrochanteric"]) < 0.06
    index = loss.index(Side.LEFT)[TOGETHER]
    assert index.low < index.value < index.high
    assert loss.index(Side.RIGHT)[TOGETHER].value < 0


def test_a_mirrored_film_gives_the_mirrored_index():
    one, other = compare_sides(drawn(0.2)), drawn(0.2)
    swapped = dataclasses.replace(
        other,
        images={side: other.images[side.opposite] for side in Side},
        thickness={side: other.thickness[side.opposite] for side in Side},
    )
    mirrored = compare_sides(swapped)
    assert mirrored.lacking[TOGETHER] == pytest.approx(-one.lacking[TOGETHER], abs=0.01)


def test_gain_and_offset_of_the_film_change_nothing():
    one, other = compare_sides(drawn(0.15)), compare_sides(drawn(0.15, offset=500.0, gain=1800.0))
    for name, value in one.lacking.items():
        assert other.lacking[name] == pytest.approx(value, abs=0.002)
        assert other.sd[name] == pytest.approx(one.sd[name], rel=0.02)


def test_a_display_curve_makes_the_interval_wider():
    hips = drawn(0.15)
    raw, shown = compare_sides(hips), compare_sides(hips, Intensity.DISPLAY)
    assert shown.sd[TOGETHER] > 1.2 * raw.sd[TOGETHER]


def test_hips_out_of_the_beam_are_refused():
    hips = drawn()
    lit = np.zeros(SHAPE, bool)
    lit[60:] = True
    with pytest.raises(InputError, match="the sides cannot be compared"):
        compare_sides(dataclasses.replace(hips, lit=lit))
    with pytest.raises(InputError, match="the sides cannot be compared"):
        compare_sides(dataclasses.replace(hips, levels=np.zeros(len(NAMES))))
