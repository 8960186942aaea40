import pytest

from marrowmap.errors import GeometryError
from marrowmap.ingest.person import Identity
from marrowmap.ingest.person import note_impossible_ages
from marrowmap.ingest.person import note_missing_ids
from marrowmap.ingest.person import require_one_date
from marrowmap.ingest.person import require_one_person
from marrowmap.ingest.person import subject_of


def who(file="a", person_id="P1", name="X^Y", birth_date="1980-01-01", sex="F", age="", date="2024-01-01"):
    return Identity(file, person_id, name, birth_date, sex, age, date)


def test_the_same_person_written_differently_is_one():
    require_one_person([who(), who("b", person_id=" p1"), who("c", name="Y^X"), who("d", birth_date="", sex="")])
    require_one_person([who(sex="O"), who("b", sex="F")])


def test_missing_identifiers_are_noted():
    assert note_missing_ids([who(), who("b", person_id="")])[0].text.startswith("b: (0010,0020) Patient ID is absent")
    assert note_missing_ids([who(person_id=""), who("b", person_id="")]) == []


def test_names_decide_where_identifiers_are_missing_but_are_not_shown():
    with pytest.raises(GeometryError) as caught:
        require_one_person([who(person_id="", name="Doe^Jane"), who("b", person_id="", name="Roe^Jane")])
    assert "Doe" not in str(caught.value)
    assert "Roe" not in str(caught.value)


@pytest.mark.parametrize(
    ("age", "birth_date", "years"),
    [
        ("044Y", "", 44),
        ("018M", "", 1.5),
        ("", "1980-01-01", 44),
        ("000Y", "1980-01-01", 44),
        ("000Y", "", None),
        ("", "2030-01-01", None),
        ("old", "", None),
        ("NAN", "", None),
        ("999Y", "", None),
        ("131Y", "1980-01-01", 44),
        ("130Y", "", 130),
        ("", "1880-01-01", None),
    ],
)
def test_age(age, birth_date, years):
    found = subject_of([who(age=age, birth_date=birth_date)], "2024-01-01").age_years
    assert found == (None if years is None else pytest.approx(years, abs=0.01))


def test_an_age_that_nobody_has_is_named_and_not_used():
    people = [who("b", age="999Y"), who("a", age="999Y"), who("c", age="044Y"), who("d", age="000Y")]
    (note,) = note_impossible_ages(people)
    assert note.text == "a: (0010,1010) Patient's Age is 999Y: no person's age, not used"


def test_one_date():
    assert require_one_date([who(date=""), who()]) == "2024-01-01"
    assert require_one_date([]) == ""
