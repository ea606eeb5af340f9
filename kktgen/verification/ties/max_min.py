"""The largest value of ``min over v`` of a linear cost, over a polyhedron of u: a bilevel problem of its own.

::

    max_u  a'u + min_v { b'v :  lo <= M u + N v <= hi,  lb <= v <= ub }     s.t.  u in the polyhedron

Nature leads with u, the recourse follows with v, and the usual pipeline does the rest: KKT, bounds, encoding, solver.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...deadline import NEVER, Deadline
from ...encodings import encode
from ...errors import SolverError
from ...model.kkt import kkt
from ...numerics.programs import Polyhedron
from ...numerics.sparse import Csr, coo, row_index
from ...problem.bilevel import Bilevel
from ...problem.expressions import Quad
from ...problem.rows import Rows
from ...reformulate.bounds import bound
from ...solvers import solve

GAP = 1e-9
"""Relative gap of a program with integers."""


class Optimum(NamedTuple):
    """A point, its value, and a bound that no point beats; no point where there is none, or no limit."""

    w: np.ndarray | None
    value: float
    bound: float


def least(part: Polyhedron, cost: np.ndarray, whole: np.ndarray, deadline: Deadline = NEVER) -> Optimum:
    """Return the least ``cost'w`` over a polyhedron, the entries of ``whole`` integer.

    Raises
    ------
    SolverError
        Neither a point nor a proof that there is none.
    """
    if whole.any():
        m = Bilevel("best")
        w = m.var("w", len(cost), lb=part.lb, ub=part.ub).cols.ravel()
        m.space.kind[w] = np.where(whole, "I", "C")
        if len(part.lo):
            m.add(_rows(m, part, w), name="rows")
        m.minimize(Quad.from_matrices(m.space, None, cost))
        found = solve(kkt(m), "highs", gap=GAP, time_limit=deadline.left())
        status, point, ending = found.status, found.z, f"{found.status!r} ({(found.raw or {}).get('status')})"
    else:
        answer = part.minimize(cost, deadline)
        status, point, ending = answer.status, answer.x, answer.ending
    value = {"infeasible": np.inf, "unbounded": -np.inf}.get(status, np.nan)
    if point is not None:
        value = float(cost @ point)
    elif np.isnan(value):
        raise SolverError(f"the range of the leader's value: a subproblem ended with {ending}")
    return Optimum(point, value, value)


def max_min(first: Polyhedron, second: Polyhedron, cost: np.ndarray, deadline: Deadline = NEVER) -> Optimum:
    """Return the worst u and the best v that answers it.

    Parameters
    ----------
    first : Polyhedron
        Of u alone, k columns.
    second : Polyhedron
        Rows over w = (u, v); its bounds are those of v.
    cost : ndarray
        Of w.
    deadline : Deadline
        Of bounds and branch and bound.

    Raises
    ------
    SolverError
        The solver found no answer.
    """
    k, size = first.A.shape[1], second.A.shape[1]
    m = Bilevel("worst")
    u = m.var("u", k, lb=first.lb, ub=first.ub)
    recourse = m.follower("recourse")
    v = recourse.var("v", size - k, lb=second.lb, ub=second.ub)
    columns = np.concatenate([u.cols.ravel(), v.cols.ravel()])
    if len(first.lo):
        m.add(_rows(m, first, columns[:k]), name="face")
    if len(second.lo):
        recourse.add(_rows(m, second, columns), name="rows")
    n = len(m.space)
    own = np.zeros(n)
    own[columns[k:]] = cost[k:]
    recourse.minimize(Quad.from_matrices(m.space, None, own))
    every = np.zeros(n)
    every[columns] = cost
    m.maximize(Quad.from_matrices(m.space, None, every))
    model = bound(replace(kkt(m), units=None), time_limit=deadline.left())  # it is in units of its own already
    found = solve(encode(model), "scip", time_limit=deadline.left())
    if found.status == "infeasible":
        return Optimum(None, -np.inf, -np.inf)
    if found.status == "unbounded":
        return Optimum(None, np.inf, np.inf)
    if found.z is None or found.bound is None:
        raise SolverError(
            f"the search for the worst tie ended with {found.status!r} and no point ({(found.raw or {}).get('status')})"
        )
    w = found.z[columns]
    lb, ub = np.concatenate([w[:k], second.lb]), np.concatenate([w[:k], second.ub])
    answer = replace(second, lb=lb, ub=ub).minimize(cost, deadline)  # the solver's v is optimal up to a tolerance alone
    w = w if answer.x is None else answer.x
    return Optimum(w, float(cost @ w), float(found.bound))


def _rows(m: Bilevel, part: Polyhedron, columns: np.ndarray) -> Rows:
    """Return the rows of a polyhedron over the problem's columns."""
    M = coo(part.A.data, row_index(part.A), columns[part.A.indices], (len(part.lo), len(m.space)))
    return Rows(m.space, M, part.lo, part.hi, (len(part.lo),))


def elastic(second: Polyhedron, k: int) -> tuple[Polyhedron, np.ndarray]:
    """Return the recourse with every row relaxed at cost 1, and that cost over (u, v, relaxations).

    Its max-min is zero exactly when every u leaves a feasible v.
    """
    A, m = second.A, len(second.lo)
    size, index = A.shape[1], np.arange(m)
    up = coo(np.ones(m), index, size + index, (m, size + 2 * m))
    down = coo(-np.ones(m), index, size + m + index, (m, size + 2 * m))
    wide = Csr((A.data, A.indices, A.indptr), shape=(m, size + 2 * m))
    lb, ub = np.concatenate([second.lb, np.zeros(2 * m)]), np.concatenate([second.ub, np.full(2 * m, np.inf)])
    cost = np.concatenate([np.zeros(size), np.ones(2 * m)])
    return Polyhedron(Csr(wide + up + down), second.lo, second.hi, lb, ub), cost
