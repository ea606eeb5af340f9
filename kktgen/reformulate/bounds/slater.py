"""Slater bounds (D1): points strictly inside a follower's feasible set bound all its multipliers.

For any rule ``yhat(x)`` that is feasible for every x with slacks ``s_i(yhat(x), x) >= sigma_i >= 0``, and any
multipliers of any optimum, ``f*(x) <= f(yhat(x), x) - mu's(yhat(x), x)``, so ``sigma'mu <= N`` with
``N = max_x f(yhat(x), x) - f*(x)``.

The rule is affine, ``yhat(x) = y0 + Y (x - c)``. Feasible for all x of a box [l, u] means, with d = x - c (Ben-Tal,
Goryashko, Guslitzer & Nemirovski 2004, affinely adjustable robust counterpart)::

    A y0 = b - B c,   A Y + B = 0
    G y0 + P (u - c) - N (l - c) + sigma <= h - H c,   G Y + H = P - N,  P, N >= 0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.intervals import FAR, interval
from ...numerics.programs import Polyhedron, lp
from ...numerics.safe_bound import safe_minimum
from ...numerics.settled import NEAR, settled
from ...numerics.sparse import Csr, row_index, take_columns
from ...problem.qp import QP
from .lps import SECONDS
from .relaxation import Layout, products, with_rows

INSIDE = 1e-6
"""Smallest slack a Slater point is used with."""
EXACT = 1e-7
"""Largest residual of a rule's equations."""
SIZE = 60_000
"""Largest number of entries of Y, P and N together an affine rule is sought with; larger ones are constant."""
PASSES = 3


@dataclass(frozen=True, eq=False)
class Rule:
    """An affine rule ``yhat(x) = y0 + Y (x - c)`` with its slacks.

    Parameters
    ----------
    y0 : ndarray (ny,)
    Y : ndarray (ny, k)
    links : ndarray (k,)
        Columns of x the rule follows.
    c : ndarray (nx,)
    sigma : ndarray (mi,)
        Slack every row has for every x of the box; zero where it has none.
    """

    y0: np.ndarray
    Y: np.ndarray
    links: np.ndarray
    c: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True, eq=False)
class _Robust:
    """What the follower's rows say to a rule: the rows that hold own variables, and the box of d = x - c."""

    qp: QP
    live: np.ndarray
    links: np.ndarray
    c: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def h(self) -> np.ndarray:
        return self.qp.h - self.qp.H @ self.c

    @property
    def b(self) -> np.ndarray:
        return self.qp.b - self.qp.B @ self.c

    @property
    def reach(self) -> np.ndarray:
        """Largest size of y0 (ny,): none, or one the other sides suggest where some are out of reach."""
        sides = np.abs(np.concatenate([self.qp.h, self.qp.b]))
        far = sides >= FAR
        size = 10.0 * (1.0 + sides[~far].max(initial=0.0)) if far.any() else np.inf
        return np.full(self.qp.ny, size)

    def worst(self, Y: np.ndarray) -> np.ndarray:
        """Return the largest ``(G Y + H) d`` over the box, row by row (mi,)."""
        W = Csr(self.qp.H[:, self.links] + self.qp.G @ Csr(Y))
        W.eliminate_zeros()
        return np.where(self.live, interval(W, self.low, self.high)[1], 0.0)


def slater_rule(
    qp: QP, x_lb: np.ndarray, x_ub: np.ndarray, slack_max: np.ndarray, dead: np.ndarray, deadline: Deadline = NEVER
) -> Rule | None:
    """Return a rule feasible for every x in the box, or None when none is found.

    A constant rule is sought first, an affine one when that leaves rows without slack. Rows that hold no variable of
    the follower (``dead``) are left out: their multiplier is zero, whether they hold or not.
    """
    ends = np.array([np.where(np.isfinite(x_lb), x_lb, x_ub), np.where(np.isfinite(x_ub), x_ub, x_lb)])
    c = np.where(np.isfinite(ends), ends, 0.0).mean(axis=0)
    held = np.zeros(qp.nx, dtype=bool)
    held[qp.B.indices] = True
    held[qp.H.indices[~dead[row_index(qp.H)]]] = True
    links = np.flatnonzero(held & (x_lb < x_ub))
    robust = _Robust(qp, ~dead, links, c, (x_lb - c)[links], (x_ub - c)[links])
    cap = np.minimum(np.where(np.isfinite(slack_max), slack_max, 1.0) * 0.25, 1.0)
    cap = np.where(dead, 0.0, np.maximum(cap, 0.0))
    moved = bool(np.isin(qp.B.indices, links).any())
    constant = None if moved else _best(robust, cap, False, deadline)
    wanted = int((cap > 0).sum())
    if len(links) == 0 or _inside(constant) == wanted or len(links) * (qp.ny + 2 * int((~dead).sum())) > SIZE:
        return constant
    affine = _best(robust, cap, True, deadline)
    return affine if _inside(affine) > _inside(constant) or constant is None else constant


def _inside(rule: Rule | None) -> int:
    return 0 if rule is None else int((rule.sigma > INSIDE).sum())


def _best(robust: _Robust, cap: np.ndarray, affine: bool, deadline: Deadline) -> Rule | None:
    """Return the rule of the largest slacks, each up to its cap; rows still without slack get further passes.

    The rules of all passes are averaged: feasible rules are a convex set.
    """
    qp, links = robust.qp, robust.links
    fixed = robust.h - robust.worst(np.zeros((qp.ny, len(links))))
    if not affine and not np.isfinite(fixed).all():
        return None
    A, lo, hi, lb, ub = _affine(robust, cap) if affine else _constant(robust, fixed, cap)
    rules, lacking, sigma = [], cap > 0, np.zeros(len(cap))
    y0, Y = np.zeros(qp.ny), np.zeros((qp.ny, len(links)))
    for _ in range(PASSES):
        q = np.zeros(A.shape[1])
        q[len(q) - len(cap) :] = np.where(lacking, -1.0 / np.maximum(cap, 1e-12), 0.0)
        answer = lp(q, A, lo, hi, lb, ub, deadline.part(SECONDS))
        if answer.x is None:
            break
        rules.append(answer.x[: len(q) - len(cap)])
        mean = np.mean(rules, axis=0)
        y0 = mean[: qp.ny]
        if affine:
            Y = mean[qp.ny : qp.ny + Y.size].reshape(Y.shape)
        sigma = robust.h - qp.G @ y0 - robust.worst(Y)
        lacking = (cap > 0) & (sigma < INSIDE)
        if not lacking.any():
            break
    exact = _settled(np.mean(rules, axis=0), A, (lo, hi), qp.ny + Y.size) if rules else None
    if exact is None:
        return None
    y0, Y = exact[: qp.ny], exact[qp.ny : qp.ny + Y.size].reshape(Y.shape) if affine else Y
    sigma = np.where(robust.live, robust.h - qp.G @ y0 - robust.worst(Y), 0.0)
    reach = np.maximum(np.abs(robust.low), np.abs(robust.high))
    with np.errstate(invalid="ignore"):
        astray = np.abs(qp.A @ Y + qp.B[:, links].toarray()) * reach
    astray = np.where(np.isnan(astray), 0.0, astray)
    wrong = max(np.abs(qp.A @ y0 - robust.b).max(initial=0.0), astray.max(initial=0.0), -sigma.min(initial=0.0))
    if not wrong <= EXACT:
        return None
    return Rule(y0, Y, links, robust.c, np.maximum(sigma - EXACT * (1 + np.abs(robust.h)), 0.0))


def _settled(v: np.ndarray, A: Csr, sides: tuple[np.ndarray, np.ndarray], free: int) -> np.ndarray | None:
    """Return the variables of a rule that keeps rows without slack exactly, near one that a solver has found.

    Those behind the first ``free``, P and N, that are zero stay zero. None where none is found: what a rule misses such
    rows by may be much in another row (:mod:`kktgen.numerics.settled`).
    """
    moving = np.ones(len(v), dtype=bool)
    moving[free:] = v[free:] > NEAR * (1.0 + np.abs(v).max(initial=0.0))
    out = np.zeros(len(v))
    found = settled(v[moving], take_columns(A, np.flatnonzero(moving)), *sides)
    if found is None:
        return None
    out[moving] = found
    return out


def _constant(
    robust: _Robust, h: np.ndarray, cap: np.ndarray
) -> tuple[Csr, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows and boxes of the LP over (y0, sigma), with the worst case of every row on its side h."""
    qp, mi = robust.qp, len(cap)
    G = sp.diags_array(robust.live.astype(float)) @ qp.G
    A = Csr(sp.vstack([sp.hstack([qp.A, Csr((len(qp.b), mi))]), sp.hstack([G, sp.eye_array(mi)])], format="csr"))
    free, none = robust.reach, np.full(mi, -np.inf)
    lo, hi = np.concatenate([robust.b, none]), np.concatenate([robust.b, np.where(robust.live, h, 0.0)])
    return A, lo, hi, np.concatenate([-free, np.zeros(mi)]), np.concatenate([free, cap])


def _affine(robust: _Robust, cap: np.ndarray) -> tuple[Csr, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows and boxes of the LP over (y0, Y, P, N, sigma)."""
    qp, k = robust.qp, len(robust.links)
    me, mi, ny = len(qp.b), len(cap), qp.ny
    live = sp.diags_array(robust.live.astype(float))
    G, eye = live @ qp.G, sp.eye_array(mi)
    H = (live @ qp.H[:, robust.links]).toarray().ravel()
    B = qp.B[:, robust.links].toarray().ravel()
    high, low = (np.where(np.isfinite(side), side, 0.0) for side in (robust.high, robust.low))
    apart, unit = sp.eye_array(mi * k), sp.eye_array(k)
    reach = [sp.kron(eye, side[None, :]) for side in (high, -low)]
    zero = Csr((me, mi))
    A = sp.block_array(
        [
            [qp.A, None, None, None, zero],
            [None, sp.kron(qp.A, unit), None, None, None],
            [None, sp.kron(G, unit), -apart, apart, None],
            [G, None, reach[0], reach[1], eye],
        ],
        format="csr",
    )
    free = np.concatenate([robust.reach, np.full(ny * k, np.inf)])
    up, down = (np.tile(np.where(np.isfinite(side), np.inf, 0.0), mi) for side in (robust.high, robust.low))
    lo = np.concatenate([robust.b, -B, -H, np.full(mi, -np.inf)])
    hi = np.concatenate([robust.b, -B, -H, np.where(robust.live, robust.h, 0.0)])
    lb = np.concatenate([-free, np.zeros(2 * mi * k + mi)])
    return Csr(A), lo, hi, lb, np.concatenate([free, up, down, cap])


def slater(
    qp: QP, program: Polyhedron, rule: Rule, dead: np.ndarray, deadline: Deadline = NEVER
) -> tuple[tuple[Csr, np.ndarray, np.ndarray] | None, np.ndarray]:
    """Return the rows a rule gives (tangent of the cost, ``sigma'mu <= N``) and the bounds ``mu_i <= N / sigma_i``.

    ``N = max f(yhat(x), x) - f*(x)`` by an LP over the relaxation with the tangent of the cost at y0; the part of
    ``f(yhat(x), x)`` that is quadratic in x is bounded by intervals.
    """
    at = Layout.of(qp)
    n = at.n
    gradient = qp.P @ rule.y0
    tangent = np.zeros(n)
    tangent[at.y : at.lam], tangent[at.t] = -gradient, 1.0
    tangent_row = (Csr(tangent[None, :]), np.array([-0.5 * gradient @ rule.y0]), np.array([np.inf]))
    with_tangent = with_rows(program, *tangent_row) if qp.P.nnz else program
    constant, linear, curved = _value(qp, rule, program.lb[: at.y], program.ub[: at.y])
    _, _, weight = products(qp)
    q = np.zeros(n)
    q[: at.y] = -linear
    q[at.y : at.lam] = qp.q
    q[at.w : at.w + qp.Q.nnz] = weight[: qp.Q.nnz]
    q[at.t] = 1.0 if qp.P.nnz else 0.0
    used = np.flatnonzero(q)
    answer = with_tangent.warm(deadline, SECONDS).minimize(used, q[used])
    rows = (with_tangent.A, with_tangent.lo, with_tangent.hi, with_tangent.lb, with_tangent.ub)
    excess = constant + curved - safe_minimum(answer, q, *rows)
    if not np.isfinite(excess):
        return (tangent_row if qp.P.nnz else None), np.full(len(rule.sigma), np.inf)
    excess = max(excess, 0.0) * (1 + 1e-7) + 1e-9
    with np.errstate(divide="ignore", over="ignore"):
        values = np.where(rule.sigma > INSIDE, excess / np.maximum(rule.sigma, 1e-300), np.inf)
    row = np.zeros(n)
    row[at.mu : at.w] = np.where(dead, 0.0, rule.sigma)
    total = (Csr(row[None, :]), np.array([-np.inf]), np.array([excess]))
    if not qp.P.nnz:
        return total, values
    return (
        Csr(sp.vstack([tangent_row[0], total[0]], format="csr")),
        np.concatenate([tangent_row[1], total[1]]),
        np.concatenate([tangent_row[2], total[2]]),
    ), values


def _value(qp: QP, rule: Rule, x_lb: np.ndarray, x_ub: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Return ``f(yhat(x), x) = constant + linear'x + d'K d`` as the first two and the largest value of the third."""
    y0, Y, c = rule.y0, rule.Y, rule.c
    slope = np.zeros(qp.nx)
    slope[rule.links] = Y.T @ (qp.P @ y0 + qp.q + qp.Q @ c)
    slope += qp.Q.T @ y0
    constant = float(0.5 * y0 @ (qp.P @ y0) + qp.q @ y0 + c @ (qp.Q.T @ y0) - slope @ c)
    K = np.zeros((qp.nx, qp.nx)) if Y.any() else np.zeros((0, 0))
    if not K.size:
        return constant, slope, 0.0
    K[:, rule.links] = qp.Q.T @ Y
    K[np.ix_(rule.links, rule.links)] += 0.5 * Y.T @ (qp.P @ Y)
    K = 0.5 * (K + K.T)
    reach = np.maximum(np.abs(x_lb - c), np.abs(x_ub - c))
    diagonal = np.diagonal(K).copy()
    np.fill_diagonal(K, 0.0)
    with np.errstate(invalid="ignore"):
        terms = np.abs(K) * reach[:, None] * reach
        squares = np.maximum(diagonal, 0.0) * reach**2
    return constant, slope, float(sum(np.where(np.isnan(part), 0.0, part).sum() for part in (terms, squares)))
