from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from marrowmap.errors import GeometryError
from marrowmap.image.attenuation import attenuation_of_hu
from marrowmap.image.spect_projector import FWHM_PER_SD
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_projector import Projector
from marrowmap.image.spect_projector import Response
from tests.image.spect_phantoms import WATER_PER_MM
from tests.image.spect_phantoms import cylinder
from tests.image.spect_phantoms import orbit

SHAPE = (9, 24, 24)


@settings(max_examples=12, deadline=None)
@given(
    angle=st.floats(-400, 400),
    radius=st.floats(30, 300),
    seed=st.integers(0, 99),
    columns=st.sampled_from([None, 24, 36, 48]),
    blurred=st.booleans(),
)
def test_back_projection_is_the_adjoint(angle, radius, seed, columns, blurred):
    rng = np.random.default_rng(seed)
    mu = rng.random(SHAPE) * 0.03
    projector = Projector(
        Orbit([angle], [radius], 5.0),
        SHAPE,
        columns=columns,
        attenuation=mu,
        response=Response() if blurred else None,
    )
    u, v = rng.random(SHAPE), rng.random((SHAPE[0], columns or SHAPE[2]))
    forward = float((projector.project(u)[0] * v).sum(dtype=float))
    assert forward == pytest.approx(float((u * projector.back_project(v[None])).sum(dtype=float)), rel=1e-5)


@pytest.mark.parametrize(
    ("angle", "to_detector", "to_right"),
    [(0, (0, 1), (-1, 0)), (90, (1, 0), (0, 1)), (180, (0, -1), (1, 0)), (270, (-1, 0), (0, -1))],
)
def test_detector_stands_and_looks_where_it_says(angle, to_detector, to_right):
    # A point 5 voxels to the left and 3 to the back, in LPS x and y.
    point = np.zeros(SHAPE, np.float32)
    point[2, 12 + 3, 12 + 5] = 1
    offset = np.array((5.5, 3.5))
    mu = np.full(SHAPE, 0.01)
    seen = Projector(Orbit([float(angle)], [200.0], 5.0), SHAPE, attenuation=mu).project(point)[0]
    row, column = np.unravel_index(int(seen.argmax()), seen.shape)
    assert row == 2
    assert column - 11.5 == pytest.approx(offset @ to_right)
    # Half of its own voxel and all voxels between it and the detector.
    assert seen.max() == pytest.approx(np.exp(-0.01 * 5.0 * (12 - offset @ to_detector)), rel=1e-4)


def test_counts_are_kept_and_blur_grows_with_distance():
    point = np.zeros((41, 40, 40), np.float32)
    point[20, 19:21, 19:21] = 0.25
    widths = []
    for radius in (110.0, 250.0):
        projector = Projector(Orbit([0.0], [radius], 4.0), point.shape, response=Response())
        seen = projector.project(point)[0].astype(float)
        assert seen.sum() == pytest.approx(1, abs=2e-3)
        across = (np.arange(40) - 19.5) * 4.0
        variance = (seen.sum(axis=0) * across**2).sum() - 4.0
        widths.append(np.sqrt(variance) * FWHM_PER_SD)
        assert widths[-1] == pytest.approx(float(Response().fwhm_mm(radius)), rel=0.03)
    assert widths[1] > 1.5 * widths[0]


def test_resolution_is_that_of_a_clinical_camera():
    # Vendors state 7.4 to 7.5 mm at 100 mm for such a collimator with a 9.5 mm crystal.
    assert float(Response().fwhm_mm(100.0)) == pytest.approx(7.2, abs=0.4)


def test_attenuation_follows_the_law():
    shape = (4, 40, 40)
    mu = cylinder(shape, 90.0) * WATER_PER_MM
    whole = Projector(orbit(1), shape, attenuation=mu).project(cylinder(shape, 90.0))[0]
    path = np.linspace(0, 180, 2001)
    expected = np.trapezoid(np.exp(-WATER_PER_MM * path), path) / 6.0
    assert whole[2, 19:21].mean() == pytest.approx(expected, rel=0.01)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(GeometryError, match="view angles"):
        Orbit(np.zeros(3), np.ones(2), 4.0)
    with pytest.raises(GeometryError, match="above 0"):
        Orbit(np.zeros(3), np.zeros(3), 4.0)
    with pytest.raises(GeometryError, match="attenuation map"):
        Projector(orbit(3), SHAPE, attenuation=np.zeros((2, 2, 2)))


def test_ct_to_attenuation():
    mu = attenuation_of_hu([-1024, -1000, 0, 1600])
    assert mu[0] == mu[1] == 0
    assert mu[2] == pytest.approx(0.01538)
    assert mu[3] == pytest.approx(0.0295, rel=0.01)
    assert (np.diff(attenuation_of_hu(np.arange(-1000, 3000, 10))) > 0).all()
