from dataclasses import replace

import pytest

from marrowmap.signs.diffuse_edema import assess
from marrowmap.values import State
from tests.signs.hips import blind
from tests.signs.hips import hip


@pytest.mark.parametrize(
    ("head", "neck", "state"),
    [
        (90, 80, State.PRESENT),
        (55, 95, State.PRESENT),  # medial sparing
        (0, 0, State.ABSENT),
        (60, 3, State.ABSENT),  # a focus in the head
        (70, 30, State.UNDETERMINED),
    ],
)
def test_head_and_neck_together(head, neck, state):
    finding = assess(hip(femoral_head=head, femoral_neck=neck))
    assert finding.state is state
    assert finding.smallest_detectable.unit == "mL"
    assert f"{head:.0f} %" in finding.note


def test_more_edema_is_more_certain():
    low, high = (assess(hip(femoral_head=x, femoral_neck=x)).certainty for x in (42, 90))
    assert 0.5 < low < high <= 1


def test_what_is_not_seen_is_not_absent():
    finding = assess(blind(hip(), "femoral_head"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "femoral head" in finding.note


def test_no_image_no_judgement():
    finding = assess(replace(hip(), edema=None, series=None, obstacle="there is no fat-suppressed series"))
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.note == "there is no fat-suppressed series"
    assert finding.evidence is None
