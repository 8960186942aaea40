"""The protocol file is read strictly, and its digest tells whether it was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import parse_as
from marrowmap.readers.protocol import read_protocol
from tests.readers import study_example as example


def test_layout_and_comments_do_not_change_the_digest_but_every_value_does(tmp_path):
    texts = example.form_texts(tmp_path)
    digest = example.protocol().digest(texts)
    assert example.protocol(dict(reversed(example.document().items()))).digest(texts) == digest
    changed = example.document()
    changed["sessions"][3]["washout_days"] = 13
    assert example.protocol(changed).digest(texts) != digest
    assert example.protocol().digest({"short.toml": example.SHORT_FORM + "\n"}) != digest


def test_a_misspelled_key_is_refused_with_its_place():
    changed = example.document()
    changed["sessions"][1]["washout"] = 14
    with pytest.raises(InputError, match=r"study.toml: sessions\[2\].washout: this key is not known: correct it"):
        parse_as(Protocol, changed, "study.toml")


def test_a_wrong_value_is_named_with_its_place():
    changed = example.document()
    changed["cases"][0]["side"] = "both"
    with pytest.raises(InputError, match=r"cases\[1\].side: .*'left' or 'right', got 'both'"):
        parse_as(Protocol, changed, "study.toml")


def test_an_identifier_cannot_name_a_path():
    changed = example.document()
    changed["cases"][0]["id"] = "../../etc"
    with pytest.raises(InputError, match=r"cases\[1\].id"):
        parse_as(Protocol, changed, "study.toml")


@pytest.mark.parametrize(
    ("content", "message"), [(b"name = ", "is not valid TOML"), (b"\xff\xfe", "is not UTF-8"), (None, "cannot be read")]
)
def test_an_unreadable_file_is_one_line(tmp_path: Path, content, message):
    path = tmp_path / "study.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_protocol(path)


def test_readers_of_a_block_have_its_cases_only():
    changed = example.document()
    changed["design"] = "split_plot"
    for one, block in zip(changed["readers"], "ab-", strict=True):
        one["block"] = block
    for case, block in zip(changed["cases"], "aab-", strict=True):
        case["block"] = block
    made = example.protocol(changed)
    session = made.session("first")
    assert [case.id for case in made.cases_for(made.reader("r1"), session)] == ["e1", "e2"]
    assert [case.id for case in made.cases_for(made.reader("r2"), session)] == ["e3"]
    assert [case.id for case in made.cases_for(made.reader("r2"), made.session("train"))] == ["t1"]
