"""The report of a reader study: tables ready for a paper, pictures, check-lists, and all data beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from importlib import metadata
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.readers.adjudication import consensus
from marrowmap.readers.agreement_summary import CATEGORICAL
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import OrdinalItem
from marrowmap.readers.protocol_checks import notes_on
from marrowmap.readers.storage import Store
from marrowmap.report.folder import SCHEMA
from marrowmap.report.html import data_uri
from marrowmap.workflow.study import Study
from marrowmap.workflow.study import new_folder
from marrowmap.workflow.study_accuracy import accuracy_rows
from marrowmap.workflow.study_beside import beside_rows
from marrowmap.workflow.study_checklists import fill_checklists
from marrowmap.workflow.study_figures import draw_agreement
from marrowmap.workflow.study_figures import draw_times
from marrowmap.workflow.study_mrmc import study_mrmc
from marrowmap.workflow.study_names import by_images
from marrowmap.workflow.study_names import images
from marrowmap.workflow.study_names import named
from marrowmap.workflow.study_regions import REGION_COLUMNS
from marrowmap.workflow.study_regions import region_rows
from marrowmap.workflow.study_regions import summarize_regions
from marrowmap.workflow.study_statistics import study_agreement
from marrowmap.workflow.study_tables import export_tables
from marrowmap.workflow.study_tables import rating_table
from marrowmap.workflow.study_tables import software_table
from marrowmap.workflow.study_tables import to_csv

AGREEMENT = (
    ("percent_agreement", "agreement, %"),
    ("fleiss_kappa", "Fleiss kappa"),
    ("gwet_ac1", "Gwet AC1"),
    ("krippendorff_alpha", "Krippendorff alpha"),
    ("icc_a1", "ICC(A,1)"),
)
_CONFIDENCE = ".confidence"
NO_CATEGORY = "not defined: a number is no category, see icc"
UNTOLD = "–"


def _scales(store: Store, items: set[str]) -> dict[str, list[str]]:
    """Return all categories of ordinal items: also those nobody chose count for weights."""
    scales = {}
    for form in store.forms.values():
        for item in form.items:
            if isinstance(item, OrdinalItem):
                for label in items:
                    if label.partition(".")[2] == item.name:
                        scales[label] = [str(level) for level in range(len(item.levels))]
    return scales


def _without_chance(agreement: dict[str, Any], store: Store) -> None:
    """Take agreement beyond chance out of numbers: 71 and 72 are no two categories, however few values occur."""
    numbers = {item.name for form in store.forms.values() for item in form.items if isinstance(item, NumberItem)}
    for label, row in agreement["items"].items():
        if label.partition(".")[2] in numbers and "reads" in row:
            for one in (row, *row["intra_reader"].values()):
                for name in CATEGORICAL:
                    one |= {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_note": NO_CATEGORY}


def summarize_study(study: Study) -> dict[str, Any]:
    """Return everything a study says, as one JSON document.

    Raises
    ------
    InputError
        If there is no answer yet.
    """
    store = study.store
    ratings = [row for row in rating_table(store) if not row["item"].endswith(_CONFIDENCE)]
    if not ratings:
        raise InputError("the study has no answer of a reading session yet: read first, then report")
    readers = [reader.id for reader in study.protocol.readers if reader.role != "software"]
    notes = list(notes_on(study.protocol))
    if store.protocol.software:
        names = ", ".join(sorted(store.protocol.software))
        notes.append(f"{names}: software, not a person; left out of agreement between readers and of the consensus")
    virtual = sum(answer.origin == "virtual" for answer in store.answers())
    if virtual:
        notes.insert(0, f"{virtual} answers are of virtual readers, who err at set rates: they say nothing of people")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        path.write_text(to_csv(RATING_COLUMNS, ratings), encoding="utf-8")
        agreement = study_agreement(path, readers=readers, scales=_scales(store, {row["item"] for row in ratings}))
        _without_chance(agreement, store)
        scores = export_tables(study).get("scores.csv")
        mrmc = None
        if scores is not None:
            path = Path(folder) / "scores.csv"
            path.write_text(scores, encoding="utf-8")
            try:
                mrmc = study_mrmc(path, readers=readers, seed=store.protocol.seed + 1)
            except InputError as error:
                notes.append(f"no comparison of modalities by ROC curves: {error}")
    regions = region_rows(study)
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "study": study.protocol.name,
        "title": study.protocol.title or study.protocol.name,
        "protocol_digest": store.digest,
        "locked": store.locked,
        "answers": store.require_intact(),
        "agreement": agreement,
        "software": beside_rows(store, _scales(store, {row["item"] for row in software_table(store)})),
        "regions": summarize_regions(regions),
        "region_pairs": regions,
        "accuracy": accuracy_rows(store),
        "mrmc": mrmc,
        "consensus": _count(consensus(store)),
        "notes": notes + agreement["notes"],
    }
    results["checklists"] = fill_checklists(store, results)
    return results


def _count(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["how"]] = counts.get(row["how"], 0) + 1
    return counts


def _number(value: float | None, digits: int) -> str:
    """Return a number for people: a true minus sign, and none before a zero."""
    return UNTOLD if value is None else f"{value:z.{digits}f}".replace("-", "\u2212")


def interval(row: Mapping[str, Any], name: str) -> str:
    """Return a statistic with its interval, as it stands in a paper's table."""
    value, low, high = (row.get(f"{name}{end}") for end in ("", "_low", "_high"))
    digits = 1 if name == "percent_agreement" else 2
    bounds = "" if low is None or high is None else f" ({_number(low, digits)} to {_number(high, digits)})"
    return f"{_number(value, digits)}{bounds}"


def _page(results: Mapping[str, Any], pictures: Sequence[Any], notes: Sequence[str]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = data_uri
    environment.globals["interval"] = interval
    environment.globals["number"] = _number
    environment.globals["images"] = images
    environment.globals["named"] = named
    environment.globals["by_images"] = by_images
    text = resources.files("marrowmap.report").joinpath("templates", "study.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        results=results,
        items={name: row for name, row in results["agreement"]["items"].items() if "reads" in row},
        statistics=AGREEMENT,
        pictures=pictures,
        notes=[*notes, *results["notes"]],
        version=metadata.version("marrowmap"),
    )


def write_study_report(study: Study, out: Path, *, notes: Sequence[str] = ()) -> Path:
    """Write the report and all tables into a new folder.

    Parameters
    ----------
    study : Study
    out : Path
        Missing or empty.
    notes : sequence of str
        Said before all others.

    Returns
    -------
    Path
        ``report.html``; beside it ``report.json``, ``agreement.csv``, ``accuracy.csv`` and all of ``study export``.

    Raises
    ------
    InputError
        If there is no answer yet.
    UsageError
        If the folder holds something already or cannot be written.
    """
    results = summarize_study(study)
    items = {name: row for name, row in results["agreement"]["items"].items() if "reads" in row}
    times = [(a.read.reader, a.seconds) for a in study.store.answers() if a.version == 1]
    pictures = [picture for picture in (draw_agreement(items), draw_times(times)) if picture is not None]
    files = export_tables(study) | {
        "report.html": _page(results, pictures, notes),
        "report.json": json.dumps(results | {"notes": [*notes, *results["notes"]]}, indent=1, allow_nan=False) + "\n",
        "agreement.csv": _agreement_csv(items),
    }
    if results["accuracy"]:
        columns = list(results["accuracy"][0])
        files["accuracy.csv"] = to_csv(columns, results["accuracy"])
    if results["software"]:
        files["software_agreement.csv"] = to_csv(list(results["software"][0]), results["software"])
    if results["region_pairs"]:
        files["regions.csv"] = to_csv(REGION_COLUMNS, results["region_pairs"])
    with new_folder(out) as folder:
        folder.chmod(0o755)  # unlike a study, tables hold no secret
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        for picture in pictures:
            (folder / f"{picture.key}.{picture.suffix}").write_bytes(picture.data)
    return out / "report.html"


def _agreement_csv(items: Mapping[str, Mapping[str, Any]]) -> str:
    columns = ["item", "reader", "cases", "people", "reads", "missing"]
    columns += [f"{name}{end}" for name, _ in AGREEMENT for end in ("", "_low", "_high", "_note")]
    rows = []
    for item, row in items.items():
        between = {"item": item, "reader": "all", **row}
        within = [{"item": item, "reader": reader, **own} for reader, own in row["intra_reader"].items()]
        rows += [
            {name: "" if one.get(name) is None else str(one[name]) for name in columns} for one in (between, *within)
        ]
    return to_csv(columns, rows)
