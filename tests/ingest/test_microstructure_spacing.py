from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.ingest.microstructure_spacing import describe_voxel
from marrowmap.ingest.microstructure_spacing import is_hr_pqct
from marrowmap.ingest.microstructure_spacing import parse_spacing
from marrowmap.ingest.microstructure_spacing import require_plausible
from marrowmap.ingest.microstructure_spacing import spacing_in


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("60.7um", (0.0607,) * 3),
        ("60.7 µm", (0.0607,) * 3),
        ("0.234x0.234x1mm", (0.234, 0.234, 1.0)),
        ("2e-5 m", (0.02,) * 3),
        ("1,2,3 um", (0.001, 0.002, 0.003)),
    ],
)
def test_lengths_with_a_unit(text, mm):
    assert parse_spacing(text).mm == pytest.approx(mm)


@pytest.mark.parametrize("text", ["0.004", "0.1x0.1x0.1", "60.7pt", "1x2mm", "-1mm", "0um", "mm", "1..2mm", "nan mm"])
def test_lengths_without_unit_or_sense_are_refused(text):
    with pytest.raises(UsageError, match="--spacing"):
        parse_spacing(text)


def test_0004_of_what():
    with pytest.raises(UsageError, match=r"0\.004 of what\? mm, m or um"):
        parse_spacing("0.004")
    with pytest.raises(InputError, match=r"a.nrrd: voxel size 0\.004 .* of what\? mm, m or um"):
        spacing_in("a.nrrd", (0.004, 0.004, 0.004), "", "NRRD space directions")


def test_a_bare_number_that_can_only_be_millimeters_is_taken_and_said():
    found = spacing_in("a.nrrd", (0.0607,) * 3, "", "NRRD space directions")
    assert found.mm == (0.0607,) * 3
    assert "no unit" in found.source


@pytest.mark.parametrize("number", [1.0, 10.0, 60.7])
def test_bare_numbers_from_one_on_may_be_micrometers_or_nothing(number):
    with pytest.raises(InputError, match="of what"):
        spacing_in("a.mha", (number,) * 3, "", "MetaImage ElementSpacing")


def test_units_of_files():
    assert spacing_in("a", (4.1, 4.1, 4.1), "um", "x").mm == pytest.approx((0.0041,) * 3)
    assert spacing_in("a", (0.0041,) * 3, "mm", "x").mm == (0.0041,) * 3
    with pytest.raises(InputError, match="unknown unit of length 'parsec'"):
        spacing_in("a", (1.0,) * 3, "parsec", "x")
    with pytest.raises(InputError, match="no length"):
        spacing_in("a", (0.0, 1.0, 1.0), "mm", "x")


@pytest.mark.parametrize("spacing", [(0.0005,) * 3, (0.2, 0.2, 4.0)])
def test_impossible_voxels(spacing):
    with pytest.raises(InputError, match="no image of trabecular bone"):
        require_plausible("a", np.array(spacing))


def test_the_voxels_of_hr_pqct_are_named():
    assert "second-generation HR-pQCT" in describe_voxel(np.array([0.06068] * 3))
    assert "first-generation HR-pQCT" in describe_voxel(np.array([0.082] * 3))
    assert "HR-pQCT" not in describe_voxel(np.array([0.0607, 0.0607, 0.08]))
    assert not is_hr_pqct(np.array([0.07] * 3))
