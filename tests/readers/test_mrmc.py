from __future__ import annotations

import math

import numpy as np
import pytest

from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import jackknife_covariance
from marrowmap.readers.mrmc import compare_by_reader
from marrowmap.readers.mrmc import find_components
from marrowmap.readers.mrmc import fixed_readers_random_cases
from marrowmap.readers.mrmc import random_readers_fixed_cases
from marrowmap.readers.mrmc import random_readers_random_cases
from tests.readers.studies import draw_study
from tests.readers.studies import read_study
from tests.readers.studies import van_dyke


@pytest.fixture(scope="module")
def components(shared_data):
    scores, truth, people = read_study(van_dyke(shared_data))
    return find_components(areas(scores, truth), jackknife_covariance(scores, truth, people))


def printed(value, digits):
    """The number as the program prints it."""
    return f"{value:.{digits}f}"


def test_van_dyke_areas(components):
    """OR-DBM MRMC 2.51 prints these for the study of Van Dyke et al. 1993."""
    expected = [
        ["0.91965", "0.85878", "0.90386", "0.97311", "0.82979"],
        ["0.94783", "0.90531", "0.92174", "0.99936", "0.92995"],
    ]
    assert [[printed(area, 5) for area in row] for row in components.areas] == expected


def test_van_dyke_components(components):
    names = ("var_r", "var_tr", "cov1", "cov2", "cov3", "var_error", "ms_t", "ms_r", "ms_tr")
    assert {name: printed(getattr(components, name), 8) for name in names} == {
        "var_r": "0.00153500",
        "var_tr": "0.00020040",
        "cov1": "0.00034661",
        "cov2": "0.00034407",
        "cov3": "0.00023903",
        "var_error": "0.00080229",
        "ms_t": "0.00479617",
        "ms_r": "0.00383620",
        "ms_tr": "0.00055103",
    }


@pytest.mark.parametrize(
    ("analyze", "f", "df", "p", "se", "low", "high"),
    [
        (random_readers_random_cases, "4.46", "15.26", "0.0517", "0.02075", "-0.08796", "0.00036"),
        (fixed_readers_random_cases, "5.48", "inf", "0.0193", "0.01872", "-0.08049", "-0.00711"),
        (random_readers_fixed_cases, "8.70", "4.00", "0.0420", "0.01485", "-0.08502", "-0.00258"),
    ],
)
def test_van_dyke_difference(components, analyze, f, df, p, se, low, high):
    analysis = analyze(components)
    (difference,) = analysis.comparisons
    assert (printed(analysis.f, 2), printed(analysis.df, 2), printed(analysis.p, 4)) == (f, df, p)
    assert (printed(difference.difference, 5), printed(difference.se, 5)) == ("-0.04380", se)
    assert printed(difference.p, 4) == p
    assert (printed(difference.low, 5), printed(difference.high, 5)) == (low, high)


@pytest.mark.parametrize(
    ("analyze", "rows"),
    [
        (
            random_readers_random_cases,
            [
                ("0.89703704", "0.03317360", "12.74", "0.82522360", "0.96885048"),
                ("0.94083736", "0.02156637", "12.71", "0.89413783", "0.98753689"),
            ],
        ),
        (
            fixed_readers_random_cases,
            [
                ("0.89703704", "0.02428971", "inf", "0.84943008", "0.94464399"),
                ("0.94083736", "0.01677632", "inf", "0.90795637", "0.97371835"),
            ],
        ),
        (
            random_readers_fixed_cases,
            [
                ("0.89703704", "0.02482994", "4.00", "0.82809808", "0.96597599"),
                ("0.94083736", "0.01615303", "4.00", "0.89598936", "0.98568536"),
            ],
        ),
    ],
)
def test_van_dyke_modalities(components, analyze, rows):
    found = [
        (printed(m.area, 8), printed(m.se, 8), printed(m.df, 2), printed(m.low, 8), printed(m.high, 8))
        for m in analyze(components).modality_areas
    ]
    assert found == rows


def test_van_dyke_by_reader(components):
    found = [
        (printed(c.difference, 5), printed(c.se, 5), printed(c.p, 4), printed(c.low, 5), printed(c.high, 5))
        for _, c in compare_by_reader(components)
    ]
    assert found == [
        ("-0.02818", "0.02551", "0.2693", "-0.07818", "0.02182"),
        ("-0.04654", "0.02630", "0.0768", "-0.09809", "0.00501"),
        ("-0.01787", "0.03121", "0.5668", "-0.07904", "0.04330"),
        ("-0.02625", "0.01729", "0.1290", "-0.06014", "0.00764"),
        ("-0.10016", "0.04406", "0.0230", "-0.18651", "-0.01381"),
    ]


def test_three_modalities_have_one_test_and_three_differences():
    scores, truth = draw_study(3, modalities=3)
    c = find_components(areas(scores, truth), jackknife_covariance(scores, truth, np.arange(20)))
    analysis = random_readers_random_cases(c)
    assert analysis.df1 == 2
    assert [(d.first, d.second) for d in analysis.comparisons] == [(0, 1), (0, 2), (1, 2)]
    first, far, second = (d.difference for d in analysis.comparisons)
    assert far == pytest.approx(first + second)


def test_one_reader_cannot_be_random():
    scores, truth = draw_study(3, readers=1)
    c = find_components(areas(scores, truth), jackknife_covariance(scores, truth, np.arange(20)))
    with pytest.raises(ValueError, match="one reader"):
        random_readers_random_cases(c)
    (difference,) = fixed_readers_random_cases(c).comparisons
    covariance = jackknife_covariance(scores, truth, np.arange(20))
    assert difference.se == pytest.approx(math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))


def test_one_modality_has_an_area_and_no_test():
    scores, truth = draw_study(3, modalities=1)
    c = find_components(areas(scores, truth), jackknife_covariance(scores, truth, np.arange(20)))
    analysis = random_readers_random_cases(c)
    assert math.isnan(analysis.f)
    assert analysis.comparisons == ()
    assert analysis.modality_areas[0].low < analysis.modality_areas[0].area


def test_perfect_readers_leave_no_error():
    truth = np.arange(20) < 9
    scores = np.broadcast_to(truth.astype(float), (2, 3, 20))
    c = find_components(areas(scores, truth), jackknife_covariance(scores, truth, np.arange(20)))
    analysis = random_readers_random_cases(c)
    assert math.isnan(analysis.f)
    assert math.isnan(analysis.comparisons[0].low)
