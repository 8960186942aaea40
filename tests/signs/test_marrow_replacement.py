from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Mask
from marrowmap.measure.marrow_replacement import MarrowReplacement
from marrowmap.measure.muscle_signal import MuscleSignal
from marrowmap.signs.marrow_replacement import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.hips import hip

SEEN = {"femoral_head": 1.0, "femoral_neck": 1.0, "intertrochanteric": 1.0}


def _hip(volume: float = 0.0, ratio: float = 2.0, **more):
    well = hip()
    t1 = well.series
    nothing = Mask(t1.volume.grid, np.zeros(t1.volume.grid.shape, bool))
    said = {"explained_ml": 0.0, "void_ml": 0.0, "in_head": 0.0, "from_joint_mm": float("inf")} | more
    smallest = Quantity(said.pop("smallest", 1.5), "mL")
    found = MarrowReplacement(
        t1,
        nothing,
        Quantity(volume, "mL", 0.8 * volume, 1.2 * volume),
        Quantity(ratio, "1", 0.9 * ratio, 1.1 * ratio) if volume else None,
        ratio,
        smallest,
        muscle=MuscleSignal(t1.volume, nothing, 0.35, 0.04),
        **said,
    )
    return replace(well, seen=SEEN, replacement=found)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"volume": 5.0, "ratio": 0.85}, State.PRESENT),
        ({"ratio": 1.5}, State.ABSENT),
        ({"volume": 5.0, "ratio": 1.09}, State.UNDETERMINED),
        ({"ratio": 1.12}, State.UNDETERMINED),
        ({"volume": 0.4, "ratio": 0.8}, State.UNDETERMINED),
        ({"ratio": 1.5, "smallest": 9.0}, State.UNDETERMINED),
        ({"ratio": 1.5, "explained_ml": 3.0}, State.UNDETERMINED),
        ({"volume": 5.0, "ratio": 0.5, "in_head": 0.9, "from_joint_mm": 2.0}, State.PRESENT),
        ({"volume": 5.0, "ratio": 0.8, "in_head": 0.9, "from_joint_mm": 9.0}, State.PRESENT),
        ({"volume": 5.0, "ratio": 0.8, "void_ml": 4.0}, State.NOT_ASSESSABLE),
    ],
)
def test_states(given, state):
    finding = assess(_hip(**given))
    assert finding.state is state
    assert finding.note
    assert (finding.smallest_detectable is None) == (state is State.NOT_ASSESSABLE)


def test_a_darker_lesion_is_surer():
    sure = [assess(_hip(volume=5.0, ratio=ratio)).certainty for ratio in (0.7, 0.9, 1.03)]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > 0.99 > sure[2]


def test_without_t1_or_view_nothing_is_said():
    bare = replace(hip(), replacement_obstacle="there is no T1 series: marrow cannot be compared with muscle")
    assert assess(bare).state is State.NOT_ASSESSABLE
    assert "no T1 series" in assess(bare).note
    cut = replace(_hip(ratio=1.5), seen=SEEN | {"femoral_neck": 0.3})
    assert assess(cut).state is State.NOT_ASSESSABLE
    assert "femoral neck" in assess(cut).note


@pytest.mark.parametrize(("from_joint_mm", "told"), [(2.0, True), (9.0, False)])
def test_dark_marrow_under_the_joint_surface_may_be_dead_bone_and_the_note_says_so(from_joint_mm, told):
    note = assess(_hip(volume=5.0, ratio=0.5, in_head=0.9, from_joint_mm=from_joint_mm)).note
    assert ("necrotic segment" in note) is told
