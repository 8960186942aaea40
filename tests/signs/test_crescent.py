import pytest

from marrowmap.signs.crescent import assess
from marrowmap.values import State
from tests.signs.heads import dead_hip
from tests.signs.heads import hip_with
from tests.signs.heads import sheet
from tests.signs.heads import unread_hips


@pytest.mark.parametrize(
    "hip", [hip_with(), hip_with(sheets=(sheet(),)), dead_hip(), *unread_hips().values()], ids=lambda _: ""
)
def test_mri_never_answers_for_a_radiograph(hip):
    finding = assess(hip)
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.certainty is None
    assert "radiograph or CT" in finding.note
