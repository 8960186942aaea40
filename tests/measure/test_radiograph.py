import dataclasses

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.ingest import read_exam
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.measure import radiograph
from marrowmap.measure.radiograph import measure_radiograph
from marrowmap.measure.radiograph import radiograph_rows
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import write_dx
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Quantity
from marrowmap.values import Side
from tests.ingest.nm_files import STUDY
from tests.phantom.radiographs import FAST
from tests.phantom.radiographs import well_scene

SCAN = dataclasses.replace(FAST, pixel_mm=0.5)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A well person's film, read from its file."""
    folder = tmp_path_factory.mktemp("film")
    scene = well_scene()
    cone = place_beam(scene.person, SCAN)
    counts = expose(line_integrals(cone, scene), cone, SCAN, np.random.default_rng(1))
    grown = float(cone.magnification(scene.person.hips[Side.LEFT].center))
    write_dx(folder / "dx.dcm", counts, cone, SCAN, DxFile(magnification=round(grown, 3)), STUDY, 5)
    return read_exam([folder]).radiographs[0]


@pytest.fixture(scope="module")
def measured(film):
    return measure_radiograph(film, date="2026-01-05")


def test_both_heads_are_found_where_the_rays_put_them(film, measured):
    scene = well_scene()
    cone = place_beam(scene.person, SCAN)
    shape = np.array(film.plane.array.shape)
    for side in Side:
        hip = scene.person.hips[side]
        true = (project_cone(cone, hip.center) - (shape - 1) / 2) * np.asarray(measured.bones.image.pixel_mm) * (1, -1)
        circle = measured.hips[side].circle
        assert circle.center_mm == pytest.approx(true, abs=4.0)  # a body of coarse voxels
        assert circle.radius_mm == pytest.approx(hip.radius, rel=0.08)


def test_rows_say_what_was_measured_and_how(measured):
    quantity = Quantity(3.4, "mm", 2.7, 4.1)
    hips = {
        side: dataclasses.replace(hip, joint_space=quantity, least_space=quantity, depression=quantity)
        for side, hip in measured.hips.items()
    }
    rows = radiograph_rows(dataclasses.replace(measured, hips=hips))
    lengths = [row for row in rows if row.quantity.unit == "mm"]
    assert {row.modality for row in rows} == {"DX"}
    assert {(row.name, row.region) for row in lengths} == {
        ("joint_space_width", "weight_bearing"),
        ("joint_space_width", "hip_joint"),
        ("head_depression", "femoral_head"),
    }
    assert all("magnification" in row.method for row in lengths)


def test_a_mirrored_film_gives_the_mirrored_hips(film, measured):
    plane = dataclasses.replace(film.plane, array=film.plane.array[::-1])
    turned = measure_radiograph(dataclasses.replace(film, plane=plane, lit=film.lit[::-1]), date="")
    for side in Side:
        mine, other = turned.hips[side].circle, measured.hips[side.opposite].circle
        assert mine.center_mm == pytest.approx(np.array(other.center_mm) * (-1, 1), abs=1.5)
        assert mine.radius_mm == pytest.approx(other.radius_mm, abs=0.8)


def test_without_a_sure_magnification_no_length_is_told(measured, monkeypatch):
    doubtful = dataclasses.replace(measured.film, length_doubt="the magnification is unknown", magnification=None)
    # The bones lie where they lay: looking for them again would tell nothing new.
    monkeypatch.setattr(radiograph, "find_radiograph_hips", lambda *args, **kwargs: measured.bones)
    found = measure_radiograph(doubtful, date="")
    for hip in found.hips.values():
        assert hip.joint_space is None
        assert hip.depression is None
        assert hip.length_obstacle == "the magnification is unknown"
    assert not any(row.quantity.unit == "mm" for row in radiograph_rows(found))


def test_what_is_no_frontal_pelvis_with_known_sides_is_refused(film):
    lateral = dataclasses.replace(film, view_name=RadiographView.LATERAL)
    with pytest.raises(InputError, match="the view is lateral"):
        measure_radiograph(lateral, date="")
    one = dataclasses.replace(film, side=Side.LEFT, side_reason="Image Laterality")
    with pytest.raises(InputError, match="left side alone"):
        measure_radiograph(one, date="")
    grid = dataclasses.replace(film.plane.grid, axes=None)
    unknown = dataclasses.replace(film, plane=dataclasses.replace(film.plane, grid=grid))
    with pytest.raises(InputError, match="left and right are unknown"):
        measure_radiograph(unknown, date="")


def test_a_film_without_hips_is_refused(film):
    rng = np.random.default_rng(4)
    x = np.linspace(-1, 1, film.plane.array.shape[0])[:, None]
    thigh = (1 - x**2) + 0.02 * rng.standard_normal(film.plane.array.shape)
    blank = dataclasses.replace(film, plane=dataclasses.replace(film.plane, array=thigh.astype(np.float32)))
    with pytest.raises(InputError):
        measure_radiograph(blank, date="")
