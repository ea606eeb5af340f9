"""The LPs that bound one follower's slacks, prices and multipliers."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..kernel import WarmLp, lp
from ..qp import QP
from ..sparse import Csr
from .activity import interval, tighten
from .job import Job
from .relaxation import Boxes, Layout, Program, products, single_rows
from .safe import safe_minimum

ZERO = 1e-9
"""A proved bound below this is a proved zero."""
ROOM = 1e-6
"""Relative distance from its variable's box beyond which a bound is never active."""


def stationarity_bounds(qp: QP, boxes: Boxes) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the boxes of lam, and the bounds on mu, that the activity of the stationarity rows gives (D2)."""
    at = Layout.of(qp)
    rows = Csr(sp.hstack([qp.Q, qp.P, -qp.A.T, qp.G.T], format="csr"))
    lb, ub = tighten(rows, -qp.q, -qp.q, boxes.lb, boxes.ub)
    return (lb[at.lam : at.mu], ub[at.lam : at.mu]), ub[at.mu :]


def slack_bounds(
    qp: QP, program: Program, y_lb: np.ndarray, y_ub: np.ndarray, job: Job
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the largest slack of every inequality: intervals, then one LP per row of several columns."""
    mi, n = len(qp.h), len(program.lb)
    C = Csr(sp.hstack([qp.H, qp.G], format="csr"))
    low, _ = interval(C, np.concatenate([job.x_lb, y_lb]), np.concatenate([job.x_ub, y_ub]))
    value, tier = qp.h - low, np.full(mi, "interval", dtype="U8")
    several = np.flatnonzero((np.diff(C.indptr) > 1) | ~np.isfinite(value))
    if len(several) == 0:
        return value, tier, 0
    warm = program.warm()
    for i in several:
        columns, costs = C.indices[C.indptr[i] : C.indptr[i + 1]], C.data[C.indptr[i] : C.indptr[i + 1]]
        found = qp.h[i] - _minimum(warm, program, columns, costs, n)
        if found < value[i]:
            value[i], tier[i] = max(found, 0.0), "LP"
    tier[~np.isfinite(value)] = ""
    return value, tier, len(several)


def _minimum(warm: WarmLp, program: Program, columns: np.ndarray, costs: np.ndarray, n: int) -> float:
    """Return a safe lower bound on ``sum costs_k v[columns_k]`` over the program."""
    q = np.zeros(n)
    q[columns] = costs
    return safe_minimum(warm.minimize(columns, costs), q, program.A, program.lo, program.hi, program.lb, program.ub)


def slater_point(
    qp: QP, x_lb: np.ndarray, x_ub: np.ndarray, slack_max: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a point yhat feasible for every x in the box, and its guaranteed slacks sigma >= 0, or None.

    The worst ``H x`` over the box stands in for the parameters; equality rows must not hold parameters. Rows that
    still have no slack are given a second and third pass, and the points are averaged.
    """
    if qp.B.nnz:
        return None
    _, worst = interval(qp.H, x_lb, x_ub)
    h = qp.h - worst
    if not np.isfinite(h).all():
        return None
    mi, ny = len(h), qp.ny
    cap = np.minimum(np.where(np.isfinite(slack_max), slack_max, 1.0) * 0.25, 1.0)
    A = Csr(sp.vstack([sp.hstack([qp.A, Csr((len(qp.b), mi))]), sp.hstack([qp.G, sp.eye_array(mi)])], format="csr"))
    lo, hi = np.concatenate([qp.b, np.full(mi, -np.inf)]), np.concatenate([qp.b, h])
    lb, ub = (
        np.concatenate([np.full(ny, -np.inf), np.zeros(mi)]),
        np.concatenate([np.full(ny, np.inf), np.maximum(cap, 0.0)]),
    )
    points, lacking = [], cap > 0
    for _ in range(3):
        weight = np.where(lacking, -1.0 / np.maximum(cap, 1e-12), 0.0)
        answer = lp(np.concatenate([np.zeros(ny), weight]), A, lo, hi, lb, ub, time_limit=20.0)
        if answer.x is None:
            break
        points.append(answer.x[:ny])
        sigma = h - qp.G @ np.mean(points, axis=0)
        lacking = (cap > 0) & (sigma < 1e-6)
        if not lacking.any():
            break
    if not points:
        return None
    inner = np.mean(points, axis=0)
    if np.abs(qp.A @ inner - qp.b).max(initial=0.0) > 1e-7 or (h - qp.G @ inner).min(initial=0.0) < -1e-7:
        return None
    sigma = h - qp.G @ inner - 1e-7 * (1 + np.abs(h))
    return inner, np.maximum(sigma, 0.0)


def slater(
    qp: QP, program: Program, inner: tuple[np.ndarray, np.ndarray], job: Job
) -> tuple[tuple[Csr, np.ndarray, np.ndarray] | None, np.ndarray]:
    """Return the rows that yhat gives (tangent of the cost, ``sigma'mu <= N``) and ``mu_i <= N / sigma_i`` (D1).

    ``N = max f(yhat, x) - f*(x)`` by an LP over the relaxation, with the tangent of the cost at yhat.
    """
    yhat, sigma = inner
    at = Layout.of(qp)
    n = at.n
    gradient = qp.P @ yhat
    tangent = np.zeros(n)
    tangent[at.y : at.lam], tangent[at.t] = -gradient, 1.0
    tangent_row = (Csr(tangent[None, :]), np.array([-0.5 * gradient @ yhat]), np.array([np.inf]))
    with_tangent = program.rows(*tangent_row) if qp.P.nnz else program
    _, _, weight = products(qp)
    q = np.zeros(n)
    q[: at.y] = -(qp.Q.T @ yhat)
    q[at.y : at.lam] = qp.q
    q[at.w : at.w + qp.Q.nnz] = weight[: qp.Q.nnz]
    q[at.t] = 1.0 if qp.P.nnz else 0.0
    used = np.flatnonzero(q)
    lowest = _minimum(with_tangent.warm(), with_tangent, used, q[used], n)
    excess = 0.5 * yhat @ gradient + qp.q @ yhat - lowest
    if not np.isfinite(excess):
        return (tangent_row if qp.P.nnz else None), np.full(len(sigma), np.inf)
    excess = max(excess, 0.0) * (1 + 1e-7) + 1e-9
    with np.errstate(divide="ignore", over="ignore"):
        values = np.where(sigma > 1e-6, excess / np.maximum(sigma, 1e-300), np.inf)
    row = np.zeros(n)
    row[at.mu : at.w] = np.where(job.dead, 0.0, sigma)
    total = (Csr(row[None, :]), np.array([-np.inf]), np.array([excess]))
    if not qp.P.nnz:
        return total, values
    return (
        Csr(sp.vstack([tangent_row[0], total[0]], format="csr")),
        np.concatenate([tangent_row[1], total[1]]),
        np.concatenate([tangent_row[2], total[2]]),
    ), values


def price_boxes(program: Program, at: Layout, lam: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return proved boxes of the prices: two LPs each."""
    warm, n = program.warm(), at.n
    low, high = lam[0].copy(), lam[1].copy()
    for k in range(at.mu - at.lam):
        column = np.array([at.lam + k])
        low[k] = max(low[k], _minimum(warm, program, column, np.ones(1), n))
        high[k] = min(high[k], -_minimum(warm, program, column, -np.ones(1), n))
    return low, high


def conditional_bounds(qp: QP, program: Program, job: Job, asked: np.ndarray) -> np.ndarray:
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
    warm, out = program.warm(), np.where(never & ~job.dead, 0.0, np.inf)
    for i in np.flatnonzero(asked & ~never):
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
