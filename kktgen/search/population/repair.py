"""Move decisions into the leader's box, and onto the leader's rows that hold decisions alone.

1. clip to the box;
2. where ``a <= b`` is asked of two decisions and does not hold, swap their values (prices in the wrong order);
3. where another linear row is violated, project:
   ``min sum ((x - x0) / width)^2  s.t.  lo <= A x <= hi, lb <= x <= ub``.
"""

from __future__ import annotations

import numpy as np

from ...errors import ProblemError
from ...model.model import Model
from ...numerics.sharpen import Program, sharpen
from ...numerics.sparse import Csr, take_columns
from ..residual import FEASIBLE

HOLDS = 1e-9
"""A row violated by less than this (relative) needs no repair."""


class DecisionRepair:
    """Repairs decisions, many at a time.

    Parameters
    ----------
    model : Model
        The KKT model of the problem.
    columns : ndarray (d,)
        The decisions: leader's columns with finite bounds.

    Attributes
    ----------
    lb, ub : ndarray (d,)
    A, lo, hi : csr_array (k, d), ndarray (k,), ndarray (k,)
        The linear leader rows in the decisions alone.
    """

    def __init__(self, model: Model, columns: np.ndarray) -> None:
        self.lb, self.ub = model.space.lb[columns], model.space.ub[columns]
        rows = model.rows
        mine = rows.of_role("leader")
        A = take_columns(rows.M, columns)
        size = np.diff(A.indptr)
        mine &= (size > 0) & (size == np.diff(rows.M.indptr))
        self.A, self.lo, self.hi = Csr(A[mine]), rows.lo[mine], rows.hi[mine]
        self.low, self.high = self._orders()
        self._labels = rows.take(mine)
        width = np.maximum(self.ub - self.lb, 1e-12)
        d = len(columns)
        self._P = Csr((2.0 / width**2, np.arange(d), np.arange(d + 1)), shape=(d, d))

    def _orders(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positions a, b of the rows ``a - b <= 0``, as far as no decision stands in two of them."""
        two = np.flatnonzero(np.diff(self.A.indptr) == 2)
        first = self.A.indptr[two]
        left, right = self.A.data[first], self.A.data[first + 1]
        upper, lower = (self.hi[two] == 0) & np.isneginf(self.lo[two]), (self.lo[two] == 0) & np.isposinf(self.hi[two])
        order = (left == -right) & (upper | lower)
        i, j = self.A.indices[first][order], self.A.indices[first + 1][order]
        first_below = (left > 0)[order] == upper[order]
        a, b = np.where(first_below, i, j), np.where(first_below, j, i)
        often = np.bincount(np.concatenate([a, b]), minlength=self.A.shape[1])
        alone = (often[a] == 1) & (often[b] == 1)
        return a[alone], b[alone]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the repaired decisions (N, d).

        Raises
        ------
        ProblemError
            No decision in the box satisfies the rows.
        """
        X = np.clip(X, self.lb, self.ub)
        a, b = self.low, self.high
        X[:, a], X[:, b] = np.minimum(X[:, a], X[:, b]), np.maximum(X[:, a], X[:, b])
        X = np.clip(X, self.lb, self.ub)
        if not len(self.lo):
            return X
        value = (self.A @ X.T).T
        room = HOLDS * (1.0 + np.abs(value))
        off = ((value < self.lo - room) | (value > self.hi + room)).any(axis=1)
        for k in np.flatnonzero(off):
            X[k] = self._project(X[k])
        return X

    def _project(self, x: np.ndarray) -> np.ndarray:
        program = Program(self._P, -(self._P @ x), self.A, self.lo, self.hi, self.lb, self.ub)
        answer = sharpen(program, program.solve())
        if answer.x is None:
            at = int(np.argmax(np.maximum(self.lo - self.A @ x, self.A @ x - self.hi)))
            raise ProblemError(
                f"no decision of the leader satisfies its own rows and bounds; {self._labels.label(at)} is violated by "
                f"more than {FEASIBLE:g} wherever the others hold"
            )
        return np.clip(answer.x, self.lb, self.ub)
