"""Walks every table behind the coded outputs: a name without a code, or a code that leads back to another, fails."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from marrowmap.terms.codes import PRIVATE_SCHEME
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import LONGEST_MEANING
from marrowmap.terms.coding import STATES
from marrowmap.terms.coding import SYSTEMS
from marrowmap.terms.coding import concept_of
from marrowmap.terms.coding import concepts
from marrowmap.terms.coding import name_of
from marrowmap.terms.coding import scheme_of
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.terms.signs import SIGNS
from marrowmap.terms.units import UNITS
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State


def test_every_name_of_every_registry_has_a_code():
    table = concepts()
    assert set(table["quantity"]) == set(QUANTITIES)
    assert set(table["region"]) == set(REGIONS)
    assert set(table["sign"]) == set(SIGNS)
    assert set(table["entity"]) == set(ENTITIES)
    assert set(table["unit"]) == set(UNITS)
    assert set(table["state"]) == {state.value for state in State}
    assert set(table["side"]) == {side.value for side in Side}
    assert set(table["joint"]) == {joint.value for joint in Joint}


@pytest.mark.parametrize("kind", concepts())
def test_codes_can_be_written_and_lead_back_to_their_name(kind):
    for name, concept in concepts()[kind].items():
        for code in concept.codes:
            assert code.value, name
            assert code.scheme in SYSTEMS, name
            assert 0 < len(code.meaning) <= LONGEST_MEANING, name
            assert code.provisional == (code.scheme == PRIVATE_SCHEME), name
        assert name_of(kind, concept.own.scheme, concept.own.value) == name
        assert scheme_of(SYSTEMS[concept.own.scheme]) == concept.own.scheme


def test_a_provisional_code_of_a_quantity_is_its_name():
    """One code two quantities shared would swap their rows when they are read back."""
    for name in QUANTITIES:
        assert concept_of("quantity", name).own.value == name


def test_every_unit_of_a_quantity_is_known():
    for name, definition in QUANTITIES.items():
        assert definition.unit in UNITS, name


def test_presence_is_that_of_the_standard():
    for state, keyword in (("present", "Present"), ("absent", "Absent"), ("undetermined", "Undetermined")):
        standard = getattr(codes.cid240, keyword)
        assert (STATES[state].value, STATES[state].scheme) == (standard.value, standard.scheme_designator)


@pytest.mark.parametrize("scheme", ["DCM", "SCT"])
def test_public_codes_are_in_the_standards_own_dictionary(scheme):
    """All but the few that other public artifacts carry, which are named here."""
    elsewhere = {"29627003", "30547004"}
    known = {code.value for code in getattr(codes, scheme).concepts.values()}
    used = {
        code.value
        for table in concepts().values()
        for concept in table.values()
        for code in concept.codes
        if code.scheme == scheme
    }
    assert used - known <= elsewhere


def test_what_has_no_code_is_refused():
    with pytest.raises(ValueError, match="quantity 'girth' has no code"):
        concept_of("quantity", "girth")
    with pytest.raises(ValueError, match="no sign of marrowmap"):
        name_of("sign", "SCT", FIELDS["note"].value)
    with pytest.raises(ValueError, match="is none of"):
        scheme_of("http://example.org")
