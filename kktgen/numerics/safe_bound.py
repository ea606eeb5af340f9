"""Bounds from LPs that hold in spite of rounding (Neumaier & Shcherbina 2004)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr

from .answers import Answer
from .intervals import interval
from .sparse import Csr

DUST, SHARE = 1e-9, 1e-5
"""Reduced costs below the one, and below the other times their terms, are taken as zero on infinite sides."""
NOISE = (0.0, 1e-13, 1e-11, 1e-9)
"""Row prices below such a share of the largest one are taken as zero, one share after another until a bound comes of
it: what is left of them on columns without bounds would prove nothing."""
OUTWARD = 1e-7
"""Relative rounding outward of every proved bound."""
ROUNDING = 1e-13
"""Relative rounding of sums, by their largest term."""
BALANCING = 3
"""Most steps that move a point and row prices to where reduced costs vanish."""
NIL = 1e-12
"""A bound whose terms are all below this is zero."""


def safe_minimum(
    answer: Answer, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> float:
    """Return a lower bound on ``min q'x  s.t.  lo <= A x <= hi, lb <= x <= ub`` from the LP's own row prices.

    For any row prices p the value ``sum_i min(p_i lo_i, p_i hi_i) + sum_j min(r_j lb_j, r_j ub_j)`` with
    ``r = q - A'p`` is a lower bound, so an inexact p costs tightness, never truth.

    Returns
    -------
    float
        The bound; +inf when the LP is proved infeasible, -inf when nothing is proved. The solver's word that it is
        infeasible is no proof: row prices of a zero cost with a positive bound are, or a row no point of the box meets.
    """
    if answer.status == "infeasible":
        return np.inf if _is_empty(answer.row_dual, A, lo, hi, lb, ub) else -np.inf
    if answer.status != "optimal":
        return -np.inf
    value, largest = _priced(answer.row_dual, q, A, lo, hi, lb, ub)
    if largest <= NIL:
        return 0.0  # nothing was rounded
    return value - OUTWARD * (1.0 + abs(value)) - ROUNDING * largest if np.isfinite(value) else -np.inf


def safe_convex_minimum(
    answer: Answer, P: Csr, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return a lower bound on ``min 1/2 z'P z + q'z`` over a polyhedron, P psd, and the point it was taken at.

    The tangent at any point x is below the function, and its minimum is bounded by row prices as an LP's is::

        1/2 z'P z + q'z >= g'z - 1/2 x'P x + 1/2 (z - x)'P (z - x),   g = P x + q

    Where a column has no bound, its reduced cost must vanish: point and prices of the solver are first moved to where
    it does. -inf where nothing is proved.
    """
    if answer.x is None:
        return -np.inf, np.zeros(len(q))
    x, p = _balanced(P, A, answer.x, answer.row_dual, q, lb, ub)
    value, largest = _priced(p, P @ x + q, A, lo, hi, lb, ub, np.abs(P) @ np.abs(x) + np.abs(q))
    half = 0.5 * float(x @ (P @ x))
    value -= half
    if not np.isfinite(value):
        return -np.inf, x
    return value - OUTWARD * (1.0 + abs(value)) - ROUNDING * max(largest, abs(half)), x


def _balanced(
    P: Csr, A: Csr, x: np.ndarray, p: np.ndarray, q: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a point and row prices nearby with ``P x + q = A'p`` on the columns whose reduced cost has no bound."""
    for _ in range(BALANCING):
        r = P @ x + q - A.T @ p
        open_ = np.flatnonzero(((r > 0) & np.isinf(lb)) | ((r < 0) & np.isinf(ub)))
        if np.abs(r[open_]).max(initial=0.0) < NIL:
            break
        free = p != 0  # prices of rows that do not hold stay at zero
        M = Csr(sp.hstack([P[open_], -A[free][:, open_].T], format="csr"))
        step = lsqr(M, -r[open_], atol=1e-15, btol=1e-15)[0]
        x, p = x + step[: len(x)], p.copy()
        p[free] += step[len(x) :]
    return x, p


def _priced(
    prices: np.ndarray, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    size: np.ndarray | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Return the lower bound of the row prices, and the largest of its terms; ``size`` is that of what q adds up."""
    prices = np.where(((prices > 0) & ~np.isfinite(lo)) | ((prices < 0) & ~np.isfinite(hi)), 0.0, prices)
    most = np.abs(prices).max(initial=0.0)
    for share in NOISE:
        p = np.where(np.abs(prices) < share * most, 0.0, prices)
        r = q - A.T @ p
        open_ = np.flatnonzero(((r > 0) & np.isinf(lb)) | ((r < 0) & np.isinf(ub)))
        if len(open_):  # what a solver leaves of terms that cancel; a term alone is one, however small
            terms = np.abs(q if size is None else size)[open_] + np.abs(A[:, open_]).T @ np.abs(p)
            rest = np.abs(r[open_])
            if ((rest >= DUST) | (rest >= SHARE * terms)).any():
                continue
            r[open_] = 0.0
        with np.errstate(invalid="ignore"):
            rows = np.where(p > 0, p * lo, p * hi)[p != 0]
            columns = np.where(r > 0, r * lb, r * ub)[r != 0]
        largest = max(np.abs(rows).max(initial=0.0), np.abs(columns).max(initial=0.0))
        return float(rows.sum() + columns.sum()), float(largest)
    return -np.inf, np.inf


def _is_empty(ray: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> bool:
    """Return whether a ray of row prices, the interval of some row, or crossed bounds prove that there is no point."""
    if len(ray):
        scaled = ray / max(np.abs(ray).max(initial=0.0), DUST)
        value, largest = _priced(scaled, np.zeros(len(lb)), A, lo, hi, lb, ub)
        if np.isfinite(value) and value > DUST * max(1.0, largest):
            return True
    low, high = interval(A, lb, ub)
    sides = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (lo, hi)]
    room = OUTWARD * (1.0 + np.maximum(*sides))
    return bool((low > hi + room).any() or (high < lo - room).any() or (lb > ub).any())
