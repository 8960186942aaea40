from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.ct_head import CtHead
from marrowmap.measure.ct_head import ct_head_rows
from marrowmap.measure.ct_head import measure_ct_head
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from tests.measure.ct_heads import scanned
from tests.measure.ct_heads import series_of


def obstacle(head: CtHead) -> str:
    """Its obstacle; nothing is measured then."""
    assert (head.edge, head.search, head.joint_space) == (None, None, None)
    assert ct_head_rows(head) == []
    return head.obstacle


def with_values(name: str, change) -> Volume:
    head = scanned(name)
    away = np.linalg.norm(head.femur.to_bone(head.ct.volume.grid.points()), axis=-1)
    return Volume(head.ct.volume.grid, change(np.array(head.ct.volume.array), away).astype(np.float32))


def test_rows_are_named_coded_and_hold_their_value():
    scan = scanned("crescent")
    rows = ct_head_rows(measure_ct_head(scan.femur, scan.ct, date="2026-01-05"))
    assert [row.name for row in rows] == [
        "joint_space_width",
        "joint_space_width",
        "subchondral_line_length",
        "subchondral_line_thickness",
    ]
    for row in rows:
        assert (row.modality, row.date, row.evidence.series_uid) == ("CT", "2026-01-05", "1.2.3")
        assert QUANTITIES[row.name].unit == row.quantity.unit
        assert row.region in REGIONS
        assert 0 <= row.quantity.low <= row.quantity.value <= row.quantity.high


def test_thick_slices_are_refused():
    scan = scanned("well")
    said = obstacle(measure_ct_head(scan.femur, series_of(scan.ct.volume, thickness_mm=3.0), date=""))
    assert "3.0 mm" in said
    affine = np.array(scan.ct.volume.grid.affine)
    affine[:3, 2] *= 2.5
    coarse = Volume(Grid(scan.ct.volume.grid.shape, affine, "1.9"), np.array(scan.ct.volume.array))
    assert "2.5 mm" in obstacle(measure_ct_head(scan.femur, series_of(coarse), date=""))


def test_half_a_head_is_refused():
    scan = scanned("well")
    grid = scan.ct.volume.grid
    cut = int(grid.to_index(scan.femur.head_center_mm)[2])
    half = Volume(Grid((*grid.shape[:2], cut), grid.affine, "1.9"), np.array(scan.ct.volume.array[:, :, :cut]))
    assert "of the femoral head lies within series" in obstacle(measure_ct_head(scan.femur, series_of(half), date=""))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values, away: np.where(away < 5, 3000.0, values), "metal"),
        (lambda values, away: np.full(values.shape, -1000.0), "-1000 HU"),
    ],
)
def test_what_is_no_bone_and_marrow_is_refused(change, said):
    scan = scanned("well")
    assert said in obstacle(measure_ct_head(scan.femur, series_of(with_values("well", change)), date=""))


def test_a_bone_that_fits_badly_is_not_measured_on():
    scan = scanned("well")
    femur = replace(scan.femur, trusted=False, reason="its surface lies 4 mm off")
    assert "its surface lies 4 mm off" in obstacle(measure_ct_head(femur, scan.ct, date=""))


def test_another_frame_of_reference_is_an_error():
    scan = scanned("well")
    femur = replace(scan.femur, frame_of_reference_uid="1.10")
    with pytest.raises(GeometryError):
        measure_ct_head(femur, scan.ct, date="")
