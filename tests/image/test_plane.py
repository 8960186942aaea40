import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.image import geometric_mean

FRONT = [[1, 0, 0], [0, 0, -1]]


def grid(view=View.ANTERIOR, axes=FRONT, origin=(-10.0, 0.0, 50.0), **more):
    values = {"shape": (5, 4), "spacing_mm": (2.0, 3.0), "spacing_source": SpacingSource.DETECTOR} | more
    return PlaneGrid(view=view, axes=axes, origin_mm=origin, **values)


def plane(values, **more):
    return Plane(grid(**more), np.full((5, 4), values, np.float32))


def test_points_project_to_their_pixels():
    here = grid()
    assert here.project([-10 + 2 * 2.0, 77.0, 50 - 3 * 3.0]) == pytest.approx([2, 3])
    assert here.pixel_area_mm2 == 6.0


def test_pixels_are_located_where_they_project_from():
    here = grid(axes=[[0.6, 0.8, 0], [0, 0, -1]])
    index = np.moveaxis(np.indices(here.shape), 0, -1)
    assert here.locate([2.5, 0]) == pytest.approx([-10 + 5 * 0.6, 5 * 0.8, 50])
    assert here.locate(index).shape == (5, 4, 3)
    assert here.project(here.locate(index)) == pytest.approx(index)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flipped_grid_is_the_same_place(axis):
    here, point = grid(), np.array([-7.0, 5.0, 44.0])
    there = here.flipped(axis)
    column_row = here.project(point)
    column_row[axis] = here.shape[axis] - 1 - column_row[axis]
    assert there.project(point) == pytest.approx(column_row)
    assert there.mirrored
    assert not there.flipped(1 - axis).mirrored


def test_a_view_of_unknown_direction_has_no_left():
    nowhere = grid(View.UNKNOWN, axes=None, origin=None)
    for call in (lambda: nowhere.project([0, 0, 0]), lambda: nowhere.locate([0, 0]), lambda: nowhere.flipped(0)):
        with pytest.raises(GeometryError, match="unknown"):
            call()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"spacing_mm": (0.0, 1.0)}, "no size"),
        ({"axes": [[1, 0, 0], [0.5, 0, -1]]}, "right angles"),
        ({"shape": (0, 4)}, "columns and rows"),
        ({"origin": (0.0, np.nan, 0.0)}, "finite"),
    ],
)
def test_no_grid_without_geometry(wrong, words):
    with pytest.raises(GeometryError, match=words):
        grid(**wrong)


def test_a_plane_has_the_shape_of_its_grid_and_cannot_be_changed():
    with pytest.raises(GeometryError, match="shape"):
        Plane(grid(), np.zeros((4, 5), np.float32))
    with pytest.raises(GeometryError, match="finite"):
        plane(np.nan)
    with pytest.raises(ValueError, match="read-only"):
        plane(1).array[0, 0] = 2


def test_geometric_mean_does_not_depend_on_depth():
    attenuation, thickness = 0.015, 200.0
    means = [
        geometric_mean(
            plane(1e6 * np.exp(-attenuation * depth)),
            plane(1e6 * np.exp(-attenuation * (thickness - depth)), view=View.POSTERIOR, mirrored=True),
        )
        for depth in (20.0, 150.0)
    ]
    assert means[0].array == pytest.approx(means[1].array, rel=1e-5)
    assert means[0].grid.view is View.CONJUGATE


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"view": View.ANTERIOR}, "anterior and a posterior"),
        ({"view": View.POSTERIOR, "spacing_mm": (2.0, 2.0)}, "pixel by pixel"),
        ({"view": View.POSTERIOR, "axes": [[-1, 0, 0], [0, 0, -1]]}, "pixel by pixel"),
        ({"view": View.POSTERIOR, "origin": (-14.0, 0.0, 50.0)}, "pixel by pixel"),
        ({"view": View.POSTERIOR, "frame_of_reference_uid": "1.2"}, "pixel by pixel"),
    ],
)
def test_geometric_mean_refuses_what_does_not_lie_back_to_back(other, words):
    with pytest.raises(GeometryError, match=words):
        geometric_mean(plane(1), plane(1, **other))


def test_geometric_mean_refuses_other_units_and_negative_counts():
    back = plane(1, view=View.POSTERIOR)
    with pytest.raises(GeometryError, match="one unit"):
        geometric_mean(Plane(grid(), back.array, "counts/s"), back)
    with pytest.raises(GeometryError, match="negative"):
        geometric_mean(plane(-1), back)
