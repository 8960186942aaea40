from __future__ import annotations

from importlib import resources

import pytest

from marrowmap.errors import InputError
from marrowmap.measure.microarchitecture_precision import DATA
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.terms.quantities import QUANTITIES

SHIPPED = resources.files("marrowmap.measure").joinpath("data", DATA).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["HR-pQCT", "MR"])
def test_every_number_has_its_source_and_confidence(kind):
    precision = load_precision(kind)
    assert set(precision.cv_percent) <= set(QUANTITIES)
    assert len(precision.sources) == (4 if kind == "MR" else 3)
    assert all(text.endswith(("(A)", "(M)", "(virtual)")) for text in precision.sources)


def test_the_limit_of_two_measurements():
    precision = load_precision("HR-pQCT")
    assert precision.repeat_limit("bone_volume_fraction") == pytest.approx(2.77, abs=0.01)
    assert precision.repeat_limit("connectivity_density") is None


def test_nothing_is_published_for_other_images():
    assert load_precision("micro-CT").cv_percent == {}


def test_ones_own_numbers(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(SHIPPED.replace("cv_percent = 1.0", "cv_percent = 2.5"))
    assert load_precision("HR-pQCT", own).cv_percent["trabecular_number"] == 2.5


@pytest.mark.parametrize("text", ["[[repeat]", "a = 1", SHIPPED.replace("cv_percent = 1.0", "cv_percent = -1.0")])
def test_files_that_are_none(tmp_path, text):
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(InputError, match=r"own\.toml: not a precision file"):
        load_precision("HR-pQCT", own)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_precision("MR", tmp_path / "none.toml")


def test_the_voxel_limit_of_plates_and_rods(tmp_path):
    assert load_precision("MR").topology_voxel_mm == 0.1
    own = tmp_path / "own.toml"
    own.write_text(SHIPPED.replace("largest_voxel_mm = 0.1", "largest_voxel_mm = 0.5"))
    assert load_precision("MR", own).topology_voxel_mm == 0.5
    own.write_text(SHIPPED[: SHIPPED.index("[topology]")])
    assert load_precision("MR", own).topology_voxel_mm == 0.1
