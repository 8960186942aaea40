from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Mask
from marrowmap.report import AnalysisResult

from .conftest import coronal_grid


def test_a_mask_on_another_grid_is_refused(result: AnalysisResult) -> None:
    grid = coronal_grid(3.0)
    with pytest.raises(GeometryError, match="different grids"):
        dataclasses.replace(result.readings[0], effusion=Mask(grid, np.zeros(grid.shape, bool)))


def test_a_reading_of_a_series_outside_the_exam_is_refused(result: AnalysisResult) -> None:
    with pytest.raises(ValueError, match="not in the exam"):
        dataclasses.replace(result, exam=dataclasses.replace(result.exam, series=()))
