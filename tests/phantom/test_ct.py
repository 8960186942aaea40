from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from marrowmap.ingest import read_exam
from marrowmap.phantom.ct import HOUNSFIELD
from marrowmap.phantom.ct import CtScan
from marrowmap.phantom.ct import ct_grid
from marrowmap.phantom.ct import degrade_ct
from marrowmap.phantom.ct import render_ct
from marrowmap.phantom.ct import sample_ct
from marrowmap.phantom.ct import write_ct
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.mr import TISSUES
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms

FEW = CtScan(above_mm=6.0, below_mm=14.0, pixel_mm=1.0, noise_hu=15.0)


@pytest.fixture(scope="module")
def series(necrotic_scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct") / "CT"
    study = StudyTags("P", make_uid("s"), make_uid("f"), "20260105", necrotic_scene.person)
    uid, grid = write_ct(folder, necrotic_scene, FEW, study, 7, np.random.default_rng(1))
    return folder, uid, grid


def test_every_tissue_has_its_value():
    assert set(HOUNSFIELD) == set(TISSUES)


def test_noise_is_as_strong_as_it_says():
    flat = np.full((200, 200, 6), 50.0, np.float32)
    for seed in range(3):
        scan = sample_ct(np.random.default_rng(seed))
        stored = degrade_ct(flat, scan, np.random.default_rng(seed)).astype(float) - 1024
        assert 10 <= scan.noise_hu <= 25
        assert stored.std() == pytest.approx(scan.noise_hu, rel=0.05)
        assert stored.mean() == pytest.approx(50, abs=1)


def test_files_are_a_conformant_ct_in_the_frame_of_the_mr(series):
    folder, uid, grid = series
    files = sorted(folder.iterdir())
    assert len(files) == grid.shape[2] == 20
    first, last = pydicom.dcmread(files[0]), pydicom.dcmread(files[-1])
    assert (first.Modality, first.SeriesInstanceUID, first.RescaleIntercept) == ("CT", uid, -1024)
    assert first.FrameOfReferenceUID == make_uid("f")
    assert last.ImagePositionPatient[2] - first.ImagePositionPatient[2] == pytest.approx(19.0)
    assert [pydicom.dcmread(file).InstanceNumber for file in files] == list(range(1, 21))
    assert_conforms(files[17])


def test_bones_lie_where_the_model_has_them(series, necrotic_scene):
    folder, _, grid = series
    found = read_exam([folder]).series[0]
    assert found.modality == "CT"
    assert np.allclose(found.volume.grid.affine, grid.affine, atol=1e-3)
    hip = necrotic_scene.person.hips[Side.LEFT]
    away = np.linalg.norm(grid.points() - hip.center, axis=-1)
    head = found.volume.array[away < 0.8 * hip.radius]
    # 261 HU in healthy people (Xiong 2015); some of this head is band and fat.
    assert 130 < np.median(head) < 330
    muscle = found.volume.array[(found.volume.array > -20) & (found.volume.array < 130)]
    assert np.median(muscle) == pytest.approx(58, abs=15)
    assert (found.volume.array < -900).mean() > 0.15


def test_slabs_meet_without_a_seam(necrotic_scene):
    scan = replace(FEW, above_mm=10.0, below_mm=10.0)
    grid = ct_grid(scan, necrotic_scene.person)
    slabs = list(render_ct(necrotic_scene, grid))
    assert [slices.stop for slices, _ in slabs] == [16, 20]
    image = np.concatenate([part for _, part in slabs], axis=2)
    assert image.shape == grid.shape
    steps = np.abs(np.diff(image, axis=2)).mean(axis=(0, 1))
    assert steps[15] < 1.5 * np.median(steps)
    assert image.min() == pytest.approx(-1000, abs=1)
