from __future__ import annotations

import dataclasses
import shutil
from importlib import resources
from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.lint import complaints
from marrowmap.reasoning.lint import require_sound
from marrowmap.reasoning.literature import Literature
from marrowmap.reasoning.literature import Stated
from marrowmap.reasoning.literature import load
from marrowmap.reasoning.literature import shipped
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Joint
from marrowmap.values import Side

from .studies import count
from .studies import finding
from .studies import one_sign

GOOD = """
item = "effusion"
group = "fluid"
role = "lead"

[[count]]
entity = "osteonecrosis"
present = {present}
assessed = 8
population = "eight hips"
compared_with = "nobody"
source = {source}
confidence = "A"
"""


def folder_with(tmp_path: Path, name: str, text: str) -> Literature:
    """The shipped evidence with one file replaced or added."""
    room = Path(str(resources.files("marrowmap.reasoning")))
    shutil.copytree(room / "evidence", tmp_path / "evidence")
    (tmp_path / "evidence" / name).write_text(text, encoding="utf-8")
    return load(sorted((tmp_path / "evidence").iterdir()), room / "data")


def changed(**changes) -> Literature:
    literature = one_sign({"osteonecrosis": (3, 8)})
    item = dataclasses.replace(literature.items["effusion"], **changes)
    unused = dict.fromkeys(SIGNS, "not of this test")
    return dataclasses.replace(literature, items={"effusion": item}, unused=unused)


def test_the_shipped_evidence_has_no_complaint():
    assert complaints(shipped()) == []


def test_every_sign_is_weighed_or_says_why_not():
    assert set(SIGNS) <= set(shipped().items) | set(shipped().unused)
    assert all(shipped().unused.values())


def test_every_entity_is_described_by_some_count_or_belief():
    rows = [row for item in shipped().items.values() for row in (*item.counts, *item.stated)]
    assert {row.entity for row in rows} >= set(ENTITIES)


def test_every_count_names_its_people_their_comparison_and_a_paper():
    for item in shipped().items.values():
        for row in item.counts:
            assert shipped().sources[row.source].read not in ("nothing", "not a study")
            assert row.population
            assert row.compared_with


def test_a_share_over_100_percent_is_refused(tmp_path: Path):
    literature = folder_with(tmp_path, "effusion.toml", GOOD.format(present=9, source='"koo1999"'))
    with pytest.raises(InputError, match=r"effusion.toml, count 1: 9 of 8 is 112 %.*within 0 and 100 %"):
        differential([finding("effusion")], Joint.HIP, Side.LEFT, literature=literature)


@pytest.mark.parametrize("source", ['""', '" "'])
def test_a_row_without_source_is_refused(tmp_path: Path, source: str):
    literature = folder_with(tmp_path, "effusion.toml", GOOD.format(present=8, source=source))
    with pytest.raises(InputError, match=r"effusion.toml, count 1: has no source"):
        require_sound(literature)


def test_a_percentage_in_place_of_a_count_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="whole number of people"):
        folder_with(tmp_path, "effusion.toml", GOOD.format(present=0.8, source='"koo1999"'))


def test_an_unknown_sign_is_refused(tmp_path: Path):
    text = GOOD.format(present=8, source='"koo1999"').replace('"effusion"', '"halo"')
    literature = folder_with(tmp_path, "halo.toml", text)
    assert any("unknown sign 'halo'" in line for line in complaints(literature))


def test_two_files_of_one_sign_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="two evidence files"):
        folder_with(tmp_path, "effusion_2.toml", GOOD.format(present=8, source='"koo1999"'))


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"broken.toml: cannot be read as TOML"):
        folder_with(tmp_path, "broken.toml", "item = ")


def test_a_missing_field_is_refused(tmp_path: Path):
    text = GOOD.format(present=8, source='"koo1999"').replace('population = "eight hips"\n', "")
    with pytest.raises(InputError, match=r"effusion.toml: 'population' is missing"):
        folder_with(tmp_path, "effusion.toml", text)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (count("gout", 1, 8), "unknown entity 'gout'"),
        (count("osteonecrosis", 0, 0), "at least one"),
        (count("osteonecrosis", -1, 8), "within 0 and 100"),
        (count("osteonecrosis", 1, 8, joint="elbow"), "joint 'elbow'"),
        (count("osteonecrosis", 1, 8, fit="close"), "fit 'close'"),
        (count("osteonecrosis", 1, 8, source="nowhere2020"), "unknown source 'nowhere2020'"),
        (count("osteonecrosis", 1, 8, confidence="Z"), "confidence 'Z'"),
        (count("osteonecrosis", 1, 8, population=" "), "population is empty"),
        (count("osteonecrosis", 1, 8, compared_with=""), "compared_with is empty"),
    ],
)
def test_counts_nobody_can_check_are_refused(row, told: str):
    assert complaints(changed()) == []
    assert any(told in line for line in complaints(changed(counts=(row,))))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Stated("osteonecrosis", "surely", False, "so", "gemmel2012", "A"), "belief 'surely'"),
        (Stated("osteonecrosis", "usual", False, "", "gemmel2012", "A"), "says no reason"),
        (Stated("osteonecrosis", "usual", False, "so", "", "A"), "has no source"),
        (Stated("gout", "usual", False, "so", "gemmel2012", "A"), "unknown entity"),
        (Stated("", "usual", False, "so", "gemmel2012", "A"), "names no entity"),
    ],
)
def test_beliefs_nobody_can_check_are_refused(row, told: str):
    assert any(told in line for line in complaints(changed(stated=(row,))))


def test_two_beliefs_of_one_entity_are_refused():
    row = Stated("osteonecrosis", "usual", False, "so", "gemmel2012", "A")
    assert any("two beliefs" in line for line in complaints(changed(stated=(row, row))))
