"""``marrowmap study``: statistics of reader studies from tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from marrowmap.cli.console import Json
from marrowmap.cli.console import answer
from marrowmap.cli.console import say
from marrowmap.errors import UsageError
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.workflow.study_mrmc import Generalize
from marrowmap.workflow.study_mrmc import plan_study
from marrowmap.workflow.study_mrmc import study_mrmc
from marrowmap.workflow.study_statistics import study_agreement

app = typer.Typer(help="Reader studies: agreement, accuracy, planning.", no_args_is_help=True)

Readers = Annotated[
    list[str] | None, typer.Option("--reader", help="A reader of the study; repeat. Any other reader is refused.")
]

_SHOWN = (
    "percent_agreement",
    "cohen_kappa",
    "weighted_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "krippendorff_alpha",
    "icc_1",
    "icc_a1",
    "icc_c1",
    "smallest_detectable_change",
)


def _scales(texts: list[str]) -> dict[str, list[str]]:
    scales: dict[str, list[str]] = {}
    for text in texts:
        item, equals, names = text.rpartition("=")
        categories = [name.strip() for name in names.split(",")]
        if len(categories) < 2 or not all(categories) or len(set(categories)) < len(categories):
            raise UsageError(f"--scale {text}: give two or more different categories as ITEM=low,middle,high")
        if (item if equals else "") in scales:
            raise UsageError(f"--scale {text}: {item or 'all items'} has a scale already")
        scales[item.strip() if equals else ""] = categories
    return scales


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    bounds = "" if low is None or high is None else f" (95 %: {_number(low)} to {_number(high)})"
    note = row.get(f"{name}_note", "")
    return f"{_number(row[name])}{bounds}{f'  [{note}]' if note else ''}"


def _tell_agreement(title: str, row: dict[str, Any]) -> None:
    say(f"{title}: {row['reads']} reads, {row['missing']} missing")
    for name in _SHOWN:
        say(f"  {name:28s} {_interval(row, name)}")
    for limits in row["limits_of_agreement"]:
        say(f"  limits of agreement, {limits['first']} - {limits['second']}: bias {_interval(limits, 'bias')}")
        low, high = (_interval({**limits, f"{name}_note": ""}, name) for name in ("lower_limit", "upper_limit"))
        say(f"    from {low} to {high}")


@app.command("agreement")
def agreement(
    ratings: Annotated[Path, typer.Argument(help="CSV: case,person,reader,session,item,value.")],
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", help="All categories in order, ITEM=low,middle,high (no ITEM: of all items); repeat."),
    ] = None,
    reader: Readers = None,
    json: Json = False,
) -> None:
    """Tell how far readers agree, with each other and with themselves: kappa, AC1, alpha, ICC, limits of agreement."""
    document = study_agreement(ratings, readers=reader or (), scales=_scales(scale or []))
    for note in document["notes"]:
        say(f"note: {note}")
    for item, row in document["items"].items():
        if "reads" not in row:
            say(f"{item}: {row['note']}")
            continue
        _tell_agreement(f"{item}, {row['cases']} cases of {row['people']} people", row)
        for name, intra in row["intra_reader"].items():
            _tell_agreement(f"{item}, reader {name} again", intra)
    if json:
        answer(document)


@app.command("mrmc")
def mrmc(
    scores: Annotated[
        Path, typer.Argument(help="CSV: case,person,truth,reader,modality,score; block of a split-plot study.")
    ],
    generalize: Annotated[
        Generalize, typer.Option("--generalize-to", help="What the leading result shall hold for.")
    ] = Generalize.READERS_AND_CASES,
    covariance: Annotated[
        CovarianceMethod, typer.Option("--covariance", help="How covariances of areas are found.")
    ] = CovarianceMethod.JACKKNIFE,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Score from which a case is called positive.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of bootstrap samples.", min=0)] = 1,
    reader: Readers = None,
    json: Json = False,
) -> None:
    """Compare modalities by the area under the ROC curve over readers and cases (Obuchowski and Rockette)."""
    document = study_mrmc(
        scores,
        readers=reader or (),
        generalize=generalize,
        covariance=covariance,
        threshold=threshold,
        seed=seed,
    )
    for note in document["notes"]:
        say(f"note: {note}")
    say(
        f"{document['cases']} cases of {document['people']} people, {document['positive']} positive; "
        f"{len(document['readers'])} readers, {len(document['modalities'])} modalities"
    )
    for row in document["curves"]:
        say(f"reader {row['reader']}, modality {row['modality']}: AUC {_interval(row, 'auc')}")
        for name in ("sensitivity", "specificity"):
            if name in row:
                say(f"  {name} {_interval(row, name)}")
    leading = document["analyses"][document["generalize"]]
    for row in leading["modalities"]:
        say(f"modality {row['modality']}: AUC {row['auc']:.5f} (95 %: {_number(row['low'])} to {_number(row['high'])})")
    for row in leading["differences"]:
        say(
            f"{row['first']} - {row['second']}: {row['difference']:.5f}, SE {_number(row['se'])}, "
            f"p {_number(row['p'])} (95 %: {_number(row['low'])} to {_number(row['high'])})"
        )
    say(f"F {_number(document['f'])}, df {document['df1']} and {_number(document['df'])}, p {_number(document['p'])}")
    if json:
        answer(document)


@app.command("plan")
def plan(
    scores: Annotated[Path, typer.Argument(help="Scores of a pilot study: case,person,truth,reader,modality,score.")],
    difference: Annotated[float, typer.Option("--difference", help="Difference of areas to be found.")],
    readers: Annotated[list[int] | None, typer.Option("--readers", help="Number of readers; repeat.")] = None,
    power: Annotated[float, typer.Option("--power", min=0.06, max=0.99)] = 0.8,
    json: Json = False,
) -> None:
    """Tell how many cases a study needs by its number of readers, from a pilot (random readers and cases, 5 %)."""
    document = plan_study(scores, difference, readers=readers or (3, 4, 5, 6, 8, 10), power=power)
    for row in document["plans"]:
        say(
            f"{row['readers']} readers: {row['cases']} cases, power {row['power']:.3f}"
            if row["cases"]
            else f"{row['readers']} readers: {row['note']}"
        )
    if json:
        answer(document)
