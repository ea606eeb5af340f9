"""Points that keep linear rows up to rounding, near ones that keep them up to a solver's tolerance.

What a point misses a row by may be much in another variable: with ``t <= 1000 s`` and ``s <= 1000 r`` an r of 1e-9 in
the place of 0 leaves t 0.001. Where rows have no slack, slack elsewhere is proved by a point that keeps them exactly.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import lsmr

from .sparse import Csr

NEAR = 1e-9
"""A row with less slack than this, over its norm and the point's size, is held with equality."""
ZERO, CLEAR = 1e-13, 1e-8
"""Singular values of the held rows (over the largest) are below the one, dependent rows, or above the other."""
ROUNDED = 1e-13
"""What rounding leaves of the rows that are held, over the point's size."""
DENSE = 400
"""Most rows, or columns, for which held rows are taken apart by singular values; larger ones are corrected by LSMR."""
STEPS = 5
"""How often they are corrected for what rounding left."""


def settled(v: np.ndarray, M: Csr, lo: np.ndarray, hi: np.ndarray) -> np.ndarray | None:
    """Return a point with ``lo <= M v <= hi`` near v; None where none is found, or rounding may be much of it.

    Parameters
    ----------
    v : ndarray (n,)
    M : csr_array (m, n)
    lo, hi : ndarray (m,)
    """
    size = np.sqrt(np.asarray(M.multiply(M).sum(axis=1)).ravel())
    unit = Csr(sp.diags_array(1.0 / np.where(size > 0, size, 1.0)) @ M)
    lo, hi = (side / np.where(size > 0, size, 1.0) for side in (lo, hi))
    at = np.where(lo == hi, lo, np.nan)  # where each row is held
    while True:
        large, value = 1.0 + np.abs(v).max(initial=0.0), unit @ v
        for side, slack in ((lo, value - lo), (hi, hi - value)):
            at = np.where(np.isnan(at) & (slack < NEAR * large), side, at)
        held = np.flatnonzero(~np.isnan(at))
        if (np.abs(value[held] - at[held]) <= ROUNDED * large).all():
            return v
        rows = Csr(unit[held])
        moved = _by_parts(v, rows, at[held]) if min(rows.shape) <= DENSE else _by_steps(v, rows, at[held])
        if moved is None or not (np.abs(rows @ moved - at[held]) <= ROUNDED * (1.0 + np.abs(moved).max())).all():
            return None
        v = moved


def _by_parts(v: np.ndarray, rows: Csr, at: np.ndarray) -> np.ndarray | None:
    """Return the nearest point with ``rows v = at``; None where rows are neither dependent nor clearly independent."""
    U, s, Vt = np.linalg.svd(rows.toarray(), full_matrices=False)
    share = s / s[0]
    if ((share > ZERO) & (share < CLEAR)).any():
        return None
    keep = share >= CLEAR
    for _ in range(2):  # once more for what rounding left
        v = v + Vt[keep].T @ ((U[:, keep].T @ (at - rows @ v)) / s[keep])
    return v


def _by_steps(v: np.ndarray, rows: Csr, at: np.ndarray) -> np.ndarray:
    """Return the nearest point with ``rows v = at``, as near as least squares come to it."""
    for _ in range(STEPS):
        left = at - rows @ v
        if not (np.abs(left) > ROUNDED * (1.0 + np.abs(v).max())).any():
            break
        v = v + lsmr(rows, left, atol=1e-14, btol=1e-14, conlim=0, maxiter=4 * max(rows.shape))[0]
    return v
