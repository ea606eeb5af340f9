"""Bounds from LPs that hold in spite of rounding (Neumaier & Shcherbina 2004)."""

from __future__ import annotations

import numpy as np

from ..kernel import Answer
from ..sparse import Csr

DUST = 1e-9
"""Row prices and reduced costs below this on infinite sides are taken as zero."""
OUTWARD = 1e-7
"""Relative rounding outward of every proved bound."""


def safe_minimum(
    answer: Answer, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> float:
    """Return a lower bound on ``min q'x  s.t.  lo <= A x <= hi, lb <= x <= ub`` from the LP's own row prices.

    For any row prices p the value ``sum_i min(p_i lo_i, p_i hi_i) + sum_j min(r_j lb_j, r_j ub_j)`` with
    ``r = q - A'p`` is a lower bound, so an inexact p costs tightness, never truth.

    Returns
    -------
    float
        The bound; +inf when the LP is infeasible, -inf when nothing is proved.
    """
    if answer.status == "infeasible":
        return np.inf
    if answer.status != "optimal":
        return -np.inf
    p = answer.row_dual.copy()
    p[((p > 0) & ~np.isfinite(lo)) | ((p < 0) & ~np.isfinite(hi))] = 0.0
    r = q - A.T @ p
    r[np.abs(r) < DUST * (np.isinf(lb) | np.isinf(ub))] = 0.0
    with np.errstate(invalid="ignore"):
        rows = np.where(p > 0, p * lo, p * hi)
        columns = np.where(r > 0, r * lb, r * ub)
    value = float(rows[p != 0].sum() + columns[r != 0].sum())
    return value - OUTWARD * (1.0 + abs(value)) if np.isfinite(value) else -np.inf
