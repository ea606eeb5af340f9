"""Between which values expressions lie at every point of a follower's own rows, whatever the leader decides.

Bounds of the columns first, tightened by the activity of the rows; then linear programs over the rows, with the
leader's variables free in their bounds. Rows of the leader have no part in it: the follower does not know them. What is
proved is made strictly wider at both ends (:mod:`kktgen.problem.lifting`).
"""

from __future__ import annotations

import numpy as np

from ..numerics.intervals import interval, tighten
from ..numerics.safe_bound import safe_minimum
from ..numerics.sparse import Csr, compress, csr, joined, row_index, vstack
from ..numerics.warm_lp import WarmLp
from .follower_rows import Declared

SWEEPS = 3
"""Times that the boxes of expressions and those of the product columns are drawn from each other."""
PROGRAMS = 2e7
"""Entries of all linear programs together up to which boxes that are finite already are made smaller by them."""
WIDER = 0.125
"""Share of its width by which a box is wider than proved, at either end."""


def expression_boxes(
    declared: list[Declared], E: Csr, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return strictly wider boxes of the expressions ``E z``, infinite where nothing is proved (k,), (k,).

    Parameters
    ----------
    declared : list of Declared
        The follower's rows, those of bounds too.
    E : csr_array (k, n)
    columns : ndarray (l,)
        The product columns, ``z_c = x_c e`` of the first l expressions.
    lb, ub : ndarray (n,)
        Bounds of the columns.
    """
    n = E.shape[1]
    M = vstack([d.M for d in declared], n)
    lo, hi = joined(d.lo for d in declared), joined(d.hi for d in declared)
    lb, ub = lb.copy(), ub.copy()
    count = len(columns)
    low, high = interval(E, lb, ub)
    for _ in range(SWEEPS):
        before = low, high
        lb[columns], ub[columns] = np.minimum(low[:count], 0.0), np.maximum(high[:count], 0.0)
        lb, ub = tighten(M, lo, hi, lb, ub)
        low, high = interval(E, lb, ub)
        if np.array_equal(before[0], low) and np.array_equal(before[1], high):
            break
    low, high = _by_programs(M, lo, hi, E, columns, lb, ub, low, high)
    return _wider(low, high)


def _by_programs(
    M: Csr, lo: np.ndarray, hi: np.ndarray, E: Csr, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    low: np.ndarray, high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the boxes of expressions made smaller by linear programs, those without an end twice."""
    count, k = len(columns), len(low)
    used, (rows, own, own_w) = compress(M, E, csr(np.ones(count), columns, np.arange(count + 1), (count, E.shape[1])))
    w, lb, ub = own_w.indices, lb[used], ub[used]
    several = np.diff(own.indptr) > 1
    all_ = 2.0 * k * rows.nnz <= PROGRAMS
    lp = None
    for again in (False, True):
        infinite = ~(np.isfinite(low) & np.isfinite(high))
        asked = np.flatnonzero(infinite | (several & all_ & (not again)))
        if not len(asked) or not rows.shape[0]:
            break
        lp = WarmLp(rows, lo, hi, lb, ub) if lp is None else lp
        for e in asked:
            entries = slice(own.indptr[e], own.indptr[e + 1])
            ends = []
            for sign in (1.0, -1.0):
                answer = lp.minimize(own.indices[entries], sign * own.data[entries], point=False)
                cost = np.zeros(len(used))
                cost[own.indices[entries]] = sign * own.data[entries]
                ends.append(sign * safe_minimum(answer, cost, rows, lo, hi, lb, ub))
            if np.isinf(ends[0]) and ends[0] > 0 or np.isinf(ends[1]) and ends[1] < 0:
                ends = [0.0, 0.0]  # the rows have no point
            low[e], high[e] = max(low[e], ends[0]), min(high[e], ends[1])
            if e < count:
                lb[w[e]], ub[w[e]] = max(lb[w[e]], min(low[e], 0.0)), min(ub[w[e]], max(high[e], 0.0))
                lp.set_columns(w[e : e + 1], lb[w[e : e + 1]], ub[w[e : e + 1]])
    return low, high


def _wider(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes wider by a share of their width, of their size where they have none, on short numbers."""
    size = np.maximum(*(np.where(np.isfinite(end), np.abs(end), 0.0) for end in (low, high)))
    closed = np.isfinite(low) & np.isfinite(high) & (high > low)
    with np.errstate(invalid="ignore", over="ignore"):
        width = np.where(closed, high - low, size)
        width = np.where(width > 0, width, 1.0)
        step = 2.0 ** np.floor(np.log2(width) - 6.0)
        low, high = np.floor((low - WIDER * width) / step) * step, np.ceil((high + WIDER * width) / step) * step
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def first_open(E: Csr, low: np.ndarray, high: np.ndarray) -> tuple[int, np.ndarray] | None:
    """Return the first expression without a finite box, and its columns; None where all have one."""
    open_ = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))
    return (int(open_[0]), E.indices[row_index(E) == open_[0]]) if len(open_) else None
