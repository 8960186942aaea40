import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.effusion import measure_effusion


def picture(fluid_radius, scale=1.0):
    """A shell-shaped joint: soft tissue 100, fluid 900 up to `fluid_radius`, voxels averaging over their slices."""
    grid = Grid((90, 90, 20), np.array([[0.7, 0, 0, -31], [0, 0.7, 0, -31], [0, 0, 4, -38], [0, 0, 0, 1.0]]))
    share = np.zeros(grid.shape)
    for offset in np.linspace(-1.75, 1.75, 8):
        radius = np.linalg.norm(grid.points() + np.array([0, 0, offset]), axis=-1)
        share += ((radius > 20) & (radius < fluid_radius)) / 8
    radius = np.linalg.norm(grid.points(), axis=-1)
    values = 100 + 800 * share + np.random.default_rng(1).normal(0, 8, grid.shape)
    capsule = Mask(grid, (radius > 19.5) & (radius < 27))
    around = Mask(grid, (radius >= 28) & (radius < 31))
    return Volume(grid, (values * scale).astype(np.float32)), capsule, around


@pytest.mark.parametrize("fluid_radius", [21.5, 23.0, 25.0])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_volume_of_a_shell_of_fluid(fluid_radius, scale):
    truth = 4 / 3 * np.pi * (fluid_radius**3 - 20**3) / 1000
    found = measure_effusion(*picture(fluid_radius, scale))
    assert found.volume.value == pytest.approx(truth, rel=0.2)  # the thinnest film fills some voxels by a tenth
    assert found.volume.low < truth < found.volume.high


def test_no_fluid_is_no_effusion():
    found = measure_effusion(*picture(20.0))
    assert found.volume.value < 0.3


def test_a_joint_outside_the_view_is_refused():
    fluid, capsule, around = picture(22.0)
    with pytest.raises(InputError, match="outside the images"):
        measure_effusion(fluid, Mask(capsule.grid, np.zeros(capsule.grid.shape, bool)), around)
