"""From a table of reads to the document of ``marrowmap study agreement`` or ``marrowmap study mrmc``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Rating
from marrowmap.ingest.reads_csv import read_ratings_csv
from marrowmap.ingest.reads_csv import read_scores_csv
from marrowmap.readers.accuracy import sensitivity
from marrowmap.readers.accuracy import specificity
from marrowmap.readers.agreement_summary import AgreementSummary
from marrowmap.readers.agreement_summary import summarize_agreement
from marrowmap.readers.auc_interval import auc_interval
from marrowmap.readers.auc_interval import bootstrap_interval
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.mrmc import Analysis
from marrowmap.readers.mrmc import Comparison
from marrowmap.readers.mrmc import Components
from marrowmap.readers.mrmc import compare_by_reader
from marrowmap.readers.mrmc import fixed_readers_random_cases
from marrowmap.readers.mrmc import random_readers_fixed_cases
from marrowmap.readers.mrmc import random_readers_random_cases
from marrowmap.readers.mrmc_summary import BOOTSTRAP_SAMPLES
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.readers.mrmc_summary import ScoreTable
from marrowmap.readers.mrmc_summary import components_of
from marrowmap.readers.mrmc_summary import make_score_table
from marrowmap.readers.read_table import first_reads
from marrowmap.readers.read_table import make_table
from marrowmap.readers.read_table import natural_order
from marrowmap.readers.read_table import repeated_reads
from marrowmap.readers.sample_size import Pilot
from marrowmap.readers.sample_size import plan_mrmc
from marrowmap.report.folder import SCHEMA


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


def study_agreement(
    ratings: Path, *, readers: Sequence[str] = (), scales: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the agreement of readers by item, between readers and of each with themselves.

    Parameters
    ----------
    ratings : Path
        CSV, see `read_ratings_csv`.
    readers : sequence of str
        All readers of the study, empty for those of the table.
    scales : mapping
        Ordered categories by item, ``""`` for all items without their own.

    Raises
    ------
    InputError
        If the table cannot be read for sure.
    """
    scales = scales or {}
    answers, notes = read_ratings_csv(ratings, readers=readers, scales=scales)
    items = natural_order(answer.item for answer in answers)
    return {
        "schema": SCHEMA,
        "readers": natural_order(answer.reader for answer in answers),
        "cases": len({answer.case for answer in answers}),
        "people": len({answer.person for answer in answers}),
        "units": {"percent_agreement": "%", "percent_unanimous": "%"},
        "items": {
            item: _agreement_of([a for a in answers if a.item == item], scales.get(item, scales.get("", ())))
            for item in items
        },
        "notes": list(notes),
    }


def _agreement_of(answers: Sequence[Rating], scale: Sequence[str]) -> dict[str, Any]:
    first = first_reads(answers)
    if not first:
        return {"note": "no answer to this item"}
    table = make_table(first, scale)
    document = _agreement_row(summarize_agreement(table))
    repeated = {reader: repeated_reads(answers, reader) for reader in natural_order(a.reader for a in answers)}
    return {
        "cases": len(table.codes),
        "people": int(table.people.max()) + 1,
        "categories": list(table.categories),
        **document,
        "intra_reader": {
            reader: _agreement_row(summarize_agreement(make_table(reads, scale)))
            for reader, reads in repeated.items()
            if reads
        },
    }


def _agreement_row(summary: AgreementSummary) -> dict[str, Any]:
    row: dict[str, Any] = {"reads": summary.reads, "missing": summary.missing}
    for name, estimate in summary.estimates.items():
        row |= _estimate(name, estimate)
    row["limits_of_agreement"] = [
        {
            "first": first,
            "second": second,
            "cases": limits.cases,
            "people": limits.people,
            "sd": limits.sd,
            **_estimate("bias", limits.bias),
            **_estimate("lower_limit", limits.lower),
            **_estimate("upper_limit", limits.upper),
        }
        for first, second, limits in summary.limits
    ]
    told = [f"{name} {e.note}" for name, e in summary.estimates.items() if e.value is None]
    row["note"] = "; ".join(told) or None
    return row


def _estimate(name: str, estimate: Estimate) -> dict[str, Any]:
    row: dict[str, Any] = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | ({f"{name}_note": estimate.note} if estimate.note else {})


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
    """
    answers, notes = read_scores_csv(scores, readers=readers)
    with _naming(scores):
        table = make_score_table(answers)
        components = components_of(table, covariance, seed=seed)
    told = list(notes)
    if table.left_out:
        shown = ", ".join(table.left_out[:5]) + (" …" if len(table.left_out) > 5 else "")
        told.append(f"{len(table.left_out)} cases with a missing score left out: {shown}")
    chosen = generalize
    if len(table.readers) < 2 and generalize is not Generalize.CASES:
        chosen = Generalize.CASES
        told.append("one reader: the result holds for other cases, not for other readers")
    analyses = {
        kind: analyze(components)
        for kind, analyze in _ANALYSES.items()
        if kind is Generalize.CASES or len(table.readers) > 1
    }
    leading = analyses[chosen]
    document = {
        "schema": SCHEMA,
        "readers": list(table.readers),
        "modalities": list(table.modalities),
        "cases": len(table.cases),
        "people": int(table.people.max()) + 1,
        "positive": int(table.truth.sum()),
        "negative": int((~table.truth).sum()),
        "auc": {
            reader: {modality: float(components.areas[i, j]) for i, modality in enumerate(table.modalities)}
            for j, reader in enumerate(table.readers)
        },
        "generalize": chosen.value,
        **_headline(leading, table, told),
        "analyses": {kind.value: _analysis(analysis, table) for kind, analysis in analyses.items()},
        "by_reader": [
            {"reader": table.readers[reader], **_comparison(comparison, table)}
            for reader, comparison in compare_by_reader(components)
        ],
        "curves": _curves(table, threshold, seed),
        "threshold": threshold,
        "components": _components(components, covariance, seed),
    }
    return {**document, "notes": told}


@contextmanager
def _naming(scores: Path) -> Iterator[None]:
    """Name the file in what is wrong with its scores."""
    try:
        yield
    except (InputError, ValueError) as error:
        raise InputError(f"{scores.name}: {error}") from error


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _headline(analysis: Analysis, table: ScoreTable, notes: list[str]) -> dict[str, Any]:
    """Return the contract's numbers: of two modalities their difference, of more the test that all are alike."""
    row: dict[str, Any] = dict.fromkeys(("difference", "se", "low", "high"))
    note = None
    row |= {"f": _finite(analysis.f), "df1": analysis.df1, "df": _finite(analysis.df), "p": _finite(analysis.p)}
    if len(table.modalities) == 1:
        note = "no test: one modality only"
        row |= {"f": None, "df": None, "p": None}
    elif len(table.modalities) > 2:
        note = "more than two modalities: f and p are of all together, differences are under analyses"
    else:
        row |= {k: v for k, v in _comparison(analysis.comparisons[0], table).items() if k in row and k != "df"}
        if math.isnan(analysis.f):
            note = "no test: areas vary neither between readers nor between cases"
        elif math.isinf(analysis.df):
            note = "normal test: df is infinite, written as null"
    if note:
        notes.append(note)
    return {**row, "note": note}


def _comparison(comparison: Comparison, table: ScoreTable) -> dict[str, Any]:
    names = ("difference", "se", "df", "p", "low", "high")
    return {
        "first": table.modalities[comparison.first],
        "second": table.modalities[comparison.second],
        **{name: _finite(getattr(comparison, name)) for name in names},
    }


def _analysis(analysis: Analysis, table: ScoreTable) -> dict[str, Any]:
    return {
        "f": _finite(analysis.f),
        "df1": analysis.df1,
        "df": _finite(analysis.df),
        "p": _finite(analysis.p),
        "differences": [_comparison(comparison, table) for comparison in analysis.comparisons],
        "modalities": [
            {
                "modality": table.modalities[area.modality],
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
                **_estimate("auc", auc_interval(scores, table.truth, table.people)),
                "auc_bootstrap_low": drawn.low,
                "auc_bootstrap_high": drawn.high,
            }
            if threshold is not None:
                called = scores >= threshold
                for name, rate in (("sensitivity", sensitivity), ("specificity", specificity)):
                    row |= _estimate(
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
        table = make_score_table(answers)
    if len(table.modalities) != 2 or len(table.readers) < 2:
        raise InputError(f"{scores.name}: planning needs a pilot of two modalities and two readers or more")
    with _naming(scores):
        components = components_of(table, CovarianceMethod.JACKKNIFE, seed=1)
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
