from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.bone_scan import planar_series
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.scan_truth import disc_counts
from marrowmap.phantom.scan_truth import look
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.uptake import Factors
from marrowmap.phantom.uptake import Pattern
from marrowmap.phantom.uptake import Uptake
from marrowmap.values import Side
from tests.phantom.bone_scans import scanned
from tests.phantom.test_bone_scan import SMALL

HOT = Uptake(Pattern.HOMOGENEOUS, Factors(2.5, 3.0, 4.0))
DEAD = Uptake(Pattern.COLD_IN_HOT, Factors(1.5, 1.6, 3.0), Factors(0.2, 0.6, 0.2), 6.0)


@pytest.fixture(scope="module")
def toh():
    return scanned("toh", 6, Side.LEFT, HOT)


@pytest.fixture(scope="module")
def onfh():
    return scanned("onfh", 2, Side.LEFT, DEAD)


def _states(person, activity, side):
    rows = scan_findings(person, activity, "2026-01-05", {})
    return {row["sign"]: row["state"] for row in rows if row["side"] == side.value}


def _values(person, activity, planar=()):
    series = {name: planar_series(person, activity, SMALL, getattr(SMALL, name)) for name in planar}
    rows = scan_measurements(person, activity, SMALL, series, "2026-01-05", {})
    return {
        (row["side"], row["region"], row["quantity"], "planar" if "planar:" in row["method"] else "space"): row["value"]
        for row in rows
    }


def test_transient_osteoporosis_has_the_pattern(toh):
    person, lesions, activity = toh
    assert _states(person, activity, Side.LEFT) == {
        "diffuse_hyperemia": "present",
        "homogeneous_uptake": "present",
        "uptake_demarcation": "present",
        "cold_area": "absent",
    }
    assert set(_states(person, activity, Side.RIGHT).values()) == {"absent"}
    values = _values(person, activity, ("pool", "delayed"))
    assert values["left", "femoral_head", "delayed_ratio", "space"] == pytest.approx(4, rel=0.15)
    assert values["left", "femoral_head", "flow_ratio", "space"] == pytest.approx(2.5, rel=0.1)
    assert values["left", "intertrochanteric", "delayed_ratio", "space"] < 2
    left, right = (values[side, "femoral_head", "delayed_ratio", "space"] for side in ("left", "right"))
    assert left * right == pytest.approx(1, abs=0.002)
    # What lies before and behind the head dilutes the planar ratio.
    for quantity in ("pool_ratio", "delayed_ratio"):
        planar = values["left", "femoral_head", quantity, "planar"]
        assert 1.1 < planar < values["left", "femoral_head", quantity, "space"]
    assert ("left", "femoral_head", "flow_ratio", "planar") not in values
    position = values["left", "proximal_femur", "uptake_boundary_position", "space"]
    assert position == pytest.approx(lesions[Side.LEFT].boundary_mm, abs=4)
    assert ("right", "proximal_femur", "uptake_boundary_position", "space") not in values
    suv = [values["left", "femoral_head", f"suv_{name}", "space"] for name in ("min", "mean", "max")]
    assert suv == sorted(suv)


def test_necrosis_has_a_cold_area(onfh):
    person, _, activity = onfh
    states = _states(person, activity, Side.LEFT)
    assert states["cold_area"] == "present"
    assert states["homogeneous_uptake"] == "absent"
    values = _values(person, activity)
    assert values["left", "femoral_head", "cold_area_volume", "space"] > 1
    assert 0.6 < values["left", "femoral_head", "cold_area_contrast", "space"] < 0.97
    found = look(person, activity, Side.LEFT)
    assert float(found.factor[Pool.BONE][found.cold > 0].max()) < 0.7


def test_head_alone_is_not_homogeneous():
    uptake = Uptake(Pattern.HEAD_ONLY, Factors(2.0, 2.0, 4.0))
    person, _, activity = scanned("toh", 6, Side.LEFT, uptake)
    states = _states(person, activity, Side.LEFT)
    assert states["homogeneous_uptake"] == states["cold_area"] == "absent"


def test_a_disc_counts_by_how_much_of_each_pixel_it_holds(toh):
    person, _, activity = toh
    series = planar_series(person, activity, SMALL, SMALL.delayed)
    even = type(series)(np.full_like(series.counts, 7.0), series.frames, series.detector, series.axis_x_mm)
    assert disc_counts(even, person.hips[Side.LEFT].center, 22.0) == pytest.approx(7.0)
