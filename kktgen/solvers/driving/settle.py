"""What a solver leaves open: infeasible or unbounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ...model.model import Model
from ...model.solution import Solution
from ...problem.expressions import Quad
from ...progress import Told
from .watch import Watch

OPEN = "infeasible_or_unbounded"
"""The status that is asked again."""
LINEAR = frozenset({"int"})
"""Features of a model that is unbounded where its relaxation is and it has a point (Meyer 1974, rational data)."""
PATIENCE, LEAST = 10.0, 10.0
"""The second solve takes at most so many times the seconds of the first, and so many seconds more."""


def settled(
    found: Solution, model: Model, run: Callable[..., Solution], time_limit: float | None, watch: Watch, **given: Any
) -> Solution:
    """Return a solver's answer with ``infeasible_or_unbounded`` settled, where a solve without an objective does.

    Parameters
    ----------
    found : Solution
    model : Model
        That was solved.
    run : callable
        Solves a model, with ``given`` and other arguments of a solver's ``solve``.
    time_limit : float or None
        Seconds of the whole solve, ``found.seconds`` of which are spent.
    watch : Watch
        Hears of time and nodes alone, for the values are not those of the model.
    """
    if found.status != OPEN:
        return found
    begun, limit = time.perf_counter(), PATIENCE * found.seconds + LEAST
    left = limit if time_limit is None else min(limit, time_limit - found.seconds)
    if left <= 0:
        return found
    plain = replace(model, objective=Quad.of(model.space, 0.0))
    blind = Watch(_without_values(watch), model.sense)
    again = run(plain, time_limit=left, start=[], progress=blind, **given)
    blind.close()
    seconds = found.seconds + time.perf_counter() - begun
    word = str((found.raw or {}).get("status", found.status))
    if again.status == "infeasible":
        said = {**(found.raw or {}), "status": f"{word}; without an objective: {(again.raw or {}).get('status', '')}"}
        return replace(found, status="infeasible", seconds=seconds, raw=said)
    if again.z is not None:
        status = "unbounded" if model.features - {"qobj", "qobj_nonconvex"} <= LINEAR else found.status
        said = {**(found.raw or {}), "status": f"{word}; there is a point"}
        return replace(found, status=status, seconds=seconds, raw=said)
    return replace(found, seconds=seconds)


def _without_values(watch: Watch) -> Told | None:
    """Return what passes on the progress of a solve without the values of its objective."""
    tell = watch.progress
    if tell is None:
        return None

    def told(info: Mapping[str, Any]) -> Any:
        return tell({**info, "incumbent": None, "bound": None, "gap": None})

    return told
