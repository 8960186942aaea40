import numpy as np
import pytest

from marrowmap.anatomy.bone_cloud import model_cloud
from marrowmap.anatomy.bone_cloud import with_cortex
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.anatomy.radiograph_projector import RadiographProjector


def test_what_lies_nearer_to_the_source_comes_out_larger():
    beam = Beam(1000.0, 10.0, -5.0)
    points = np.array([[110.0, y, 95.0] for y in (-100.0, 0.0, 100.0)])
    where = beam.onto_plane(points)
    assert where[1] == pytest.approx((110.0, 95.0))
    assert where[0] == pytest.approx((10 + 100 / 0.9, -5 + 100 / 0.9))
    assert where[2] == pytest.approx((10 + 100 / 1.1, -5 + 100 / 1.1))
    behind = Beam(1000.0, 10.0, -5.0, from_front=False).onto_plane(points)
    assert behind[::-1] == pytest.approx(where)


def test_all_points_in_view_are_counted_and_fall_symmetrically():
    cloud = with_cortex(model_cloud(8.0), 8.0)
    shape = (121, 161)
    projector = RadiographProjector(cloud, Beam(), np.array([-240.0, 320.0]), shape, 4.0, 3.0)
    image = projector.thickness(np.zeros(cloud.size))
    assert image.sum() == pytest.approx(sum(len(bone.points) for bone in cloud.bones), rel=0.01)
    left = image[[n for n, name in enumerate(projector.names) if name.startswith("left")]].sum(axis=0)
    right = image[[n for n, name in enumerate(projector.names) if name.startswith("right")]].sum(axis=0)
    assert np.corrcoef(left.ravel(), right[::-1].ravel())[0, 1] > 0.98


def test_a_cortex_lies_on_the_surface():
    cloud = model_cloud(8.0)
    wide = with_cortex(cloud, 6.0)
    for before, after in zip(cloud.bones, wide.bones, strict=True):
        added = after.points[len(before.points) :]
        assert len(added) > 100
        corners = before.vertices[before.faces].mean(axis=1)
        nearest = np.sqrt(((added[::20, None] - corners[None]) ** 2).sum(axis=2)).min(axis=1)
        assert nearest.max() < 8.0
