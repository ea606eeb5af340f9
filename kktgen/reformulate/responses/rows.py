"""Columns and rows that are added to a model one group after the other, and the model with all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...model.model import Model
from ...model.tables import Indicators, QuadTable, RowTable, join, join_indicators, join_quads
from ...numerics.sparse import coo, row_index, vstack
from ...problem.columns import LEADER, Block, Space
from ...problem.expressions import Quad
from ..binary_products import BinaryProducts, liftable, with_binary_products

ROLE = "copy"
"""Role of the columns that stand for what a follower might do instead."""


@dataclass(eq=False)
class Additions:
    """What is added to a model.

    Parameters
    ----------
    model : Model
    space : Space
        Its columns and the new ones.
    margin : float
        By how much (relative) a follower's cost must lie below that of a response; 0 in a relaxation.
    """

    model: Model
    space: Space
    margin: float = 0.0
    rows: list[RowTable] = field(default_factory=list)
    quads: list[tuple[str, Quad]] = field(default_factory=list)
    indicators: list[Indicators] = field(default_factory=list)

    @classmethod
    def to(cls, model: Model, margin: float = 0.0) -> Additions:
        """Return additions to a model, none so far."""
        return cls(model, model.space.copy(), margin)

    def columns(self, word: str, count: int, lb: float = -np.inf, ub: float = np.inf, kind: str = "C") -> np.ndarray:
        """Append columns ``word[k]``."""
        if not count:
            return np.empty(0, dtype=np.int64)
        return self.space.append(word, ROLE, lb=lb, ub=ub, kind=kind, owner=LEADER, shape=(count,))

    def linear(
        self, word: str, row: np.ndarray, column: np.ndarray, value: np.ndarray, lo: np.ndarray, hi: np.ndarray
    ) -> None:
        """Add linear rows."""
        if len(lo):
            M = coo(value, row, column, (len(lo), len(self.space)))
            self.rows.append(RowTable(M, lo, hi, (Block(0, len(lo), word, ROLE, shape=lo.shape),)))

    def at_most_zero(self, word: str, quad: Quad) -> None:
        """Add ``quad <= 0``."""
        self.quads.append((word, quad))

    def only_where(self, word: str, binary: int, quad: Quad) -> None:
        """Add the linear row ``quad <= 0`` where a binary column is 0."""
        linear = quad.linear
        table = RowTable(
            vstack([linear], len(self.space)), np.array([-np.inf]), np.array([-quad.r]), (Block(0, 1, word, ROLE),)
        )
        self.indicators.append(Indicators(np.array([binary]), np.array([0]), table))

    def only_if(self, word: str, binary: int, column: np.ndarray, value: np.ndarray, constant: float) -> None:
        """Add the row ``sum value z_column + constant <= 0`` where a binary column is 1."""
        M = coo(value, np.zeros(len(column), dtype=np.int64), column, (1, len(self.space)))
        table = RowTable(M, np.array([-np.inf]), np.array([-constant]), (Block(0, 1, word, ROLE),))
        self.indicators.append(Indicators(np.array([binary]), np.array([1]), table))

    def done(self, objective: Quad) -> Model:
        """Return the model with all of them and an objective; products of binaries with boxed columns are columns."""
        space, model = self.space, self.model
        n = len(space)
        straight = [(word, quad) for word, quad in self.quads if not len(quad.v)]
        bent = [(word, quad) for word, quad in self.quads if len(quad.v)]
        tables = [model.rows, *self.rows, *(_row(word, quad, n) for word, quad in straight)]
        blocks = tuple(Block(k, k + 1, word, ROLE) for k, (word, _) in enumerate(bent))
        none = np.full(len(bent), -np.inf)
        table = QuadTable.of([quad for _, quad in bent], none, np.zeros(len(bent)), blocks, n)
        rules = model.indicators
        if self.indicators:
            rules = join_indicators([*([] if rules is None else [rules]), *self.indicators], n)
        out = replace(
            model, space=space, objective=objective.canonical(), rows=join(tables, n),
            quads=join_quads([model.quads, table], n), indicators=rules,
        )  # fmt: skip
        return lifted(out)


def _row(word: str, quad: Quad, n: int) -> RowTable:
    hi = np.array([-quad.r])
    return RowTable(vstack([quad.linear], n), np.array([-np.inf]), hi, (Block(0, 1, word, ROLE),))


def lifted(model: Model) -> Model:
    """Return the model with a column for every product of a binary and a boxed column in objective and rows."""
    goal, quads, space = model.objective, model.quads, model.space
    i, j = np.concatenate([goal.i, quads.i]).astype(np.int64), np.concatenate([goal.j, quads.j]).astype(np.int64)
    can, _, _ = liftable(space, i, j, space.lb, space.ub)
    can &= i != j
    if not can.any():
        return model
    key = np.unique(np.minimum(i, j)[can] * model.n + np.maximum(i, j)[can])
    _, left, right = liftable(space, key // model.n, key % model.n, space.lb, space.ub)
    out, column = with_binary_products(
        model, BinaryProducts.both_sides(left, right), space.lb, space.ub, "w_response"
    )  # fmt: skip
    of = np.full(len(i), -1)
    of[can] = column[np.searchsorted(key, np.minimum(i, j)[can] * model.n + np.maximum(i, j)[can])]
    mine, theirs = of[: len(goal.i)], of[len(goal.i) :]
    linear = coo(
        np.concatenate([goal.linear.data, goal.v[mine >= 0]]),
        np.zeros(goal.linear.nnz + int((mine >= 0).sum()), dtype=np.int64),
        np.concatenate([goal.linear.indices, mine[mine >= 0]]), (1, out.n),
    )  # fmt: skip
    stay = mine < 0
    objective = Quad(goal.space, goal.i[stay], goal.j[stay], goal.v[stay], linear, goal.r)
    return replace(_rows(out, quads, theirs), objective=objective)


def _rows(model: Model, quads: QuadTable, of: np.ndarray) -> Model:
    """Return the model with some products of its quadratic rows written by columns; rows without any are linear."""
    n, there, table = model.n, of >= 0, quads.linear
    M = coo(
        np.concatenate([table.M.data, quads.v[there]]),
        np.concatenate([row_index(table.M), quads.row[there]]),
        np.concatenate([table.M.indices, of[there]]), (len(quads), n),
    )  # fmt: skip
    new = QuadTable(
        quads.row[~there], quads.i[~there], quads.j[~there], quads.v[~there],
        RowTable(M, table.lo, table.hi, table.blocks),
    )  # fmt: skip
    straight = np.bincount(new.row, minlength=len(new)) == 0
    rows = join([model.rows, new.linear.take(straight)], n)
    return replace(model, rows=rows, quads=new.take(~straight))
