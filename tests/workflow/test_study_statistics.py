from __future__ import annotations

import json

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.workflow.study_statistics import Generalize
from marrowmap.workflow.study_statistics import plan_study
from marrowmap.workflow.study_statistics import study_agreement
from marrowmap.workflow.study_statistics import study_mrmc
from tests.readers.studies import draw_study
from tests.readers.studies import van_dyke
from tests.readers.studies import write_scores

CONTRACT_AGREEMENT = (
    "percent_agreement",
    "cohen_kappa",
    "weighted_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "krippendorff_alpha",
    "icc_1",
    "icc_a1",
    "icc_c1",
)


def write_ratings(path, rows):
    lines = [",".join(RATING_COLUMNS), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def gemmel(value="present"):
    """Three readers, 12 episodes of 10 people, one answer everywhere (Gemmel et al. 2012)."""
    return [(c, max(c - 2, 0), r, 1, "homogeneous_uptake", value) for c in range(12) for r in "ABC"]


def test_gemmels_study_has_an_answer(tmp_path):
    document = study_agreement(write_ratings(tmp_path / "r.csv", gemmel()))
    row = document["items"]["homogeneous_uptake"]
    assert (row["cases"], row["people"], row["reads"], row["missing"]) == (12, 10, 36, 0)
    assert row["percent_agreement"] == 100.0
    assert row["gwet_ac1"] == row["gwet_ac1_high"] == 1.0
    # 10 people of 10, not 12 of 12.
    assert row["gwet_ac1_low"] == pytest.approx(0.025 ** (1 / 10))
    for name in ("cohen_kappa", "fleiss_kappa", "krippendorff_alpha"):
        assert row[name] is row[f"{name}_low"] is None
        assert "one category" in row[f"{name}_note"]
    assert "cohen_kappa" in row["note"]


def test_the_contracts_names_are_all_there(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(c, c, r, 1, "grade", rng.integers(0, 4)) for c in range(20) for r in "ABC"]
    row = study_agreement(write_ratings(tmp_path / "r.csv", rows))["items"]["grade"]
    for name in CONTRACT_AGREEMENT:
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"], name
    assert row["note"] is None


def test_repeated_reads_are_of_one_reader(tmp_path):
    rows = [
        (c, c, r, s, "x", "ab"[(c + (s == 2 and r == "B" and c < 4)) % 2])
        for c in range(12)
        for r in "AB"
        for s in (1, 2)
    ]
    row = study_agreement(write_ratings(tmp_path / "r.csv", rows))["items"]["x"]
    assert row["cohen_kappa"] == 1.0
    assert row["intra_reader"]["A"]["cohen_kappa"] == 1.0
    assert row["intra_reader"]["B"]["percent_agreement"] == pytest.approx(100 * 8 / 12)


def test_an_item_nobody_answered_and_one_reader(tmp_path):
    rows = [(1, 1, "A", 1, "x", "a"), (2, 2, "A", 1, "x", "b"), (1, 1, "A", 1, "y", "")]
    items = study_agreement(write_ratings(tmp_path / "r.csv", rows))["items"]
    assert items["y"] == {"note": "no answer to this item"}
    assert all(items["x"][name] is None for name in CONTRACT_AGREEMENT)


def test_van_dyke(shared_data):
    document = study_mrmc(van_dyke(shared_data))
    assert {key: f"{document[key]:.5f}" for key in ("difference", "se", "low", "high")} == {
        "difference": "-0.04380",
        "se": "0.02075",
        "low": "-0.08796",
        "high": "0.00036",
    }
    assert (f"{document['f']:.2f}", f"{document['df']:.2f}", f"{document['p']:.4f}") == ("4.46", "15.26", "0.0517")
    assert f"{document['auc']['4']['2']:.5f}" == "0.99936"
    assert document["note"] is None


def test_hips_of_one_person_count_once(tmp_path):
    scores, truth = draw_study(3, positive=15, negative=15)
    twice, both = np.repeat(scores, 2, axis=-1), np.repeat(truth, 2)
    single = study_mrmc(write_scores(tmp_path / "a.csv", scores, truth))
    people = study_mrmc(write_scores(tmp_path / "b.csv", twice, both, np.arange(60) // 2))
    hips = study_mrmc(write_scores(tmp_path / "c.csv", twice, both))
    assert people["difference"] == pytest.approx(single["difference"])
    assert people["components"]["cov1"] == pytest.approx(single["components"]["cov1"])
    assert hips["components"]["cov1"] < 0.6 * people["components"]["cov1"]


def test_missing_scores_leave_cases_out_with_a_note(tmp_path):
    scores, truth = draw_study(3)
    scores[0, 0, 4] = np.nan
    document = study_mrmc(write_scores(tmp_path / "s.csv", scores, truth))
    assert document["cases"] == 19
    assert "1 cases with a missing score left out: c4" in document["notes"]


def test_one_reader_or_modality_is_answered(tmp_path):
    scores, truth = draw_study(3, readers=1)
    one_reader = study_mrmc(write_scores(tmp_path / "r.csv", scores, truth))
    assert one_reader["generalize"] == "cases"
    assert one_reader["df"] is None
    assert one_reader["se"] > 0
    assert "one reader" in one_reader["notes"][0]
    scores, truth = draw_study(3, modalities=1)
    one_modality = study_mrmc(write_scores(tmp_path / "m.csv", scores, truth))
    assert one_modality["difference"] is one_modality["p"] is None
    assert one_modality["note"] == "no test: one modality only"


def test_perfect_readers_never_give_what_is_no_number(tmp_path):
    truth = np.arange(20) < 9
    scores = np.broadcast_to(truth.astype(float), (2, 3, 20))
    document = study_mrmc(write_scores(tmp_path / "s.csv", scores, truth), threshold=0.5)
    json.dumps(document, allow_nan=False)
    assert document["difference"] == 0.0
    assert document["p"] is None
    assert "vary" in document["note"]
    assert document["curves"][0]["auc_low"] < 1
    assert document["curves"][0]["sensitivity"] == 1.0


@pytest.mark.parametrize("generalize", Generalize)
@pytest.mark.parametrize("covariance", CovarianceMethod)
def test_every_analysis_can_lead(tmp_path, generalize, covariance):
    scores, truth = draw_study(3, modalities=3)
    path = write_scores(tmp_path / "s.csv", scores, truth)
    document = study_mrmc(path, generalize=generalize, covariance=covariance)
    assert document["f"] == document["analyses"][generalize.value]["f"]
    assert document["difference"] is None
    assert "more than two" in document["note"]
    assert len(document["analyses"][generalize.value]["differences"]) == 3


def test_errors_name_the_file(tmp_path):
    scores, truth = draw_study(3, positive=1)
    with pytest.raises(InputError, match=r"^s\.csv: 1 people with positive"):
        study_mrmc(write_scores(tmp_path / "s.csv", scores, truth))
    # All negative cases are of one person: leaving them out would leave none.
    scores, truth = draw_study(3, positive=4)
    with pytest.raises(InputError, match=r"^s\.csv: 1 people with negative"):
        study_mrmc(write_scores(tmp_path / "s.csv", scores, truth, np.where(truth, np.arange(15), 99)))


def test_plan_of_a_pilot(shared_data):
    document = plan_study(van_dyke(shared_data), 0.05, readers=(4, 8), power=0.8)
    few, many = document["plans"]
    assert few["cases"] > many["cases"] > 100
    assert many["power"] >= 0.8


def test_a_pilot_of_one_reader_is_refused(tmp_path):
    scores, truth = draw_study(3, readers=1)
    with pytest.raises(InputError, match="two modalities and two readers"):
        plan_study(write_scores(tmp_path / "s.csv", scores, truth), 0.05, readers=(4,), power=0.8)
