"""Directions along which a follower's cost falls without end, and parameters at which it has no response.

A convex QP that has a point is unbounded below exactly when its recession cone holds a direction of falling cost::

    P d = 0,   A d = 0,   G d <= 0,   (q + Q x)'d < 0

One direction serves all decisions x of a polyhedron X exactly when no x of X has a solution of the stationarity rows
``P w + Q x + q - A'lam + G'mu = 0, mu >= 0`` (Farkas): the prices of these rows, made elastic, are the direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...deadline import Deadline
from ...errors import SolverError, UnsupportedError
from ...model.kkt import kkt
from ...model.model import Model
from ...numerics.programs import lp
from ...numerics.safe_bound import safe_minimum
from ...numerics.sparse import Csr, coo, take_columns, widen
from ...problem.bilevel import Bilevel
from ...problem.columns import labels
from ...problem.qp import QP
from ...problem.rows import Rows
from ...solvers import solve
from .conflict import VIOLATED

DUST = 1e-9
"""Entries of a direction below this (of 1) are zero; so is what the conditions of a ray may be off by."""
WORTH = 1e-5
"""Violation, or fall of the cost, above which a decision counts as one without response."""
REACH = 1e4
"""Decisions without bounds are looked for up to here."""
NIL = 1e-7
"""Values of a decision below this are taken as zero."""


@dataclass(frozen=True, eq=False)
class Ray:
    """A direction of a follower.

    Parameters
    ----------
    columns : ndarray
        Columns of its nonzero entries.
    values : ndarray
    slope : float
        Largest change of the cost a unit along it, over the decisions it is meant for; negative.
    residual : float
        Largest violation of ``P d = 0, A d = 0, G d <= 0``; 0 where they hold exactly in floating point.
    """

    columns: np.ndarray
    values: np.ndarray
    slope: float
    residual: float

    def named(self, model: Model) -> tuple[tuple[str, float], ...]:
        """Return the entries by name."""
        return tuple(zip(labels(model.space.blocks, self.columns), self.values.tolist(), strict=True))


def uniform_ray(part: Model, qp: QP, deadline: Deadline) -> Ray | None:
    """Return one ray of a follower that holds for every decision of a linear part, None where there is none.

    Parameters
    ----------
    part : Model
        Rows and bounds on the decisions the ray is to hold for; its linear rows alone count.
    qp : QP
        The follower, with its columns.
    deadline : Deadline
    """
    n, ny = part.n, qp.ny
    if not ny:
        return None
    space, rows = part.space, part.rows
    lam, mu = n + ny + np.arange(len(qp.b)), n + ny + len(qp.b) + np.arange(len(qp.h))
    width = n + ny + len(qp.b) + len(qp.h) + 2 * ny
    one = Csr(sp.eye_array(ny))
    stationarity = sum(
        (_placed(M, columns, width) for M, columns in (
            (qp.P, n + np.arange(ny)), (qp.Q, qp.x), (Csr(-qp.A.T), lam), (Csr(qp.G.T), mu),
            (one, width - 2 * ny + np.arange(ny)), (Csr(-one), width - ny + np.arange(ny)),
        )), start=Csr((ny, width)),
    )  # fmt: skip
    A = Csr(sp.vstack([widen(rows.M, width), stationarity], format="csr"))
    lo, hi = np.concatenate([rows.lo, -qp.q]), np.concatenate([rows.hi, -qp.q])
    free, violation = np.full(ny + len(qp.b), np.inf), np.zeros(2 * ny)
    lb = np.concatenate([space.lb, -free, np.zeros(len(qp.h)), violation])
    ub = np.concatenate([space.ub, free, np.full(len(qp.h) + 2 * ny, np.inf)])
    cost = np.concatenate([np.zeros(width - 2 * ny), np.ones(2 * ny)])
    answer = lp(cost, A, lo, hi, lb, ub, deadline.check())
    if answer.x is None or answer.value <= VIOLATED:
        return None
    return checked(part, qp, answer.row_dual[len(rows) :], deadline)


def ray_at(part: Model, qp: QP, x: np.ndarray, deadline: Deadline) -> Ray | None:
    """Return a ray of a follower at parameters x, the steepest in a box; None where there is none."""
    A = Csr(sp.vstack([qp.P, qp.A, qp.G], format="csr"))
    zero = len(qp.b) + qp.ny
    lo = np.concatenate([np.zeros(zero), np.full(len(qp.h), -np.inf)])
    one = np.ones(qp.ny)
    answer = lp(qp.q + qp.Q @ x, A, lo, np.zeros(A.shape[0]), -one, one, deadline.check())
    if answer.x is None or answer.value >= -VIOLATED:
        return None
    space = part.space.copy()
    space.lb[qp.x] = space.ub[qp.x] = x
    alone = Model(part.name, space, part.objective, 1, part.rows.take(np.zeros(len(part.rows), bool)), part.quads)
    return checked(alone, qp, answer.x, deadline)


def checked(part: Model, qp: QP, d: np.ndarray, deadline: Deadline) -> Ray | None:
    """Return a direction as a ray of the follower at every decision of a linear part, None where it is none."""
    d = _clean(d)
    if not d.any():
        return None
    off = [np.abs(qp.P @ d), np.abs(qp.A @ d), np.maximum(qp.G @ d, 0.0)]
    residual = float(max(part.max(initial=0.0) for part in off))
    q, rows, space = np.zeros(part.n), part.rows, part.space
    q[qp.x] = -(qp.Q.T @ d)
    M = widen(rows.M, part.n)
    answer = lp(q, M, rows.lo, rows.hi, space.lb, space.ub, deadline.check())
    slope = float(qp.q @ d) - safe_minimum(answer, q, M, rows.lo, rows.hi, space.lb, space.ub)
    if residual > DUST * np.abs(d).max() or not slope < 0:
        return None
    at = np.flatnonzero(d)
    return Ray(qp.y[at], d[at], slope, residual)


def _clean(d: np.ndarray) -> np.ndarray:
    """Return a direction without dust; in whole numbers where all its entries are such multiples of the smallest."""
    size = np.abs(d).max(initial=0.0)
    if size == 0:
        return d
    d = np.where(np.abs(d) <= DUST * size, 0.0, d / size)
    whole = d / np.abs(d[d != 0]).min()
    near = np.round(whole)
    return near if (np.abs(whole - near) <= DUST * np.maximum(1.0, np.abs(near))).all() else d


def _placed(M: Csr, columns: np.ndarray, width: int) -> Csr:
    """Return M with its columns put where they belong among ``width``."""
    row = np.repeat(np.arange(M.shape[0]), np.diff(M.indptr))
    return coo(M.data, row, np.asarray(columns)[M.indices], (M.shape[0], width))


def can_recede(qp: QP) -> bool:
    """Return whether the follower's rows leave any direction open: a box on every variable leaves none."""
    single = np.diff(qp.G.indptr) == 1
    column, sign = qp.G.indices[qp.G.indptr[:-1][single]], qp.G.data[qp.G.indptr[:-1][single]]
    held = np.isin(np.arange(qp.ny), column[sign > 0]) & np.isin(np.arange(qp.ny), column[sign < 0])
    return not bool(held.all())


@dataclass(frozen=True, eq=False)
class MissingResponse:
    """A decision at which a follower has no response.

    Parameters
    ----------
    x : ndarray (nx,)
        The follower's parameters there.
    why : str
        ``"infeasible"`` or ``"unbounded"``.
    amount : float
        Least total violation of its rows, or the steepest fall of its cost along a direction of entries within 1.
    """

    x: np.ndarray
    why: str
    amount: float


def gaps(part: Model, qp: QP, solver: str, deadline: Deadline) -> list[MissingResponse]:
    """Return decisions of a linear part at which a follower is infeasible, or its cost has a direction of fall.

    Both are bilinear programs in the decision x and a multiplier or direction; a solver looks for a while, and where it
    finds nothing nothing is said::

        max  u'(b - B x) - v'(h - H x)   A'u = G'v, |u| <= 1, 0 <= v <= 1       (the least violation at x)
        min  (q + Q x)'d                 P d = 0, A d = 0, G d <= 0, |d| <= 1
    """
    found = []
    if (qp.B.nnz or qp.H.nnz) and len(qp.h) + len(qp.b):
        m, x = _decisions(part, qp)
        u, v = m.var("u", len(qp.b), lb=-1, ub=1), m.var("v", len(qp.h), lb=0, ub=1)
        m.add(qp.A.T @ u - qp.G.T @ v == 0)
        m.maximize(u @ (qp.b - qp.B @ x) - v @ (qp.h - qp.H @ x))
        found += _gap(m, x, qp, solver, deadline, "infeasible")
    if qp.Q.nnz and can_recede(qp):
        m, x = _decisions(part, qp)
        d = m.var("d", qp.ny, lb=-1, ub=1)
        m.add(qp.P @ d == 0, qp.A @ d == 0, qp.G @ d <= 0)
        m.maximize(-((qp.q + qp.Q @ x) @ d))
        found += _gap(m, x, qp, solver, deadline, "unbounded")
    return found


def _decisions(part: Model, qp: QP) -> tuple[Bilevel, Any]:
    """Return a problem over the decisions of a linear part, and the follower's parameters in it."""
    columns = np.union1d(part.rows.M.indices, qp.x).astype(np.int64)
    m = Bilevel(part.name)
    lb, ub = np.maximum(part.space.lb[columns], -REACH), np.minimum(part.space.ub[columns], REACH)
    z = m.var("z", len(columns), lb=np.minimum(lb, ub), ub=ub)
    m.space.kind[:] = part.space.kind[columns]
    M = take_columns(part.rows.M, columns)
    if len(part.rows):
        m.rows.append(Rows(m.space, M, part.rows.lo, part.rows.hi, (len(part.rows),), "leader"))
    return m, z[np.searchsorted(columns, qp.x)]


def _gap(m: Bilevel, x: Any, qp: QP, solver: str, deadline: Deadline, why: str) -> list[MissingResponse]:
    """Return the best decision a solver finds, when the follower, asked again there, has no response."""
    try:
        found = solve(kkt(m), solver, time_limit=deadline.left())
    except (UnsupportedError, SolverError):
        return []
    if found.z is None or found.objective is None or found.objective <= WORTH:
        return []
    at = found[x]
    at = np.where(np.abs(at) <= NIL, 0.0, at)
    infeasible = qp.at(at).feasible.minimize(np.zeros(qp.ny), deadline).status == "infeasible"
    return [MissingResponse(at, why, found.objective)] if infeasible == (why == "infeasible") else []
