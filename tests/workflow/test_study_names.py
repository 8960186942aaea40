from __future__ import annotations

from marrowmap.workflow.study_names import by_images
from marrowmap.workflow.study_names import images
from marrowmap.workflow.study_names import named


def test_items_are_named_for_people():
    assert images("dx+scan+mr") == "radiograph + bone scan + MRI"
    assert named("mr.head_collapse") == "head collapse, MRI"
    assert named("mr.edema.outlines") == "edema.outlines, MRI"


def test_items_stand_under_what_was_shown():
    rows = {"dx.head_collapse": 1, "mr.effusion": 2, "dx.crescent": 3}
    assert by_images(rows) == [("radiograph", [("head collapse", 1), ("crescent", 3)]), ("MRI", [("effusion", 2)])]
