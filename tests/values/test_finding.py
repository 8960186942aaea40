import pytest

from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State


def make(state, *, certainty=0.9, smallest=None, note="seen", sign="effusion"):
    return Finding(sign, Joint.HIP, Side.LEFT, state, certainty, smallest, "MR", "", Evidence("1.2.3"), note)


def test_absence_must_be_earned():
    with pytest.raises(ValueError, match="absence must be earned"):
        make(State.ABSENT)
    assert make(State.ABSENT, smallest=Quantity(2.0, "mL")).state is State.ABSENT


def test_not_assessable_needs_a_reason_and_has_no_certainty():
    with pytest.raises(ValueError, match="needs its reason"):
        make(State.NOT_ASSESSABLE, certainty=None, note="")
    with pytest.raises(ValueError, match="certainty"):
        make(State.NOT_ASSESSABLE, certainty=0.5)
    with pytest.raises(ValueError, match="certainty"):
        make(State.PRESENT, certainty=None)


@pytest.mark.parametrize("certainty", [-0.1, 1.1])
def test_certainty_is_a_share(certainty):
    with pytest.raises(ValueError, match="not within"):
        make(State.PRESENT, certainty=certainty)


def test_only_known_signs():
    with pytest.raises(ValueError, match="unknown sign"):
        make(State.PRESENT, sign="crescendo")
