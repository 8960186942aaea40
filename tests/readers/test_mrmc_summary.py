from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Score
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.readers.mrmc_summary import components_of
from marrowmap.readers.mrmc_summary import make_score_table
from tests.readers.studies import draw_study


def scores_of(table, truth, people=None):
    return [
        Score(f"c{k}", f"p{k if people is None else people[k]}", bool(truth[k]), f"r{j}", f"m{i}", float(value))
        for (i, j, k), value in np.ndenumerate(table)
    ]


def test_cases_with_a_gap_are_left_out_for_all():
    drawn, truth = draw_study(1)
    rows = [s for s in scores_of(drawn, truth) if (s.case, s.reader, s.modality) != ("c3", "r1", "m1")]
    table = make_score_table(rows)
    assert table.left_out == ("c3",)
    assert table.scores.shape == (2, 3, 19)
    kept = [int(case[1:]) for case in table.cases]
    assert np.array_equal(table.scores, drawn[..., kept])
    assert np.array_equal(table.truth, truth[kept])


def test_a_reader_without_a_modality_is_refused():
    drawn, truth = draw_study(1)
    rows = [s for s in scores_of(drawn, truth) if (s.reader, s.modality) != ("r2", "m0")]
    with pytest.raises(InputError, match="reader r2 scored nothing in modality m0"):
        make_score_table(rows)


def test_too_few_people_of_a_kind_are_refused():
    drawn, truth = draw_study(1, positive=1)
    with pytest.raises(InputError, match="1 people with positive cases"):
        make_score_table(scores_of(drawn, truth))
    two, both = draw_study(1, positive=2)
    with pytest.raises(InputError, match="1 people with positive cases"):
        make_score_table(scores_of(two, both, people=np.where(both, 0, np.arange(len(both)))))


def test_methods_differ_a_little_and_the_seed_matters_for_one():
    drawn, truth = draw_study(2, positive=30, negative=30)
    table = make_score_table(scores_of(drawn, truth))
    found = {m: components_of(table, m, seed=1).var_error for m in CovarianceMethod}
    assert len(set(found.values())) == 3
    assert max(found.values()) < 1.2 * min(found.values())
    assert components_of(table, CovarianceMethod.BOOTSTRAP, seed=2).var_error != found[CovarianceMethod.BOOTSTRAP]
