"""What bars an answer in one exam bars it in a course, too."""

from __future__ import annotations

import pytest

from marrowmap.course.form_onset import build_course_with_forms
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.values.course import Statements
from marrowmap.workflow.course_differential import weigh_course
from tests.course import analyzed_folders as made

DAY = "2020-01-20"
TYPICAL = {
    "marrow_edema": "present",
    "intertrochanteric_demarcation": "present",
    "medial_head_sparing": "present",
    "subchondral_band": "absent",
    "double_line": "absent",
    "head_collapse": "absent",
}
WELL = dict.fromkeys((*TYPICAL, "effusion", "acetabular_edema", "subchondral_fracture_line"), "absent")


def weighed(folder, volume_ml, signs, *rows):
    edema, findings = made.edema(DAY, "left", volume_ml)
    findings += [made.finding(DAY, "left", sign, state) for sign, state in signs.items()]
    exams = read_analyzed(made.write_folder(folder, [*edema, *rows], findings))
    (joint,) = weigh_course(build_course_with_forms(exams, Statements())).joints
    return joint


@pytest.mark.parametrize(
    ("quantity", "volume_ml", "signs", "leader", "told"),
    [
        ("replaced_marrow_volume", 60.0, TYPICAL, "transient_osteoporosis", "as dark as muscle"),
        ("edema_volume", 0.0, WELL, "normal", "which is not normal"),
    ],
)
def test_a_volume_that_bars_an_answer_does_so_in_a_course(tmp_path, quantity, volume_ml, signs, leader, told):
    free = weighed(tmp_path / "free", volume_ml, signs)
    assert (free.weighed.ranked[0].entity, free.abstains) == (leader, "")
    row = made.measurement(DAY, "left", quantity, 12.0, "mL", half=2.0, region="femoral_neck")
    barred = weighed(tmp_path / "barred", volume_ml, signs, row)
    assert barred.weighed.ranked[0].entity == leader
    assert told in barred.abstains
