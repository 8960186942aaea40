import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.effusion import find_brightest
from marrowmap.measure.effusion import measure_effusion


def picture(fluid_radius, scale=1.0):
    """A shell-shaped joint in muscle (100) and fat (20), fluid 400 up to `fluid_radius`; slices average."""
    grid = Grid((90, 90, 20), np.array([[0.7, 0, 0, -31], [0, 0.7, 0, -31], [0, 0, 4, -38], [0, 0, 0, 1.0]]))
    share = np.zeros(grid.shape)
    for offset in np.linspace(-1.75, 1.75, 8):
        radius = np.linalg.norm(grid.points() + np.array([0, 0, offset]), axis=-1)
        share += ((radius > 20) & (radius < fluid_radius)) / 8
    radius = np.linalg.norm(grid.points(), axis=-1)
    tissue = np.where(np.arange(90)[:, None, None] % 6 < 4, 100, 20)
    values = tissue * (1 - share) + 400 * share + np.random.default_rng(1).normal(0, 4, grid.shape)
    values[:4, :4] = 400  # a bladder's corner: fluid elsewhere in the image
    capsule = Mask(grid, (radius > 19.5) & (radius < 27))
    around = Mask(grid, (radius >= 28) & (radius < 31))
    return Volume(grid, (values * scale).astype(np.float32)), capsule, around


@pytest.mark.parametrize("fluid_radius", [22.5, 24.0, 26.0])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_volume_of_a_shell_of_fluid(fluid_radius, scale):
    truth = 4 / 3 * np.pi * (fluid_radius**3 - 20**3) / 1000
    fluid, capsule, around = picture(fluid_radius, scale)
    found = measure_effusion(fluid, capsule, around, find_brightest(fluid))
    assert found.volume.value == pytest.approx(truth, rel=0.2)
    assert found.volume.low < truth < found.volume.high


def test_no_fluid_is_no_effusion():
    fluid, capsule, around = picture(20.0)
    found = measure_effusion(fluid, capsule, around, find_brightest(fluid))
    assert found.volume.value < 0.3


def test_a_joint_outside_the_view_is_refused():
    fluid, capsule, around = picture(22.0)
    with pytest.raises(InputError, match="outside the images"):
        measure_effusion(fluid, Mask(capsule.grid, np.zeros(capsule.grid.shape, bool)), around, 400.0)
