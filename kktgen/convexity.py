"""Is a sparse symmetric matrix positive semidefinite? Tested by connected blocks, with a witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .sparse import Csr, coo

if TYPE_CHECKING:
    from .tables import QuadTable

DENSE = 400
"""Largest block whose eigenvalues are computed densely."""
TOLERANCE = 1e-9
"""An eigenvalue above ``-TOLERANCE * max|P|`` of its block counts as nonnegative."""
ROUNDING = 1e-14
"""A block of one index is nonnegative above ``-ROUNDING * max|P|``, what rounding leaves of a sum that vanishes."""


def is_psd(P: Csr) -> bool:
    """Return whether the symmetric matrix P (n, n) is positive semidefinite."""
    return nonconvex_block(P) is None


def nonconvex_block(P: Csr) -> np.ndarray | None:
    """Return the indices of a connected block of P that is not positive semidefinite, or None.

    Blocks of one index are tested by sign, equal-sized small ones by one batched eigenvalue call,
    large ones by the inertia of a sparse symmetric LU factorisation of ``P + t I``.
    """
    if P.nnz == 0:
        return None
    diagonal, size = P.diagonal(), np.abs(P.data).max()
    off = P - sp.diags_array(diagonal)
    off = Csr(off)
    off.eliminate_zeros()
    alone = np.diff(off.indptr) == 0
    negative = np.flatnonzero(diagonal < np.where(alone, -ROUNDING, -TOLERANCE) * size)
    if len(negative):
        return negative[:1]
    touched = np.flatnonzero(np.diff(off.indptr))
    if len(touched) == 0:
        return None
    inner = Csr(P[touched][:, touched])
    count, label = connected_components(inner, directed=False)
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for size in np.unique(sizes):
        blocks = np.flatnonzero(sizes == size)
        members = order[starts[blocks][:, None] + np.arange(size)]
        for batch in np.array_split(members, max(1, len(members) * int(size) ** 2 // 4_000_000)):
            bad = _bad_blocks(inner, batch)
            if bad is not None:
                return touched[bad]
    return None


def _bad_blocks(P: Csr, members: np.ndarray) -> np.ndarray | None:
    """Return the members of the first block (rows of ``members``) that is not psd, or None."""
    count, size = members.shape
    if size > DENSE:
        return next((block for block in members if not _inertia_psd(Csr(P[block][:, block]))), None)
    where = np.full((P.shape[0], 2), -1)
    where[members.ravel(), 0] = np.repeat(np.arange(count), size)
    where[members.ravel(), 1] = np.tile(np.arange(size), count)
    entries = Csr(P[members.ravel()]).tocoo()
    row = members.ravel()[entries.row]
    dense = np.zeros((count, size, size))
    dense[where[row, 0], where[row, 1], where[entries.col, 1]] = entries.data
    smallest = np.linalg.eigvalsh(dense)[:, 0]
    scale = np.abs(dense).max(axis=(1, 2))
    bad = np.flatnonzero(smallest < -TOLERANCE * size * scale)
    return members[bad[0]] if len(bad) else None


def _inertia_psd(P: Csr) -> bool:
    """Return whether a large block is psd: no negative pivot in ``P + t I = L D L'``, t tiny."""
    shift = TOLERANCE * P.shape[0] ** 0.5 * np.abs(P.data).max() * 10
    shifted = sp.csc_array(P + shift * sp.eye_array(P.shape[0]))
    try:
        lu = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular although shifted: some pivot was not positive
        return False
    if (lu.perm_r != lu.perm_c).any():  # an off-diagonal pivot: a diagonal one vanished, so not definite
        return False
    return bool((lu.U.diagonal() > 0).all())


def psd_rows(quads: QuadTable, n: int) -> np.ndarray:
    """Return for every quadratic row whether its feasible set is convex (k,) bool."""
    k = len(quads)
    diagonal = np.unique(quads.row[quads.i == quads.j] * n + quads.i[quads.i == quads.j])
    cross = quads.i != quads.j
    lonely = ~np.isin(quads.row[cross] * n + quads.i[cross], diagonal) | ~np.isin(
        quads.row[cross] * n + quads.j[cross], diagonal
    )
    out = np.ones(k, dtype=bool)
    out[quads.row[cross][lonely]] = False
    start = np.searchsorted(quads.row, np.arange(k + 1))
    for row in np.flatnonzero(out & (np.diff(start) > 0)):
        here = slice(start[row], start[row + 1])
        i, j, v = quads.i[here], quads.j[here], quads.v[here]
        used = np.unique(np.concatenate([i, j]))
        half = coo(v, np.searchsorted(used, i), np.searchsorted(used, j), (len(used), len(used)))
        P = Csr(half + half.T)
        upper = not np.isfinite(quads.linear.hi[row]) or is_psd(P)
        lower = not np.isfinite(quads.linear.lo[row]) or is_psd(Csr(-P))
        out[row] = upper and lower
    return out
