"""Small tables of the open literature, quoted as facts."""

from __future__ import annotations

import numpy as np

N = -1

KRIPPENDORFF = np.array(
    [
        [1, 1, N, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [N, 5, 5, 5],
        [N, N, 1, 1],
        [N, N, 3, N],
    ]
)
"""12 units, 4 observers, categories 1 to 5 (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, part C)."""

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""6 targets, 4 judges (Shrout and Fleiss 1979, Psychol Bull 86:420, table 2)."""

WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], dtype=float)
MINI_WRIGHT = np.array(
    [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], dtype=float
)
"""Peak expiratory flow of 17 people by two meters, L/min, first readings (Bland and Altman 1986, Lancet 1:307)."""


def codes(table: np.ndarray) -> np.ndarray:
    """Return categories counted from 1 as codes from 0, -1 where missing."""
    return np.where(table > 0, table - 1, -1)
