"""Quadratic relaxations bounded by linear programs, which go on from where they were: for candidates of branching.

The convex objective is replaced by its tangents at the optima of the nodes so far, block by block of its Hessian. The
prices of the tangents of a block make an average of their points; the tangent there is no lower than theirs together
(convexity), so prices and average are a leaf like any other.
"""

from __future__ import annotations

import numpy as np

from ...deadline import Deadline
from ...numerics.sparse import Csr, components, coo, vstack, widen
from ...numerics.warm_lp import WarmLp
from .program import Program
from .relaxation import EMPTY, Node, Relaxation, Relaxed, signed

APART = 1e-6
"""A tangent at a point this near to that of another, relative to its size, tells nothing new."""
MOST = 60
"""Points that are kept."""


class Quick:
    """Linear programs below the relaxations of nodes.

    Parameters
    ----------
    relaxation : Relaxation
        Of a quadratic objective.
    deadline : Deadline
    """

    def __init__(self, relaxation: Relaxation, deadline: Deadline) -> None:
        self.relaxation, self.deadline = relaxation, deadline
        p: Program = relaxation.program
        used = np.flatnonzero(np.diff(p.P.indptr))
        _, label = components(p.P)
        names, block = np.unique(label[used], return_inverse=True)
        self.used, self.block, self.count = used, block, len(names)
        self.points: list[np.ndarray] = []
        self._lp: WarmLp | None = None
        self._rows = -1

    def learn(self, x: np.ndarray) -> None:
        """Add the tangents at a point."""
        near = [np.abs(x[self.used] - one).max() for one in self.points]
        if min(near, default=np.inf) > APART * (1 + np.abs(x[self.used]).max(initial=0.0)):
            self.points = [*self.points[-MOST + 1 :], x[self.used].copy()]
            self._lp = None

    def solve(self, node: Node) -> Relaxed:
        """Return a lower bound of a node's relaxation, with a point that attains that of the linear program.

        Raises
        ------
        OutOfTime
            The deadline has passed.
        """
        self.deadline.check()
        if node.crossed:
            return Relaxed(np.inf)
        p, lp = self.relaxation.program, self._built()
        whole = self.relaxation.whole(node)
        rows = np.arange(len(whole.lo))
        lp.set_columns(np.arange(p.n), node.lb, node.ub)
        lp.set_rows(rows, whole.lo, whole.hi)
        q = self.relaxation.tangent_data(node)[0]
        found = lp.minimize(np.arange(p.n + self.count), np.concatenate([q, np.ones(self.count)]))
        self.deadline.check()
        y = found.row_dual
        if found.status == "infeasible" and len(y):
            price = signed(y[: len(rows)] / max(float(np.abs(y).max()), 1e-30), whole)
            if self.relaxation.value(whole, price, None) > EMPTY:
                return Relaxed(np.inf, None, price)
        if found.status != "optimal" or found.x is None:
            return Relaxed(-np.inf)
        price, x = signed(y[: len(rows)], whole), found.x[: p.n]
        point = x.copy()
        point[self.used] = self._average(y[len(rows) :])
        return Relaxed(self.relaxation.value(whole, price, point), x, price, point=point, rough=True)

    def _average(self, prices: np.ndarray) -> np.ndarray:
        """Return in every block the average of the points by the prices of their tangents."""
        weight = np.maximum(prices.reshape(len(self.points), self.count), 0.0)
        weight /= np.maximum(weight.sum(axis=0), 1e-30)
        return (weight[:, self.block] * np.array(self.points)).sum(axis=0)

    def _built(self) -> WarmLp:
        """Return the linear program with all tangents."""
        r, p = self.relaxation, self.relaxation.program
        if self._lp is not None and self._rows == r.A.shape[0]:
            return self._lp
        k, m = len(self.points), len(self.used)
        points = np.array(self.points)
        whole = np.zeros((p.n, k))
        whole[self.used] = points.T
        slopes = (p.P @ whole)[self.used].T
        bent = np.zeros((k, self.count))
        np.add.at(bent.T, self.block, (0.5 * slopes * points).T)
        row = np.repeat(np.arange(k), m) * self.count + np.tile(self.block, k)
        columns = np.concatenate([np.tile(self.used, k), p.n + np.tile(np.arange(self.count), k)])
        values = np.concatenate([-slopes.ravel(), np.ones(k * self.count)])
        size = (k * self.count, p.n + self.count)
        T: Csr = coo(values, np.concatenate([row, np.arange(k * self.count)]), columns, size)
        A = vstack([widen(r.A, p.n + self.count), T], p.n + self.count)
        root = r.whole(Node(p.lb, p.ub, p.lo, p.hi))
        free = np.full(self.count, np.inf)
        self._rows = r.A.shape[0]
        self._lp = WarmLp(
            A, np.concatenate([root.lo, -bent.ravel()]), np.concatenate([root.hi, np.full(k * self.count, np.inf)]),
            np.concatenate([p.lb, -free]), np.concatenate([p.ub, free]), self.deadline,
        )  # fmt: skip
        return self._lp
