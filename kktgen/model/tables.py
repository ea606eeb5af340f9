"""Stacked constraints of a model: linear and quadratic rows, SOS1 sets, indicator rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..numerics.convexity import is_psd
from ..numerics.product_hull import product_boxes
from ..numerics.sparse import Csr, coo, joined, vstack
from ..problem.columns import Block, Space, find_label, select, shift
from ..problem.expressions import Quad


@dataclass(frozen=True, eq=False)
class RowTable:
    """The stacked rows ``lo <= M z <= hi`` of a model, with the blocks that name them.

    Parameters
    ----------
    M : csr_array (m, n)
    lo, hi : ndarray (m,)
    blocks : tuple of Block
    """

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.lo)

    @classmethod
    def empty(cls, n: int) -> RowTable:
        """Return no rows over n columns."""
        return cls(Csr((0, n)), np.empty(0), np.empty(0))

    def of_role(self, role: str) -> np.ndarray:
        """Return which rows have a role, such as ``leader`` or ``stationarity`` (m,) bool."""
        out = np.zeros(len(self), dtype=bool)
        for block in self.blocks:
            out[block.start : block.stop] = block.role == role
        return out

    def take(self, keep: np.ndarray) -> RowTable:
        """Return the rows where the mask ``keep`` is true."""
        return RowTable(Csr(self.M[keep]), self.lo[keep], self.hi[keep], select(self.blocks, keep))

    def label(self, i: int) -> str:
        """Return the name of row i."""
        return find_label(self.blocks, i)

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (m,)."""
        value = self.M @ z[: self.M.shape[1]]
        return np.maximum(np.maximum(self.lo - value, value - self.hi), 0.0)


def join(tables: Sequence[RowTable], n: int) -> RowTable:
    """Return the tables stacked, over n columns."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    blocks = tuple(b for t, start in zip(tables, starts, strict=False) for b in shift(t.blocks, int(start)))
    return RowTable(
        vstack([t.M for t in tables], n),
        joined(t.lo for t in tables),
        joined(t.hi for t in tables),
        blocks,
    )


@dataclass(frozen=True, eq=False)
class QuadTable:
    """The quadratic rows ``lo_k <= sum_(row = k) v z_i z_j + M_k z <= hi_k``.

    Parameters
    ----------
    row, i, j, v : ndarray (p,)
        Monomials ``v z_i z_j`` (i <= j, plain coefficient) and the row each belongs to, sorted by row.
    linear : RowTable
        Linear part, sides and names.
    """

    row: np.ndarray
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    linear: RowTable

    def __len__(self) -> int:
        return len(self.linear)

    @classmethod
    def empty(cls, n: int) -> QuadTable:
        """Return no rows over n columns."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none, np.empty(0), RowTable.empty(n))

    @classmethod
    def linear_rows(cls, rows: RowTable) -> QuadTable:
        """Return linear rows as quadratic ones without products."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none, np.empty(0), rows)

    @classmethod
    def of(cls, quads: Sequence[Quad], lo: np.ndarray, hi: np.ndarray, blocks: tuple[Block, ...], n: int) -> QuadTable:
        """Return the table of the rows ``lo_k <= quads_k <= hi_k``."""
        if not quads:
            return cls.empty(n)
        quads = [quad.canonical() for quad in quads]
        side = np.array([quad.r for quad in quads])
        linear = RowTable(vstack([quad.linear for quad in quads], n), lo - side, hi - side, blocks)
        row = np.repeat(np.arange(len(quads)), [len(quad.v) for quad in quads])
        return cls(
            row,
            np.concatenate([quad.i for quad in quads]),
            np.concatenate([quad.j for quad in quads]),
            np.concatenate([quad.v for quad in quads]),
            linear,
        )

    def take(self, keep: np.ndarray) -> QuadTable:
        """Return the rows where the mask ``keep`` is true."""
        inside, number = keep[self.row], np.cumsum(keep) - 1
        return QuadTable(
            number[self.row[inside]], self.i[inside], self.j[inside], self.v[inside], self.linear.take(keep)
        )

    def quad(self, k: int, space: Space) -> Quad:
        """Return row k as an expression."""
        of_row = self.row == k
        return Quad(space, self.i[of_row], self.j[of_row], self.v[of_row], Csr(self.linear.M[[k]]), 0.0)

    def value(self, z: np.ndarray) -> np.ndarray:
        """Return the left-hand sides at z (k,)."""
        products = np.bincount(self.row, weights=self.v * z[self.i] * z[self.j], minlength=len(self))
        return products + self.linear.M @ z[: self.linear.M.shape[1]]

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (k,)."""
        value = self.value(z)
        return np.maximum(np.maximum(self.linear.lo - value, value - self.linear.hi), 0.0)


def join_quads(tables: Sequence[QuadTable], n: int) -> QuadTable:
    """Return the quadratic rows stacked, over n columns."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    return QuadTable(
        np.concatenate([t.row + start for t, start in zip(tables, starts, strict=False)]),
        np.concatenate([t.i for t in tables]),
        np.concatenate([t.j for t in tables]),
        np.concatenate([t.v for t in tables]),
        join([t.linear for t in tables], n),
    )


@dataclass(frozen=True, eq=False)
class Sos1:
    """SOS1 sets: of the columns ``columns[start_k : start_(k+1)]`` at most one is nonzero.

    Parameters
    ----------
    start : ndarray (k + 1,)
    columns : ndarray
        In order; the weights are 1, 2, ... within each set.
    blocks : tuple of Block
    """

    start: np.ndarray
    columns: np.ndarray
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.start) - 1

    @classmethod
    def empty(cls) -> Sos1:
        """Return no sets."""
        return cls(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64))


def join_sos1(tables: Sequence[Sos1]) -> Sos1:
    """Return the sets of several tables."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    entries = np.cumsum([0, *(len(t.columns) for t in tables)])
    return Sos1(
        np.concatenate([[0], *(t.start[1:] + e for t, e in zip(tables, entries, strict=False))]).astype(np.int64),
        np.concatenate([t.columns for t in tables]).astype(np.int64),
        tuple(b for t, start in zip(tables, starts, strict=False) for b in shift(t.blocks, int(start))),
    )


@dataclass(frozen=True, eq=False)
class Indicators:
    """The rows ``z[binary] == value  ->  lo <= M z <= hi``.

    Parameters
    ----------
    binary : ndarray (k,)
        Columns of kind 'B'.
    value : ndarray (k,)
        0 or 1.
    rows : RowTable
        The implied rows.
    """

    binary: np.ndarray
    value: np.ndarray
    rows: RowTable

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, n: int) -> Indicators:
        """Return no indicators over n columns."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, RowTable.empty(n))

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each implied row is violated at z where its binary has the value (k,)."""
        on = np.abs(z[self.binary] - self.value) < 0.5
        return np.where(on, self.rows.residual(z), 0.0)


def join_indicators(tables: Sequence[Indicators], n: int) -> Indicators:
    """Return the indicators of several tables, over n columns."""
    return Indicators(
        np.concatenate([t.binary for t in tables]),
        np.concatenate([t.value for t in tables]),
        join([t.rows for t in tables], n),
    )


def product_sums(table: QuadTable, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of the products of every quadratic row over the box [lb, ub] (k,), (k,)."""
    low, high = product_boxes(table.i, table.j, lb, ub)
    across = (table.i == table.j) & (lb[table.i] < 0) & (ub[table.i] > 0)
    low, v, count = np.where(across, 0.0, low), table.v, len(table)
    least = np.bincount(table.row, weights=v * np.where(v > 0, low, high), minlength=count)
    most = np.bincount(table.row, weights=v * np.where(v > 0, high, low), minlength=count)
    return least, most


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
