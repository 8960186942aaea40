from __future__ import annotations

import json

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.workflow.study_mrmc import THESE_BLOCKS
from marrowmap.workflow.study_mrmc import Generalize
from marrowmap.workflow.study_mrmc import plan_study
from marrowmap.workflow.study_mrmc import study_mrmc
from tests.readers.studies import draw_study
from tests.readers.studies import van_dyke
from tests.readers.studies import write_scores
from tests.readers.studies import write_split_plot


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


def test_blocks_of_readers_and_cases(tmp_path):
    document = study_mrmc(write_split_plot(tmp_path / "s.csv"), threshold=1)
    json.dumps(document, allow_nan=False)
    assert document["design"] == "split_plot"
    assert [(row["block"], row["readers"], row["cases"]) for row in document["blocks"]] == [
        ("b0", ["r0_0", "r0_1"], 20),
        ("b1", ["r1_0", "r1_1", "r1_2"], 20),
    ]
    assert (document["cases"], document["people"], document["positive"]) == (40, 40, 18)
    assert list(document["auc"]) == document["readers"] == ["r0_0", "r0_1", "r1_0", "r1_1", "r1_2"]
    mean = np.mean([row["m0"] - row["m1"] for row in document["auc"].values()])
    assert document["difference"] == pytest.approx(mean)
    assert document["f"] == document["analyses"]["readers-and-cases"]["f"]
    assert document["analyses"]["readers"]["df"] == 5 - 2
    assert document["analyses"][THESE_BLOCKS]["df"] > 0
    assert len(document["curves"]) == 10
    assert "split-plot, 2 blocks (b0: 2 readers, 20 cases, b1: 3 readers, 20 cases)" in document["notes"][0]


def test_a_case_left_out_of_one_block_stays_out_of_that_block_only(tmp_path):
    path = write_split_plot(tmp_path / "s.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(("c0_3,p0_3,1,r0_0,m1", "none"))))
    document = study_mrmc(path)
    assert [row["cases"] for row in document["blocks"]] == [19, 20]
    assert document["notes"][0] == "block b0: 1 cases with a missing score left out: c0_3"


def test_one_reader_a_block_cannot_keep_its_cases(tmp_path):
    path = write_split_plot(tmp_path / "s.csv", readers=(1, 1, 1))
    document = study_mrmc(path, generalize=Generalize.READERS)
    assert document["generalize"] == "readers-and-cases"
    assert set(document["analyses"]) == {"readers-and-cases", "cases"}
    assert any("no block has two readers" in note for note in document["notes"])
    assert document["df"] == pytest.approx(2)


def test_people_in_two_blocks_are_told(tmp_path):
    path = write_split_plot(tmp_path / "s.csv")
    path.write_text(path.read_text().replace("c1_7,p1_7", "c1_7,p0_7"))
    document = study_mrmc(path)
    assert document["people"] == 39
    assert any("1 people have cases in two blocks" in note for note in document["notes"])
    assert THESE_BLOCKS not in document["analyses"]
    with pytest.raises(InputError, match=r"^s\.csv: person p0_7 has cases in two blocks"):
        study_mrmc(path, covariance=CovarianceMethod.DELONG)


def test_a_pilot_in_blocks_is_refused(tmp_path):
    with pytest.raises(InputError, match="planning needs a crossed pilot"):
        plan_study(write_split_plot(tmp_path / "s.csv"), 0.05, readers=(4,), power=0.8)
