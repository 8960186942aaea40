import pytest

from marrowmap.signs.trochanter_sparing import assess
from marrowmap.values import State
from tests.signs.hips import blind
from tests.signs.hips import hip


@pytest.mark.parametrize(("trochanter", "state"), [(2, State.PRESENT), (22, State.UNDETERMINED), (60, State.ABSENT)])
def test_the_trochanter_beside_an_ill_neck(trochanter, state):
    finding = assess(hip(femoral_head=80, femoral_neck=90, greater_trochanter=trochanter))
    assert finding.state is state


def test_in_a_well_femur_nothing_is_spared():
    finding = assess(hip())
    assert finding.state is State.NOT_ASSESSABLE
    assert "nothing is spared" in finding.note


def test_the_trochanter_must_be_in_view():
    finding = assess(blind(hip(femoral_head=80, femoral_neck=90), "greater_trochanter"))
    assert finding.state is State.NOT_ASSESSABLE
