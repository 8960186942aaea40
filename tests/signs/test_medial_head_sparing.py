from dataclasses import replace

import pytest

from marrowmap.measure.medial_head import MedialHead
from marrowmap.signs.medial_head_sparing import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.hips import blind
from tests.signs.hips import hip


def percent(value):
    return Quantity(value, "%", max(0.0, value - 5), min(100.0, value + 5))


def head(medial, rest, seen=1.0, smallest=0.2):
    parts = MedialHead(percent(medial), percent(rest), 3.5, seen, Quantity(smallest, "mL"))
    return replace(hip(femoral_head=(medial + rest) / 2), medial_head=parts)


@pytest.mark.parametrize(
    ("medial", "rest", "state"),
    [
        (2, 95, State.PRESENT),
        (92, 95, State.ABSENT),
        (40, 95, State.UNDETERMINED),  # at the edge between free and edematous marrow
        (0, 24, State.ABSENT),  # a focus in the dome
        (0, 42, State.UNDETERMINED),
        (60, 5, State.ABSENT),  # a focus in the medial head itself
    ],
)
def test_the_medial_head_beside_the_rest(medial, rest, state):
    finding = assess(head(medial, rest))
    assert finding.state is state
    assert f"{medial:.0f} % of the medial head" in finding.note
    assert finding.smallest_detectable.value > 2


def test_in_a_well_head_nothing_is_spared():
    finding = assess(head(0, 3))
    assert finding.state is State.NOT_ASSESSABLE
    assert "no edema" in finding.note


def test_the_clearer_the_surer():
    unsure, sure = (assess(head(medial, 90)).certainty for medial in (24, 1))
    assert 0.5 < unsure < sure <= 1


def test_the_medial_head_must_be_in_view():
    cut = assess(head(2, 95, seen=0.4))
    assert cut.state is State.NOT_ASSESSABLE
    assert "40 % of the medial head" in cut.note
    assert assess(blind(head(2, 95), "femoral_head")).state is State.NOT_ASSESSABLE


def test_a_coarse_image_earns_no_absence():
    finding = assess(head(92, 95, smallest=2.0))
    assert finding.state is State.UNDETERMINED
    assert "coarse" in finding.note


def test_what_was_not_measured_says_why():
    finding = assess(replace(hip(femoral_head=90), medial_head_obstacle="too little of the head is in view"))
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.note == "too little of the head is in view"
