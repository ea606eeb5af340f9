"""A follower with integer variables at a decision of the leader: its mixed-integer program, solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import KktgenError, SolverError
from ..model.model import Model
from ..model.tables import QuadTable, RowTable
from ..numerics.programs import Program
from ..numerics.sharpen import sharpen
from ..numerics.sparse import Csr
from ..problem.columns import Space
from ..problem.expressions import Quad
from ..problem.qp import QP
from ..solvers import solve

FINE: dict[str, Any] = {
    "mip_feasibility_tolerance": 1e-9, "primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9,
    "mip_abs_gap": 1e-9,
}  # fmt: skip
"""Options of HiGHS for programs without a quadratic cost."""
EXACT = 1e-9
"""Relative gap at which such a program counts as solved."""


@dataclass(frozen=True, eq=False)
class Reply:
    """What a follower does at a decision: its variables (None: none found), and what is proved of its cost.

    ``status`` is the solver's: ``optimal``, ``infeasible``, ``unbounded``, ``time_limit``, ``error``.
    """

    status: str
    y: np.ndarray | None
    value: float
    bound: float


def reply(qp: QP, whole: np.ndarray, x: np.ndarray, deadline: Deadline = NEVER, tight: np.ndarray | None = None,
          elastic: np.ndarray | None = None) -> Reply:  # fmt: skip
    """Return the best a follower can do at the decision x (nx,).

    Parameters
    ----------
    qp : QP
    whole : ndarray (ny,) of bool
        Which variables are integer.
    x : ndarray (nx,)
    deadline : Deadline
    tight : ndarray (mi,), optional
        By how much every inequality is tightened.
    elastic : ndarray (ny,), optional
        A point that is to be feasible.
    """
    program = qp.at(x, elastic)
    if tight is not None:
        hi = program.hi.copy()
        hi[len(qp.b) :] -= tight
        program = Program(program.P, program.q, program.A, program.lo, hi, program.lb, program.ub)
    return mixed(program, whole, deadline)


def continued(
    qp: QP, whole: np.ndarray, y: np.ndarray, x: np.ndarray, deadline: Deadline = NEVER, elastic: bool = False
) -> np.ndarray | None:  # fmt: skip
    """Return the response whose integers are those of y, its continuous variables solved to the last digits.

    None where it is not found. ``elastic`` moves rows that y violates to it.
    """
    u, k = np.flatnonzero(~whole), np.where(whole, y, 0.0)
    if not len(u):
        return y.copy()
    program = qp.at(x, y if elastic else None)
    A = Csr(program.A[:, u])
    shift, holds = program.A @ k, np.diff(A.indptr) > 0
    free = np.full(len(u), np.inf)
    rest = Program(
        Csr(program.P[u][:, u]), (program.q + program.P @ k)[u], Csr(A[holds]), (program.lo - shift)[holds],
        (program.hi - shift)[holds], -free, free,
    )  # fmt: skip
    try:
        found = sharpen(rest, rest.solve(deadline), deadline)
    except SolverError:
        return None
    if found.x is None:
        return None
    out = k.copy()
    out[u] = found.x
    return out


def mixed(program: Program, whole: np.ndarray, deadline: Deadline = NEVER) -> Reply:
    """Return the optimum of a convex QP with integer variables."""
    if not len(whole):
        return Reply("optimal", np.empty(0), 0.0, 0.0)
    model = as_model(program, whole)
    quadratic = program.P.nnz > 0
    try:
        curved: dict[str, Any] = {"numerics/feastol": 1e-7}
        if quadratic:
            found = solve(model, "scip", time_limit=deadline.left(), gap=EXACT, **curved)
        else:
            found = solve(model, "highs", time_limit=deadline.left(), gap=0.0, **FINE)
    except KktgenError:
        return Reply("error", None, np.inf, -np.inf)
    bound = -np.inf if found.bound is None else float(found.bound)
    if found.z is None:
        return Reply(found.status, None, np.inf, bound)
    y = found.z.copy()
    y[whole] = np.round(y[whole])
    return Reply(found.status, y, value(program, y), bound)


def value(program: Program, y: np.ndarray) -> float:
    """Return the cost of a point."""
    return float(0.5 * y @ (program.P @ y) + program.q @ y)


def as_model(program: Program, whole: np.ndarray) -> Model:
    """Return a program with integer variables as a model; rows of one entry are bounds of their column."""
    A, n = Csr(program.A), len(whole)
    lb, ub = program.lb.copy(), program.ub.copy()
    single = np.flatnonzero(np.diff(A.indptr) == 1)
    column, entry = A.indices[A.indptr[single]], A.data[A.indptr[single]]
    low, high = program.lo[single] / entry, program.hi[single] / entry
    np.maximum.at(lb, column, np.where(entry > 0, low, high))
    np.minimum.at(ub, column, np.where(entry > 0, high, low))
    rest = np.setdiff1d(np.arange(A.shape[0]), single)
    space = Space("reply")
    space.append("y", "leader", lb=lb, ub=ub, shape=(n,))
    space.kind[:] = np.where(whole, "I", "C")
    cost = Quad.from_matrices(space, program.P, program.q)
    rows = RowTable(Csr(A[rest]), program.lo[rest], program.hi[rest])
    return Model("reply", space, cost, 1, rows, QuadTable.empty(n))
