"""Which point stands in the end: the solver's, the followers' answer to its decision, or the start point."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from ..deadline import Deadline
from ..model.shared import shared_kkt
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..search.respond import Responder
from ..verification.claims import CALLED
from ..verification.verify import Report, verify


def with_start(found: Solution, points: list[np.ndarray]) -> Solution:
    """Return the solution with the start point in place of a worse one, or of none: it was feasible before.

    A solver that calls the model infeasible although a feasible point was handed to it ends with status ``error``;
    what it called the model stays in ``raw``.
    """
    if not points:
        return found
    value = found.model.value(points[0])
    if found.objective is not None and found.model.sense * (found.objective - value) <= 0:
        return found
    status = found.status if found.status in ("optimal", "time_limit", "unbounded") else "error"
    raw = found.raw if status == found.status else {**(found.raw or {}), CALLED: found.status}
    return replace(found, status=status, objective=value, z=points[0], raw=raw)


def standing(
    bilevel: Bilevel, found: Solution, report: Report, points: list[np.ndarray], tried: tuple[Solution, ...],
    deadline: Deadline, executor: Executor | None,
) -> tuple[Solution, Report]:  # fmt: skip
    """Return the solution with its report, or, where that fails, another point with its own that holds.

    The others are what the followers answer the solver's decision, and the start point; the better one is returned.
    """
    if report.ok or found.z is None:
        return found, report
    others = [(points[0], "this is the start point")] if points else []
    answer = None if deadline.over else _answer(bilevel, found.z, executor, deadline)
    if answer is not None:
        others.append((found.model.complete(answer), "this is what the followers answer its decision"))
    for z, what in sorted(others, key=lambda one: found.model.sense * found.model.value(one[0])):
        other = replace(found, objective=found.model.value(z), z=z)
        own = verify(bilevel, other, evidence=tried, executor=executor, time_limit=deadline.left())
        if own.ok:
            why = f"the solver's point of value {found.objective:.10g} fails ({report.reasons[0]}); {what}"
            return other, replace(own, reasons=(why, *own.reasons))
    return found, report


def _answer(
    bilevel: Bilevel, z: np.ndarray, executor: Executor | None, deadline: Deadline
) -> np.ndarray | None:  # fmt: skip
    """Return the followers' response to the decision in a point, its integers rounded; None without one."""
    model = shared_kkt(bilevel)
    z, whole = z[: model.n].copy(), model.space.kind != "C"
    z[whole] = np.round(z[whole])
    return Responder(model)(z, executor, deadline)
