from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from marrowmap.readers.krippendorff import interval
from marrowmap.readers.krippendorff import krippendorff_alpha
from marrowmap.readers.krippendorff import nominal
from marrowmap.readers.krippendorff import ordinal
from marrowmap.readers.krippendorff import ratio
from tests.readers.published import KRIPPENDORFF
from tests.readers.published import codes as published_codes
from tests.readers.random_tables import CATEGORIES
from tests.readers.random_tables import alpha_by_pairs
from tests.readers.random_tables import tables

VALUES = np.arange(CATEGORIES, dtype=float)


@pytest.mark.parametrize(("metric", "printed"), [(nominal, 0.743), (ordinal, 0.815), (interval, 0.849), (ratio, 0.797)])
def test_krippendorffs_own_example(metric, printed):
    statistic = krippendorff_alpha(published_codes(KRIPPENDORFF), np.arange(1.0, 6.0), metric)
    assert round(statistic.value(), 3) == printed


@pytest.mark.parametrize(("metric", "printed"), [(nominal, 0.0477), (ordinal, 0.1195), (interval, 0.1089)])
def test_ratings_of_videos(shared_data, metric, printed):
    path = shared_data / "mrmc-reader-studies" / "irr" / "video.csv"
    values, codes = np.unique(np.loadtxt(path, delimiter=",", skiprows=1), return_inverse=True)
    assert round(krippendorff_alpha(codes.reshape(-1, 4), values, metric).value(), 4) == printed


@given(tables)
def test_the_same_as_the_definition_pair_by_pair(codes):
    counts = [sum(int((case == c).sum()) for case in codes if (case >= 0).sum() > 1) for c in range(CATEGORIES)]

    def ranks(a: int, b: int) -> float:
        low, high = sorted((a, b))
        return (sum(counts[low : high + 1]) - (counts[low] + counts[high]) / 2) ** 2 if low < high else 0.0

    for metric, square in (
        (nominal, lambda a, b: float(a != b)),
        (ordinal, ranks),
        (interval, lambda a, b: float((a - b) ** 2)),
        (ratio, lambda a, b: ((a - b) / (a + b)) ** 2 if a + b else 0.0),
    ):
        expected = alpha_by_pairs(codes, square)
        found = krippendorff_alpha(codes, VALUES, metric).value()
        assert found is expected is None or found == pytest.approx(expected, abs=1e-9)
