"""Loops over voxels as machine code: one place where numba is named, with types kept for the checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import TypeVar
from typing import cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return `function` compiled on its first call; kept beside its file, or in NUMBA_CACHE_DIR, for later."""
    return cast(Function, numba.njit(cache=True, nogil=True)(function))
