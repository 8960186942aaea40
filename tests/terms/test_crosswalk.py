from __future__ import annotations

import re

import pytest

from marrowmap.terms.crosswalk import FITS
from marrowmap.terms.crosswalk import RELATIONS
from marrowmap.terms.crosswalk import SCHEMES
from marrowmap.terms.crosswalk import crosswalk_version
from marrowmap.terms.crosswalk import disease_names
from marrowmap.terms.crosswalk import find_names
from marrowmap.terms.crosswalk import names_of
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.entities import require_entity

FORMS = {
    "SCT": r"\d{6,18}",
    "ICD-10-CM": r"[A-Z]\d\d(\.\d{1,4})?",
    "MeSH": r"D\d{6,9}",
    "OIFM": r"OIFM_[A-Z]+_\d{6}",
    "99MARROWMAP": r"[a-z_]+",
}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("TOH", "transient_osteoporosis"),
        ("bone marrow oedema syndrome", "bone_marrow_edema_syndrome"),
        ("Regional-Migratory Osteoporosis", "regional_migratory_osteoporosis"),
        ("algodystrophy", "crps"),
        ("reflex sympathetic dystrophy", "crps"),
        ("SONK", "subchondral_insufficiency_fracture"),
        ("avascular necrosis", "osteonecrosis"),
        ("BME", "bone_marrow_edema"),
    ],
)
def test_words_of_papers_are_found(word: str, name: str):
    assert [found.id for found in find_names(word)] == [name]


def test_a_word_nobody_uses_is_not_guessed():
    assert find_names("bone bruise of unknown kind") == ()
    assert find_names(" ") == ()


def test_every_entity_but_normal_has_a_name_that_means_the_same():
    for entity in set(ENTITIES) - {"normal"}:
        assert names_of(entity)[0].relation == "same", entity


def test_a_sign_belongs_to_no_entity():
    (name,) = find_names("marrow edema")
    assert (name.entity, name.relation) == ("", "sign")


def test_no_word_stands_for_two_names():
    for name in disease_names():
        for word in (name.preferred, *name.synonyms):
            assert [found.id for found in find_names(word)] == [name.id], word


def test_codes_have_their_schemes_form_and_say_whether_they_are_confirmed():
    for name in disease_names():
        assert name.relation in RELATIONS
        assert name.entity in ENTITIES or not name.entity
        assert name.scope
        for code in name.codes:
            assert code.scheme in SCHEMES
            assert code.fit in FITS
            assert re.fullmatch(FORMS[code.scheme], code.value), code
            assert code.provisional or code.scheme != "99MARROWMAP"


def test_provisional_codes_are_given_only_when_asked_for():
    (name,) = find_names("osteonecrosis")
    assert [code.value for code in name.coded("SCT")] == ["6574001"]
    assert {code.value for code in name.coded("SCT", confirmed=False)} == {"398199007", "6574001"}


def test_the_table_has_a_version():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", crosswalk_version())


def test_an_unknown_entity_is_refused():
    with pytest.raises(ValueError, match="unknown entity 'gout'"):
        require_entity("gout")
