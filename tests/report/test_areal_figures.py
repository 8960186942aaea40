from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.measure.ct_density import MODALITY as CT_MODALITY
from marrowmap.measure.projected_density import MAP_MODALITY
from marrowmap.measure.projected_density import ArealHip
from marrowmap.measure.projected_density import RegionSum
from marrowmap.report import areal_figures
from marrowmap.report.areal_figures import draw_areal
from marrowmap.report.figures import REGION_COLORS
from marrowmap.values import Evidence
from marrowmap.values import Side

SHAPE = (130, 165)


def hip(side, modality=MAP_MODALITY, level=0.9, doubt=""):
    """A hip as a block of bone, with each region a band of it."""
    areal = np.zeros(SHAPE, np.float32)
    areal[40:90, 30:120] = level
    labels = np.zeros(SHAPE, np.uint8)
    regions = {}
    if not doubt:
        for n, name in enumerate(DXA_REGIONS):
            labels[45:85, 35 + 25 * n : 55 + 25 * n] = n + 1
            regions[name] = RegionSum(level * 8, 8.0, 0.02)
    plane = Plane(PlaneGrid(SHAPE, (1.0, 1.0), SpacingSource.CALIBRATED, View.ANTERIOR), areal, "g/cm2")
    where = Evidence("1.2.3", ("1.2.3.4",))
    return ArealHip(side, "2026-01-05", plane, areal > 0, labels, regions, modality, "m", where, doubt)


def shown(*hips):
    return draw_areal(SimpleNamespace(areal=hips))


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"), float)


def texts(one):
    ax = Figure().subplots()
    areal_figures._show(ax, one)
    return [text.get_text() for text in ax.texts]


def test_no_picture_without_a_map():
    assert shown() == ()


def test_maps_and_projected_ct_are_two_pictures():
    pictures = shown(hip(Side.LEFT), hip(Side.RIGHT, CT_MODALITY), hip(Side.RIGHT))
    assert [one.key for one in pictures] == ["areal_map", "areal_ct"]
    assert "right and left hip" in pictures[0].alt
    assert "of the right hip" in pictures[1].alt


def test_the_right_hip_stands_on_the_left_as_the_reader_faces_the_patient():
    image = pixels(shown(hip(Side.LEFT, level=0.3), hip(Side.RIGHT, level=1.5))[0])
    # Between outline and regions there is nothing but bone.
    row = image[image.shape[0] // 2].mean(axis=-1)
    half = len(row) // 2
    assert np.median(row[:half][row[:half] > 20]) > 2 * np.median(row[half:][row[half:] > 20])


@pytest.mark.parametrize("level", [0.45, 0.9])
def test_gray_is_density(level):
    image = pixels(shown(hip(Side.LEFT, level=level))[0])
    height, width = image.shape[:2]
    bone = image[int(0.45 * height) : int(0.55 * height), int(0.45 * width) : int(0.55 * width)]
    gray = bone[np.ptp(bone, axis=-1) < 12]
    assert np.median(gray) == pytest.approx(255 * level / areal_figures.MOST, abs=6)


def test_every_region_is_drawn_in_its_color():
    image = pixels(shown(hip(Side.LEFT))[0])
    above_legend = image[: int(0.85 * len(image))]
    for name in DXA_REGIONS:
        apart = np.abs(above_legend - 255 * np.array(to_rgb(REGION_COLORS[name]))).max(axis=-1)
        assert (apart < 45).sum() > 50, name


def test_the_numbers_stand_beside_the_side():
    side, numbers = texts(hip(Side.RIGHT, level=0.9))
    assert side == "RIGHT"
    assert "femoral neck 0.900" in numbers
    assert numbers.endswith("g/cm2")


@pytest.mark.parametrize(("side", "corner"), [(Side.RIGHT, 0.97), (Side.LEFT, 0.03)])
def test_the_numbers_stand_toward_the_midline_off_the_shaft(side, corner):
    ax = Figure().subplots()
    areal_figures._show(ax, hip(side))
    assert ax.texts[-1].get_position()[0] == corner


def test_a_hip_in_doubt_shows_no_number():
    assert texts(hip(Side.LEFT, doubt="no femur is recognized in it")) == ["LEFT", "not measured"]
