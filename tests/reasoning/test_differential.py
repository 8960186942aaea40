from __future__ import annotations

import dataclasses

import pytest

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.reasoning.course_items import CourseSeen
from marrowmap.reasoning.course_items import course_observations
from marrowmap.reasoning.differential import choose_prior
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.differential import differentials
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.priors import prior_of
from marrowmap.reasoning.priors import stated_prior
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import Pregnancy

from .studies import EVEN
from .studies import finding

TYPICAL = (
    finding("diffuse_edema", certainty=0.95),
    finding("intertrochanteric_demarcation", certainty=0.95),
    finding("medial_head_sparing", certainty=0.95),
    finding("subchondral_band", State.ABSENT, 0.95),
    finding("head_collapse", State.ABSENT, 0.95),
)


def form(**answers: Answer) -> ClinicalForm:
    every = {**dict.fromkeys(ANSWERS, Answer.NO), **answers}
    return ClinicalForm("", 45.0, "M", Pregnancy.NO, None, every)


def weighed(*found, **more):
    return differential(found, Joint.HIP, Side.LEFT, **more)


def share(one, entity: str) -> float:
    return one.weighed.of(entity).probability


def line(name: str, value: float, side: Side = Side.LEFT, joint: Joint = Joint.HIP) -> Measurement:
    return Measurement(name, joint, side, "subchondral", Quantity(value, "mm"), "MR", "test", "", Evidence("1"))


def replaced(value: float, low: float) -> Measurement:
    quantity = Quantity(value, "mL", low, 2 * value)
    return Measurement(
        "replaced_marrow_volume", Joint.HIP, Side.LEFT, "proximal_femur", quantity, "MR", "test", "", Evidence("1")
    )


def test_marrow_as_dark_as_muscle_is_not_answered_as_transient_osteoporosis():
    """An infection without fever looks like it; edema leaves fat in the marrow, infection does not."""
    assert weighed(*TYPICAL, measurements=[replaced(6, 0.9)]).abstains == weighed(*TYPICAL).abstains == ""
    silent = weighed(*TYPICAL, measurements=[edema(60, 55), replaced(12, 9)])
    assert silent.weighed.ranked[0].entity == "transient_osteoporosis"
    assert "12.0 mL in the proximal femur" in silent.abstains
    assert "infection" in silent.abstains
    necrosis = [finding("marrow_edema"), finding("subchondral_band"), finding("double_line"), finding("head_collapse")]
    assert weighed(*necrosis, measurements=[replaced(12, 9)]).weighed.ranked[0].entity == "osteonecrosis"
    assert weighed(*necrosis, measurements=[replaced(12, 9)]).abstains == weighed(*necrosis).abstains


def edema(value: float, low: float, side: Side = Side.LEFT) -> Measurement:
    quantity = Quantity(value, "mL", low, value + 1)
    return Measurement("edema_volume", Joint.HIP, side, "femoral_neck", quantity, "MR", "test", "", Evidence("1"))


def test_a_hip_with_edema_that_no_sign_explains_is_not_called_normal():
    nothing = [
        finding(sign, State.ABSENT, 0.95)
        for sign in ("diffuse_edema", "effusion", "subchondral_band", "head_collapse", "subchondral_fracture_line")
    ]
    answered = weighed(*nothing)
    assert (answered.weighed.ranked[0].entity, answered.abstains) == ("normal", "")
    assert weighed(*nothing, measurements=[edema(6, 0.9), edema(6, 5, Side.RIGHT)]).abstains == ""
    silent = weighed(*nothing, measurements=[edema(2, 1.5), edema(6, 5)])
    assert "(6.0 mL in the femoral neck), which is not normal" in silent.abstains
    assert "normal" not in {one.entity for one in silent.enough}
    assert silent.weighed.ranked == answered.weighed.ranked
    assert weighed(*TYPICAL, measurements=[edema(60, 55)]).abstains == weighed(*TYPICAL).abstains


def test_probabilities_add_up_and_lie_within_their_intervals():
    one = weighed(*TYPICAL)
    assert sum(each.probability for each in one.weighed.shares) == pytest.approx(1.0)
    assert all(0 <= each.low <= each.probability <= each.high <= 1 for each in one.weighed.shares)


def test_it_abstains_without_a_clear_sign_and_asks_for_one():
    one = weighed(finding("diffuse_edema", State.NOT_ASSESSABLE), subject=Subject(sex="M", age_years=45))
    assert one.abstains == "no imaging sign of this joint is clear"
    assert one.examinations[0].examination.name.startswith("MRI of both hips")


def test_it_abstains_on_edema_alone_and_says_what_would_be_enough():
    one = weighed(finding("diffuse_edema"))
    assert one.abstains == "nothing reaches 60 %"
    assert one.enough
    found = next(each for each in one.enough if all(seen.item in SIGNS for seen in each.findings))
    added = [finding(seen.item, State.PRESENT if seen.is_present else State.ABSENT) for seen in found.findings]
    then = weighed(finding("diffuse_edema"), *added)
    assert then.abstains == ""
    assert then.weighed.ranked[0].entity == found.entity
    assert then.weighed.ranked[0].probability == pytest.approx(found.probability)


def test_it_abstains_where_the_studies_leave_another_leader_open():
    strict = {**shipped().model, "answer": {**shipped().model["answer"], "least_lead": 1.0}}
    one = weighed(*TYPICAL, form=form(), literature=dataclasses.replace(shipped(), model=strict))
    assert "something else would lead" in one.abstains


def test_a_typical_hip_is_answered():
    one = weighed(*TYPICAL, form=form())
    assert one.abstains == ""
    assert one.weighed.ranked[0].entity == "transient_osteoporosis"
    assert one.enough == ()


def test_every_finding_that_is_wrong_is_tried():
    one = weighed(*TYPICAL, finding("effusion", certainty=0.9))
    assert {each.observation.item for each in one.if_wrong} == {each.sign for each in TYPICAL} | {"effusion"}
    flipped = next(each for each in one.if_wrong if each.observation.item == "subchondral_band")
    other = weighed(*TYPICAL[:3], finding("subchondral_band", certainty=0.95), *TYPICAL[4:], finding("effusion"))
    assert flipped.probability == pytest.approx(share(other, "transient_osteoporosis"))
    assert [each.probability for each in one.if_wrong] == sorted(each.probability for each in one.if_wrong)


def test_what_is_missing_is_not_what_is_known():
    one = weighed(*TYPICAL)
    missing = dict(one.missing)
    assert not {each.sign for each in TYPICAL} & set(missing)
    assert missing["fever"] > 0.01
    assert list(missing.values()) == sorted(missing.values(), reverse=True)


def test_the_next_examination_carries_dose_delay_and_what_it_would_show():
    worth = weighed(finding("diffuse_edema")).examinations
    assert [each.bits for each in worth] == sorted((each.bits for each in worth), reverse=True)
    scan = next(each for each in worth if "SPECT/CT" in each.examination.name)
    assert scan.examination.millisieverts[0] > 2
    assert "cold_area" in scan.shows
    assert "diffuse_edema" not in next(each for each in worth if "both hips" in each.examination.name).shows
    assert all(0 < each.bits <= each.entropy for each in worth)


def test_knees_are_not_sent_to_examinations_of_hips():
    found = [finding("diffuse_edema", joint=Joint.KNEE)]
    names = [each.examination.name for each in differential(found, Joint.KNEE, Side.LEFT).examinations]
    assert any("knee" in name for name in names)
    assert not any("hip" in name or "pelvis" in name for name in names)


def test_red_flags():
    found = [finding("head_collapse"), finding("cold_area"), finding("crescent"), finding("effusion")]
    one = weighed(*found, form=form(fever=Answer.YES, mass=Answer.YES))
    assert [flag.id for flag in one.flags] == [
        "head_collapse",
        "cold_area",
        "crescent",
        "fever_and_effusion",
        "mass_and_age",
    ]
    assert "45 years" in one.flags[-1].text


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((line("subchondral_line_thickness", 4.2),), "thickness 4.2 mm, limit 4 mm"),
        ((line("subchondral_line_length", 13.0),), "length 13.0 mm, limit 12.5 mm"),
        ((line("subchondral_line_length", 12.0), line("subchondral_line_thickness", 3.9)), ""),
        ((line("subchondral_line_length", 13.0, Side.RIGHT),), ""),
    ],
)
def test_a_line_beyond_the_limit_is_flagged(rows, told: str):
    flags = weighed(finding("subchondral_fracture_line"), measurements=rows).flags
    assert [flag.id for flag in flags] == (["line_beyond_limit"] if told else [])
    assert told in " ".join(flag.text for flag in flags)


def test_the_limit_of_a_knee_is_its_own():
    found = [finding("subchondral_fracture_line", joint=Joint.KNEE)]
    rows = [line("subchondral_line_length", 13.0, joint=Joint.KNEE)]
    assert differential(found, Joint.KNEE, Side.LEFT, measurements=rows).flags == ()


def test_a_mass_without_an_age_is_flagged():
    one = weighed(finding("effusion"), form=dataclasses.replace(form(mass=Answer.YES), age_years=None))
    assert [flag.id for flag in one.flags] == ["mass"]


def test_absent_signs_raise_no_flag():
    assert weighed(finding("head_collapse", State.ABSENT), form=form(fever=Answer.YES)).flags == ()


def test_fever_makes_infection_likelier_and_corticosteroids_osteonecrosis():
    base = weighed(*TYPICAL, form=form())
    assert share(weighed(*TYPICAL, form=form(fever=Answer.YES)), "infection") > 3 * share(base, "infection")
    steroids = weighed(*TYPICAL, form=form(corticosteroids=Answer.YES))
    assert share(steroids, "osteonecrosis") > 2 * share(base, "osteonecrosis")


def test_late_pregnancy_counts_in_young_women_only():
    woman = dataclasses.replace(form(), sex="F", age_years=34.0)
    late = dataclasses.replace(woman, pregnancy=Pregnancy.YES, trimester=3)
    early = dataclasses.replace(woman, pregnancy=Pregnancy.YES, trimester=1)
    ranked = [share(weighed(*TYPICAL[:2], form=each), "transient_osteoporosis") for each in (early, late)]
    assert ranked[1] > ranked[0]
    asked = {each.item for each in weighed(*TYPICAL, form=dataclasses.replace(woman, age_years=64.0)).observations}
    assert "late_pregnancy" not in asked


def test_sex_and_age_come_from_the_header_where_the_form_is_silent():
    unknown = dataclasses.replace(form(), sex="", age_years=None)
    one = weighed(*TYPICAL, form=unknown, subject=Subject(sex="F", age_years=70.0))
    seen = {each.item: (each.is_present, each.origin) for each in one.observations}
    assert seen["male"] == (False, "image header")
    assert seen["age_60_or_more"] == (True, "image header")


def test_resolution_in_time_raises_and_its_absence_lowers():
    before = share(weighed(*TYPICAL), "transient_osteoporosis")
    over = share(weighed(*TYPICAL, course=CourseSeen(7.0, True)), "transient_osteoporosis")
    lasting = share(weighed(*TYPICAL, course=CourseSeen(16.0, False)), "transient_osteoporosis")
    assert lasting < before < over


def test_a_course_says_nothing_while_there_is_time():
    assert course_observations(CourseSeen(4.0, False)) == ()
    assert course_observations(None) == ()


def test_edema_that_goes_while_the_segment_stays_is_no_resolution():
    (seen,) = course_observations(CourseSeen(6.0, True, lasting=("subchondral_band",)))
    assert not seen.is_present


def test_an_unknown_onset_makes_a_course_less_sure():
    known, unknown = (course_observations(CourseSeen(7.0, True, onset_known=each))[0] for each in (True, False))
    assert unknown.certainty < known.certainty


def test_each_joint_is_weighed_on_its_own():
    found = [*TYPICAL, finding("diffuse_edema", State.ABSENT, side=Side.RIGHT)]
    right, left = differentials(found, subject=Subject())
    assert (right.side, left.side) == (Side.RIGHT, Side.LEFT)
    assert left == weighed(*TYPICAL, subject=Subject())


def test_signs_that_do_not_enter_the_number_are_named():
    one = weighed(*TYPICAL, finding("low_bone_density"))
    assert one.unused == ("low_bone_density",)
    assert one.weighed == weighed(*TYPICAL).weighed


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, -0.1, 1.2, "half", True, float("nan")])
def test_a_prior_that_no_finding_could_change_is_refused(value):
    with pytest.raises(InputError, match="prior of tumor is"):
        stated_prior({**EVEN, "tumor": value}, "form.toml")


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({**EVEN, "gout": 0.1}, "unknown entity 'gout'"),
        ({"tumor": 0.5, "normal": 0.5}, "transient_osteoporosis is missing"),
        ({**EVEN, "tumor": 0.3}, "adds up to"),
    ],
)
def test_a_prior_that_is_none_is_refused(prior, told: str):
    with pytest.raises(InputError, match=told):
        stated_prior(prior, "form.toml")


def test_an_unknown_setting_is_refused():
    with pytest.raises(UsageError, match="unknown setting 'moon'"):
        choose_prior(dataclasses.replace(form(), setting="moon"))


def test_a_form_changes_the_prior():
    own = {**dict.fromkeys(ENTITIES, 0.05), "infection": 0.6}
    one = weighed(*TYPICAL, form=dataclasses.replace(form(), prior=own))
    assert one.prior.shares[list(ENTITIES).index("infection")] == pytest.approx(0.6)
    assert share(one, "infection") > share(weighed(*TYPICAL, form=form()), "infection")
    scan = weighed(*TYPICAL, form=dataclasses.replace(form(), setting="scintigraphy_clinic"))
    assert scan.prior == prior_of("scintigraphy_clinic")


def test_every_setting_knows_every_entity():
    for setting in ("marrow_edema_clinic", "scintigraphy_clinic", "even"):
        assert set(prior_of(setting).weights) == set(ENTITIES)
        assert min(prior_of(setting).weights.values()) > 0


def test_a_sign_called_present_is_flagged_however_unsure():
    one = weighed(*TYPICAL, finding("cold_area", certainty=0.4))
    assert "cold_area" in [flag.id for flag in one.flags]
    assert "cold_area" not in [seen.item for seen in one.observations]
