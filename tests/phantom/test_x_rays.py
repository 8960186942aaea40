from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.mr import TISSUES
from marrowmap.phantom.x_rays import COMPOSITION
from marrowmap.phantom.x_rays import Cone
from marrowmap.phantom.x_rays import attenuation
from marrowmap.phantom.x_rays import integrate
from marrowmap.phantom.x_rays import project_cone

PER_MM = 0.02
RADIUS = 20.0
CENTER = np.array([22.0, -11.0, 17.0])
GRID = make_grid(np.full(3, -60.0), np.full(3, 60.0), 1.0)
BALL = occupancy(np.linalg.norm(points_of(GRID) - CENTER, axis=-1) - RADIUS, 1.0) * np.float32(PER_MM)


def _cone(tilt_deg=(0.0, 0.0, 0.0), pixel_mm=0.5, shape=(440, 400), far_mm=1100.0, behind_mm=180.0):
    turn = Rotation.from_euler("xyz", tilt_deg, degrees=True).as_matrix()
    axes = np.array([[1.0, 0, 0], [0, 0, -1]]) @ turn.T
    middle = turn @ np.array([0, behind_mm, 0.0])
    source = middle - turn @ np.array([0, far_mm, 0.0])
    return Cone(source, middle - (np.array(shape) - 1) / 2 * pixel_mm @ axes, axes, pixel_mm, shape)


def _chord(cone, radius=RADIUS):
    """Length of each pixel's ray within the ball."""
    ways = cone.pixels() - cone.source
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    toward = CENTER - cone.source
    off = toward @ toward - (ways @ toward) ** 2
    return 2 * np.sqrt(np.maximum(radius**2 - off, 0))


@pytest.mark.parametrize("tilt_deg", [(0.0, 0.0, 0.0), (4.0, 2.0, -5.0), (-6.0, -3.0, 4.0)])
def test_a_ball_is_shown_at_its_place_as_thick_as_it_is(tilt_deg):
    cone = _cone(tilt_deg)
    image, chord = integrate(cone, GRID, BALL, 0.5), _chord(cone)
    inner = chord > 20  # nearer its edge, voxels of 1 mm are not round enough
    assert image[inner] == pytest.approx(PER_MM * chord[inner], abs=PER_MM)
    assert np.sqrt(((image - PER_MM * chord)[inner] ** 2).mean()) < 0.15 * PER_MM
    assert image.sum() == pytest.approx(PER_MM * chord.sum(), rel=0.003)
    assert image[_chord(cone, RADIUS + 3) == 0] == pytest.approx(0, abs=1e-6)
    place = (np.indices(image.shape) * image).sum(axis=(1, 2)) / image.sum()
    assert place == pytest.approx(project_cone(cone, CENTER), abs=0.15)


def test_magnification_is_that_of_the_depth():
    cone = _cone()
    assert cone.source_detector_mm == pytest.approx(1100)
    assert cone.magnification(CENTER) == pytest.approx(1100 / (1100 - 180 - 11))
    across = project_cone(cone, CENTER + np.array([[-10.0, 0, 0], [10.0, 0, 0]]))
    assert np.ptp(across[:, 0]) * cone.pixel_mm == pytest.approx(20 * cone.magnification(CENTER))
    wide = np.ptp(np.nonzero(integrate(cone, GRID, BALL, 0.5).sum(axis=1) > 0.02)[0]) * cone.pixel_mm
    assert wide == pytest.approx(2 * RADIUS * cone.magnification(CENTER), abs=2.5)
    nearer = replace(cone, source=cone.source + np.array([0.0, 300.0, 0]))
    assert nearer.magnification(CENTER) > cone.magnification(CENTER)


def test_pixels_are_where_their_rays_end():
    cone = _cone((4.0, 2.0, -5.0))
    corner = cone.pixels()[17, 31]
    assert project_cone(cone, corner) == pytest.approx((17, 31))
    assert project_cone(cone, cone.source + 0.7 * (corner - cone.source)) == pytest.approx((17, 31))


def test_mirrored_cone_gives_the_mirrored_picture():
    cone = _cone((4.0, 2.0, -5.0))
    across = (cone.shape[0] - 1) * cone.pixel_mm * cone.axes[0]
    back = replace(cone, origin=cone.origin + across, axes=cone.axes * [[-1.0], [1.0]])
    assert back.normal == pytest.approx(cone.normal)
    assert np.allclose(integrate(back, GRID, BALL, 0.5)[::-1], integrate(cone, GRID, BALL, 0.5), atol=1e-5)
    assert project_cone(back, CENTER)[0] == pytest.approx(cone.shape[0] - 1 - project_cone(cone, CENTER)[0])


def test_picture_of_a_mirrored_body_is_mirrored():
    cone = _cone()
    apart = integrate(cone, GRID, BALL[::-1].copy(), 0.5)[::-1] - integrate(cone, GRID, BALL, 0.5)
    assert np.abs(apart).max() < PER_MM
    assert np.sqrt((apart**2).mean()) < 0.01 * PER_MM


def test_every_tissue_attenuates():
    assert set(COMPOSITION) == set(TISSUES)
    assert all(sum(shares.values()) == pytest.approx(1) for _, shares in COMPOSITION.values())
    # NIST SRD 126 at 50 keV: 0.4242 cm2/g of 1.92 g/cm3, 0.2123 of 0.95.
    assert attenuation("cortical_bone") == pytest.approx(0.08145, rel=1e-3)
    assert attenuation("subcutaneous_fat") == pytest.approx(0.02017, rel=1e-3)
    order = ["air", "fat", "yellow_marrow", "red_marrow", "muscle", "cortical_bone", "metal"]
    values = [attenuation(tissue) for tissue in order]
    assert values == sorted(values)
