"""The range of the leader's value over the ties of integer followers, each end a mixed-integer program.

A tie is a response whose cost is the follower's optimum up to the tolerance. The leader's columns that no follower sees
stay what they are at the point.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import KktgenError, SolverError
from ...model.constants import folded
from ...model.model import Model
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...problem.columns import labels
from ...problem.expressions import Quad
from ...problem.points import declared_point
from ...reformulate.responses.caps import capped
from ...reformulate.responses.parts import Part
from ...reformulate.responses.stated import Stated, stated
from ...solvers import solve
from ..integers import point_of
from ..mixed import FINE, mixed, value
from ..report import Carrier, Range, Report

TIE = 1e-6
"""Cost above the optimum, over ``max(1, |optimum|)``, up to which a response is a tie."""
CARRIERS = 6
"""Most variables named as carrying the difference."""


def with_integer_range(bilevel: Bilevel, report: Report, point: Any, deadline: Deadline = NEVER) -> Report:
    """Return a report with the leader's range at the point it is about, or with the reason why there is none."""
    if not report.ok:
        return replace(report, reasons=(*report.reasons, "no range: only a point that holds has one"))
    own = stated(bilevel)
    given = point.z if isinstance(point, Solution) else declared_point(bilevel, point, "verify")
    z, _ = point_of(own.free, given, report.tolerances)
    try:
        return replace(report, range=integer_span(own, z, deadline))
    except KktgenError as error:
        return replace(report, reasons=(*report.reasons, f"no range: {error}"))


def integer_span(problem: Stated, at: np.ndarray, deadline: Deadline = NEVER) -> Range:
    """Return the leader's best and worst value over the ties at a point in the user's units.

    Raises
    ------
    SolverError
        A program could not be solved in time.
    """
    model, parts, z = problem.model, problem.parts, problem.point(at)
    own = np.concatenate([part.qp.y for part in parts])
    ties, excess = _ties(model, parts, z, own, deadline)
    best, worst = (_end(ties, sign, deadline) for sign in (1.0, -1.0))
    row, violation = _broken(ties, own, deadline)
    carriers = _carriers(problem, own, best, worst)
    best, worst = (problem.back(end[: model.n]) for end in (best, worst))
    values = (problem.free.value(best), problem.free.value(worst))
    return Range(
        *values, best, worst, violation <= 0, row, violation, carriers, TIE, excess,
        "ties over integers, the leader's other decisions as they are",
    )  # fmt: skip


def _ties(model: Model, parts: list[Part], z: np.ndarray, own: np.ndarray, deadline: Deadline) -> tuple[Model, float]:
    """Return the model of all ties at a point: the leader's columns fixed, costs capped."""
    space = model.space.copy()
    rest = np.setdiff1d(np.arange(model.n), own)
    space.lb[rest] = space.ub[rest] = z[rest]
    caps, sides, excess = [], [], 0.0
    for part in parts:
        program = part.qp.at(z[part.qp.x], elastic=z[part.qp.y])
        found = mixed(program, part.whole, deadline)
        if found.status != "optimal":
            raise SolverError(f"follower {part.name!r} was not solved: {found.status}")
        here = value(program, z[part.qp.y])
        room = TIE * max(1.0, abs(found.value))
        excess = max(excess, (here - found.value) / max(1.0, abs(found.value)))
        caps.append(part.cost)
        sides.append(max(found.value + room, here))
    return folded(capped(replace(model, space=space), parts, caps, sides)), excess


def _end(ties: Model, sign: float, deadline: Deadline) -> np.ndarray:
    """Return the best (1) or worst (-1) tie for the leader."""
    return solved(replace(ties, objective=sign * ties.objective), deadline)


def solved(model: Model, deadline: Deadline) -> np.ndarray:
    """Return an optimal point of a model over integers.

    Raises
    ------
    SolverError
        None was found in time.
    """
    linear = model.features <= {"int"}
    options: dict[str, Any] = {**FINE} if linear else {"numerics/feastol": 1e-7}
    found = solve(model, "highs" if linear else "scip", time_limit=deadline.left(), gap=1e-7, **options)
    if found.z is None or found.status != "optimal":
        raise SolverError(f"{model.name!r}: the ties were not searched to the end ({found.status})")
    return np.asarray(found.z)


def _broken(ties: Model, own: np.ndarray, deadline: Deadline) -> tuple[str, float]:
    """Return a leader's row that some tie violates and by how much; empty and 0 where none does."""
    leaders = ties.rows.of_role("leader")
    holds = np.zeros(len(ties.rows), dtype=bool)
    holds[np.repeat(np.arange(len(ties.rows)), np.diff(ties.rows.M.indptr))[np.isin(ties.rows.M.indices, own)]] = True
    at = np.flatnonzero(leaders & holds)
    loose = replace(ties, rows=ties.rows.take(~(leaders & holds)))
    worst, name = 0.0, ""
    for i in at.tolist():
        row = ties.rows.M[[i]]
        for side, sign in ((ties.rows.lo[i], 1.0), (ties.rows.hi[i], -1.0)):
            if not np.isfinite(side):
                continue
            goal = Quad(ties.space, *(np.empty(0, dtype=np.int64),) * 2, np.empty(0), sign * row, 0.0)
            z = solved(replace(loose, objective=goal), deadline)
            off = sign * (side - float((row @ z[: row.shape[1]])[0])) / max(1.0, abs(side))
            if off > max(worst, TIE):
                worst, name = off, ties.rows.label(i)
    return name, worst


def _carriers(problem: Stated, own: np.ndarray, best: np.ndarray, worst: np.ndarray) -> tuple[Carrier, ...]:
    far = np.abs(best[own] - worst[own])
    order = np.argsort(-far, kind="stable")[:CARRIERS]
    at = own[order[far[order] > TIE]]
    names = labels(problem.free.space.blocks, at)
    best, worst = (end[: problem.free.n] * problem.units.columns for end in (best, worst))
    return tuple(Carrier(name, float(best[j]), float(worst[j])) for name, j in zip(names, at, strict=True))
