import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Dynamic
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View

GRID = PlaneGrid((3, 2), (4.0, 4.0), SpacingSource.DETECTOR, View.ANTERIOR, axes=[[1, 0, 0], [0, 0, -1]])


def frames(start=(0.0, 2.0, 4.5), duration=(2.0, 2.0, 5.0), array=None):
    values = np.arange(18, dtype=np.float32).reshape(3, 2, 3) if array is None else array
    return Dynamic(GRID, values, np.array(start), np.array(duration))


def test_frames_know_their_times_and_rates():
    scan = frames()
    assert scan.middle_s == pytest.approx([1.0, 3.0, 7.0])
    assert scan.rate[2, 1] == pytest.approx(scan.array[2, 1] / [2, 2, 5])
    assert scan.summed(1).array == pytest.approx(scan.array[:, :, 1:].sum(axis=2))
    with pytest.raises(ValueError, match="read-only"):
        scan.start_s[0] = 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start": (0.0, 1.0, 4.5)}, "overlap"),
        ({"duration": (2.0, 0.0, 5.0)}, "above 0 s"),
        ({"start": (0.0, 2.0)}, "2 starts"),
        ({"array": np.zeros((2, 3, 3))}, "shape"),
        ({"array": np.full((3, 2, 3), np.inf)}, "finite"),
    ],
)
def test_frames_without_sound_times_or_values_are_refused(wrong, words):
    with pytest.raises(GeometryError, match=words):
        frames(**wrong)
