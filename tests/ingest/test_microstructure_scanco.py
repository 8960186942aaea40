from __future__ import annotations

import sys

import numpy as np
import py_aimio
import pytest

from marrowmap.errors import InputError
from marrowmap.errors import ModelError
from marrowmap.ingest import microstructure_scanco
from tests.ingest.micro_files import lattice

LOG = """Mu_Scaling                     8192
HU: mu water                   0.24090
Density: unit                  [mg HA/ccm]
Density: slope              1603.51904
Density: intercept          -391.209015
"""


def test_names_of_scancos_files(tmp_path):
    assert microstructure_scanco.matches(tmp_path / "C0001234.AIM;1")
    assert microstructure_scanco.matches(tmp_path / "scan.isq")
    assert not microstructure_scanco.matches(tmp_path / "aim.nii")


def test_without_the_package_one_clear_line_and_exit_code_5(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "py_aimio", None)
    path = tmp_path / "a.aim"
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"pip install 'marrowmap\[scanco\]'") as found:
        microstructure_scanco.read(path)
    assert found.value.exit_code == 5


def test_calibration_comes_from_the_header(tmp_path):
    values = (lattice((10, 12, 14)) * 5000).astype(np.int16)
    path = tmp_path / "made.AIM"
    meta = {"element_size": (0.0607,) * 3, "processing_log": LOG, "position": (0, 0, 0)}
    py_aimio.write_aim(str(path), values.transpose(2, 1, 0).copy(), meta)
    image = microstructure_scanco.read(path)
    assert image.volume.unit == "mg/cm3"
    assert image.volume.grid.shape == (10, 12, 14)
    assert image.volume.grid.spacing == pytest.approx([0.0607] * 3, rel=1e-4)
    slope, intercept = 1603.51904 / 8192, -391.209015
    np.testing.assert_allclose(image.volume.array, values * slope + intercept, rtol=1e-5)
    assert any("density = " in text for text in image.said)


@pytest.mark.parametrize("name", ["a.aim", "a.isq"])
def test_broken_files(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"CTDATA-HEADER_V1" + b"\x07" * 600)
    with pytest.raises(InputError, match=f"{name}: "):
        microstructure_scanco.read(path)


def test_an_isq_cut_short(tmp_path, shared_data):
    whole = (shared_data / "morphometry-ipl-reference/tests/data/test_isq.ISQ").read_bytes()
    path = tmp_path / "cut.isq"
    path.write_bytes(whole[:20000])
    with pytest.raises(InputError, match=r"cut\.isq: cut short"):
        microstructure_scanco.read(path)
