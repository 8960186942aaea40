"""Three papers as cases: what their findings support, before and after their course."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.reasoning.cases import Case
from marrowmap.reasoning.cases import read_case

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def case(name: str) -> Case:
    return read_case(EXAMPLES / f"case_{name}.toml")


def test_gemmels_typical_hip():
    first, last = case("gemmel2012").weigh(with_course=False), case("gemmel2012").weigh()
    for one in (first, last):
        assert one.weighed.ranked[0].entity == "transient_osteoporosis"
        assert one.flags == ()
    assert last.weighed.ranked[0].probability > first.weighed.ranked[0].probability > 0.6
    assert first.weighed.of("osteonecrosis").probability < 0.15
    # One series without controls settles nothing: the interval must stay wide.
    assert first.weighed.of("transient_osteoporosis").low < 0.4


def test_bermans_hip_recurring_and_resolving():
    first, last = case("berman2016_hip").weigh(with_course=False), case("berman2016_hip").weigh()
    assert first.abstains
    assert first.enough
    assert last.weighed.ranked[0].entity == "transient_osteoporosis"
    before, after = (one.weighed.of("transient_osteoporosis").probability for one in (first, last))
    assert after > before + 0.1


def test_bermans_knee_has_a_fracture_line_and_is_no_osteonecrosis_for_it():
    knee = case("berman2016_knee")
    first, last = knee.weigh(with_course=False), knee.weigh()
    assert first.weighed.ranked[0].entity == "transient_osteoporosis"
    assert first.abstains
    without = Case(**{**vars(knee), "findings": tuple(f for f in knee.findings if "fracture" not in f.sign)})
    ratios = [
        one.weighed.of("osteonecrosis").probability / one.weighed.of("transient_osteoporosis").probability
        for one in (first, without.weigh(with_course=False))
    ]
    assert ratios[0] < 1.5 * ratios[1]
    before, after = (one.weighed.of("transient_osteoporosis").probability for one in (first, last))
    assert after > before


def test_an_osteonecrosis_with_edema_is_not_taken_for_transient():
    first, last = case("osteonecrosis").weigh(with_course=False), case("osteonecrosis").weigh()
    assert [flag.id for flag in first.flags] == ["cold_area"]
    for one in (first, last):
        assert one.abstains == ""
        assert one.weighed.ranked[0].entity == "osteonecrosis"
    before, after = (one.weighed.of("transient_osteoporosis").probability for one in (first, last))
    assert after < before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('sign = "effusion"', 'sign = "halo"', "unknown sign 'halo'"),
        ('side = "left"', 'side = "middle"', "middle"),
        ("title =", "name =", "unknown field 'name'"),
        ("months = 8.0", "months = -8.0", "cannot last -8 months"),
        ('words = "fluid"', "", "words"),
    ],
)
def test_a_case_that_is_none_is_refused(tmp_path: Path, old: str, new: str, told: str):
    text = (EXAMPLES / "case_osteonecrosis.toml").read_text(encoding="utf-8").replace(old, new, 1)
    (tmp_path / "case.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_case(tmp_path / "case.toml")
