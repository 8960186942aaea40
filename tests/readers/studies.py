"""Drawn reader studies, and the published one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np


def van_dyke(shared_data: Path) -> Path:
    """The table of Van Dyke et al. (1993), 5 readers, 2 modalities, 114 cases."""
    return shared_data / "mrmc-reader-studies" / "vandyke.csv"


def read_study(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (modalities, readers, cases), truth (cases,), people (cases,) of a complete table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {key: sorted({row[key] for row in rows}, key=int) for key in ("modality", "reader", "case")}
    at = {key: {name: n for n, name in enumerate(values)} for key, values in names.items()}
    scores = np.full([len(values) for values in names.values()], np.nan)
    truth = np.zeros(scores.shape[-1], dtype=bool)
    for row in rows:
        case = at["case"][row["case"]]
        scores[at["modality"][row["modality"]], at["reader"][row["reader"]], case] = float(row["score"])
        truth[case] = row["truth"] == "1"
    return scores, truth, np.arange(len(truth))


def draw_study(
    seed: int, *, modalities: int = 2, readers: int = 3, positive: int = 9, negative: int = 11
) -> tuple[np.ndarray, np.ndarray]:
    """Whole-numbered scores with ties, and truth."""
    rng = np.random.default_rng(seed)
    truth = np.arange(positive + negative) < positive
    case = rng.normal(size=len(truth)) + 1.2 * truth
    scores = case + 0.7 * rng.normal(size=(modalities, readers, len(truth)))
    return np.round(2 * scores), truth


def write_split_plot(path: Path, readers: tuple[int, ...] = (2, 3)) -> Path:
    """Write a study whose readers and cases are in blocks, as many as `readers` has numbers, with the column block."""
    lines = ["case,person,truth,reader,modality,score,block"]
    for block, number in enumerate(readers):
        scores, truth = draw_study(4 + block, readers=number)
        lines += [
            f"c{block}_{case},p{block}_{case},{int(truth[case])},r{block}_{reader},m{modality},{score:g},b{block}"
            for (modality, reader, case), score in np.ndenumerate(scores)
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_scores(path: Path, scores: np.ndarray, truth: np.ndarray, people: np.ndarray | None = None) -> Path:
    """Write scores (modalities, readers, cases) as the contract's table; what is not a number is left empty."""
    lines = ["case,person,truth,reader,modality,score"]
    for (modality, reader, case), score in np.ndenumerate(scores):
        person = case if people is None else people[case]
        written = "" if np.isnan(score) else f"{score:g}"
        lines.append(f"c{case},p{person},{int(truth[case])},{reader + 1},m{modality + 1},{written}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
