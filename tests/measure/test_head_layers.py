from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.head_layers import sample_layers
from marrowmap.measure.head_map import unroll
from tests.measure.ball import FRAME
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur
from tests.measure.ct_heads import series_of


def depth_volume(frame: str = FRAME, size: int = 61) -> Volume:
    """Every voxel holds its own depth below the ball's surface, mm."""
    femur = ball_femur()
    affine = np.diag([1.2, 1.2, 1.2, 1.0])
    affine[:3, 3] = femur.head_center_mm - 36
    grid = Grid((size, 61, 61), affine, frame)
    return Volume(grid, (RADIUS_MM - np.linalg.norm(grid.points() - femur.head_center_mm, axis=-1)).astype(np.float32))


def test_a_layer_holds_the_signal_of_its_depths():
    (layer,) = sample_layers(unroll(ball_femur()), [series_of(depth_volume())])
    assert np.nanmedian(layer.mean) == pytest.approx(3.75, abs=0.1)
    assert np.nanmedian(layer.least) == pytest.approx(1.5, abs=0.1)
    assert (np.isfinite(layer.mean) == unroll(ball_femur()).shown).all()


def test_series_elsewhere_and_of_half_a_head_are_passed_over():
    whole, other, half = depth_volume(), depth_volume("1.10"), depth_volume(size=30)
    series = [series_of(volume) for volume in (other, whole, half)]
    layers = sample_layers(unroll(ball_femur()), [*series, replace(series[1], uid="1.2.4")])
    assert [layer.series.uid for layer in layers] == ["1.2.3", "1.2.4"]
    assert layers[0].series is series[1]
