"""Closed form, order, silence of what could not be assessed, and more evidence that never turns against its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from marrowmap.errors import InputError
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.literature import shipped
from marrowmap.reasoning.observations import Observation
from marrowmap.reasoning.priors import prior_of
from marrowmap.reasoning.priors import stated_prior
from marrowmap.reasoning.tables import Node
from marrowmap.reasoning.tables import build_tables
from marrowmap.reasoning.tables import find_node
from marrowmap.reasoning.weigh import probabilities
from marrowmap.reasoning.weigh import weigh
from marrowmap.terms.entities import ENTITIES
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State

from .studies import EVEN
from .studies import finding
from .studies import one_sign

HIP = build_tables(shipped(), Joint.HIP)
IMAGED = [item for node in HIP for item in node.items]
PRIOR = prior_of()
ORDER = tuple(ENTITIES)
KNOWN = {entity: (3 + number, 20) for number, entity in enumerate(ENTITIES)}


@pytest.mark.parametrize("is_present", [True, False])
def test_one_sign_of_known_counts_gives_the_closed_form(is_present: bool):
    nodes = build_tables(one_sign(KNOWN), Joint.HIP)
    prior = stated_prior({**EVEN, "tumor": 1 / 18, "normal": 1 / 6}, "test")
    rate = np.array([(KNOWN[e][0] + 0.5) / (KNOWN[e][1] + 1) for e in ENTITIES])
    rate = rate if is_present else 1 - rate
    expected = prior.shares * rate / (prior.shares * rate).sum()
    result = weigh(nodes, prior, [Observation("effusion", is_present)], draws=2000)
    np.testing.assert_allclose([share.probability for share in result.shares], expected, rtol=1e-12)


def test_the_interval_agrees_with_drawing_by_hand():
    nodes = build_tables(one_sign(KNOWN), Joint.HIP)
    prior = stated_prior(EVEN, "test")
    rng = np.random.default_rng(5)
    drawn = np.stack([rng.beta(x + 0.5, n - x + 0.5, 200_000) for x, n in KNOWN.values()], axis=1)
    # What was seen makes high rates likelier: draw with that weight.
    kept = rng.choice(len(drawn), 100_000, p=drawn.sum(axis=1) / drawn.sum())
    share = drawn[kept] / drawn[kept].sum(axis=1, keepdims=True)
    result = weigh(nodes, prior, [Observation("effusion", True)], draws=40_000)
    for number, one in enumerate(result.shares):
        assert (one.low, one.high) == pytest.approx(np.quantile(share[:, number], (0.025, 0.975)), abs=6e-3)


def test_without_findings_the_prior_is_left():
    np.testing.assert_allclose(probabilities(HIP, PRIOR, []), PRIOR.shares, rtol=1e-12)


def test_the_same_seed_gives_the_same_interval():
    seen = [Observation("subchondral_band", True, 0.9)]
    assert weigh(HIP, PRIOR, seen, draws=500, seed=3) == weigh(HIP, PRIOR, seen, draws=500, seed=3)


observations = st.lists(
    st.builds(Observation, st.sampled_from(IMAGED), st.booleans(), st.floats(0.5, 1.0)),
    max_size=8,
    unique_by=lambda one: one.item,
)


@settings(max_examples=60, deadline=None)
@given(observations, st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(seen, random):
    mixed = list(seen)
    random.shuffle(mixed)
    np.testing.assert_array_equal(probabilities(HIP, PRIOR, seen), probabilities(HIP, PRIOR, mixed))
    assert weigh(HIP, PRIOR, seen, draws=50) == weigh(HIP, PRIOR, mixed, draws=50)


def test_the_order_of_findings_does_not_matter_in_a_whole_differential():
    found = [finding("diffuse_edema"), finding("effusion", State.ABSENT), finding("subchondral_band", State.ABSENT)]
    one, other = (differential(mine, Joint.HIP, Side.LEFT) for mine in (found, found[::-1]))
    assert one == other


@pytest.mark.parametrize("state", [State.NOT_ASSESSABLE, State.UNDETERMINED])
def test_what_says_nothing_changes_nothing(state: State):
    found = [finding("diffuse_edema"), finding("subchondral_band", State.ABSENT)]
    silent = [finding(item, state, 0.5) for item in ("cold_area", "crescent", "effusion")]
    before = differential(found, Joint.HIP, Side.LEFT)
    assert differential([*found, *silent], Joint.HIP, Side.LEFT) == before


def _own_entity(item: str) -> int:
    """The entity in which a sign is most frequent by the evidence alone."""
    return int(np.argmax(probabilities(HIP, stated_prior(EVEN, "test"), [Observation(item, True, 1.0)])))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(IMAGED), st.floats(0.5, 0.99), st.floats(0.001, 0.5), observations)
def test_a_stronger_finding_never_lowers_its_entity(item, certainty, more, others):
    """Whatever else was seen, signs of the same group included."""
    seen = [one for one in others if one.item != item and one.certainty < 1.0]
    weak = probabilities(HIP, PRIOR, [*seen, Observation(item, True, certainty)])
    strong = probabilities(HIP, PRIOR, [*seen, Observation(item, True, min(certainty + more, 1.0))])
    assert strong[_own_entity(item)] >= weak[_own_entity(item)] * (1 - 1e-9)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(IMAGED), observations)
def test_a_finding_that_is_added_never_lowers_its_entity(item, others):
    seen = [one for one in others if one.item != item and one.certainty < 1.0]
    without = probabilities(HIP, PRIOR, seen)
    with_it = probabilities(HIP, PRIOR, [*seen, Observation(item, True, 0.8)])
    assert with_it[_own_entity(item)] >= without[_own_entity(item)] * (1 - 1e-9)


@pytest.mark.parametrize(
    ("item", "entity"),
    [
        ("diffuse_edema", "transient_osteoporosis"),
        ("marrow_edema", "transient_osteoporosis"),
        ("intertrochanteric_demarcation", "transient_osteoporosis"),
        ("medial_head_sparing", "transient_osteoporosis"),
        ("homogeneous_uptake", "transient_osteoporosis"),
        ("complete_resolution", "transient_osteoporosis"),
        ("late_pregnancy", "transient_osteoporosis"),
        ("subchondral_band", "osteonecrosis"),
        ("double_line", "osteonecrosis"),
        ("cold_area", "osteonecrosis"),
        ("corticosteroids", "osteonecrosis"),
        ("subchondral_fracture_line", "subchondral_insufficiency_fracture"),
        ("unusual_load", "stress_fracture"),
        ("fever", "infection"),
        ("mass", "tumor"),
    ],
)
def test_each_sign_speaks_for_the_entity_its_papers_describe(item: str, entity: str):
    before = probabilities(HIP, PRIOR, [])[ORDER.index(entity)]
    present = probabilities(HIP, PRIOR, [Observation(item, True, 0.9)])[ORDER.index(entity)]
    absent = probabilities(HIP, PRIOR, [Observation(item, False, 0.9)])[ORDER.index(entity)]
    assert absent < before < present


def test_a_fracture_line_does_not_speak_for_osteonecrosis():
    """Half of transient osteoporosis shows one: facts as counts, not as a rule."""
    number = ORDER.index("transient_osteoporosis"), ORDER.index("osteonecrosis")
    before = probabilities(HIP, PRIOR, [])
    after = probabilities(HIP, PRIOR, [Observation("subchondral_fracture_line", True, 0.95)])
    odds_before, odds_after = (shares[number[1]] / shares[number[0]] for shares in (before, after))
    assert odds_after < 1.1 * odds_before


def test_edema_and_uptake_of_the_same_marrow_count_once():
    sure = [Observation("diffuse_edema", True, 1.0)]
    both = [*sure, Observation("homogeneous_uptake", True, 1.0), Observation("diffuse_hyperemia", True, 1.0)]
    np.testing.assert_allclose(probabilities(HIP, PRIOR, both), probabilities(HIP, PRIOR, sure), rtol=1e-12)


def test_however_many_readings_agree_they_weigh_no_more_than_the_thing_itself():
    readings = [Observation("homogeneous_uptake", True, 1.0), Observation("diffuse_hyperemia", True, 1.0)]
    thing = probabilities(HIP, PRIOR, [Observation("diffuse_edema", True, 1.0)])
    number = ORDER.index("transient_osteoporosis")
    one, two = (probabilities(HIP, PRIOR, readings[:n])[number] for n in (1, 2))
    assert PRIOR.shares[number] < one < two < thing[number]


def test_uptake_adds_where_mri_is_unsure():
    unsure = [Observation("diffuse_edema", True, 0.6)]
    number = ORDER.index("transient_osteoporosis")
    both = probabilities(HIP, PRIOR, [*unsure, Observation("homogeneous_uptake", True, 0.95)])
    assert both[number] > probabilities(HIP, PRIOR, unsure)[number] + 0.02


def test_diffuse_edema_implies_edema():
    """Sure of the part, the whole adds nothing; without the whole there is no part."""
    part = [Observation("diffuse_edema", True, 1.0)]
    both = [*part, Observation("marrow_edema", True, 1.0)]
    np.testing.assert_allclose(probabilities(HIP, PRIOR, both), probabilities(HIP, PRIOR, part), rtol=1e-12)
    none = [Observation("marrow_edema", False, 1.0)]
    neither = [*none, Observation("diffuse_edema", False, 1.0)]
    np.testing.assert_allclose(probabilities(HIP, PRIOR, neither), probabilities(HIP, PRIOR, none), rtol=1e-12)


def test_findings_that_exclude_each_other_are_refused():
    with pytest.raises(InputError, match="diffuse_edema present"):
        probabilities(HIP, PRIOR, [Observation("marrow_edema", False, 1.0), Observation("diffuse_edema", True, 1.0)])


def test_edema_tells_ill_from_well_and_hardly_one_illness_from_another():
    before = probabilities(HIP, PRIOR, [])
    after = probabilities(HIP, PRIOR, [Observation("marrow_edema", True, 0.98)])
    factor = dict(zip(ORDER, after / before, strict=True))
    assert factor["normal"] < 0.5
    assert min(factor[entity] for entity in ("transient_osteoporosis", "stress_fracture", "infection")) > 1
    assert factor["transient_osteoporosis"] < 1.5 * factor["stress_fracture"]


def test_an_end_of_edema_says_nothing_where_there_is_none():
    """No edema, no edge: that the edge is absent must not speak against transient osteoporosis a second time."""
    none = [Observation("diffuse_edema", False, 1.0)]
    both = [*none, Observation("intertrochanteric_demarcation", False, 1.0)]
    np.testing.assert_allclose(probabilities(HIP, PRIOR, both), probabilities(HIP, PRIOR, none), rtol=1e-12)


def test_the_probability_is_the_mean_of_the_draws():
    seen = [Observation("marrow_edema", True, 0.9), Observation("subchondral_band", False, 0.9)]
    result = weigh(HIP, PRIOR, seen, draws=60_000, seed=1)
    # Simulated by hand: rates drawn, likelihood in a draw, averaged.
    rng = np.random.default_rng(9)
    edema, band = (find_node(HIP, item) for item in ("marrow_edema", "subchondral_band"))
    assert isinstance(edema, Node)
    assert isinstance(band, Node)
    joint = rng.dirichlet([PRIOR.weights[e] for e in ENTITIES], 60_000)
    for number, entity in enumerate(ENTITIES):
        p, q = edema.rates[entity].draw(rng, 60_000), band.rates[entity].draw(rng, 60_000)
        joint[:, number] *= (0.9 * p + 0.1 * (1 - p)) * (0.9 * (1 - q) + 0.1 * q)
    expected = joint.sum(axis=0) / joint.sum()
    np.testing.assert_allclose([share.probability for share in result.shares], expected, atol=4e-3)
    assert all(share.low <= share.probability <= share.high for share in result.shares)
