from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import measure_planar
from marrowmap.measure.planar import planar_rows
from marrowmap.measure.planar_counts import count_region
from marrowmap.measure.planar_counts import poisson_interval
from marrowmap.measure.planar_images import PhaseImage
from marrowmap.measure.planar_judgement import judge_homogeneous_uptake
from marrowmap.measure.planar_judgement import judge_uptake_demarcation
from marrowmap.signs import diffuse_hyperemia
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.workflow.bone_scan import with_planar
from tests.anatomy.planar_scans import grid
from tests.anatomy.planar_scans import source
from tests.anatomy.planar_scans import static
from tests.anatomy.planar_scans import three_phases


@pytest.fixture(scope="module")
def exam():
    return measure_planar(three_phases(), date="2026-01-05")


def test_the_raised_side_is_above_one_in_every_phase(exam):
    right, left = exam.hips[Side.RIGHT], exam.hips[Side.LEFT]
    for phase in (Phase.FLOW, Phase.BLOOD_POOL, Phase.DELAYED):
        ratio = right.ratios[phase, "femoral_head"]
        assert ratio.low > 1
        assert ratio.value * left.ratios[phase, "femoral_head"].value == pytest.approx(1)
    assert right.ratios[Phase.DELAYED, "femoral_head"].value > right.ratios[Phase.BLOOD_POOL, "femoral_head"].value


def test_rows_say_their_method_and_views(exam):
    rows = planar_rows(exam)
    flows = [row for row in rows if (row.name, row.side, row.region) == ("flow_ratio", Side.RIGHT, "femoral_head")]
    assert [word in " ".join(row.method for row in flows) for word in ("area", "peak", "steepest")] == [True] * 3
    assert all("both views" in row.method for row in flows)
    assert all(row.modality == "NM" and row.evidence.instance_uids for row in rows)


def test_uptake_ends_near_the_plane_on_the_raised_side_only(exam):
    end = exam.hips[Side.RIGHT].profile.position_mm
    assert abs(end.value) < 12
    assert end.low < end.value < end.high
    assert exam.hips[Side.LEFT].profile.position_mm is None
    assert "no end" in exam.hips[Side.LEFT].profile.note


def test_diffuse_hyperemia_is_present_on_one_side_and_absent_on_the_other(exam):
    hips = with_planar((), exam, "", "2026-01-05")
    found = {hip.side: diffuse_hyperemia.assess(hip) for hip in hips}
    assert found[Side.RIGHT].state is State.PRESENT
    assert found[Side.LEFT].state is State.ABSENT
    assert found[Side.LEFT].smallest_detectable.value < 1.3
    assert "muscle" in found[Side.RIGHT].note


def test_hyperemia_needs_all_its_phases():
    exam = measure_planar([static(Phase.DELAYED, "delayed")], date="")
    (hip, _) = with_planar((), exam, "", "")
    finding = diffuse_hyperemia.assess(hip)
    assert finding.state is State.NOT_ASSESSABLE
    assert "flow and pool" in finding.note


def test_planar_judgements_say_no_more_than_a_projection_can(exam):
    right, left = exam.hips[Side.RIGHT], exam.hips[Side.LEFT]
    assert judge_homogeneous_uptake(right, left).state is State.PRESENT
    assert judge_homogeneous_uptake(left, right).state is State.ABSENT
    assert judge_uptake_demarcation(right).state in (State.PRESENT, State.UNDETERMINED)
    assert judge_uptake_demarcation(left).state is State.ABSENT


def test_the_patients_motion_is_found_and_told():
    scans = three_phases()
    scans[1] = static(
        Phase.BLOOD_POOL, "pool", raised=Side.RIGHT, bone=20.0, soft=60.0, bladder=60.0, moved_mm=(14.0, 0.0)
    )
    exam = measure_planar(scans, date="")
    assert exam.images[Phase.BLOOD_POOL].moved_mm[0] == pytest.approx(14, abs=3)
    assert any("further to the left" in note for note in exam.notes)


def restless(scan, *, from_frame, columns):
    """The same flow; from one frame on the patient lies so many columns further to the left."""
    views = [
        replace(
            view,
            array=np.concatenate(
                [view.array[..., :from_frame], np.roll(view.array[..., from_frame:], columns, axis=0)], axis=2
            ),
        )
        for view in scan.views
    ]
    return replace(scan, views=tuple(views))


def test_a_flow_with_a_patient_who_moves_is_left_out_with_the_reason(exam):
    assert Phase.FLOW in exam.images  # who lies still is measured
    scans = three_phases()
    scans[0] = restless(scans[0], from_frame=12, columns=3)
    found = measure_planar(scans, date="")
    assert Phase.FLOW not in found.images
    (note,) = [note for note in found.notes if "while it ran" in note]
    assert "flow.dcm (flow): the patient moved by 1" in note
    assert not [row for row in planar_rows(found) if row.name == "flow_ratio"]


def columns_of(scan, first, last):
    """What a camera sees that holds only these columns."""
    views = []
    for view in scan.views:
        origin = view.grid.origin_mm + np.array([first * view.grid.spacing_mm[0], 0, 0])
        grid = replace(view.grid, shape=(last - first, view.grid.shape[1]), origin_mm=origin)
        views.append(Plane(grid, view.array[first:last]))
    return replace(scan, views=tuple(views))


@pytest.mark.slow
@pytest.mark.parametrize("first", [40, 48])
def test_one_hip_alone_in_view_is_refused(first):
    scan = columns_of(static(Phase.DELAYED, "delayed", raised=Side.LEFT), first, 96)
    with pytest.raises(InputError, match=r"one .*alone is in view"):
        measure_planar([scan], date="")


def test_swapped_views_stop_the_run():
    with pytest.raises(GeometryError, match="anterior and posterior are swapped"):
        measure_planar([static(Phase.DELAYED, "delayed", swapped=True)], date="")


def test_without_a_delayed_image_nothing_is_measured():
    with pytest.raises(InputError, match="no delayed planar image"):
        measure_planar([static(Phase.BLOOD_POOL, "pool")], date="")


def test_a_neck_of_few_large_pixels_is_counted_and_a_sliver_is_not():
    large = replace(grid(View.ANTERIOR), shape=(8, 8), spacing_mm=(9.6, 9.6))
    image = PhaseImage(Phase.FLOW, source(Phase.FLOW, "flow"), (Plane(large, np.full((8, 8), 20.0, np.float32)),))
    share = np.zeros((8, 8))
    share[3:5, 3] = 1.0
    assert count_region(image, share, Side.LEFT, 1.0).density == pytest.approx(20)
    assert count_region(image, share / 4, Side.LEFT, 1.0) is None


def test_poisson_intervals_are_exact():
    none = poisson_interval(0)
    assert (none.low, round(none.high, 2)) == (0.0, 3.69)
    ten = poisson_interval(10)
    assert np.round([ten.low, ten.high], 2).tolist() == [4.8, 18.39]
