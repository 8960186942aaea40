import pytest

from marrowmap.signs import REGISTRY
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.heads import hip_with
from tests.signs.heads import unread_hips

HEAD_SIGNS = ("subchondral_band", "subchondral_fracture_line", "double_line", "head_collapse")


@pytest.mark.parametrize("sign", HEAD_SIGNS)
@pytest.mark.parametrize("said", list(unread_hips()))
def test_what_was_not_read_is_not_absent(sign, said):
    finding = REGISTRY[sign](unread_hips()[said])
    assert finding.sign == sign
    assert finding.state is State.NOT_ASSESSABLE
    assert said in finding.note
    assert finding.certainty is None
    assert finding.smallest_detectable is None


@pytest.mark.parametrize("sign", HEAD_SIGNS)
def test_a_well_head_has_no_sign_and_says_what_would_have_been_seen(sign):
    finding = REGISTRY[sign](hip_with())
    assert finding.state is State.ABSENT
    assert finding.smallest_detectable is not None
    assert finding.note


@pytest.mark.parametrize("sign", HEAD_SIGNS)
def test_findings_point_at_the_t1_series(sign):
    hip = hip_with()
    finding = REGISTRY[sign](hip)
    assert finding.evidence.series_uid == hip.head.t1.uid
    assert finding.evidence.instance_uids == hip.head.t1.instance_uids
    assert finding.date == hip.head.date
    assert finding.side is hip.side


def test_the_reason_given_comes_before_any_obstacle():
    hip = unread_hips()["only 40 % of the femoral head"]
    assert unread("crescent", hip, "asked of the wrong image").note == "asked of the wrong image"


@pytest.mark.parametrize(("certainty", "kept"), [(-0.2, 0.0), (0.7, 0.7), (1.3, 1.0)])
def test_certainty_stays_a_probability(certainty, kept):
    head = hip_with().head
    assert read("double_line", head, State.ABSENT, certainty, Quantity(1, "mm"), "").certainty == kept
