from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_projector import Projector
from marrowmap.image.spect_projector import Response
from marrowmap.image.spect_reconstruction import SCATTER_STRENGTH
from marrowmap.image.spect_reconstruction import Osem
from marrowmap.image.spect_reconstruction import effective_scatter
from marrowmap.image.spect_reconstruction import reconstruct
from marrowmap.image.spect_reconstruction import scatter_from_windows
from marrowmap.image.spect_reconstruction import scatter_source
from tests.image.spect_phantoms import WATER_PER_MM
from tests.image.spect_phantoms import ball
from tests.image.spect_phantoms import cylinder
from tests.image.spect_phantoms import orbit
from tests.image.spect_phantoms import places

SHAPE = (20, 44, 44)


@pytest.fixture(scope="module")
def water():
    """A cylinder 20 cm wide, filled evenly: activity, attenuation map, orbit and noise-free projections."""
    activity = cylinder(SHAPE, 100.0, half_length=48.0)
    mu = activity * np.float32(WATER_PER_MM)
    turn = orbit(32)
    return activity, mu, turn, Projector(turn, SHAPE, attenuation=mu, response=Response()).project(activity)


def _profile(volume):
    """Middle and a ring near the edge of the middle slices."""
    z, y, x = places(SHAPE)
    away, slab = np.hypot(y, x), np.abs(z) < 20
    return volume[slab & (away < 25)].mean(), volume[slab & (away > 60) & (away < 80)].mean()


def test_even_water_is_flat_with_attenuation_and_cupped_without(water):
    _, mu, turn, seen = water
    middle, ring = _profile(reconstruct(seen, turn, Osem(4, 8), attenuation=mu))
    assert middle == pytest.approx(1, abs=0.04)
    assert ring == pytest.approx(1, abs=0.04)
    middle, ring = _profile(reconstruct(seen, turn, Osem(4, 8)))
    assert middle < 0.75 * ring
    assert ring < 0.5


def test_order_of_views_makes_no_difference(water):
    _, mu, turn, seen = water
    mixed = np.random.default_rng(1).permutation(len(seen))
    other = Orbit(turn.angles_deg[mixed] + 360.0 * (mixed % 2), turn.radius_mm[mixed], turn.pixel_mm)
    first = reconstruct(seen, turn, Osem(1, 8), attenuation=mu)
    second = reconstruct(seen[mixed], other, Osem(1, 8), attenuation=mu)
    assert np.allclose(first, second, atol=1e-5)


def test_mirrored_patient_gives_the_mirrored_image(water):
    activity, mu, turn, _ = water
    one_sided = activity * (1 + 3 * ball(SHAPE, (0, 20, 50), 20.0))
    seen = Projector(turn, SHAPE, attenuation=mu, response=Response()).project(one_sided)
    # One subset: with more, the mirrored views take their turns in another order.
    image = reconstruct(seen, turn, Osem(3, 1), attenuation=mu)
    _, _, x = places(SHAPE)
    assert float((image * x).sum()) > 0
    # Left and right change places: angles turn the other way round and columns run the other way.
    flipped = Orbit(-turn.angles_deg, turn.radius_mm, turn.pixel_mm)
    mirrored = reconstruct(seen[:, :, ::-1], flipped, Osem(3, 1), attenuation=mu)
    assert np.abs(mirrored[:, :, ::-1] - image).max() < 1e-3 * image.max()


def test_contrast_of_hot_and_cold_balls_comes_back():
    shape, pixel = (16, 52, 52), 4.4
    water = cylinder(shape, 95.0, pixel, half_length=30.0)
    size = {15.0: (0, 55), 11.0: (55, 0), 8.0: (0, -55)}
    balls = {radius: ball(shape, (0, y, x), radius, pixel) for radius, (y, x) in size.items()}
    cold = ball(shape, (0, -55, 0), 15.0, pixel)
    activity = water * (1 - cold) + 3 * sum(balls.values())
    turn = orbit(40, 150.0, pixel)
    projector = Projector(turn, shape, attenuation=water * np.float32(WATER_PER_MM), response=Response())
    seen = projector.project(activity)
    found = {}
    for response in (Response(), None):
        options = Osem(6, 8, response)
        image = reconstruct(seen, turn, options, attenuation=water * np.float32(WATER_PER_MM))
        background = float(np.median(image[5:11][water[5:11] > 0.99]))
        recovered = [(float((image * b).sum() / b.sum()) / background - 1) / 3 for b in balls.values()]
        found[response is None] = [*recovered, 1 - float((image * cold).sum() / cold.sum()) / background]
    # Larger balls come back better, and all better with resolution recovery.
    assert found[False][0] > found[False][1] > found[False][2] > 0.4
    assert found[False][0] > 0.75
    assert found[False][3] > 0.6
    assert all(a > b + 0.01 for a, b in zip(found[False], found[True], strict=True))


def test_scatter_spoils_contrast_and_its_estimate_restores_it(water):
    activity, mu, turn, _ = water
    hollow = activity * (1 - ball(SHAPE, (0, 0, 0), 30.0))
    projector = Projector(turn, SHAPE, attenuation=mu, response=Response())
    scattered = projector.project(scatter_source(hollow, mu, turn.pixel_mm, SCATTER_STRENGTH))
    seen = projector.project(hollow) + scattered
    hole = ball(SHAPE, (0, 0, 0), 20.0) > 0.99
    z, y, x = places(SHAPE)
    around = (np.hypot(y, x) > 50) & (np.hypot(y, x) < 75) & (np.abs(z) < 20)

    def darkness(scatter, counts=seen):
        image = reconstruct(counts, turn, Osem(4, 8), attenuation=mu, scatter=scatter)
        return 1 - float(image[hole].mean() / image[around].mean()), image

    plain, image = darkness(None)
    clean, _ = darkness(None, seen - scattered)
    windows, _ = darkness(scatter_from_windows(2.0 * scattered))
    modeled, _ = darkness(effective_scatter(image / 1.25, turn, mu, response=Response()))
    assert plain < clean - 0.05
    assert windows == pytest.approx(clean, abs=0.04)
    assert modeled == pytest.approx(clean, abs=0.04)


def test_scatter_windows():
    lower = np.full((2, 5, 5), 30.0)
    assert np.allclose(scatter_from_windows(lower, share=0.5), 15.0)
    # 3 keV windows with 30 and 0 counts under a photopeak of 28 keV.
    triple = scatter_from_windows(lower, upper=np.zeros_like(lower), widths_kev=(3.0, 3.0, 28.0))
    assert np.allclose(triple, 140.0)
    with pytest.raises(InputError, match="keV"):
        scatter_from_windows(lower, upper=lower)


def test_empty_rows_stay_empty(water):
    _, mu, turn, seen = water
    cut = np.array(seen)
    cut[:, :6] = 0
    image = reconstruct(cut, turn, Osem(1, 8), attenuation=mu)
    assert image.shape == SHAPE
    assert image[:5].max() == 0
    assert image[8:].max() > 0.5


def test_bad_input_is_refused(water):
    _, mu, turn, seen = water
    with pytest.raises(GeometryError, match="view angles"):
        reconstruct(seen[:5], turn)
    with pytest.raises(GeometryError, match="resample"):
        reconstruct(seen, turn, attenuation=mu[:4])
    with pytest.raises(GeometryError, match="scatter"):
        reconstruct(seen, turn, scatter=seen[:, :3])
    with pytest.raises(InputError, match="no counts"):
        reconstruct(np.zeros_like(seen), turn)
    with pytest.raises(InputError, match="negative"):
        reconstruct(seen - 1e6, turn)
    with pytest.raises(InputError, match="iteration"):
        Osem(0)


def stir_counts(shared_data):
    """Projections (views, rows, columns) of a real cylinder."""
    return np.fromfile(shared_data / "spect-interfile-stir" / "input.s", "<f4").reshape(120, 64, 128)


def test_real_projections_are_explained_by_what_they_give(shared_data):
    # Every fourth view and the middle rows and columns are enough for a test.
    counts = stir_counts(shared_data).reshape(120, 64, 128)[::4, 24:40, 16:112]
    turn = Orbit(180.0 - np.arange(30) * 12.0, np.full(30, 150.0), 3.32)
    image = reconstruct(counts, turn, Osem(2, 6, Response()))
    model = Projector(turn, image.shape, response=Response()).project(image)
    assert model.sum() == pytest.approx(counts.sum(), rel=0.03)
    residual = (model - counts) / np.sqrt(np.maximum(counts, 5))
    assert np.corrcoef(model.ravel(), counts.ravel())[0, 1] > 0.97
    # Poisson noise alone would give 1.
    assert float(np.sqrt((residual**2).mean())) < 1.3


def test_real_cylinder_is_cupped_until_attenuation_is_corrected(shared_data):
    # Rows 10 to 17 hold the cylinder without its balls; it is 20 cm wide and lies near the axis.
    counts = stir_counts(shared_data).reshape(120, 64, 128)[::4, 8:20, 16:112]
    turn = Orbit(180.0 - np.arange(30) * 12.0, np.full(30, 150.0), 3.32)
    step = (np.arange(96) - 47.5) * 3.32
    away = np.hypot(step[:, None], step)
    mu = np.broadcast_to((away < 100) * np.float32(WATER_PER_MM), (12, 96, 96)).astype(np.float32)
    ratio = []
    for attenuation in (None, mu):
        image = reconstruct(counts, turn, Osem(3, 6), attenuation=attenuation)[3:9].mean(axis=0)
        ratio.append(float(image[away < 30].mean() / image[(away > 70) & (away < 85)].mean()))
    assert ratio[0] < 0.8
    assert ratio[1] == pytest.approx(1, abs=0.15)
