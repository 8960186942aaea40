"""Findings that cannot be of one joint of one person are refused."""

from __future__ import annotations

import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.observations import merge
from marrowmap.reasoning.observations import observation_of
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State

from .studies import finding


def test_two_sides_are_refused():
    found = [finding("diffuse_edema"), finding("effusion", side=Side.RIGHT)]
    with pytest.raises(GeometryError, match="effusion is of the right hip, not of the left hip"):
        differential(found, Joint.HIP, Side.LEFT)


def test_two_joints_are_refused():
    with pytest.raises(GeometryError, match="of the left knee, not of the left hip"):
        differential([finding("effusion", joint=Joint.KNEE)], Joint.HIP, Side.LEFT)


def test_two_persons_are_refused():
    with pytest.raises(GeometryError, match="findings of two persons"):
        differential([finding("effusion")], Joint.HIP, Side.LEFT, persons=("A", "B", "A"))


def test_one_person_named_by_some_files_only_is_not_refused():
    differential([finding("effusion")], Joint.HIP, Side.LEFT, persons=("A", ""))


def test_two_dates_are_refused():
    found = [finding("effusion"), finding("diffuse_edema", date="2020-05-01")]
    with pytest.raises(InputError, match="2020-03-01 and 2020-05-01"):
        differential(found, Joint.HIP, Side.LEFT)


def test_a_sign_that_is_present_and_absent_is_refused():
    with pytest.raises(InputError, match="effusion is both present and absent"):
        differential([finding("effusion"), finding("effusion", State.ABSENT)], Joint.HIP, Side.LEFT)


def test_an_unknown_sign_is_refused():
    with pytest.raises(ValueError, match="unknown sign 'halo'"):
        Observation("halo", True)


@pytest.mark.parametrize("certainty", [0.4, 1.1, float("nan")])
def test_an_impossible_certainty_is_refused(certainty: float):
    with pytest.raises(ValueError, match=r"not within 0.5 to 1"):
        Observation("effusion", True, certainty)


def test_a_finding_less_sure_than_chance_says_nothing():
    seen = observation_of(finding("effusion", certainty=0.3))
    assert seen == Observation("effusion", True, 0.5, "MR")
    assert merge([seen]) == ()


def test_of_two_readings_of_one_sign_the_surer_counts():
    kept = merge([Observation("effusion", True, 0.7), Observation("effusion", True, 0.9)])
    assert [one.certainty for one in kept] == [0.9]
