"""Loops over elements as machine code: the one place of the virtual patients where numba is named."""

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
