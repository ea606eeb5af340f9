"""Activity-based bound tightening on CSR rows: what the rows alone say of the columns' boxes."""

from __future__ import annotations

import numpy as np

from .sparse import Csr, row_index

MARGIN = 1e-9
"""Relative amount by which a derived bound is rounded outward."""
DIVISION = 1e-15
"""The same of a side that is divided by one entry, relative to the bound alone."""
FAR = 1e9
"""A bound or side of this size and beyond is out of reach: sums with it lose the digits tolerances look at."""


def within_reach(lo: np.ndarray, hi: np.ndarray, reach: float = FAR) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper sides, -inf and inf in place of those that are ``reach`` or more from zero."""
    return np.where(np.abs(lo) < reach, lo, -np.inf), np.where(np.abs(hi) < reach, hi, np.inf)


def interval(M: Csr, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value of ``M z`` over the box [lb, ub], row by row."""
    low, high = _terms(M, lb, ub)
    row = row_index(M)
    return np.bincount(row, weights=low, minlength=M.shape[0]), np.bincount(row, weights=high, minlength=M.shape[0])


def _terms(M: Csr, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value of every stored term."""
    positive = M.data > 0
    low, high = lb[M.indices], ub[M.indices]
    return M.data * np.where(positive, low, high), M.data * np.where(positive, high, low)


def tighten(
    M: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray, sweeps: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Return the box [lb, ub] tightened by the rows ``lo <= M z <= hi``, rounded outward: of single entries hardly.

    Each sweep bounds every column of every row by the row's sides less the extreme activity of the other
    columns, for all rows at once; it stops when no finite bound moves by more than a thousandth. Bounds and sides out
    of reach (:data:`kktgen.numerics.intervals.FAR`) say nothing.
    """
    if M.nnz == 0:
        return lb.copy(), ub.copy()
    declared = lb, ub
    lb, ub = within_reach(lb, ub)
    lo, hi = within_reach(lo, hi)
    row = row_index(M)
    order = np.argsort(M.indices, kind="stable")
    columns, first = np.unique(M.indices[order], return_index=True)
    alone = np.diff(M.indptr)[row] == 1  # a division is all that rounds there, and x >= 0 is said by 0 itself

    def outward(side: np.ndarray) -> np.ndarray:
        return np.where(alone, DIVISION * np.abs(side), MARGIN * (1 + np.abs(side)))

    for _ in range(sweeps):
        low, high = _terms(M, lb, ub)
        rest_low, rest_high = rest_of(low, row, M.shape[0]), rest_of(high, row, M.shape[0])
        with np.errstate(invalid="ignore"):
            top, bottom = hi[row] - rest_low, lo[row] - rest_high  # on the term a z
            upper = np.where(M.data > 0, top, bottom) / M.data
            lower = np.where(M.data > 0, bottom, top) / M.data
        upper = np.where(np.isnan(upper), np.inf, upper + outward(upper))
        lower = np.where(np.isnan(lower), -np.inf, lower - outward(lower))
        new_ub = np.minimum(ub[columns], np.minimum.reduceat(upper[order], first))
        new_lb = np.maximum(lb[columns], np.maximum.reduceat(lower[order], first))
        crossed = new_lb > new_ub  # an empty box is for the LP to report, not for rounding
        new_lb, new_ub = np.where(crossed, lb[columns], new_lb), np.where(crossed, ub[columns], new_ub)
        with np.errstate(invalid="ignore"):
            moved = (ub[columns] - new_ub > 1e-3 * (1 + np.abs(new_ub))) | (
                new_lb - lb[columns] > 1e-3 * (1 + np.abs(new_lb))
            )
        lb[columns], ub[columns] = new_lb, new_ub
        if not moved.any():
            break
    lb, ub = within_reach(lb, ub)
    return np.maximum(lb, declared[0]), np.minimum(ub, declared[1])


def rest_of(term: np.ndarray, row: np.ndarray, rows: int) -> np.ndarray:
    """Return for every entry the sum of the other terms of its row, with infinities counted apart."""
    infinite = ~np.isfinite(term)
    finite = np.where(infinite, 0.0, term)
    total = np.bincount(row, weights=finite, minlength=rows)[row] - finite
    others = np.bincount(row, weights=infinite, minlength=rows)[row] - infinite
    sign = np.bincount(row, weights=np.where(infinite, np.sign(term), 0.0), minlength=rows)[row]
    return np.where(others > 0, np.where(sign > 0, np.inf, -np.inf), total)
