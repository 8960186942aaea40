"""A split-plot study from protocol to report: two blocks of readers and cases, answers from a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.readers.protocol_checks import notes_on
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study_import import import_ratings
from marrowmap.workflow.study_mrmc import study_mrmc
from marrowmap.workflow.study_report import write_study_report
from marrowmap.workflow.study_tables import export_tables
from marrowmap.workflow.study_tables import write_export

FORM = """
schema = "marrowmap-form/1"
name = "suspicion"
title = "One number"
source = "for tests"
[[items]]
name = "toh"
kind = "number"
label = "Transient osteoporosis"
low = 0
high = 100
"""
HEAD = 'schema = "marrowmap-study/1"\nname = "blocks"\nseed = 3\ndesign = "split_plot"\n'
SESSION = '[[sessions]]\nid = "first"\nmodalities = ["mr", "dx"]\nform = "suspicion.toml"\n'
CASES = [(f"e{n}", "ab"[n % 2], n % 4 < 2) for n in range(24)]
READERS = [("r1", "a"), ("r2", "a"), ("r3", "b"), ("r4", "b")]


def write_protocol(folder, readers=READERS, people=lambda case: f"p{case}"):
    folder.mkdir()
    (folder / "suspicion.toml").write_text(FORM)
    text = HEAD + "".join(f'[[readers]]\nid = "{reader}"\nblock = "{block}"\n' for reader, block in readers)
    for case, block, ill in CASES:
        truth = "present" if ill else "absent"
        text += (
            f'[[cases]]\nid = "{case}"\nperson = "{people(case)}"\nside = "left"\nblock = "{block}"\n'
            f'images = [{{modality = "mr"}}, {{modality = "dx"}}]\ntruth = {{toh = "{truth}"}}\n'
        )
    path = folder / "study.toml"
    path.write_text(text + SESSION)
    return path


@pytest.fixture
def study(tmp_path):
    made = init_study(write_protocol(tmp_path / "sources"), tmp_path / "study")
    rng = np.random.default_rng(1)
    lines = [",".join(RATING_COLUMNS)]
    for reader, block in READERS:
        for case, own, ill in CASES:
            for modality, gain in (("mr", 25), ("dx", 8)):
                if block == own:
                    score = int(np.clip(50 + gain * (2 * ill - 1) + rng.normal(scale=20), 0, 100))
                    lines.append(f"{case},p{case},{reader},first,{modality}.toh,{score}")
    table = tmp_path / "reads.csv"
    table.write_text("\n".join(lines) + "\n")
    assert import_ratings(made, table) == len(lines) - 1
    yield made
    made.store.close()


def test_blocks_reach_the_scores_and_the_report(study, tmp_path):
    write_export(study, tmp_path / "tables")
    document = study_mrmc(tmp_path / "tables" / "scores.csv")
    assert document["design"] == "split_plot"
    assert [(row["block"], row["readers"], row["cases"]) for row in document["blocks"]] == [
        ("a", ["r1", "r2"], 12),
        ("b", ["r3", "r4"], 12),
    ]
    assert not any("left out" in note for note in document["notes"])
    page = write_study_report(study, tmp_path / "report")
    report = json.loads((page.parent / "report.json").read_text())
    assert report["mrmc"]["f"] == document["f"]
    text = page.read_text()
    assert "Mean over 4 readers in 2 blocks, 24 cases of 24 people" in text
    assert f"{abs(document['difference']):.2f}" in text
    assert f"<td>{document['p']:.4f}</td>" in text


def test_a_study_of_one_modality_has_areas_and_no_test(study, tmp_path):
    path = write_protocol(tmp_path / "one")
    path.write_text(path.read_text().replace('modalities = ["mr", "dx"]', 'modalities = ["mr"]'))
    alone = init_study(path, tmp_path / "alone")
    reads = [line for line in export_tables(study)["reads.csv"].splitlines() if ",dx." not in line]
    (tmp_path / "mr.csv").write_text("\n".join(reads) + "\n")
    import_ratings(alone, tmp_path / "mr.csv")
    text = write_study_report(alone, tmp_path / "report").read_text()
    assert "No test: one modality only." in text
    alone.store.close()


def test_what_a_protocol_in_blocks_cannot_tell(tmp_path, study):
    assert not any("block" in note for note in notes_on(study.protocol))
    path = write_protocol(
        tmp_path / "two", READERS[1:3], people=lambda case: "p" if case in ("e0", "e1") else f"p{case}"
    )
    alone = init_study(path, tmp_path / "alone")
    notes = notes_on(alone.protocol)
    assert "person p has cases in blocks a and b: blocks are not independent" in notes
    assert "one reader in each block: agreement between readers is not defined" in notes
    alone.store.close()
