from __future__ import annotations

import numpy as np
import pytest

from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.workflow.study_statistics import study_agreement

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
