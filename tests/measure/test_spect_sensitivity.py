from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.spect_parts import correct
from marrowmap.measure.spect_parts import lay_parts
from marrowmap.measure.spect_sensitivity import HELD_MM
from marrowmap.measure.spect_sensitivity import place_sensitivity
from marrowmap.values import Side
from tests.measure import spect_hips as made


def test_an_even_neighborhood_makes_a_region_insensitive_and_a_hot_one_does_not():
    hot, well = (made.hips("hot")[side] for side in (Side.LEFT, Side.RIGHT))
    beside_hot = place_sensitivity(hot.parts, hot.resolution_mm, 2.0)
    beside_well = place_sensitivity(well.parts, well.resolution_mm, 2.0)
    assert beside_hot["intertrochanteric"] > 1.5 * beside_well["intertrochanteric"]
    assert 0.005 < beside_hot["femoral_head"] < 0.1


def test_what_other_errors_hold_is_not_counted_twice():
    hip = made.hips("hot")[Side.LEFT]
    assert set(place_sensitivity(hip.parts, hip.resolution_mm, HELD_MM).values()) == {0.0}
    less, more = (place_sensitivity(hip.parts, hip.resolution_mm, mm)["femoral_neck"] for mm in (1.0, 2.5))
    assert 2 < more / less < 5


def test_the_stated_spread_is_that_of_bones_really_laid_aside():
    volume = made.spect(made.HOT, made.WELL)
    hip = made.hips("hot")[Side.LEFT]
    hip_bone = next(f for f in made.frames() if f.bone == "hip_bone" and f.side is Side.LEFT)
    away = math.hypot(2.0, HELD_MM)
    stated = place_sensitivity(hip.parts, hip.resolution_mm, away)["femoral_neck"]
    here = correct(hip.parts, hip.resolution_mm)[1]["femoral_neck"]
    squares = 0.0
    for axis in range(3):
        for sign in (-1, 1):
            step = 2.0 * sign * np.eye(3)[axis]
            bones = [
                replace(
                    bone,
                    vertices=bone.vertices + step,
                    head_center_mm=bone.head_center_mm + step,
                    landmarks={name: point + step for name, point in bone.landmarks.items()},
                )
                for bone in (made.femur(Side.LEFT), hip_bone)
            ]
            there = correct(lay_parts(bones[0], bones[1], volume), hip.resolution_mm)[1]["femoral_neck"]
            squares += 0.5 * (there / here - 1) ** 2
    assert stated == pytest.approx(math.sqrt(squares), rel=0.15)
