"""Forms are data, and an answer fits its form or is refused by the item's name."""

from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.readers.forms import check_answers
from marrowmap.readers.forms import form_text
from marrowmap.readers.forms import parse_form
from marrowmap.readers.forms import rating_rows
from marrowmap.readers.forms import shipped_forms
from marrowmap.terms.signs import SIGNS

FORM = parse_form(
    """
schema = "marrowmap-form/1"
name = "all"
title = "Every kind"
source = "for tests"
items = [
  {name = "sign", kind = "state", label = "s"},
  {name = "grade", kind = "ordinal", label = "g", levels = ["a", "b"]},
  {name = "what", kind = "choice", label = "w", options = ["x", "y"]},
  {name = "score", kind = "number", label = "n", low = 0, high = 100},
  {name = "cells", kind = "grid", label = "c", slices = 2, rows = 1, columns = 3, left_out = [[0, 2]]},
  {name = "drawn", kind = "region", label = "d"},
  {name = "note", kind = "text", label = "t", optional = true},
]
""",
    "all",
)

GOOD = {
    "sign": {"state": "absent", "confidence": 70},
    "grade": 1,
    "what": "y",
    "score": 12.5,
    "cells": [[1, 0, 1], [0, 0, 0], [1, 0, 1]],
    "drawn": [{"image": 0, "slice": 3, "points": [[1, 2], [5, 2], [5, 6.5]]}],
}


def test_good_answers_are_kept_in_one_plain_form():
    checked = check_answers(FORM.items, GOOD)
    assert checked["cells"] == [[0, 0, 0], [1, 0, 1]]
    assert "note" not in checked
    assert dict(rating_rows(FORM.items, checked)) == {
        "sign": "absent",
        "sign.confidence": "70",
        "grade": "1",
        "what": "y",
        "score": "12.5",
        "cells": "2",
        "drawn.outlines": "1",
    }


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("sign", {"state": "maybe", "confidence": 1}),
        ("sign", {"state": "present"}),
        ("sign", {"state": "present", "confidence": 101}),
        ("sign", {"state": "not_assessable", "confidence": 50}),
        ("grade", 2),
        ("grade", True),
        ("grade", "a"),
        ("what", "z"),
        ("score", float("nan")),
        ("score", 101),
        ("score", True),
        ("cells", [[0, 0, 2]]),
        ("cells", [[2, 0, 0]]),
        ("cells", [[0, 0]]),
        ("drawn", [{"image": 0, "slice": 0, "points": [[0, 0], [1, 1]]}]),
        ("drawn", [{"image": -1, "slice": 0, "points": [[0, 0], [1, 1], [1, 0]]}]),
        ("drawn", [{"image": 0, "slice": 0, "points": [[0, 0], [1, "x"], [1, 0]]}]),
        ("note", "x" * 5000),
        ("note", "\ud800"),  # no table could be written
        ("note", "a\0b"),
        ("score", 10**400),
        ("grade", None),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(item, value):
    with pytest.raises(InputError, match=f"item '{item}'"):
        check_answers(FORM.items, GOOD | {item: value})


def test_an_item_that_was_not_asked_is_refused():
    with pytest.raises(InputError, match="item 'other': was not asked"):
        check_answers(FORM.items, GOOD | {"other": 1})


def test_all_shipped_forms_read_and_name_their_source(tmp_path):
    assert {"hip_signs", "himriss_like", "moaks_like", "edema_severity", "edema_region"} <= set(shipped_forms())
    for name in shipped_forms():
        form = parse_form(form_text(name, tmp_path), name)
        assert form.name == name
        assert len(form.source) > 20


def test_the_sign_form_asks_each_modality_what_it_can_show(tmp_path):
    form = parse_form(form_text("hip_signs", tmp_path), "hip_signs")
    asked = {item.name for item in form.items if item.kind == "state"}
    assert asked == set(SIGNS) - {
        "low_bone_density",
        "significant_bone_change",
        "microarchitecture_deterioration",
    }
    scan = {item.name for item in form.items_for(["scan"]) if item.kind == "state"}
    assert scan == {"diffuse_hyperemia", "homogeneous_uptake", "uptake_demarcation", "cold_area"}


def test_the_grid_scores_reach_their_maxima(tmp_path):
    form = parse_form(form_text("himriss_like", tmp_path), "himriss_like")
    assert [item.highest for item in form.items] == [65, 35, 30]
    assert "not verified" in form.source


def test_an_unknown_form_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"form 'other\.toml'"):
        form_text("other.toml", tmp_path)
    with pytest.raises(InputError, match="is there twice"):
        parse_form(
            'schema="marrowmap-form/1"\nname="a"\ntitle="a"\nsource="a"\n'
            'items=[{name="x",kind="text",label="x"},{name="x",kind="text",label="x"}]',
            "a",
        )


def test_a_remark_is_kept_without_blanks_around_it_and_blanks_alone_are_none():
    form = parse_form(
        'schema = "marrowmap-form/1"\nname = "t"\ntitle = "t"\nsource = "for tests"\n'
        '[[items]]\nname = "why"\nkind = "text"\nlabel = "Why"\n'
        '[[items]]\nname = "note"\nkind = "text"\nlabel = "Note"\noptional = true\n',
        "t.toml",
    )
    assert check_answers(form.items, {"why": " = as said\n", "note": " \n"}) == {"why": "= as said"}
    with pytest.raises(InputError, match="item 'why': has no answer"):
        check_answers(form.items, {"why": "  "})
