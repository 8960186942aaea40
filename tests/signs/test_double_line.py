import pytest

from marrowmap.signs.double_line import assess
from marrowmap.values import State
from tests.signs.heads import dead_hip
from tests.signs.heads import hip_with
from tests.signs.heads import sheet


@pytest.mark.parametrize(
    ("share", "state"),
    [
        (0.0, State.UNDETERMINED),
        (0.14, State.UNDETERMINED),
        (0.16, State.PRESENT),
        (1.0, State.PRESENT),
    ],
)
def test_the_share_of_the_band_that_is_bright_decides(share, state):
    finding = assess(dead_hip(share=share))
    assert finding.state is state
    assert f"{100 * share:.0f} % of the band" in finding.note
    assert finding.smallest_detectable.unit == "mm"
    assert finding.certainty >= 0.5


def test_the_clearer_the_surer():
    some, all_of_it = (assess(dead_hip(share=share)).certainty for share in (0.3, 1.0))
    assert all_of_it > some > 0.5


def test_a_band_too_close_to_cartilage_says_nothing():
    finding = assess(dead_hip(share=None))
    assert finding.state is State.NOT_ASSESSABLE
    assert "cartilage" in finding.note


def test_without_a_band_there_is_no_double_line():
    finding = assess(hip_with(sheets=(sheet(),)))
    assert finding.state is State.ABSENT
    assert "no band" in finding.note


def test_an_edge_that_may_be_a_band_earns_no_absence():
    assert assess(hip_with(line_share=0.2)).state is State.UNDETERMINED
