"""What followers with integer variables make of a decision: their responses, and the best of their ties."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import KktgenError
from ...model.constants import folded
from ...model.model import Model
from ...problem.expressions import Quad
from ...reformulate.responses.base import Base
from ...reformulate.responses.caps import capped
from ...reformulate.responses.parts import Part, Response, expression
from ...search.residual import violation
from ...solvers import solve
from ...verification.mixed import FINE, Reply, continued, reply

TIE = 1e-9
"""Cost above a follower's optimum, over ``max(1, |optimum|)``, that the leader's favourite response may have."""
NEAR_TIE = 5e-7
"""The same where masters cannot tell it from a tie: half of what verification lets pass."""
LAST = 1e-9
"""The same of its continuous variables, the integers given, and how far curved ones may be from the response."""
GAP = 1e-7
"""Relative gap of the program that picks it."""
FEASIBLE = 1e-6
"""Violation up to which a response is a point of the problem."""
ROUNDED = 1e-8
"""By how much (relative) a point's cost may exceed the cap that its solver was given."""
TIGHT = 1e-5
"""By how much moved rows are tightened, over what they vary by, or their side where that is less."""


@dataclass(frozen=True, eq=False)
class Decided:
    """What followers make of a decision.

    Parameters
    ----------
    responses : list of Response
        One a follower, and what the leader likes best among their ties.
    z : ndarray (n,) or None
        The best point at this decision; None where no response suits the leader's rows.
    """

    responses: list[Response]
    z: np.ndarray | None


def _job(task: tuple[Any, ...]) -> Reply:
    return reply(*task)


def seen(base: Base) -> np.ndarray:
    """Return the leader's columns that some follower sees."""
    return np.unique(np.concatenate([part.qp.x for part in base.parts]))


def replies(
    base: Base, z: np.ndarray, deadline: Deadline, executor: Executor | None = None, tight: bool = False
) -> list[Response] | None:
    """Return the followers' responses at the decision of a point; None where one has none in time."""
    tasks = []
    for part in base.parts:
        qp = part.qp
        room = TIGHT * part.sizes[1] * part.moved if tight else None
        tasks.append((qp, part.whole, z[qp.x], deadline, room))
    run: Any = map if executor is None else executor.map
    out = []
    for part, found in zip(base.parts, run(_job, tasks), strict=True):
        if found.y is None or (found.status != "optimal" and not tight):
            return None
        out.append(Response(part.name, found.y, z[part.qp.x].copy()))
    return out


def decided(
    base: Base, z: np.ndarray, deadline: Deadline = NEVER, executor: Executor | None = None, tie: float = TIE
) -> Decided | None:  # fmt: skip
    """Return what followers make of the decision of a point (n,); None where they have no response in time."""
    z = rounded(base, z)
    found = replies(base, z, deadline, executor)
    if found is None:
        return None
    point = z.copy()
    for part, one in zip(base.parts, found, strict=True):
        point[part.qp.y] = one.y
    best = _favourite(base, z, found, tie, deadline)
    if best is None and violation(base.free, point) <= FEASIBLE:
        return Decided(found, point)
    if best is None:
        return Decided(found, None)
    own = [Response(part.name, best[part.qp.y], z[part.qp.x].copy()) for part in base.parts]
    return Decided([*found, *own], best)


def rounded(base: Base, z: np.ndarray) -> np.ndarray:
    """Return a point over the problem's columns with its integers whole and inside its bounds."""
    space = base.free.space
    z = z[: base.free.n].copy()
    whole = space.kind != "C"
    z[whole] = np.round(z[whole])
    return np.clip(z, space.lb, space.ub)


def _favourite(
    base: Base, z: np.ndarray, found: Sequence[Response], tie: float, deadline: Deadline
) -> np.ndarray | None:  # fmt: skip
    """Return the leader's favourite among the ties, its other columns chosen with it.

    Its integers are those of a response within ``tie`` of the optimum; its continuous variables are held to the
    response with these integers to the last digits: where a cost is flat, a tolerance would be worth something.
    """
    costs = [part.qp.cost(one.y, one.x) for part, one in zip(base.parts, found, strict=True)]
    chosen = _best(base, z, [cost + tie * max(1.0, abs(cost)) for cost in costs], None, deadline)
    if chosen is None or not any(len(part.u) for part in base.parts):
        return chosen
    exact = [continued(part.qp, part.whole, chosen[part.qp.y], z[part.qp.x], deadline) for part in base.parts]
    held = [one for one in exact if one is not None]
    if len(held) < len(exact):
        return None if any(part.curved.any() for part in base.parts) else chosen
    costs = [part.qp.cost(y, z[part.qp.x]) for part, y in zip(base.parts, held, strict=True)]
    for room in (LAST, 100.0 * LAST):
        best = _best(base, z, [cost + room * max(1.0, abs(cost)) for cost in costs], held, deadline)
        if best is not None:
            return best
    return None if any(part.curved.any() for part in base.parts) else chosen


def _best(
    base: Base, z: np.ndarray, sides: list[float], held: list[np.ndarray] | None, deadline: Deadline
) -> np.ndarray | None:  # fmt: skip
    """Return the leader's best point at a decision with capped costs; integers and curved variables as ``held``."""
    free, space = base.free, base.free.space.copy()
    fixed = seen(base)
    space.lb[fixed] = space.ub[fixed] = z[fixed]
    for part, y in zip(base.parts, held or [], strict=False):
        k, curved = part.qp.y[part.whole], part.qp.y[part.curved]
        space.lb[k] = space.ub[k] = y[part.whole]
        room = LAST * (1.0 + np.abs(y[part.curved]))
        space.lb[curved] = np.maximum(space.lb[curved], y[part.curved] - room)
        space.ub[curved] = np.minimum(space.ub[curved], y[part.curved] + room)
    caps = [_cap(part, None if held is None else held[k]) for k, part in enumerate(base.parts)]
    model = _without_void(folded(capped(replace(free, space=space), base.parts, caps, sides)))
    if not model.features <= {"int"}:
        return _solved(base, model, "scip", deadline, **{"numerics/feastol": 1e-7})
    most = np.array(sides) + ROUNDED * np.maximum(1.0, np.abs(sides))
    for presolve in ("on", "off"):  # which takes coefficients that are almost the same for equal ones
        best = _solved(base, model, "highs", deadline, **FINE, presolve=presolve)
        if best is None:
            return None
        costs = [part.qp.cost(best[part.qp.y], best[part.qp.x]) for part in base.parts]
        if (np.array(costs) <= most).all():
            return best
    return None


def _solved(base: Base, model: Model, solver: str, deadline: Deadline, **options: Any) -> np.ndarray | None:
    """Return a feasible point of the problem that solves a model; None where there is none."""
    try:
        got = solve(model, solver, time_limit=deadline.left(), gap=GAP, **options)
    except KktgenError:
        return None
    if got.z is None:
        return None
    best = rounded(base, got.z)
    return best if violation(base.free, best) <= FEASIBLE else None


def _cap(part: Part, y: np.ndarray | None) -> Quad:
    """Return a follower's cost, its quadratic part straightened where the curved variables are held at y."""
    cost = part.cost
    inside = (np.diff(part.qp.P.indptr) > 0) & ~part.whole
    if y is None or not part.qp.P.nnz or not part.curved[inside].all():
        return cost
    own = np.isin(cost.i, part.qp.y) & np.isin(cost.j, part.qp.y)
    gradient = part.qp.P @ y
    at = np.flatnonzero(gradient)
    bent = expression(part.space, part.qp.y[at], gradient[at], -0.5 * float(y @ gradient))
    rest = Quad(cost.space, cost.i[~own], cost.j[~own], cost.v[~own], cost.linear, cost.r)
    return rest + bent


def _without_void(model: Model) -> Model:
    """Return the model without rows that hold no column any more: their constants satisfy them up to rounding."""
    empty = np.diff(model.rows.M.indptr) == 0
    return replace(model, rows=model.rows.take(~empty)) if empty.any() else model
