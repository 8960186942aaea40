"""Loops over voxels and elements as machine code: numba is named here alone, with types kept for the checker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from typing import TypeVar
from typing import cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return `function` compiled on its first call; kept beside its file, or in NUMBA_CACHE_DIR, for later.

    It runs beside other threads; a division by zero gives infinity or nan, as in numpy.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def in_parts(work: Callable[[int, int], object], first: int, last: int) -> None:
    """Call ``work(low, high)`` for about equal parts of ``range(first, last)``, each in a thread.

    As many threads as there are cores to run on, or as NUMBA_NUM_THREADS says. `work` is to write where no other part
    does.
    """
    threads = max(1, min(int(numba.config.NUMBA_NUM_THREADS), last - first))  # type: ignore[attr-defined]
    if threads == 1:
        work(first, last)
        return
    edges = [first + (last - first) * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        # Taken as a list, so that an error of any part is raised here.
        list(pool.map(work, edges[:-1], edges[1:]))
