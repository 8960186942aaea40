"""The events file: TOML and CSV say the same; what is wrong is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.events import read_events
from marrowmap.values import Joint
from marrowmap.values.course import EventKind
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import Outcome

TOML = """
[[episode]]
joint = "hip"
side = "left"
onset = "about"
onset_date = 2019-12-20
within_days = 10
outcome = "recovered"
outcome_date = "2020-06-01"
note = "first, left"

[[event]]
kind = "weight_bearing"
date = 2020-01-25
end = 2020-03-01
joint = "hip"
side = "left"

[[event]]
kind = "pregnancy"
date = 2019-09-01
"""
CSV = """record,joint,side,kind,date,end,within_days,outcome,outcome_date,note
episode,hip,left,about,2019-12-20,,10,recovered,2020-06-01,"first, left"
event,hip,left,weight_bearing,2020-01-25,2020-03-01,,,,
event,,,pregnancy,2019-09-01,,,,,
"""


def _write(tmp_path: Path, text: str, name: str = "events.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_toml_and_csv_say_the_same(tmp_path):
    one, other = read_events(_write(tmp_path, TOML)), read_events(_write(tmp_path, CSV, "events.csv"))
    assert (one.episodes, one.events) == (other.episodes, other.events)
    (episode,) = one.episodes
    assert episode.onset.kind is OnsetKind.ABOUT
    assert episode.onset.earliest == date(2019, 12, 10)
    assert episode.outcome is Outcome.RECOVERED
    assert episode.place.joint is Joint.HIP
    assert [event.kind for event in one.events] == [EventKind.WEIGHT_BEARING, EventKind.PREGNANCY]


def _episode(**fields: str) -> str:
    given = {"joint": '"hip"', "side": '"left"', "seen": "2020-01-10", **fields}
    return "[[episode]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items() if value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_episode(side='"links"'), "side 'links' is none of left, right"),
        (_episode(side=""), "give both"),
        (_episode(seen=""), "needs the day it was first seen"),
        (_episode(onset='"known"'), "needs its date"),
        (_episode(onset='"known"', onset_date="2020-02-01"), "seen 2020-01-10 before its onset"),
        (_episode(onset='"about"', onset_date="2020-01-01"), "within_days"),
        (_episode(outcome='"cured"'), "outcome 'cured' is none of"),
        (_episode(outcome='"recovered"', outcome_date="2019-01-01"), "before the episode's start"),
        (_episode(seen='"10.1.2020"'), "is no day as YYYY-MM-DD"),
        (_episode(color='"red"'), "unknown field 'color'"),
        (_episode() + _episode(), "the same entry twice"),
        ('[[event]]\nkind = "injury"\n', "needs its date"),
        ('[[event]]\nkind = "surgery"\ndate = 2020-01-01\n', "kind 'surgery' is none of"),
        ('[[event]]\nkind = "pain"\ndate = 2020-02-01\nend = 2020-01-01\n', "ends 2020-01-01 before it begins"),
        ("[episode]\njoint = 'hip'\n", r"write each episode under a line \[\[episode\]\]"),
        ("patient = 'P1'\n", "unknown field 'patient'"),
        ("joint = \n", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_events(_write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind,date\ninjury,2020-01-01\n", "no column 'record'"),
        ("record,kind,date,when\n", "unknown column 'when'"),
        ("record,kind,date\nevent,injury,2020-01-01,more\n", "line 2: has more cells than the header"),
        ("record,kind,date\nvisit,injury,2020-01-01\n", "line 2: record 'visit'"),
        ("record,joint,side,kind,date,within_days\nepisode,hip,left,about,2020-01-01,ten\n", "within_days is 'ten'"),
    ],
)
def test_what_is_wrong_in_csv_is_named_with_its_line(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_events(_write(tmp_path, text, "events.csv"))


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"neither .toml nor .csv"):
        read_events(_write(tmp_path, TOML, "events.txt"))
    with pytest.raises(InputError, match="cannot be read"):
        read_events(tmp_path / "missing.toml")
