"""Precision and least significant change, against what is published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.measure.density_precision import LSC_FACTOR
from marrowmap.measure.density_precision import precision_error
from marrowmap.measure.density_precision import study_precision
from marrowmap.values import Side
from tests.measure.density_records import record
from tests.measure.published import PEFR_MINI
from tests.measure.published import PEFR_WRIGHT


@pytest.mark.parametrize(("data", "within", "of_differences"), [(PEFR_WRIGHT, 15.3, 21.6), (PEFR_MINI, 19.9, 28.2)])
def test_bland_and_altmans_worked_example(data, within, of_differences):
    """Bland and Altman, Lancet 1986: SD of the differences of two readings; 1999: within-subject SD."""
    precision = precision_error(list(zip(*data, strict=True)))
    assert round(precision.rms_sd, 1) == within
    # They take the SD about the mean difference, ISCD and Glüer about none: the same to the first decimal here.
    assert math.sqrt(2) * precision.rms_sd == pytest.approx(of_differences, abs=0.1)
    assert (precision.persons, precision.scans, precision.df) == (17, 34, 17)


@pytest.mark.parametrize(("precision", "lsc"), [(1.9, 5.3), (1.8, 5.0), (2.5, 6.9)])
def test_iscds_pairs_of_precision_and_least_significant_change(precision, lsc):
    assert round(LSC_FACTOR * precision, 1) == lsc


def test_gluers_limits():
    """Glüer 1995: 27 degrees of freedom, upper 90 % limit +30 %; wrong averages err by up to 41 and 25 %."""
    assert math.sqrt(27 / stats.chi2.ppf(0.05, 27)) == pytest.approx(1.30, abs=0.01)
    noise = np.random.default_rng(3).normal(0.9, 0.01, (40_000, 2))
    right = precision_error(noise.tolist()).rms_sd
    assert right == pytest.approx(0.01, rel=0.01)
    assert right / math.sqrt((noise.std(axis=1) ** 2).mean()) == pytest.approx(1.41, abs=0.01)
    assert right / noise.std(axis=1, ddof=1).mean() == pytest.approx(1.25, abs=0.01)


def test_iscds_root_mean_square():
    pairs = [(0.80, 0.82), (0.90, 0.89), (1.00, 1.03)]
    sds = [np.std(pair, ddof=1) for pair in pairs]
    cvs = [np.std(pair, ddof=1) / np.mean(pair) for pair in pairs]
    precision = precision_error(pairs)
    assert precision.rms_sd == pytest.approx(math.sqrt(np.mean(np.square(sds))))
    assert precision.rms_cv == pytest.approx(100 * math.sqrt(np.mean(np.square(cvs))))
    assert precision.lsc[0] == pytest.approx(2.77 * precision.rms_sd)


@pytest.mark.parametrize(("people", "scans"), [(30, 2), (15, 3)])
def test_the_interval_holds_the_true_error(people, scans):
    rng = np.random.default_rng(people)
    held = 0
    for _ in range(400):
        base = rng.normal(0.9, 0.12, (people, 1))
        precision = precision_error((base + rng.normal(0, 0.02, (people, scans))).tolist())
        assert precision.df == 30
        held += precision.rms_sd_low <= 0.02 <= precision.rms_sd_high
    assert 0.92 <= held / 400 <= 0.98


def test_a_small_study_says_so():
    records = [record(person=str(n), bmd=0.9 + 0.01 * k + 0.02 * n) for n in range(8) for k in range(2)]
    records.append(record(person="single"))
    (study,) = study_precision(records)
    assert study.precision.df == 8
    assert "8 degrees of freedom" in study.notes[0]
    assert "too few" in study.notes[0]
    assert "1 scanned once" in study.notes[1]


def test_sides_machines_and_regions_are_apart():
    records = [
        record(person=str(n), bmd=0.9 + 0.01 * k, machine=machine, side=side)
        for n in range(15)
        for k in range(2)
        for machine in ("A", "B")
        for side in Side
    ]
    studies = study_precision(records)
    assert [(one.machine, one.precision.persons, one.precision.df) for one in studies] == [("A", 30, 30), ("B", 30, 30)]
    assert studies[0].notes == ()


def test_what_is_no_study():
    with pytest.raises(InputError, match="scanned twice"):
        study_precision([record(), record(person="B")])
    with pytest.raises(InputError, match="no machine"):
        study_precision([record(machine=""), record(machine="")])


def test_repeats_without_a_person_or_without_scatter_are_refused():
    """Nameless scans would be taken for one person's, copied ones would make every change significant."""
    with pytest.raises(InputError, match="no person"):
        study_precision([record(person="", bmd=0.8 + 0.01 * k) for k in range(20)])
    copied = [record(person=str(n), bmd=0.8 + 0.01 * n) for n in range(15) for _ in range(2)]
    with pytest.raises(InputError, match="copied"):
        study_precision(copied)


def test_one_machine_written_in_two_ways_is_one():
    records = [
        record(person=str(n), bmd=0.9 + 0.01 * k, machine=name)
        for n in range(5)
        for k, name in enumerate(("iDXA", "IDXA"))
    ]
    (study,) = study_precision(records)
    assert (study.machine, study.precision.df) == ("iDXA", 5)
