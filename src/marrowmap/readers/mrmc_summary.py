"""A reader study's scores as one table, and what they say of readers and modalities."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Score
from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import bootstrap_covariance
from marrowmap.readers.auc_covariance import delong_covariance
from marrowmap.readers.auc_covariance import jackknife_covariance
from marrowmap.readers.mrmc import Components
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.read_table import natural_order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

BOOTSTRAP_SAMPLES = 2000


class CovarianceMethod(Enum):
    """How covariances between areas are found; the first as Dorfman, Berbaum and Metz do."""

    JACKKNIFE = "jackknife"
    DELONG = "delong"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class ScoreTable:
    """Scores of cases that every reader scored in every modality.

    Parameters
    ----------
    modalities, readers, cases : tuple of str
    scores : (modalities, readers, cases) array
    truth : (cases,) array of bool
    people : (cases,) array of int
        Person of each case, numbered from 0 in the order of `persons`.
    persons : tuple of str
        Names of the people, sorted.
    left_out : tuple of str
        Cases with a missing score.
    """

    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    scores: Floats
    truth: Bools
    people: Ints
    persons: tuple[str, ...]
    left_out: tuple[str, ...]


def make_score_table(scores: Sequence[Score]) -> ScoreTable:
    """Arrange scores as a table of the cases that were read by all in all modalities.

    Raises
    ------
    InputError
        If a reader has no score in a modality, or fewer than two people with positive, or with negative, cases remain.
    """
    given = [score for score in scores if score.score is not None]
    modalities, readers = natural_order(s.modality for s in scores), natural_order(s.reader for s in scores)
    cases = natural_order(s.case for s in scores)
    missing = [
        (reader, modality)
        for reader in readers
        for modality in modalities
        if not any(s.reader == reader and s.modality == modality for s in given)
    ]
    if missing:
        reader, modality = missing[0]
        raise InputError(
            f"reader {reader} scored nothing in modality {modality}: the analysis needs every reader in every "
            "modality; leave that reader or modality out of the table"
        )
    at_m, at_r, at_c = ({name: n for n, name in enumerate(names)} for names in (modalities, readers, cases))
    table = np.full((len(modalities), len(readers), len(cases)), np.nan)
    for s in given:
        table[at_m[s.modality], at_r[s.reader], at_c[s.case]] = s.score
    whole = np.isfinite(table).all(axis=(0, 1))
    truth_of, person_of = {s.case: s.truth for s in scores}, {s.case: s.person for s in scores}
    kept = [case for case, is_whole in zip(cases, whole, strict=True) if is_whole]
    left_out = tuple(case for case, is_whole in zip(cases, whole, strict=True) if not is_whole)
    truth = np.array([truth_of[case] for case in kept], bool)
    persons = [person_of[case] for case in kept]
    cases_of = {reader: {s.case for s in given if s.reader == reader} for reader in readers}
    for wanted, name in ((True, "positive"), (False, "negative")):
        number = len({person for person, true in zip(persons, truth, strict=True) if true == wanted})
        if number < 2:
            after = f" after leaving out {len(left_out)} with a missing score" if left_out else ""
            nested = any(cases_of[one].isdisjoint(cases_of[two]) for one, two in combinations(readers, 2))
            hint = "; if readers have cases of their own (split-plot), name them in a column block" if nested else ""
            raise InputError(
                f"{number} people with {name} cases{after}: areas under the curve with their errors need two with "
                f"positive and two with negative cases read by all readers in all modalities{hint}"
            )
    names, people = np.unique(persons, return_inverse=True)
    return ScoreTable(
        modalities=tuple(modalities),
        readers=tuple(readers),
        cases=tuple(kept),
        scores=table[..., whole],
        truth=truth,
        people=people.astype(np.intp),
        persons=tuple(str(name) for name in names),
        left_out=left_out,
    )


def covariance_of(table: ScoreTable, method: CovarianceMethod, *, seed: int) -> Floats:
    """Return the covariances between all areas, in C order; `seed` is the bootstrap's."""
    find: dict[CovarianceMethod, Callable[[], Floats]] = {
        CovarianceMethod.JACKKNIFE: lambda: jackknife_covariance(table.scores, table.truth, table.people),
        CovarianceMethod.DELONG: lambda: delong_covariance(table.scores, table.truth, table.people),
        CovarianceMethod.BOOTSTRAP: lambda: bootstrap_covariance(
            table.scores, table.truth, table.people, samples=BOOTSTRAP_SAMPLES, seed=seed
        ),
    }
    return find[method]()


def components_of(table: ScoreTable, method: CovarianceMethod, *, seed: int) -> Components:
    """Return mean squares and error covariances of the areas under the curve; `seed` is the bootstrap's."""
    return find_components(areas(table.scores, table.truth), covariance_of(table, method, seed=seed))
