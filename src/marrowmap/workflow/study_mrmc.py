"""From a table of scores to the document of ``marrowmap study mrmc`` or ``marrowmap study plan``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import read_scores_csv
from marrowmap.readers.accuracy import sensitivity
from marrowmap.readers.accuracy import specificity
from marrowmap.readers.auc_interval import auc_interval
from marrowmap.readers.auc_interval import bootstrap_interval
from marrowmap.readers.mrmc import Analysis
from marrowmap.readers.mrmc import Comparison
from marrowmap.readers.mrmc import Components
from marrowmap.readers.mrmc import compare_by_reader
from marrowmap.readers.mrmc import fixed_readers_random_cases
from marrowmap.readers.mrmc import random_readers_fixed_cases
from marrowmap.readers.mrmc import random_readers_random_cases
from marrowmap.readers.mrmc import random_readers_random_cases_of_blocks
from marrowmap.readers.mrmc_summary import BOOTSTRAP_SAMPLES
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.readers.mrmc_summary import ScoreTable
from marrowmap.readers.sample_size import Pilot
from marrowmap.readers.sample_size import plan_mrmc
from marrowmap.readers.split_plot import Block
from marrowmap.readers.split_plot import components_of_blocks
from marrowmap.readers.split_plot import make_blocks
from marrowmap.readers.split_plot import shared_people
from marrowmap.report.folder import SCHEMA
from marrowmap.workflow.study_statistics import estimate_row


class Generalize(Enum):
    """What a reader study shall tell of."""

    READERS_AND_CASES = "readers-and-cases"
    CASES = "cases"
    READERS = "readers"


_ANALYSES = {
    Generalize.READERS_AND_CASES: random_readers_random_cases,
    Generalize.CASES: fixed_readers_random_cases,
    Generalize.READERS: random_readers_fixed_cases,
}
THESE_BLOCKS = "readers-and-cases-of-these-blocks"
"""Key, under ``analyses``, of the marginal-mean analysis of a split-plot study."""


def study_mrmc(
    scores: Path,
    *,
    readers: Sequence[str] = (),
    generalize: Generalize = Generalize.READERS_AND_CASES,
    covariance: CovarianceMethod = CovarianceMethod.JACKKNIFE,
    threshold: float | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Return areas under the curve by reader and modality and the test of their difference.

    Parameters
    ----------
    scores : Path
        CSV, see `read_scores_csv`.
    readers : sequence of str
        All readers of the study, empty for those of the table.
    generalize : Generalize
        To what the leading result shall generalize; the others are given beside it.
    covariance : CovarianceMethod
    threshold : float, optional
        From which score on a case is called positive, for sensitivity and specificity.
    seed : int
        Of all bootstrap samples.

    Raises
    ------
    InputError
        If the table cannot be read for sure, or readers and modalities are not crossed.

    Notes
    -----
    A table with blocks is a split-plot study: ``design`` says so, and ``blocks`` tells what each holds.
    """
    answers, notes = read_scores_csv(scores, readers=readers)
    with _naming(scores):
        blocks = make_blocks(answers)
        components = components_of_blocks(blocks, covariance, seed=seed)
    told = [*notes, *_notes_on_blocks(blocks)]
    chosen, why = _reachable(generalize, components)
    told += [why] if why else []
    analyses = {kind: analyze(components) for kind, analyze in _ANALYSES.items() if _possible(kind, components)}
    leading = analyses[chosen]
    modalities = blocks[0].table.modalities
    readers_in_order = [reader for block in blocks for reader in block.table.readers]
    shown = {kind.value: analysis for kind, analysis in analyses.items()}
    if len(blocks) > 1 and _possible(Generalize.READERS, components) and not shared_people(blocks):
        shown[THESE_BLOCKS] = random_readers_random_cases_of_blocks(components)
    document = {
        "schema": SCHEMA,
        "design": "split_plot" if len(blocks) > 1 else "crossed",
        "readers": readers_in_order,
        "modalities": list(modalities),
        **_sizes([block.table for block in blocks]),
        "blocks": [
            {"block": block.name, "readers": list(block.table.readers), **_sizes([block.table])} for block in blocks
        ]
        if len(blocks) > 1
        else [],
        "auc": {
            reader: {modality: float(components.areas[i, j]) for i, modality in enumerate(modalities)}
            for j, reader in enumerate(readers_in_order)
        },
        "generalize": chosen.value,
        **_headline(leading, modalities, told),
        "analyses": {kind: _analysis(analysis, modalities) for kind, analysis in shown.items()},
        "by_reader": [
            {"reader": readers_in_order[reader], **_comparison(comparison, modalities)}
            for reader, comparison in compare_by_reader(components)
        ],
        "curves": [row for block in blocks for row in _curves(block.table, threshold, seed)],
        "threshold": threshold,
        "components": _components(components, covariance, seed),
    }
    return {**document, "notes": told}


def _notes_on_blocks(blocks: Sequence[Block]) -> list[str]:
    notes = []
    for block in blocks:
        left_out = block.table.left_out
        if left_out:
            shown = ", ".join(left_out[:5]) + (" …" if len(left_out) > 5 else "")
            where = f"block {block.name}: " if block.name else ""
            notes.append(f"{where}{len(left_out)} cases with a missing score left out: {shown}")
    if len(blocks) > 1:
        sizes = ", ".join(f"{b.name}: {len(b.table.readers)} readers, {len(b.table.cases)} cases" for b in blocks)
        notes.append(f"split-plot, {len(blocks)} blocks ({sizes}); every reader counts the same")
        shared = shared_people(blocks)
        if shared:
            notes.append(f"{len(shared)} people have cases in two blocks, which are not independent: {shared[0]} …")
    return notes


def _possible(kind: Generalize, components: Components) -> bool:
    match kind:
        case Generalize.CASES:
            return True
        case Generalize.READERS:
            return components.df_within > 0
        case Generalize.READERS_AND_CASES:
            return components.readers > 1


def _reachable(wanted: Generalize, components: Components) -> tuple[Generalize, str]:
    """Return what the study can generalize to, and why it is not what was wanted."""
    if _possible(wanted, components):
        return wanted, ""
    if components.readers < 2:
        return Generalize.CASES, "one reader: the result holds for other cases, not for other readers"
    why = "no block has two readers, who alone would tell readers from cases: the result is of other cases, too"
    return Generalize.READERS_AND_CASES, why


def _sizes(tables: Sequence[ScoreTable]) -> dict[str, int]:
    return {
        "cases": sum(len(table.cases) for table in tables),
        "people": len({person for table in tables for person in table.persons}),
        "positive": sum(int(table.truth.sum()) for table in tables),
        "negative": sum(int((~table.truth).sum()) for table in tables),
    }


@contextmanager
def _naming(scores: Path) -> Iterator[None]:
    """Name the file in what is wrong with its scores."""
    try:
        yield
    except (InputError, ValueError) as error:
        raise InputError(f"{scores.name}: {error}") from error


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _headline(analysis: Analysis, modalities: Sequence[str], notes: list[str]) -> dict[str, Any]:
    """Return the contract's numbers: of two modalities their difference, of more the test that all are alike."""
    row: dict[str, Any] = dict.fromkeys(("difference", "se", "low", "high"))
    note = None
    row |= {"f": _finite(analysis.f), "df1": analysis.df1, "df": _finite(analysis.df), "p": _finite(analysis.p)}
    if len(modalities) == 1:
        note = "no test: one modality only"
        row |= {"f": None, "df": None, "p": None}
    elif len(modalities) > 2:
        note = "more than two modalities: f and p are of all together, differences are under analyses"
    else:
        row |= {k: v for k, v in _comparison(analysis.comparisons[0], modalities).items() if k in row and k != "df"}
        if math.isnan(analysis.f):
            note = "no test: areas vary neither between readers nor between cases"
        elif math.isinf(analysis.df):
            note = "normal test: df is infinite, written as null"
    if note:
        notes.append(note)
    return {**row, "note": note}


def _comparison(comparison: Comparison, modalities: Sequence[str]) -> dict[str, Any]:
    names = ("difference", "se", "df", "p", "low", "high")
    return {
        "first": modalities[comparison.first],
        "second": modalities[comparison.second],
        **{name: _finite(getattr(comparison, name)) for name in names},
    }


def _analysis(analysis: Analysis, modalities: Sequence[str]) -> dict[str, Any]:
    return {
        "f": _finite(analysis.f),
        "df1": analysis.df1,
        "df": _finite(analysis.df),
        "p": _finite(analysis.p),
        "differences": [_comparison(comparison, modalities) for comparison in analysis.comparisons],
        "modalities": [
            {
                "modality": modalities[area.modality],
                "auc": area.area,
                "se": area.se,
                "df": _finite(area.df),
                "low": _finite(max(area.low, 0.0)),
                "high": _finite(min(area.high, 1.0)),
            }
            for area in analysis.modality_areas
        ],
    }


def _curves(table: ScoreTable, threshold: float | None, seed: int) -> list[dict[str, Any]]:
    curves = []
    for j, reader in enumerate(table.readers):
        for i, modality in enumerate(table.modalities):
            scores = table.scores[i, j]
            drawn = bootstrap_interval(scores, table.truth, table.people, samples=BOOTSTRAP_SAMPLES, seed=seed)
            row = {
                "reader": reader,
                "modality": modality,
                **estimate_row("auc", auc_interval(scores, table.truth, table.people)),
                "auc_bootstrap_low": drawn.low,
                "auc_bootstrap_high": drawn.high,
            }
            if threshold is not None:
                called = scores >= threshold
                for name, rate in (("sensitivity", sensitivity), ("specificity", specificity)):
                    row |= estimate_row(
                        name, rate(called, table.truth, table.people, samples=BOOTSTRAP_SAMPLES, seed=seed)
                    )
            curves.append(row)
    return curves


def _components(c: Components, method: CovarianceMethod, seed: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "method": method.value,
        "var_r": c.var_r if c.readers > 1 else None,
        "var_tr": c.var_tr if c.readers > 1 and c.modalities > 1 else None,
        "cov1": c.cov1 if c.modalities > 1 else None,
        "cov2": c.cov2 if c.readers > 1 else None,
        "cov3": c.cov3 if c.readers > 1 and c.modalities > 1 else None,
        "var_error": c.var_error,
    }
    return row | ({"seed": seed} if method is CovarianceMethod.BOOTSTRAP else {})


def plan_study(scores: Path, difference: float, *, readers: Sequence[int], power: float) -> dict[str, Any]:
    """Return the cases a study needs by its number of readers, from the scores of a pilot.

    Raises
    ------
    InputError
        If the pilot has not two modalities and two readers, or says nothing of variance.
    """
    answers, notes = read_scores_csv(scores)
    with _naming(scores):
        blocks = make_blocks(answers)
    if len(blocks) > 1:
        raise InputError(f"{scores.name}: has {len(blocks)} blocks, planning needs a crossed pilot: give one block")
    table = blocks[0].table
    if len(table.modalities) != 2 or len(table.readers) < 2:
        raise InputError(f"{scores.name}: planning needs a pilot of two modalities and two readers or more")
    with _naming(scores):
        components = components_of_blocks(blocks, CovarianceMethod.JACKKNIFE, seed=1)
    pilot = Pilot.of(components, len(table.cases))
    plans = [(count, plan_mrmc(pilot, difference, readers=count, power=power)) for count in readers]
    return {
        "schema": SCHEMA,
        "difference": difference,
        "power": power,
        "positive_share": float(table.truth.mean()),
        "pilot": _components(components, CovarianceMethod.JACKKNIFE, 1) | {"cases": len(table.cases)},
        "plans": [
            {"readers": count, "cases": plan.cases, "power": plan.power}
            if plan
            else {"readers": count, "cases": None, "power": None, "note": "10,000 cases do not suffice: more readers"}
            for count, plan in plans
        ],
        "notes": list(notes),
    }
