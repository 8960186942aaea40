from __future__ import annotations

from dataclasses import replace

import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.ingest.exam import Exam
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.crescent import assess
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.workflow import ct_heads as job
from tests.measure.ct_heads import scanned


def read(series, group, frames):
    exam = Exam(Subject(), "2026-01-05", tuple(series))
    hips = (HipMeasurement(Side.LEFT, "2026-01-05", None, frames[0]),)
    return job.measure_ct_heads(hips, exam, group, frames, lambda step, share: None)


def test_a_ct_in_the_bones_coordinates_is_read_with_them():
    head = scanned("crescent")
    (hip,), warnings = read([head.ct], [head.ct], [head.femur])
    assert warnings == []
    assert assess(hip).state is State.PRESENT


def test_a_ct_elsewhere_is_read_with_bones_of_its_own(monkeypatch):
    head = scanned("crescent")
    grid = head.ct.volume.grid
    other = replace(head.ct, volume=Volume(Grid(grid.shape, grid.affine, "1.10"), head.ct.volume.array))
    own = replace(head.femur, frame_of_reference_uid="1.10")
    monkeypatch.setattr(job, "locate_bones", lambda series, progress: (own,))
    (hip,), warnings = read([other], [], [head.femur])
    assert warnings == []
    assert hip.ct_head.femur is own
    assert assess(hip).state is State.PRESENT


def test_a_hip_that_the_ct_does_not_show_is_told_of(monkeypatch):
    head = scanned("crescent")

    def refuse(series, progress):
        raise GeometryError("sides contradict each other")

    monkeypatch.setattr(job, "locate_bones", lambda series, progress: ())
    (hip,), (said,) = read([head.ct], [], [head.femur])
    assert hip.ct_head is None
    assert "the left femur was not found" in said
    monkeypatch.setattr(job, "locate_bones", refuse)
    (hip,), (said,) = read([head.ct], [], [head.femur])
    assert hip.ct_head is None
    assert "sides contradict each other" in said


@pytest.mark.parametrize("kept", [True, False])
def test_without_ct_nothing_changes(kept):
    head = scanned("crescent")
    mr = replace(head.ct, modality="MR", sequence=job.ImageSequence.T1)
    (hip,), warnings = read([mr] if kept else [], [], [head.femur])
    assert (hip.ct_head, warnings) == (None, [])
