"""Products of leader's columns in followers' rows: columns of their own, which the leader's decision defines.

A follower takes ``x_1^2 - x_1 x_2`` for a constant. It stands in its row as one column, of the role ``term``, and a
quadratic row of the model, of the same role, says what it is::

    sum v z_i z_j - z_t = 0

The products of its continuous variables with a follower's expressions and multipliers
(:mod:`kktgen.problem.varying_rows`) are such columns, too; they follow from the leader's decision and the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import coo, joined, row_index
from ..problem.columns import Block, Space
from ..problem.expressions import Quad
from ..problem.leader_terms import ROLE, Term
from ..problem.varying_rows import Varying
from .tables import QuadTable, RowTable, join_quads, product_sums


@dataclass(frozen=True, eq=False)
class Terms:
    """The term columns of a model, and how they follow from the others.

    Parameters
    ----------
    columns : ndarray (k,)
    scale : ndarray (k,)
        Coefficient of each column in the row that defines it.
    table : QuadTable
        Those rows.
    factors : ndarray
        The leader's columns they are made of.
    """

    columns: np.ndarray
    scale: np.ndarray
    table: QuadTable
    factors: np.ndarray

    @classmethod
    def of(cls, role: np.ndarray, rows: RowTable, quads: QuadTable) -> Terms:
        """Return the terms of a model from its rows; ``role`` (n,) of its columns."""
        n = len(role)
        straight, bent = rows.take(defining(rows)), quads.take(defining(quads.linear))
        table = join_quads([bent, QuadTable.linear_rows(straight)], n)
        M = table.linear.M
        own = np.flatnonzero(role[M.indices] == ROLE)
        columns, scale = np.full(len(table), -1), np.ones(len(table))
        columns[row_index(M)[own]], scale[row_index(M)[own]] = M.indices[own], M.data[own]
        used = np.unique(np.concatenate([table.i, table.j, M.indices])).astype(np.int64)
        return cls(columns, scale, table, used[role[used] == "leader"])

    def __len__(self) -> int:
        return len(self.columns)

    def settled(self, z: np.ndarray) -> np.ndarray:
        """Return a point with the terms as its other entries define them."""
        if not len(self):
            return z
        z = z.copy()
        z[self.columns] = 0.0
        z[self.columns] = (self.table.linear.lo - self.table.value(z)) / self.scale
        return z


def of_leader(role: np.ndarray) -> np.ndarray:
    """Return which columns are the leader's, terms included (n,) bool."""
    return np.isin(role, ["leader", ROLE])


def defining(table: RowTable) -> np.ndarray:
    """Return which rows of a table define terms (m,) bool."""
    return table.of_role(ROLE)


def defining_rows(followers: Sequence[tuple[str, Sequence[Term]]], n: int) -> QuadTable:
    """Return the rows that define the terms of some followers, given by name, over n columns."""
    terms = [(name, term) for name, part in followers for term in part]
    blocks = tuple(Block(k, k + 1, ROLE, ROLE, name, term.row) for k, (name, term) in enumerate(terms))
    zero = np.zeros(len(terms))
    none = np.zeros(1, dtype=np.int64)
    quads = [
        Quad(term.quad.space, term.quad.i, term.quad.j, term.quad.v,
             coo(-np.ones(1), none, none + term.column, (1, n)), 0.0)
        for _, term in terms
    ]  # fmt: skip
    return QuadTable.of(quads, zero, zero, blocks, n)


def varying_rows(followers: Sequence[tuple[str, Sequence[Varying]]], n: int) -> QuadTable:
    """Return the rows that define the products of continuous variables of some followers' rows, over n columns."""
    parts = [(name, part) for name, varying in followers for part in varying]
    if not parts:
        return QuadTable.empty(n)
    blocks, at = [], 0
    every = Varying.of_parts([part for _, part in parts], n)
    order = []
    for name, part in parts:
        stem = "y" if part.curved else "x"
        for word, columns in ((f"{stem}_row", part.v), (f"{stem}_mu", part.p)):
            blocks.append(Block(at, at + len(columns), word, ROLE, name, part.names[0], (len(columns),)))
            at += len(columns)
            order.append(columns)
    column = joined(order, int)
    place = np.full(n, -1)
    place[column] = np.arange(len(column))
    E_row = row_index(every.E)
    row = np.concatenate([place[every.v[E_row]], place[every.p]])
    left, right = np.concatenate([every.x[E_row], every.x[every.of]]), np.concatenate([every.E.indices, every.mu])
    v = np.concatenate([every.E.data, every.weight])
    by = np.argsort(row, kind="stable")
    zero = np.zeros(len(column))
    M = coo(-np.ones(len(column)), np.arange(len(column)), column, (len(column), n))
    return QuadTable(
        row[by], np.minimum(left, right)[by], np.maximum(left, right)[by], v[by],
        RowTable(M, zero, zero, tuple(blocks)),
    )  # fmt: skip


ROUNDING = 1e-9
"""Relative rounding outward of intervals."""


def box_terms(space: Space, table: QuadTable) -> None:
    """Put the intervals of the terms that some rows define (:mod:`kktgen.model.terms`) onto their columns.

    They are exact where all factors are fixed, else rounded outward.
    """
    if not len(table):
        return
    column, size = table.linear.M.indices, -table.linear.M.data
    least, most = (side / size for side in product_sums(table, space.lb, space.ub))
    room = np.where(least < most, ROUNDING, 0.0)
    space.lb[column] = np.where(np.isfinite(least), least - room * (1.0 + np.abs(least)), -np.inf)
    space.ub[column] = np.where(np.isfinite(most), most + room * (1.0 + np.abs(most)), np.inf)
    space.proof[column] = "proved(interval)"
