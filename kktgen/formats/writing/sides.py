"""Rows with one side each: ``lo <= a z <= hi`` becomes the rows ``r_lo`` and ``r_up``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ProblemError
from ...model.tables import RowTable
from ...numerics.sparse import Csr, coo, csr, row_index, widen
from ...problem.columns import Block
from .names import labels
from .text import Pick, pieces

LE, GE, EQ = 0, 1, 2
WHOLE, LOWER, UPPER = 0, 1, 2
TAILS = np.array([b"", b"_lo", b"_up"])
"""What is written behind the name of a row that is WHOLE, the LOWER or the UPPER side of one."""


@dataclass(frozen=True, eq=False)
class Sides:
    """Rows with one side each.

    Parameters
    ----------
    M : csr_array (m, n)
        Sorted, without duplicates and zeros.
    sense : ndarray (m,)
        LE, GE or EQ.
    rhs : ndarray (m,)
    names : ndarray (m,) of bytes
    source : ndarray (m,)
        Row of the model's table each stems from.
    tail : ndarray (m,)
        WHOLE, LOWER or UPPER.
    """

    M: Csr
    sense: np.ndarray
    rhs: np.ndarray
    names: np.ndarray
    source: np.ndarray
    tail: np.ndarray

    def __len__(self) -> int:
        return len(self.rhs)

    def narrowed(self, n: int) -> Sides:
        """Return the rows over the first n columns, which hold all entries."""
        M = csr(self.M.data, self.M.indices, self.M.indptr, (self.M.shape[0], n))
        return Sides(M, self.sense, self.rhs, self.names, self.source, self.tail)


def one_sided(table: RowTable, n: int, what: str, busy: np.ndarray | None = None) -> Sides:
    """Split rows into one-sided ones over n + 1 columns, the last being ``ONE``; they are yet without names.

    Rows without entries are left out where 0 satisfies them and put on ``ONE`` where it does not, except
    the ``busy`` ones, which have products.

    Raises
    ------
    ProblemError
        NaN or inf among the coefficients, or sides that exclude every point.
    """
    finite(table.M.data, f"a {what}")
    lo, hi = table.lo, table.hi
    bad = np.isnan(lo) | np.isnan(hi) | (lo == np.inf) | (hi == -np.inf)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ProblemError(f"{what} {table.label(at)!r}: sides [{lo[at]:g}, {hi[at]:g}] exclude every point")
    M = _canonical(table.M, n + 1)
    empty = np.diff(M.indptr) == 0
    if busy is not None:
        empty &= ~busy
    equal = lo == hi
    lower = np.isfinite(lo) & ~(empty & (lo <= 0) & (~equal | (hi >= 0)))
    upper = np.isfinite(hi) & ~equal & ~(empty & (hi >= 0))
    source, side = np.nonzero(np.stack([lower, upper], axis=1))
    sense = np.where(equal[source], EQ, np.where(side == 0, GE, LE)).astype(np.int8)
    rhs = np.where(side == 0, lo[source], hi[source])
    tail = np.where((lower & upper)[source], LOWER + side, WHOLE)
    if len(source) != M.shape[0] or (source != np.arange(M.shape[0])).any():
        M = Csr(M[source])
    alone = np.flatnonzero(empty[source])
    if len(alone):
        M = Csr(M + coo(-rhs[alone], alone, np.full(len(alone), n), M.shape))
        rhs[alone] = 0.0
    return Sides(M, sense, rhs, np.full(len(rhs), b"", dtype="S1"), source, tail)


def side_labels(blocks: Sequence[Block], count: int, sides: Sides, legal: bool = True) -> np.ndarray:
    """Return the names of the sides of ``count`` rows (m,): those of :func:`labels`, the tail behind them."""
    names = labels(blocks, count, legal)[sides.source]
    return pieces(len(names), names, Pick(TAILS, sides.tail)) if sides.tail.any() else names


def finite(values: np.ndarray, where: str) -> None:
    """Refuse NaN and inf."""
    if not np.isfinite(values).all():
        raise ProblemError(f"NaN or inf in the data of {where}; a file needs finite numbers")


def _canonical(M: Csr, n: int) -> Csr:
    """Return M over n columns, sorted, without duplicates and zeros."""
    rising = np.diff(M.indices, prepend=-1) > 0
    rising[M.indptr[:-1][np.diff(M.indptr) > 0]] = True
    if rising.all() and (M.data != 0).all():
        return widen(M, n)
    return coo(M.data, row_index(M), M.indices, (M.shape[0], n))
