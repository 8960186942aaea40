"""Reader studies in blocks: the published formulas, the crossed study as one block, people in two blocks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Score
from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import jackknife_covariance
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.mrmc import fixed_readers_random_cases
from marrowmap.readers.mrmc import random_readers_fixed_cases
from marrowmap.readers.mrmc import random_readers_random_cases
from marrowmap.readers.mrmc import random_readers_random_cases_of_blocks
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.readers.mrmc_summary import components_of
from marrowmap.readers.mrmc_summary import make_score_table
from marrowmap.readers.split_plot import components_of_blocks
from marrowmap.readers.split_plot import make_blocks
from marrowmap.readers.split_plot import shared_people
from tests.readers.studies import draw_study

TWO_AND_TWO = np.array([0, 0, 1, 1])


def covariance_of_model(blocks, variance, cov1, cov2, cov3, modalities=2):
    """Covariances of errors, (modalities * readers) squared; numbers, or one a block."""
    blocks = np.asarray(blocks)
    parts = [np.broadcast_to(part, blocks.max() + 1)[blocks] for part in (variance, cov1, cov2, cov3)]
    alike = blocks[:, None] == blocks[None, :]
    own = np.eye(len(blocks), dtype=bool)
    same = np.where(own, parts[0], np.where(alike, parts[2], 0.0))
    other = np.where(own, parts[1], np.where(alike, parts[3], 0.0))
    which = np.eye(modalities, dtype=bool)[:, None, :, None]
    return np.where(which, same[None, :, None, :], other[None, :, None, :]).reshape([modalities * len(blocks)] * 2)


def scores_of(table, truth, *, first_case=0, first_reader=0, block="", people=None):
    return [
        Score(
            f"c{first_case + k}",
            f"p{first_case + k if people is None else people[k]}",
            bool(truth[k]),
            f"r{first_reader + j}",
            f"m{i}",
            float(value),
            block,
        )
        for (i, j, k), value in np.ndenumerate(table)
    ]


def two_blocks(readers=(2, 3)):
    drawn, scores = [], []
    for block, (seed, number) in enumerate(zip((4, 5), readers, strict=True)):
        table, truth = draw_study(seed, readers=number)
        drawn.append((table, truth))
        scores += scores_of(table, truth, first_case=20 * block, first_reader=2 * block, block="ab"[block])
    return drawn, scores


def test_the_published_statistics_by_hand():
    """Obuchowski, Gallas and Hillis 2012, equations 3 and 4, and 5 to 8, for differences 0.10 0.06 | 0.02 0.02."""
    differences = np.array([0.10, 0.06, 0.02, 0.02])
    found = np.stack([0.8 + differences, np.full(4, 0.8)])
    c = find_components(found, covariance_of_model(TWO_AND_TWO, 0.002, 0.001, 0.0008, 0.0005), TWO_AND_TWO)
    assert (c.ms_t, c.ms_tr, c.ms_tr_within) == pytest.approx((0.005, 0.0022 / 3, 0.0002))
    # Two of the six pairs of readers share a block.
    assert c.cov2 - c.cov3 == pytest.approx(0.0003 / 3)
    modified = random_readers_random_cases(c)
    error = 0.0022 / 3 + 4 * 0.0001
    assert (modified.f, modified.df) == pytest.approx((0.005 / error, error**2 / ((0.0022 / 3) ** 2 / 3)))
    marginal = random_readers_random_cases_of_blocks(c)
    assert (marginal.f, marginal.df) == pytest.approx((0.005 / (0.0002 + 2 * 0.0003), 0.0008**2 / (0.0002**2 / 2)))
    assert marginal.comparisons[0].se == pytest.approx(math.sqrt(2 / 4 * 0.0008))
    fixed = fixed_readers_random_cases(c)
    assert fixed.f == pytest.approx(0.005 / (0.002 - 0.001 + 0.0003))
    readers = random_readers_fixed_cases(c)
    assert (readers.f, readers.df) == pytest.approx((0.005 / 0.0002, 2))


def expected(covariance, blocks, name):
    """Expectation of a mean square under a model without reader effects: a sum over its independent parts."""
    values, vectors = np.linalg.eigh(covariance)
    parts = np.sqrt(np.maximum(values, 0)) * vectors
    return sum(getattr(find_components(part.reshape(2, -1), covariance, blocks), name) for part in parts.T)


@pytest.mark.parametrize(
    "model",
    [
        ((0.002, 0.003, 0.001), (0.001, 0.0015, 0.0004), (0.0008, 0.001, 0.0005), (0.0005, 0.0007, 0.0002)),
        (0.002, 0.001, 0.0008, 0.0005),
    ],
)
def test_errors_are_the_variance_of_the_mean_in_unequal_blocks(model):
    blocks = np.array([0, 0, 0, 1, 1, 2])
    covariance = covariance_of_model(blocks, *model)
    weights = np.concatenate([np.full(6, 1 / 6), np.full(6, -1 / 6)])
    variance = weights @ covariance @ weights
    c = find_components(np.zeros((2, 6)), covariance, blocks)
    with_expected = replace(
        c,
        ms_tr=expected(covariance, blocks, "ms_tr"),
        ms_tr_within=expected(covariance, blocks, "ms_tr_within"),
    )
    assert random_readers_random_cases(with_expected).comparisons[0].se ** 2 == pytest.approx(variance)
    assert fixed_readers_random_cases(c).comparisons[0].se ** 2 == pytest.approx(variance)
    # The marginal-mean analysis pools readers within blocks, and is right where errors of blocks are alike.
    marginal = random_readers_random_cases_of_blocks(with_expected).comparisons[0].se ** 2
    assert (marginal == pytest.approx(variance)) == isinstance(model[0], float)
    assert marginal == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("method", CovarianceMethod)
def test_one_block_is_the_crossed_study(method):
    drawn, truth = draw_study(3)
    crossed = components_of(make_score_table(scores_of(drawn, truth)), method, seed=7)
    blocks = make_blocks(scores_of(drawn, truth, block="only"))
    one = components_of_blocks(blocks, method, seed=7)
    for analyze in (random_readers_random_cases, fixed_readers_random_cases, random_readers_fixed_cases):
        assert analyze(one) == analyze(crossed)
    marginal, leading = random_readers_random_cases_of_blocks(one), random_readers_random_cases(crossed)
    assert (marginal.f, marginal.df, marginal.p) == pytest.approx((leading.f, leading.df, leading.p))
    for found, other in zip(marginal.modality_areas, leading.modality_areas, strict=True):
        assert (found.se, found.df) == pytest.approx((other.se, other.df))


@pytest.mark.parametrize("method", CovarianceMethod)
def test_blocks_add_up(method):
    drawn, scores = two_blocks()
    blocks = make_blocks(scores)
    assert [(block.name, block.table.readers) for block in blocks] == [("a", ("r0", "r1")), ("b", ("r2", "r3", "r4"))]
    c = components_of_blocks(blocks, method, seed=7)
    assert c.block_sizes == (2, 3)
    assert np.allclose(c.areas, np.concatenate([areas(*one) for one in drawn], axis=1))
    own = [components_of(block.table, method, seed=7 + n) for n, block in enumerate(blocks)]
    ses = [fixed_readers_random_cases(one).comparisons[0].se for one in own]
    assert all(one.cov2 > one.cov3 for one in own)
    together = fixed_readers_random_cases(c).comparisons[0].se
    assert together == pytest.approx(math.hypot(2 / 5 * ses[0], 3 / 5 * ses[1]))


def test_people_in_two_blocks_tie_the_blocks_together():
    """Five readers of the same people, put as two blocks: the crossed study's covariances come out."""
    drawn, truth = draw_study(6, readers=5)
    people = np.arange(len(truth))
    scores = scores_of(drawn[:, :2], truth, block="a", people=people)
    scores += scores_of(drawn[:, 2:], truth, first_case=20, first_reader=2, block="b", people=people)
    blocks = make_blocks(scores)
    assert len(shared_people(blocks)) == 20
    c = components_of_blocks(blocks, CovarianceMethod.JACKKNIFE, seed=1)
    crossed = find_components(areas(drawn, truth), jackknife_covariance(drawn, truth, people))
    assert (c.cov1, c.cov2, c.cov3) == pytest.approx((crossed.cov1, crossed.cov2, crossed.cov3))
    for method in (CovarianceMethod.DELONG, CovarianceMethod.BOOTSTRAP):
        with pytest.raises(InputError, match="person p0 has cases in two blocks"):
            components_of_blocks(blocks, method, seed=1)


def test_one_reader_a_block_is_cases_nested_in_readers():
    """Then no two readers share cases, and the test is that of the interaction alone (Hillis 2014, table VII c)."""
    _, scores = two_blocks(readers=(1, 1))
    c = components_of_blocks(make_blocks(scores), CovarianceMethod.JACKKNIFE, seed=1)
    assert (c.cov2, c.cov3) == pytest.approx((0, 0), abs=1e-15)
    analysis = random_readers_random_cases(c)
    assert (analysis.f, analysis.df) == pytest.approx((c.ms_t / c.ms_tr, 1))
    for analyze in (random_readers_fixed_cases, random_readers_random_cases_of_blocks):
        with pytest.raises(ValueError, match="no block has two readers"):
            analyze(c)


def test_blocks_that_are_refused():
    _, scores = two_blocks()
    with pytest.raises(InputError, match="block b has no score in modality m1"):
        make_blocks([score for score in scores if (score.block, score.modality) != ("b", "m1")])
    with pytest.raises(InputError, match="block b: 0 people with positive cases"):
        make_blocks([score for score in scores if score.block == "a" or not score.truth])
    with pytest.raises(InputError, match="name them in a column block"):
        make_blocks([replace(score, block="") for score in scores])
