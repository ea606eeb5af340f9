"""Bounds from LPs that hold in spite of rounding (Neumaier & Shcherbina 2004)."""

from __future__ import annotations

import numpy as np

from ..kernel import Answer
from ..sparse import Csr
from .activity import interval

DUST = 1e-9
"""Row prices and reduced costs below this on infinite sides are taken as zero."""
OUTWARD = 1e-7
"""Relative rounding outward of every proved bound."""
ROUNDING = 1e-13
"""Relative rounding of sums, by their largest term."""
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


def _priced(
    prices: np.ndarray, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> tuple[float, float]:
    """Return the lower bound of the row prices, and the largest of its terms."""
    p = prices.copy()
    p[((p > 0) & ~np.isfinite(lo)) | ((p < 0) & ~np.isfinite(hi))] = 0.0
    r = q - A.T @ p
    r[np.abs(r) < DUST * (np.isinf(lb) | np.isinf(ub))] = 0.0
    with np.errstate(invalid="ignore"):
        rows = np.where(p > 0, p * lo, p * hi)[p != 0]
        columns = np.where(r > 0, r * lb, r * ub)[r != 0]
    largest = max(np.abs(rows).max(initial=0.0), np.abs(columns).max(initial=0.0))
    return float(rows.sum() + columns.sum()), float(largest)


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
