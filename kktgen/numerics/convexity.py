"""Is a sparse symmetric matrix positive semidefinite? Tested by connected blocks, with a witness.

Every block is scaled to a unit diagonal first, ``C = D^-1/2 P D^-1/2``: that changes no sign of an eigenvalue, and the
answer does not depend on the units of single variables. Up to what is negative is for the caller to say:

========= ===============================================================================================
``CLEAR`` nothing: eigenvalues in floating point err by so much
``NOISE`` what sums of products leave: such a matrix is psd for whoever asks (:func:`is_psd`)
``DATA``  what rounding the data leaves: taken for psd after it was made so (:func:`repair`), else refused
========= ===============================================================================================

all times the root of the block's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from .sparse import Csr, components, row_index

if TYPE_CHECKING:
    pass

DENSE = 400
"""Largest block whose eigenvalues are computed densely."""
CLEAR, NOISE, DATA = 1e-14, 1e-12, 3e-8
"""How negative the smallest eigenvalue of a block with unit diagonal may be, over the root of its size."""
DEFINITE = 1e-6
"""Least eigenvalue of a block with unit diagonal that is taken for positive definite."""
TINY = 1e-30
"""A diagonal entry below this share of the largest entry of its block is zero."""
ROUNDING = 1e-14
"""A block of one index is nonnegative above ``-ROUNDING * max|P|``, what rounding leaves of a sum that vanishes."""


def is_psd(P: Csr) -> bool:
    """Return whether the symmetric matrix P (n, n) is positive semidefinite, up to the noise of sums."""
    return nonconvex_block(P) is None


def nonconvex_block(P: Csr) -> np.ndarray | None:
    """Return the indices of a connected block of P that is not positive semidefinite, or None.

    Blocks of one index are tested by sign, equal-sized small ones by one batched eigenvalue call,
    large ones by the inertia of a sparse symmetric LU factorisation of ``C + t I``.
    """
    for members, _, least in _blocks(P, NOISE):
        bad = np.flatnonzero(least < -NOISE * members.shape[1] ** 0.5)
        if len(bad):
            return members[bad[0]]
    return None


def definite(P: Csr) -> np.ndarray:
    """Return which indices of a symmetric psd matrix P (n, n) stand in positive definite blocks (n,) bool.

    ``P y`` says what y is there. Blocks of more than ``DENSE`` indices count as singular.
    """
    out, diagonal = np.zeros(P.shape[0], dtype=bool), P.diagonal()
    lone = np.bincount(row_index(P)[P.data != 0], minlength=len(out)) == (diagonal != 0)
    out[lone] = diagonal[lone] > 0
    for members, _, least in _blocks(P, NOISE):
        out[members[least > DEFINITE].ravel()] = True
    return out


@dataclass(frozen=True, eq=False)
class Repair:
    """What makes a matrix positive semidefinite that is so up to the rounding of its data.

    Parameters
    ----------
    diagonal : ndarray (n,)
        To be added to the diagonal; zero in the blocks that are psd beyond rounding, which stay as they are.
    share : float
        Largest share of (unit) diagonal added to a block of two indices or more.
    bad : ndarray or None
        Indices of a block that is not psd even up to the rounding of data; nothing is repaired then.
    """

    diagonal: np.ndarray
    share: float
    bad: np.ndarray | None


def repair(P: Csr) -> Repair:
    """Return what to add to the diagonal of P (n, n), so that it is psd beyond rounding, as its bounds need it."""
    out, share = np.zeros(P.shape[0]), 0.0
    for members, diagonal, least in _blocks(P, DATA):
        root = members.shape[1] ** 0.5
        bad = np.flatnonzero(least < -DATA * root)
        if len(bad):
            return Repair(np.zeros(P.shape[0]), 0.0, members[bad[0]])
        weak = np.flatnonzero(least < -CLEAR * root)
        if members.shape[1] == 1:
            out[members[weak, 0]] = -P.diagonal()[members[weak, 0]]
            continue
        added = -least[weak] + 2 * CLEAR * root
        out[members[weak]] = added[:, None] * diagonal[weak]
        share = max(share, float(added.max(initial=0.0)))
    return Repair(out, share, None)


def _blocks(P: Csr, level: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the connected blocks of one size: members (k, size), what scales them (k, size), least eigenvalues (k,).

    Blocks are scaled by their diagonal; where it is not positive, ``level`` times the largest entry of the block stands
    in. The least eigenvalue of a negative block of one index is -1, of a large block it is minus one of the levels.
    """
    if P.nnz == 0:
        return
    diagonal, top = P.diagonal(), np.abs(P.data).max()
    off = P - sp.diags_array(diagonal)
    off = Csr(off)
    off.eliminate_zeros()
    touched = np.flatnonzero(np.diff(off.indptr))
    alone = np.flatnonzero((np.diff(off.indptr) == 0) & (diagonal < 0))
    if len(alone):
        yield alone[:, None], diagonal[alone][:, None], np.where(diagonal[alone] < -ROUNDING * top, -1.0, -2 * CLEAR)
    if len(touched) == 0:
        return
    inner = Csr(P[touched][:, touched])
    count, label = components(inner)
    largest = np.zeros(count)
    np.maximum.at(largest, label, abs(inner).max(axis=1).toarray().ravel())
    own, most = inner.diagonal(), largest[label]
    scale = np.where(own > TINY * most, own, level * most)
    over = sp.diags_array(1.0 / np.sqrt(scale))
    unit = Csr(over @ inner @ over)
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for size in np.unique(sizes):
        blocks = np.flatnonzero(sizes == size)
        members = order[starts[blocks][:, None] + np.arange(size)]
        for batch in np.array_split(members, max(1, len(members) * int(size) ** 2 // 4_000_000)):
            yield touched[batch], scale[batch], _least(unit, batch)


def _least(C: Csr, members: np.ndarray) -> np.ndarray:
    """Return the smallest eigenvalue of every block (rows of ``members``) of a matrix of unit diagonal (k,)."""
    count, size = members.shape
    if size > DENSE:
        return np.array([_least_level(Csr(C[block][:, block])) for block in members])
    where = np.full((C.shape[0], 2), -1)
    where[members.ravel(), 0] = np.repeat(np.arange(count), size)
    where[members.ravel(), 1] = np.tile(np.arange(size), count)
    entries = Csr(C[members.ravel()]).tocoo()
    row = members.ravel()[entries.row]
    dense = np.zeros((count, size, size))
    dense[where[row, 0], where[row, 1], where[entries.col, 1]] = entries.data
    return np.linalg.eigvalsh(dense)[:, 0]


def _least_level(C: Csr) -> float:
    """Return minus the smallest level t at which a large block is psd: no negative pivot in ``C + t I = L D L'``."""
    root = C.shape[0] ** 0.5
    return next((-t * root for t in (CLEAR, NOISE, DATA) if _inertia_psd(C, t * root)), -np.inf)


def _inertia_psd(C: Csr, t: float) -> bool:
    """Return whether ``C + t I`` has no negative pivot."""
    shifted = sp.csc_array(C + t * sp.eye_array(C.shape[0]))
    try:
        lu = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular although shifted: some pivot was not positive
        return False
    if (lu.perm_r != lu.perm_c).any():  # an off-diagonal pivot: a diagonal one vanished, so not definite
        return False
    return bool((lu.U.diagonal() > 0).all())
