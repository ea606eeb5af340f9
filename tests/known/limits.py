"""How long a solver and a test may take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

LIMIT: float | None = 200.0
"""Seconds a solver gets where a test names no limit; None for none, in a test that is about that."""
QUICK, SLOW = 600.0, 1800.0
"""Seconds a test may take, and one marked slow: far more than any needs, on a busy machine as well."""


def limited(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a way to solve that has a time limit where none is given."""

    @functools.wraps(solve)
    def within(*arguments: Any, time_limit: float | None = None, **options: Any) -> Any:
        return solve(*arguments, time_limit=LIMIT if time_limit is None else time_limit, **options)

    return within
