"""What readers drew, compared case by case: between readers, and of each with themselves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.readers.drawn_regions import dice
from marrowmap.readers.drawn_regions import fill_outlines
from marrowmap.readers.drawn_regions import outline_distance
from marrowmap.readers.forms import RegionItem
from marrowmap.readers.storage_rows import Answer
from marrowmap.readers.truth import item_label
from marrowmap.workflow.study import Study
from marrowmap.workflow.study_tables import asked_in
from marrowmap.workflow.study_tables import people_answers
from marrowmap.workflow.study_tables import session_label

NOT_HERE = "not defined: the images are not in the study, so what the outlines enclose is not known"
REGION_COLUMNS = (
    "item",
    "case",
    "person",
    "image",
    "first",
    "second",
    "dice",
    "mean_mm",
    "percentile_95_mm",
    "largest_mm",
    "note",
)


def _pairs(answers: list[Answer], study: Study) -> Iterator[tuple[str, Answer, str, Answer]]:
    """Yield pairs of answers to one case: of two readers, first reads, and of one reader, first and later ones."""
    by_reader: dict[str, list[Answer]] = {}
    for answer in sorted(answers, key=lambda a: (a.read.reader, session_label(study.store, a.read.session))):
        by_reader.setdefault(answer.read.reader, []).append(answer)
    for (one, first), (other, second) in combinations(by_reader.items(), 2):
        yield one, first[0], other, second[0]
    for reader, own in by_reader.items():
        for later in own[1:]:
            yield reader, own[0], f"{reader} again ({later.read.session})", later


def _compare(one: NDArray[np.bool_], other: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> dict[str, Any]:
    # Voxels of one image are alike, so that their size does not touch the share they have in common.
    grid = Grid(one.shape, np.eye(4))
    overlap = dice(Mask(grid, one), Mask(grid, other))
    apart = outline_distance(one, other, spacing_mm)
    return {
        "dice": overlap.value,
        "mean_mm": apart.mean.value,
        "percentile_95_mm": apart.percentile_95.value,
        "largest_mm": apart.largest.value,
        "note": overlap.note or apart.mean.note,
    }


def region_rows(study: Study) -> list[dict[str, Any]]:
    """Return a row for each pair of drawn regions: item, case, image, who, Dice and distances within slices in mm.

    An image on which neither drew is named only where the pair drew on no image at all.
    """
    drawn: dict[tuple[str, str, str], list[Answer]] = {}
    for answer in people_answers(study.store):
        for item in asked_in(study.store, answer):
            if isinstance(item, RegionItem) and item.name in answer.values:
                label = item_label(answer.read.modalities, item.name)
                drawn.setdefault((label, item.name, answer.read.case), []).append(answer)
    tasks = {task.read: task for task in study.store.tasks()}
    rows: list[dict[str, Any]] = []
    for (label, name, case), answers in sorted(drawn.items(), key=lambda one: one[0]):
        shown = [row for row, _ in study.images(tasks[answers[0].read])]
        for who, first, whom, second in _pairs(answers, study):
            outlines = (first.values[name], second.values[name])
            start = {
                "item": label,
                "case": case,
                "person": study.protocol.case(case).person,
                "image": "",
                "first": who,
                "second": whom,
            }
            nothing = dict.fromkeys(("dice", "mean_mm", "percentile_95_mm", "largest_mm"))
            used = sorted({outline["image"] for one in outlines for outline in one})
            if not shown or any(image >= len(shown) for image in used):
                rows.append({**start, **nothing, "note": NOT_HERE})
                continue
            for image in used or [0]:
                filled = [fill_outlines(one, image, tuple(shown[image]["shape"])) for one in outlines]
                rows_mm, columns_mm = shown[image]["spacing_mm"]
                compared = _compare(filled[0][0], filled[1][0], (rows_mm, columns_mm))
                outside = filled[0][1] + filled[1][1]
                told = f"{outside} outlines on slices that the image does not have are left out" if outside else ""
                note = "; ".join(text for text in (compared["note"], told) if text)
                rows.append({**start, "image": shown[image]["label"], **compared, "note": note})
    return rows


def summarize_regions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return means over cases of each item and pair: Dice with its least and greatest, distances, numbers of cases."""
    pairs: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        pairs.setdefault((row["item"], row["first"], row["second"]), []).append(row)
    told = []
    for (item, first, second), found in pairs.items():
        one: dict[str, Any] = {"item": item, "first": first, "second": second, "compared": len(found)}
        one["people"] = len({row["person"] for row in found})
        for name in ("dice", "mean_mm", "percentile_95_mm"):
            values = [row[name] for row in found if row[name] is not None]
            one[name] = float(np.mean(values)) if values else None
            one[f"{name}_cases"] = len(values)
        overlaps = [row["dice"] for row in found if row["dice"] is not None]
        one["dice_low"], one["dice_high"] = (min(overlaps), max(overlaps)) if overlaps else (None, None)
        told.append(one)
    return told
