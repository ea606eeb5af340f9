"""Products of leader's columns in followers' rows: columns of their own, which the leader's decision defines.

A follower takes ``x_1^2 - x_1 x_2`` for a constant. It stands in its row as one column, of the role ``term``, and a
quadratic row of the model, of the same role, says what it is::

    sum v z_i z_j - z_t = 0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import coo, row_index
from ..problem.columns import Block, Space
from ..problem.expressions import Quad
from ..problem.leader_terms import ROLE, Term
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
    """

    columns: np.ndarray
    scale: np.ndarray
    table: QuadTable

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
        return cls(columns, scale, table)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def factors(self) -> np.ndarray:
        """The leader's columns they are made of."""
        M = self.table.linear.M
        return np.setdiff1d(np.concatenate([self.table.i, self.table.j, M.indices]), self.columns).astype(np.int64)

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


ROUNDING = 1e-9
"""Relative rounding outward of intervals."""


def box_terms(space: Space, table: QuadTable) -> None:
    """Put the intervals of the terms that some rows define (:mod:`kktgen.model.terms`) onto their columns.

    They are exact where all factors are fixed, else rounded outward.
    """
    if not len(table):
        return
    column = table.linear.M.indices
    least, most = product_sums(table, space.lb, space.ub)
    room = np.where(least < most, ROUNDING, 0.0)
    space.lb[column] = np.where(np.isfinite(least), least - room * (1.0 + np.abs(least)), -np.inf)
    space.ub[column] = np.where(np.isfinite(most), most + room * (1.0 + np.abs(most)), np.inf)
    space.proof[column] = "proved(interval)"
