"""The LPs that bound one follower's slacks, prices and multipliers."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.intervals import interval, tighten
from ...numerics.programs import Polyhedron
from ...numerics.safe_bound import safe_minimum
from ...numerics.sparse import Csr
from ...numerics.warm_lp import WarmLp
from ...problem.qp import QP
from .job import FollowerToBound
from .relaxation import SECONDS, Boxes, Layout, single_rows

ZERO = 1e-9
"""A proved bound below this is a proved zero."""
ROOM = 1e-6
"""Relative distance from its variable's box beyond which a bound is never active."""


def stationarity_bounds(qp: QP, boxes: Boxes) -> Boxes:
    """Return the boxes of (x, y, lam, mu) tightened by the activity of the stationarity rows (D2)."""
    rows = Csr(sp.hstack([qp.Q, qp.P, -qp.A.T, qp.G.T], format="csr"))
    return Boxes(*tighten(rows, -qp.q, -qp.q, boxes.lb, boxes.ub))


def slack_intervals(qp: QP, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest slack of every inequality over the boxes of (x, y), and its tier."""
    at, C = Layout.of(qp), Csr(sp.hstack([qp.H, qp.G], format="csr"))
    value = qp.h - interval(C, boxes.lb[: at.lam], boxes.ub[: at.lam])[0]
    return value, np.where(np.isfinite(value), "interval", "").astype("U8")


def slack_bounds(
    qp: QP, program: Polyhedron, boxes: Boxes, deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the largest slack of every inequality, its tier, and the number of LPs.

    Intervals, then one LP per row of several columns.
    """
    at = Layout.of(qp)
    C = Csr(sp.hstack([qp.H, qp.G], format="csr"))
    value, tier = slack_intervals(qp, boxes)
    several = np.flatnonzero((np.diff(C.indptr) > 1) | ~np.isfinite(value))
    if len(several) == 0:
        return value, tier, 0
    warm = program.warm(deadline, SECONDS)
    for i in several:
        if deadline.over:
            break
        columns, costs = C.indices[C.indptr[i] : C.indptr[i + 1]], C.data[C.indptr[i] : C.indptr[i + 1]]
        found = qp.h[i] - _minimum(warm, program, columns, costs, at.n)
        if found < value[i]:
            value[i], tier[i] = max(found, 0.0), "LP"
    return value, tier, len(several)


def conditional_slacks(qp: QP, program: Polyhedron, asked: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray:
    """Return for every row asked for its largest slack given that its multiplier is zero: otherwise it has none."""
    at, C = Layout.of(qp), Csr(sp.hstack([qp.H, qp.G], format="csr"))
    warm, out = program.warm(deadline, SECONDS), np.full(len(qp.h), np.inf)
    for i in np.flatnonzero(asked):
        if deadline.over:
            break
        columns, costs = C.indices[C.indptr[i] : C.indptr[i + 1]], C.data[C.indptr[i] : C.indptr[i + 1]]
        q, ub, mu = np.zeros(at.n), program.ub.copy(), np.array([at.mu + i])
        q[columns], ub[mu] = costs, 0.0
        warm.set_columns(mu, program.lb[mu], ub[mu])
        answer = warm.minimize(columns, costs)
        out[i] = max(qp.h[i] - safe_minimum(answer, q, program.A, program.lo, program.hi, program.lb, ub), 0.0)
        warm.set_columns(mu, program.lb[mu], program.ub[mu])
    return out


def _minimum(warm: WarmLp, program: Polyhedron, columns: np.ndarray, costs: np.ndarray, n: int) -> float:
    """Return a safe lower bound on ``sum costs_k v[columns_k]`` over the program."""
    q = np.zeros(n)
    q[columns] = costs
    return safe_minimum(warm.minimize(columns, costs), q, program.A, program.lo, program.hi, program.lb, program.ub)


def price_boxes(
    program: Polyhedron, at: Layout, lam: tuple[np.ndarray, np.ndarray], deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray]:
    """Return proved boxes of the prices: two LPs each."""
    warm, n = program.warm(deadline, SECONDS), at.n
    low, high = lam[0].copy(), lam[1].copy()
    for k in range(at.mu - at.lam):
        if deadline.over:
            break
        column = np.array([at.lam + k])
        low[k] = max(low[k], _minimum(warm, program, column, np.ones(1), n))
        high[k] = min(high[k], -_minimum(warm, program, column, -np.ones(1), n))
    return low, high


def conditional_bounds(
    qp: QP, program: Polyhedron, job: FollowerToBound, asked: np.ndarray, deadline: Deadline = NEVER
) -> np.ndarray:
    """Return for every multiplier asked for its maximum given that its row is active and the opposite one zero (D3)."""
    at, mi = Layout.of(qp), len(qp.h)
    rows, columns, coefficients = single_rows(qp)
    column_of, value_of = np.full(mi, -1), np.zeros(mi)
    column_of[rows], value_of[rows] = at.y + columns, qp.h[rows] / coefficients
    row_of = np.full(mi, -1)
    row_of[column_of < 0] = len(qp.b) + np.arange(int((column_of < 0).sum()))
    single, side = column_of[rows], value_of[rows]
    room = ROOM * (1.0 + np.abs(side))
    never = job.dead.copy()  # beyond the box of its variable
    never[rows[(side < program.lb[single] - room) | (side > program.ub[single] + room)]] = True
    warm, out = program.warm(deadline, SECONDS), np.where(never & ~job.dead, 0.0, np.inf)
    for i in np.flatnonzero(asked & ~never):
        if deadline.over:
            break
        lb, ub, lo = program.lb.copy(), program.ub.copy(), program.lo.copy()
        twin = np.array([at.mu + job.twin[i]] if job.twin[i] >= 0 else [], dtype=int)
        ub[twin] = 0.0
        changed = twin
        if column_of[i] >= 0:
            changed = np.append(changed, column_of[i])
            lb[column_of[i]] = ub[column_of[i]] = value_of[i]
        else:
            lo[row_of[i]] = program.hi[row_of[i]]
            warm.set_row(row_of[i], lo[row_of[i]], program.hi[row_of[i]])
        warm.set_columns(changed, lb[changed], ub[changed])
        target = np.array([at.mu + i])
        q = np.zeros(at.n)
        q[target] = -1.0
        answer = warm.minimize(target, -np.ones(1))
        value = -safe_minimum(answer, q, program.A, lo, program.hi, lb, ub)
        out[i] = 0.0 if value < ZERO else value
        warm.set_columns(changed, program.lb[changed], program.ub[changed])
        if column_of[i] < 0:
            warm.set_row(row_of[i], program.lo[row_of[i]], program.hi[row_of[i]])
    return out
