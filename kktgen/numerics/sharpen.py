"""Sharpen the answer of an interior-point method: solve the KKT system of its active set, exactly as far as numbers go.

For ``min 1/2 x'P x + q'x  s.t.  lo <= A x <= hi, lb <= x <= ub`` with the rows R that hold with equality at the
optimum (sides r, prices w)::

    P x + q - R'w = 0,   R x = r

The system may be singular (dependent active rows), so a regularised one is factorised once and refined; the refinement
starts at the answer and moves it no further than needed. Source: Stellato, Banjac, Goulart, Bemporad, Boyd, "OSQP: an
operator splitting solver for quadratic programs", 2020, section 4.1 (polish), with corrections of the active set.

The regularised matrix is symmetric quasi-definite, so that it can be factorised in any order without pivots
(Vanderbei, "Symmetric quasidefinite matrices", 1995): the order is chosen for the fewest entries of the factors alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from ..deadline import NEVER, Deadline
from .answers import Answer
from .programs import Program
from .sparse import Csr

REGULARISATION = 1e-8
REFINEMENTS = 8
CORRECTIONS = 3
SHARP = 1e-12
ACCURATE = 1e-10
"""A residual up to which a factorisation without pivots is good enough."""
SMALL = 3000
"""Rows of a system up to which one with pivots is tried as well: it may fill the factors."""
PIVOTED: dict[str, Any] = {}
UNPIVOTED: dict[str, Any] = {
    "permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True},
}  # fmt: skip
"""Options of SuperLU."""


def error(program: Program, x: np.ndarray, price: np.ndarray) -> float:
    """Return the largest KKT residual: stationarity, feasibility, and sign and complementarity of ``price``."""
    m = len(program.lo)
    value = np.concatenate([program.A @ x, x])
    lo, hi = np.concatenate([program.lo, program.lb]), np.concatenate([program.hi, program.ub])
    stationarity = program.P @ x + program.q - program.A.T @ price[:m] - price[m:]
    outside = np.maximum(np.maximum(lo - value, value - hi), 0.0)
    side = np.where(price > 0, lo, hi)
    with np.errstate(invalid="ignore"):
        gap = np.where(price == 0, 0.0, np.minimum(np.abs(price), np.abs(price * (value - side))))
    return float(max(np.abs(stationarity).max(initial=0.0), outside.max(initial=0.0), gap.max(initial=0.0)))


def sharpen(program: Program, answer: Answer, deadline: Deadline = NEVER) -> Answer:
    """Return the answer with smaller KKT residuals, or the answer itself where that does not succeed in time."""
    if answer.x is None or deadline.over:
        return answer
    m = len(program.lo)
    price = np.concatenate([answer.row_dual, answer.col_dual])
    best, least = (answer.x, price), error(program, answer.x, price)
    if least <= SHARP:
        return answer
    R = Csr(sp.vstack([program.A, sp.eye_array(len(program.q))], format="csr"))
    lo, hi = np.concatenate([program.lo, program.lb]), np.concatenate([program.hi, program.ub])
    value = R @ answer.x
    equal = lo == hi
    upper, lower = ~equal & (-price > hi - value), ~equal & (price > value - lo)
    for _ in range(CORRECTIONS):
        if deadline.over:
            break
        found = _solve(program, R, np.where(upper, hi, lo), equal | upper | lower, answer.x, price)
        if found is None:
            break
        x, w = found
        now = error(program, x, w)
        if now < least:
            best, least = found, now
        value = R @ x
        drop = (upper & (w > SHARP)) | (lower & (w < -SHARP))
        add_up, add_low = ~equal & ~upper & (value > hi + SHARP), ~equal & ~lower & (value < lo - SHARP)
        if least <= SHARP or not (drop | add_up | add_low).any():
            break
        upper, lower = (upper & ~drop) | add_up, (lower & ~drop) | add_low
    x, price = best
    objective = float(0.5 * x @ (program.P @ x) + program.q @ x)
    return Answer(answer.status, x, objective, price[:m], price[m:])


def _solve(
    program: Program, R: Csr, side: np.ndarray, active: np.ndarray, x: np.ndarray, price: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return x and the prices of all rows where the active ones hold with equality; None when no number comes out."""
    n, rows = len(x), Csr(R[active])
    K = sp.block_array([[program.P, rows.T], [rows, None]], format="csc") if rows.shape[0] else sp.csc_array(program.P)
    signs = np.concatenate([np.ones(n), -np.ones(rows.shape[0])])
    scale = max(1.0, float(np.abs(program.P.data).max(initial=0.0)))
    right = np.concatenate([-program.q, side[active]])
    begun = np.concatenate([x, -price[active]])
    u = refined(K, sp.csc_array(K + REGULARISATION * scale * sp.diags_array(signs)), right, begun)
    if u is None:
        return None
    out = np.zeros(len(price))
    out[active] = -u[n:]
    return u[:n], out


def refined(K: sp.csc_array, near: sp.csc_array, right: np.ndarray, u: np.ndarray) -> np.ndarray | None:
    """Solve ``K u = right`` by refinement with the factors of a matrix near K; None when no number comes out.

    Without pivots first; with pivots where that was not accurate and the system is small enough for them.
    """
    best, least = None, np.inf
    for choice in (UNPIVOTED, PIVOTED) if K.shape[0] <= SMALL else (UNPIVOTED,):
        try:
            factor = splu(near, **choice)
        except RuntimeError:
            continue
        trial, rest = u, right - K @ u
        for _ in range(REFINEMENTS):
            if np.abs(rest).max(initial=0.0) <= SHARP:
                break
            trial = trial + factor.solve(rest)
            rest = right - K @ trial
        off = float(np.abs(rest).max(initial=0.0))
        if np.isfinite(trial).all() and off < least:
            best, least = trial, off
        if least <= ACCURATE:
            break
    return best
