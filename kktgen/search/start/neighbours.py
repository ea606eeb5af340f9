"""Which other discrete decisions of the leader are one or two moves away, those its rows rule out left aside.

A move changes one integer by one, so a binary from one end to the other. With the moves d and all continuous columns
anywhere in their boxes, ``lo <= R (z + d) <= hi`` must still be possible, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...model.model import Model
from ...model.terms import of_leader
from ...numerics.intervals import interval
from ...numerics.sparse import Csr, row_index, take_columns, tied
from ..residual import FEASIBLE

AT_ONCE = 2_048
"""Pairs of moves whose rows are looked at together."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Moves of single integers from one point.

    Parameters
    ----------
    column : ndarray (k,)
        Which integer.
    by : ndarray (k,)
        1 or -1.
    """

    column: np.ndarray
    by: np.ndarray

    def from_point(self, z: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return z after some of the moves."""
        z = z.copy()
        z[self.column[which]] += self.by[which]
        return z


class Neighbours:
    """The decisions one or two moves away that the leader's rows do not rule out.

    Parameters
    ----------
    model : Model
    seen : ndarray
        The leader's columns that followers see.

    Attributes
    ----------
    columns : ndarray
        The leader's integers that followers see, or that a row of the leader alone ties to what they see.
    """

    def __init__(self, model: Model, seen: np.ndarray) -> None:
        space = model.space
        rows = model.rows.take(model.rows.of_role("leader"))
        self._space, self._R, self._lo, self._hi = space, rows.M, rows.lo, rows.hi
        own = of_leader(space.role)
        alone = np.bincount(row_index(rows.M), weights=~own[rows.M.indices], minlength=len(rows)) == 0
        self._alone = rows.take(alone)
        group = tied(self._alone.M)
        moved = np.isin(group, group[seen]) & (space.kind != "C") & own & (space.lb < space.ub)
        self.columns = np.flatnonzero(moved)
        self._D = Csr(take_columns(rows.M, self.columns).T)  # what one unit of each adds to every row
        self._scale = FEASIBLE * np.maximum(1.0, np.minimum(np.abs(rows.lo), np.abs(rows.hi)))

    def hold(self, z: np.ndarray) -> bool:
        """Return whether all rows of the leader's columns alone hold at z; no indicator row is looked at."""
        rows = self._alone
        room = FEASIBLE * np.maximum(1.0, np.minimum(np.abs(rows.lo), np.abs(rows.hi)))
        return bool((rows.residual(z) <= room).all())

    def steps(self, z: np.ndarray) -> Steps:
        """Return all moves within bounds."""
        column = np.concatenate([self.columns, self.columns])
        by = np.repeat([1.0, -1.0], len(self.columns))
        to = np.round(z[column]) + by
        inside = (to >= self._space.lb[column]) & (to <= self._space.ub[column])
        order = np.argsort(column[inside], kind="stable")
        return Steps(column[inside][order], by[inside][order])

    def singles(self, z: np.ndarray) -> tuple[Steps, np.ndarray]:
        """Return all moves, and those of them (k, 1) that the rows allow alone."""
        steps = self.steps(z)
        one = np.arange(len(steps.column))[:, None]
        return steps, one[self._possible(z, steps, one)]

    def doubles(self, z: np.ndarray, steps: Steps) -> Iterator[np.ndarray]:
        """Yield pairs of moves (k, 2) of different integers that the rows allow together, some at a time."""
        count = len(steps.column)
        width = max(1, AT_ONCE // max(count, 1))
        for low in range(0, count, width):
            first, second = np.meshgrid(np.arange(low, min(low + width, count)), np.arange(count), indexing="ij")
            pairs = np.stack([first.ravel(), second.ravel()], axis=1)
            pairs = pairs[(first < second).ravel() & (steps.column[first] != steps.column[second]).ravel()]
            yield pairs[self._possible(z, steps, pairs)]

    def _possible(self, z: np.ndarray, steps: Steps, moves: np.ndarray) -> np.ndarray:
        """Return which sets of moves (k, m) leave every row of the leader within reach (k,) bool."""
        low, high = self._room(z)
        at = np.searchsorted(self.columns, steps.column)
        parts = [Csr(self._D[at[moves[:, j]]] * steps.by[moves[:, j]][:, None]) for j in range(moves.shape[1])]
        total = Csr(parts[0] if len(parts) == 1 else parts[0] + parts[1])
        over = (total.data > high[total.indices]) | (total.data < low[total.indices])
        return np.bincount(row_index(total)[over], minlength=len(moves)) == 0

    def _room(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far the integers may move every row down and up, all other columns anywhere in their boxes.

        A row that cannot hold at z may stay as it is, or come nearer.
        """
        lb, ub = self._space.lb.copy(), self._space.ub.copy()
        lb[self.columns] = ub[self.columns] = np.round(z[self.columns])
        least, most = interval(self._R, lb, ub)
        return np.minimum(self._lo - self._scale - most, 0.0), np.maximum(self._hi + self._scale - least, 0.0)
