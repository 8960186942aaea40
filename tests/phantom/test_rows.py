from __future__ import annotations

import pytest

from marrowmap.phantom.rows import finding_row
from marrowmap.phantom.rows import measurement_row
from marrowmap.report.rows import FINDING_COLUMNS
from marrowmap.report.rows import MEASUREMENT_COLUMNS
from marrowmap.values import Side

WHERE = {"date": "2026-01-05", "modality": "MR", "evidence": {"series_uid": "1.2", "image_uids": []}}


def test_truth_has_the_columns_of_what_is_measured():
    row = measurement_row(Side.LEFT, "femoral_head", "bone_volume", 50.0, "mL", method="model", **WHERE)
    assert tuple(row) == MEASUREMENT_COLUMNS
    assert (row["side"], row["value"], row["low"], row["high"]) == ("left", 50.0, None, None)
    found = finding_row(Side.RIGHT, "effusion", present=True, in_view=True, note="", **WHERE)
    assert tuple(found) == (*FINDING_COLUMNS, "in_view")


@pytest.mark.parametrize(
    ("present", "in_view", "state", "certainty"),
    [
        (True, True, "present", 1.0),
        (False, True, "absent", 1.0),
        (True, False, "not_assessable", None),
        (False, False, "not_assessable", None),
    ],
)
def test_what_is_out_of_view_is_not_judged(present, in_view, state, certainty):
    row = finding_row(Side.LEFT, "effusion", present=present, in_view=in_view, note="", **WHERE)
    assert (row["state"], row["certainty"], row["in_view"]) == (state, certainty, in_view)
