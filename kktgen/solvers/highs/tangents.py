"""Tangents of a convex quadratic: rows that turn it into linear terms, exact at chosen points.

With ``P = F'F`` the quadratic is a sum of squares of single rows, and with any set of points p::

    1/2 z'P z = sum_k 1/2 (F_k z)^2,      1/2 (F_k z)^2 >= (F_k p) F_k z - 1/2 (F_k p)^2,     >= 0

so ``min q'z + sum_k t_k`` over ``t_k >=`` the right-hand sides is a relaxation, exact where z is one of the points.
One square a term is far tighter than one tangent of the whole quadratic: every combination of the terms' tangents is
there.

References
----------
Kelley, The cutting-plane method for solving convex programs, J. SIAM 8 (1960). Separate terms: Hijazi, Bonami, Ouorou,
An outer-inner approximation for separable mixed-integer nonlinear programs, INFORMS J. Comput. 26 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from ...errors import SolverError
from ...numerics.sparse import Csr, components, coo, row_index, vstack

DENSE = 500
"""Largest connected block that is factored densely, with pivoting: exact in rank."""
PIVOT = 1e-13
"""A smaller pivot of a block with unit diagonal is rounding: the block is singular there, no square."""
SHIFT, SHIFTED_PIVOT = 1e-14, 1e-10
"""What is added to the diagonal of a larger block, which may be singular, and the smallest pivot that counts there."""
TIGHT = 1e-9
"""A tangent lifts its term by more than this (relative to ``1 + f``), or is not worth a row."""


def squares(P: Csr) -> Csr:
    """Return F with ``F'F = P`` for a positive semidefinite P (n, n), one row a square.

    P is scaled to a unit diagonal. Its connected blocks are factored by Cholesky's method: those of one size at once
    and with pivoting, the large ones by a sparse ``L D L'`` that fills in little.

    Raises
    ------
    SolverError
        P cannot be factored to nine digits.
    """
    diagonal = P.diagonal()
    used = np.flatnonzero(diagonal > 0)
    if not len(used):
        return Csr((0, P.shape[0]))
    scale = np.sqrt(diagonal[used])
    unit = Csr(sp.diags_array(1.0 / scale) @ P[used][:, used] @ sp.diags_array(1.0 / scale))
    count, label = components(unit)
    order, sizes = np.argsort(label, kind="stable"), np.bincount(label, minlength=count)
    starts = np.cumsum(sizes) - sizes
    parts = []
    for size in np.unique(sizes):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        if size > DENSE:
            parts.append(_sparse_squares(unit, members.ravel()))
        else:
            batches = np.array_split(members, max(1, members.size * int(size) // 4_000_000))
            parts.extend(_dense_squares(unit, batch) for batch in batches)
    rows = vstack(parts, len(used))
    wrong = np.abs((rows.T @ rows - unit).data).max(initial=0.0)
    if not wrong <= 1e-9:
        raise SolverError(f"the quadratic objective cannot be factored (error {wrong:.2g}); use another solver")
    F = Csr(rows @ sp.diags_array(scale)).tocoo()
    return coo(F.data, F.row, used[F.col], (len(rows.indptr) - 1, P.shape[0]))


def _dense_squares(unit: Csr, members: np.ndarray) -> Csr:
    """Return the squares of blocks of one size (the rows of ``members``), pivot by pivot for all blocks at once."""
    count, size = members.shape
    place = np.zeros(unit.shape[0], dtype=np.int64)
    place[members.ravel()] = np.tile(np.arange(size), count)
    entries = Csr(unit[members.ravel()]).tocoo()
    left = np.zeros((count, size, size))
    left[entries.row // size, entries.row % size, place[entries.col]] = entries.data
    out, blocks = np.zeros_like(left), np.arange(count)
    for k in range(size):
        at = np.argmax(left.diagonal(axis1=1, axis2=2), axis=1)
        pivot = left[blocks, at, at]
        counts = pivot > PIVOT
        if not counts.any():
            break
        out[:, k] = np.where(counts, 1.0 / np.sqrt(np.maximum(pivot, PIVOT)), 0.0)[:, None] * left[blocks, at]
        left -= out[:, k, :, None] * out[:, k, None, :]
    block, row, column = np.nonzero(out)
    kept, number = np.unique(block * size + row, return_inverse=True)
    return coo(out[block, row, column], number, members[block, column], (len(kept), unit.shape[0]))


def _sparse_squares(unit: Csr, members: np.ndarray) -> Csr:
    """Return the squares ``sqrt(D) L'`` of large blocks, ``L D L'`` being the factors of their matrix and a shift."""
    try:
        lu = splu(
            sp.csc_array(unit[members][:, members] + SHIFT * sp.eye_array(len(members))),
            permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True},
        )  # fmt: skip
    except RuntimeError as error:
        raise SolverError(f"the quadratic objective cannot be factored ({error}); use another solver") from error
    pivots = lu.U.diagonal()
    kept = np.flatnonzero(pivots > SHIFTED_PIVOT)
    rows = (sp.diags_array(np.sqrt(pivots[kept])) @ Csr(lu.L.T)[kept]).tocoo()
    unpermuted = np.argsort(lu.perm_c)  # column j of the factor is column unpermuted[j] of the block
    return coo(rows.data, rows.row, members[unpermuted[rows.col]], (len(kept), unit.shape[0]))


@dataclass(frozen=True, eq=False)
class Tangents:
    """Tangents of the squares of F: row i says ``t_k >= slope_i F_k z - 1/2 slope_i^2`` with ``k = term_i``.

    Parameters
    ----------
    F : csr_array (k, n)
    term : ndarray (m,)
    slope : ndarray (m,)
        ``F_k p`` at the point of the tangent.
    """

    F: Csr
    term: np.ndarray
    slope: np.ndarray

    @classmethod
    def none(cls, P: Csr) -> Tangents:
        """Return no tangents of ``1/2 z'P z``."""
        return cls(squares(P), np.empty(0, dtype=np.int64), np.empty(0))

    def __len__(self) -> int:
        return len(self.term)

    def exact(self, z: np.ndarray) -> np.ndarray:
        """Return the squares ``1/2 (F_k z)^2`` (k,)."""
        return 0.5 * (self.F @ z) ** 2

    def below(self, z: np.ndarray) -> np.ndarray:
        """Return the largest tangent at z of each term, 0 at least (k,)."""
        out = np.zeros(self.F.shape[0])
        np.maximum.at(out, self.term, self.slope * (self.F @ z)[self.term] - 0.5 * self.slope**2)
        return out

    def at(self, points: list[np.ndarray]) -> Tangents:
        """Return the tangents at the points that these ones lack."""
        added: list[Tangents] = [Tangents(self.F, self.term[:0], self.slope[:0])]
        for z in points:
            value = self.exact(z)
            known = np.maximum.reduce([self.below(z), *(new.below(z) for new in added)])
            term = np.flatnonzero(value - known > TIGHT * (1.0 + value))
            added.append(Tangents(self.F, term, (self.F @ z)[term]))
        return added[0].joined(*added[1:])

    def joined(self, *others: Tangents) -> Tangents:
        """Return the tangents of all."""
        every = (self, *others)
        return Tangents(self.F, np.concatenate([o.term for o in every]), np.concatenate([o.slope for o in every]))

    def rows(self) -> tuple[Csr, np.ndarray]:
        """Return M (m, n + k), lo (m,): the tangents as rows ``M (z, t) >= lo``, steep ones divided by their slope."""
        count, n = len(self), self.F.shape[1]
        steep = np.maximum(1.0, np.abs(self.slope))
        slopes = Csr(sp.diags_array(-self.slope / steep) @ self.F[self.term])
        entries = (
            np.concatenate([slopes.data, 1.0 / steep]),
            np.concatenate([row_index(slopes), np.arange(count)]),
            np.concatenate([slopes.indices, n + self.term]),
        )
        return coo(*entries, (count, n + self.F.shape[0])), -0.5 * self.slope**2 / steep
