"""Analysis of variance of reader studies in which every reader reads in every modality all cases, or those of a block.

Obuchowski and Rockette 1995 (Commun Stat Simul Comput 24:285): the areas of modality i and reader j follow a two-way
model whose errors, from the cases, are correlated: Cov1 between modalities of one reader, Cov2 between readers in one
modality, Cov3 between both. Denominator degrees of freedom after Hillis 2007 (Stat Med 26:596).

In a split-plot study readers of different blocks share no cases. Obuchowski, Gallas and Hillis 2012 (Acad Radiol
19:1508) keep the statistic and its degrees of freedom, with Cov2 and Cov3 averaged over all pairs of readers, those of
different blocks with their 0 (equations 3 and 4). As the variance of the mean over readers is that average whatever the
sizes of blocks, they need not be alike. Beside it stands their marginal-mean analysis (equations 5 to 8; Hillis 2014,
Stat Med 33:330), for these very blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TAIL = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class Components:
    """What the areas and their covariances say.

    Parameters
    ----------
    areas : (modalities, readers) array
    ms_t, ms_r, ms_tr : float
        Mean squares of modalities, readers and their interaction; 0 where there is one of either only.
    var_error, cov1, cov2, cov3 : float
        Averages of variances and covariances of the errors; 0 where there is no such pair.
    ms_r_of, var_error_of, cov2_of : (modalities,) array
        The same of each modality alone.
    var_error_by, cov1_by : (readers,) array
        The same of each reader alone.
    block_sizes : tuple of int
        Readers of each block; one block where readers and cases are crossed.
    ms_tr_within : float
        Mean square of the interaction of modalities with the readers within blocks; 0 where no block has two.
    ms_r_within_of : (modalities,) array
        Mean square of readers within blocks, of each modality alone.
    """

    areas: Floats
    ms_t: float
    ms_r: float
    ms_tr: float
    var_error: float
    cov1: float
    cov2: float
    cov3: float
    ms_r_of: Floats
    var_error_of: Floats
    cov2_of: Floats
    var_error_by: Floats
    cov1_by: Floats
    block_sizes: tuple[int, ...]
    ms_tr_within: float
    ms_r_within_of: Floats

    @property
    def df_within(self) -> int:
        """Degrees of freedom of readers within blocks."""
        return self.readers - len(self.block_sizes)

    @property
    def modalities(self) -> int:
        """Number of modalities."""
        return int(self.areas.shape[0])

    @property
    def readers(self) -> int:
        """Number of readers."""
        return int(self.areas.shape[1])

    @property
    def var_r(self) -> float:
        """Variance between readers; an estimate that can be negative."""
        return (self.ms_r - self.ms_tr) / self.modalities - self.cov1 + self.cov3

    @property
    def var_tr(self) -> float:
        """Variance of modality by reader; an estimate that can be negative."""
        return self.ms_tr - self.var_error + self.cov1 + self.cov2 - self.cov3


@dataclass(frozen=True)
class Comparison:
    """Area of one modality minus another's, with its test; `df` is infinite for a normal test.

    Numbers are not a number where areas do not vary at all.
    """

    first: int
    second: int
    difference: float
    se: float
    df: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class ModalityArea:
    """Mean area of a modality over readers, its standard error, degrees of freedom and interval."""

    modality: int
    area: float
    se: float
    df: float
    low: float
    high: float


@dataclass(frozen=True)
class Analysis:
    """One generalization: the test that all modalities are alike, all differences, all modalities."""

    f: float
    df1: int
    df: float
    p: float
    comparisons: tuple[Comparison, ...]
    modality_areas: tuple[ModalityArea, ...]


def find_components(areas: Floats, covariance: Floats, blocks: Ints | None = None) -> Components:
    """Return mean squares and error covariances.

    Parameters
    ----------
    areas : (modalities, readers) array
    covariance : (modalities * readers, modalities * readers) array
        Covariances between areas from the cases, in C order of `areas`; 0 between readers who share no people.
    blocks : (readers,) array of int, optional
        Block of each reader in a split-plot study, numbered from 0.
    """
    t, r = areas.shape
    block_of = np.zeros(r, np.intp) if blocks is None else blocks
    by_modality, by_reader = areas.mean(axis=1), areas.mean(axis=0)
    interaction = areas - by_modality[:, None] - by_reader[None, :] + areas.mean()
    grid = covariance.reshape(t, r, t, r)
    same = np.einsum("ijkj->jik", grid)
    within = np.einsum("ijil->ijl", grid)
    variances = np.einsum("ijij->ij", grid)
    cov1_by = _off_diagonal(same)
    cov2_of = _off_diagonal(within)
    everything = float(grid.sum() - same.sum() - within.sum() + variances.sum())
    from_block = _from_block_means(areas, block_of)
    df_within = r - int(block_of.max()) - 1
    return Components(
        areas=areas,
        ms_t=r * float(by_modality.var(ddof=1)) if t > 1 else 0.0,
        ms_r=t * float(by_reader.var(ddof=1)) if r > 1 else 0.0,
        ms_tr=float((interaction**2).sum()) / ((t - 1) * (r - 1)) if t > 1 and r > 1 else 0.0,
        var_error=float(variances.mean()),
        cov1=float(cov1_by.mean()),
        cov2=float(cov2_of.mean()),
        cov3=everything / (t * (t - 1) * r * (r - 1)) if t > 1 and r > 1 else 0.0,
        ms_r_of=areas.var(axis=1, ddof=1) if r > 1 else np.zeros(t),
        var_error_of=variances.mean(axis=1),
        cov2_of=cov2_of,
        var_error_by=variances.mean(axis=0),
        cov1_by=cov1_by,
        block_sizes=tuple(int(size) for size in np.bincount(block_of)),
        ms_tr_within=float(((from_block - from_block.mean(axis=0)) ** 2).sum()) / ((t - 1) * df_within)
        if t > 1 and df_within > 0
        else 0.0,
        ms_r_within_of=(from_block**2).sum(axis=1) / df_within if df_within > 0 else np.zeros(t),
    )


def _from_block_means(areas: Floats, blocks: Ints) -> Floats:
    """Return how far each area is from its modality's mean over the readers of the block, (modalities, readers)."""
    member = np.eye(int(blocks.max()) + 1)[blocks]
    return np.asarray(areas - areas @ member / member.sum(axis=0) @ member.T)


def _off_diagonal(matrices: Floats) -> Floats:
    """Return the mean beside the diagonal of (m, k, k) matrices, (m,); 0 for k of 1."""
    k = matrices.shape[-1]
    if k == 1:
        return np.zeros(len(matrices))
    return np.asarray((matrices.sum(axis=(1, 2)) - np.einsum("mkk->m", matrices)) / (k * (k - 1)))


def random_readers_random_cases(c: Components) -> Analysis:
    """Generalize to other readers and other cases."""
    r = c.readers
    _require_readers(r)
    error = c.ms_tr + r * max(c.cov2 - c.cov3, 0.0)
    return _analysis(
        c,
        error,
        _satterthwaite(error, c.ms_tr, (c.modalities - 1) * (r - 1)),
        [
            (total := float(ms) + r * max(float(cov2), 0.0), _satterthwaite(total, float(ms), r - 1))
            for ms, cov2 in zip(c.ms_r_of, c.cov2_of, strict=True)
        ],
    )


def fixed_readers_random_cases(c: Components) -> Analysis:
    """Generalize to other cases read by these very readers; normal tests, for moderate or large numbers of cases."""
    r = c.readers
    return _analysis(
        c,
        c.var_error - c.cov1 + (r - 1) * max(c.cov2 - c.cov3, 0.0),
        math.inf,
        [
            (float(v) + (r - 1) * max(float(cov2), 0.0), math.inf)
            for v, cov2 in zip(c.var_error_of, c.cov2_of, strict=True)
        ],
    )


def random_readers_fixed_cases(c: Components) -> Analysis:
    """Generalize to other readers of these very cases: the usual analysis of variance of the areas.

    In blocks the cases differ, so that only readers within a block tell how far readers differ.
    """
    _require_readers(c.readers)
    _require_readers_within(c)
    df = c.df_within
    return _analysis(c, c.ms_tr_within, (c.modalities - 1) * df, [(float(ms), df) for ms in c.ms_r_within_of])


def random_readers_random_cases_of_blocks(c: Components) -> Analysis:
    """Generalize to other readers and cases of these very blocks: a difference between blocks is no error.

    The marginal-mean analysis of Obuchowski, Gallas and Hillis 2012, there for blocks of r readers each. In blocks of
    r_g readers the sum of r_g**2 over all readers takes the place of r: the variance of the mean over J readers is
    (MS[TR(G)] + sum(r_g**2) / J * (Cov2 - Cov3)) / J, the covariances being those within blocks. Blocks of unequal size
    whose errors differ make it approximate.
    """
    _require_readers(c.readers)
    _require_readers_within(c)
    pairs = sum(size * (size - 1) for size in c.block_sizes)
    # Averages over all pairs of readers hold a 0 for each pair of different blocks.
    weight = sum(size**2 for size in c.block_sizes) * (c.readers - 1) / pairs
    error = c.ms_tr_within + weight * max(c.cov2 - c.cov3, 0.0)
    return _analysis(
        c,
        error,
        _satterthwaite(error, c.ms_tr_within, (c.modalities - 1) * c.df_within),
        [
            (total := float(ms) + weight * max(float(cov2), 0.0), _satterthwaite(total, float(ms), c.df_within))
            for ms, cov2 in zip(c.ms_r_within_of, c.cov2_of, strict=True)
        ],
    )


def _require_readers(readers: int) -> None:
    if readers < 2:
        raise ValueError("readers cannot be random with one reader: use fixed readers")


def _require_readers_within(c: Components) -> None:
    if c.df_within < 1:
        raise ValueError("no block has two readers: readers and cases of a block cannot be told apart")


def _satterthwaite(total: float, part: float, df: float) -> float:
    """Return the degrees of freedom of a sum of which only `part` was estimated with `df`."""
    return total**2 / (part**2 / df) if part > 0 and df > 0 else math.inf


def _analysis(c: Components, error: float, df: float, single: list[tuple[float, float]]) -> Analysis:
    t, r = c.areas.shape
    means = c.areas.mean(axis=1)
    statistic = _ratio(c.ms_t, error) if t > 1 else math.nan
    return Analysis(
        f=statistic,
        df1=t - 1,
        df=df,
        p=_f_tail(statistic, t - 1, df),
        comparisons=tuple(
            _compare(i, k, float(means[i] - means[k]), math.sqrt(2 / r * max(error, 0.0)), df)
            for i, k in combinations(range(t), 2)
        ),
        modality_areas=tuple(
            _area(i, float(means[i]), math.sqrt(max(total, 0.0) / r), dof) for i, (total, dof) in enumerate(single)
        ),
    )


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def _f_tail(statistic: float, first: int, second: float) -> float:
    if math.isinf(second):
        return float(stats.chi2.sf(statistic * first, first))
    return float(stats.f.sf(statistic, first, second))


def _quantile(df: float) -> float:
    return float(stats.norm.ppf(TAIL) if math.isinf(df) else stats.t.ppf(TAIL, df))


def _compare(first: int, second: int, difference: float, se: float, df: float) -> Comparison:
    ratio = _ratio(abs(difference), se)
    p = 2 * float(stats.norm.sf(ratio) if math.isinf(df) else stats.t.sf(ratio, df))
    reach = _quantile(df) * se if se > 0 else math.nan
    return Comparison(first, second, difference, se, df, p, difference - reach, difference + reach)


def _area(modality: int, area: float, se: float, df: float) -> ModalityArea:
    reach = _quantile(df) * se if se > 0 else math.nan
    return ModalityArea(modality, area, se, df, area - reach, area + reach)


def compare_by_reader(c: Components) -> list[tuple[int, Comparison]]:
    """Return each reader's own differences, from that reader's variance and Cov1 only."""
    return [
        (
            reader,
            _compare(
                i,
                k,
                float(c.areas[i, reader] - c.areas[k, reader]),
                math.sqrt(max(2 * float(c.var_error_by[reader] - c.cov1_by[reader]), 0.0)),
                math.inf,
            ),
        )
        for reader in range(c.readers)
        for i, k in combinations(range(c.modalities), 2)
    ]
