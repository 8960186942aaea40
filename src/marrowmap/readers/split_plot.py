"""Scores of a split-plot study: readers and cases in blocks, every reader reads the cases of the own block.

A crossed study is one block. The analysis is that of `mrmc`; here areas and covariances of all blocks come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Score
from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import jackknife_influence
from marrowmap.readers.mrmc import Components
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.mrmc_summary import CovarianceMethod
from marrowmap.readers.mrmc_summary import ScoreTable
from marrowmap.readers.mrmc_summary import covariance_of
from marrowmap.readers.mrmc_summary import make_score_table
from marrowmap.readers.read_table import natural_order

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Readers and the cases they all read; `name` is empty where the study is crossed."""

    name: str
    table: ScoreTable


def make_blocks(scores: Sequence[Score]) -> tuple[Block, ...]:
    """Arrange scores as tables, one a block.

    Raises
    ------
    InputError
        If a block lacks a modality that another has, or makes no table (see `make_score_table`).
    """
    blocks = []
    modalities = natural_order(score.modality for score in scores)
    for name in natural_order(score.block for score in scores):
        own = [score for score in scores if score.block == name]
        lacking = set(modalities) - {score.modality for score in own}
        if lacking:
            raise InputError(
                f"block {name} has no score in modality {min(lacking)}: the analysis needs every reader in every "
                "modality; leave that block or modality out of the table"
            )
        try:
            blocks.append(Block(name, make_score_table(own)))
        except InputError as error:
            raise InputError(f"block {name}: {error}" if name else str(error)) from error
    return tuple(blocks)


def shared_people(blocks: Sequence[Block]) -> list[str]:
    """Return who has cases in several blocks."""
    everybody = [person for block in blocks for person in block.table.persons]
    return sorted({person for person in everybody if everybody.count(person) > 1})


def components_of_blocks(blocks: Sequence[Block], method: CovarianceMethod, *, seed: int) -> Components:
    """Return mean squares and error covariances of the areas of all readers; `seed` is the bootstrap's.

    Raises
    ------
    InputError
        If a person has cases in two blocks and covariances are not the jackknife's, which alone follows people.
    """
    sizes = [len(block.table.readers) for block in blocks]
    found = np.concatenate([areas(block.table.scores, block.table.truth) for block in blocks], axis=1)
    joined = _jackknife(blocks) if method is CovarianceMethod.JACKKNIFE else _block_diagonal(blocks, method, seed)
    return find_components(found, joined, np.repeat(np.arange(len(sizes)), sizes))


def _jackknife(blocks: Sequence[Block]) -> Floats:
    """Return covariances from leaving out one person at a time, whose cases may lie in several blocks."""
    row = {name: n for n, name in enumerate(sorted({name for block in blocks for name in block.table.persons}))}
    influences = []
    for block in blocks:
        table = block.table
        t, r, _ = table.scores.shape
        influence = np.zeros((len(row), t, r))
        influence[[row[name] for name in table.persons]] = jackknife_influence(
            table.scores, table.truth, table.people
        ).reshape(-1, t, r)
        influences.append(influence)
    together = np.concatenate(influences, axis=2).reshape(len(row), -1)
    return np.asarray(together.T @ together)


def _block_diagonal(blocks: Sequence[Block], method: CovarianceMethod, seed: int) -> Floats:
    """Return covariances of blocks that share nobody: 0 between them."""
    shared = shared_people(blocks)
    if shared:
        raise InputError(
            f"person {shared[0]} has cases in two blocks, which only --covariance jackknife takes into account: use it"
        )
    t, readers = len(blocks[0].table.modalities), sum(len(block.table.readers) for block in blocks)
    grid = np.zeros((t, readers, t, readers))
    start = 0
    for number, block in enumerate(blocks):
        r = len(block.table.readers)
        own = slice(start, start + r)
        grid[:, own, :, own] = covariance_of(block.table, method, seed=seed + number).reshape(t, r, t, r)
        start += r
    return grid.reshape(t * readers, t * readers)
