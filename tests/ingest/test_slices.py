from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.ingest.header import Frame
from marrowmap.ingest.slices import common_thickness
from marrowmap.ingest.slices import order_slices
from marrowmap.ingest.slices import slice_normal
from marrowmap.ingest.slices import split_stacks


def frame(number, position, orientation=(1.0, 0, 0, 0, 1, 0), **changes):
    values = dict.fromkeys(Frame.__dataclass_fields__)
    values |= {
        "file": Path(f"{number}.dcm"),
        "number": 1,
        "instance_uid": str(number),
        "position": tuple(float(x) for x in position),
        "orientation": tuple(float(x) for x in orientation),
        "spacing": (0.5, 0.8),
        "size": (4, 3),
        "image_type": (),
        "stack": "",
        "frame_of_reference": "1.2",
        "thickness": 3.0,
    }
    return Frame(**(values | changes))


def stack(count, step=4.0, orientation=(1.0, 0, 0, 0, 1, 0), origin=(0.0, 0, 0), **changes):
    normal = slice_normal(orientation)
    return [frame(n, np.asarray(origin) + n * step * normal, orientation, **changes) for n in range(count)]


@given(
    st.integers(3, 30),
    st.floats(0.5, 8.0),
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.randoms(use_true_random=False),
)
def test_any_oblique_stack_in_any_order_is_placed(count, step, angles, chance):
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    frames = stack(count, step, (*axes[:, 0], *axes[:, 1]), origin=(5.0, -7.0, 9.0))
    shuffled = list(frames)
    chance.shuffle(shuffled)
    ordered, grid = order_slices(shuffled)
    assert ordered == tuple(frames)
    assert grid.shape == (4, 3, count)
    assert grid.spacing == pytest.approx([0.5, 0.8, step])
    assert grid.to_world([0, 0, count - 1]) == pytest.approx(frames[-1].position, abs=1e-6)
    assert np.linalg.det(grid.affine[:3, :3]) > 0


@given(st.integers(5, 20), st.data())
def test_a_missing_slice_is_never_passed_over(count, data):
    frames = stack(count)
    del frames[data.draw(st.integers(1, count - 2))]
    with pytest.raises(InputError, match="missing"):
        order_slices(frames)


def test_rounded_positions_are_even():
    frames = [frame(n, (0, 0, round(n * 3.9996, 3))) for n in range(24)]
    assert order_slices(frames)[1].spacing[2] == pytest.approx(3.9996, abs=1e-4)


def test_thickness_is_not_spacing():
    frames = stack(5, step=4.0, thickness=3.0)
    assert order_slices(frames)[1].spacing[2] == pytest.approx(4.0)
    assert common_thickness(frames) == 3.0
    assert common_thickness(stack(3, thickness=None)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"echo_time": 60.0},
        {"inversion_time": 150.0},
        {"image_type": ("W",)},
        {"size": (8, 3)},
        {"spacing": (0.6, 0.8)},
        {"stack": "2"},
        {"frame_of_reference": "1.3"},
        {"temporal": 2.0},
        {"acquisition": 2.0},
        {"b_value": 800.0},
        {"flip_angle": 30.0},
    ],
)
def test_what_differs_is_split(changes):
    base = {"echo_time": 10.0, "inversion_time": 0.0, "temporal": 1.0, "acquisition": 1.0, "b_value": 0.0}
    stacks = split_stacks(stack(4, **base) + stack(4, **(base | changes)))
    assert sorted(len(found) for found in stacks) == [4, 4]


def test_acquisition_numbers_alone_do_not_split():
    frames = [frame(n, (0, 0, 2.0 * n), acquisition=float(n)) for n in range(6)]
    assert [len(found) for found in split_stacks(frames)] == [6]
