"""Where a leader's decisions may come from: the relaxation without complementarity, and points near it.

``minimise f(z)`` over rows and bounds, pairs dropped, is a convex QP when the products are eliminated; its optimum z0
bounds the bilevel optimum, and its gap ``mu0's0`` says how far its multipliers and slacks are from complementary. The
penalty ``rho mu's`` is bilinear; linearised at a point it gives the next one::

    z_(k+1) in argmin  f(z) + rho (mu_k's(z) + s_k'mu)            over the same rows and bounds

For a nonconvex objective f is linearised as well. (Successive linearisation of the complementarity penalty: Bennett and
Mangasarian, "Bilinear separation of two sets in n-space", 1993.)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...numerics.programs import qp
from ...numerics.sparse import Csr, widen
from ..residual import FEASIBLE

WEIGHTS = (0.3, 1.0, 3.0, 0.1, 10.0, 0.03)
"""Penalty weights rho, in units of (1 + |objective|) / gap at the relaxed optimum."""
STEPS = 5
"""Points per weight."""
DAMPING = 0.5
"""Share of the way the point of linearisation moves to each new point."""


class Relaxation:
    """The relaxation of a model with pairs, to be minimised with changing linear costs.

    Parameters
    ----------
    model : Model
        With complementarity pairs, its products eliminated as far as possible.

    Attributes
    ----------
    bound : float
        The relaxed optimum, once :meth:`points` has found it.
    convex : bool
        Whether the objective is convex.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        P, self.q, self.r = model.matrices
        self.convex = "qobj_nonconvex" not in model.features
        self.P = P if self.convex else Csr(P.shape)
        self.bound = -np.inf
        self._hessian = P

    def minimise(
        self, cost: np.ndarray, P: Csr | None = None, deadline: Deadline = NEVER
    ) -> tuple[np.ndarray, float] | None:
        """Return the minimiser of ``1/2 z'Pz + cost'z`` and the value; None without an optimum.

        Quadratic rows, SOS1 sets and indicators are left out, integers are continuous.
        """
        space, rows = self.model.space, self.model.rows
        answer = qp(self.P if P is None else P, cost, rows.M, rows.lo, rows.hi, space.lb, space.ub, deadline)
        return None if answer.x is None else (np.clip(answer.x, space.lb, space.ub), answer.value)

    def centre(self, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return the feasible point whose leader variables are nearest to the middle of their box."""
        space = self.model.space
        leader = space.role == "leader"
        boxed = leader & np.isfinite(space.lb) & np.isfinite(space.ub)
        middle = np.clip(0.0, space.lb, space.ub)
        middle[boxed] = 0.5 * (space.lb[boxed] + space.ub[boxed])
        width = np.where(boxed, np.maximum(np.where(boxed, space.ub, 1.0) - np.where(boxed, space.lb, 0.0), 1e-3), 1.0)
        weight = np.where(leader, 2.0 / width**2, 1e-9)  # a little weight elsewhere, so that the optimum exists
        n = self.model.n
        P = Csr((weight, np.arange(n), np.arange(n + 1)), shape=(n, n))
        found = self.minimise(-weight * middle, P, deadline)
        return None if found is None else found[0]

    def points(self, deadline: Deadline = NEVER) -> Iterator[tuple[str, np.ndarray]]:
        """Yield points of the relaxation with their names: its optimum, its centre, then penalised ones."""
        found = self.minimise(self.q, deadline=deadline) if self.convex else None
        if found is not None:
            self.bound = found[1] + self.r
            yield "relaxed optimum", found[0]
        centre = self.centre(deadline)
        start = found[0] if found is not None else centre
        if start is None:
            return
        value = self.model.objective.value(start)
        pairs = self.model.pairs
        gap = 0.0 if pairs is None else float(np.maximum(pairs.slack(start), 0.0) @ np.maximum(start[pairs.mu], 0.0))
        weights = [(1.0 + abs(value)) / gap * weight for weight in WEIGHTS] if gap > FEASIBLE else [0.0]
        for k, weight in enumerate(weights):
            yield from ((f"penalty {weight:.2g}", z) for z in self._penalised(start, weight, deadline))
            if k == 1 and centre is not None:
                yield "centre", centre

    def _penalised(self, at: np.ndarray, weight: float, deadline: Deadline) -> Iterator[np.ndarray]:
        pairs = self.model.pairs
        for _ in range(STEPS):
            cost = self.q.copy() if self.convex else self._hessian @ at + self.q
            if pairs is not None and weight:
                s, mu = np.maximum(pairs.slack(at), 0.0), np.maximum(at[pairs.mu], 0.0)
                cost += weight * (widen(pairs.M, self.model.n).T @ mu)
                np.add.at(cost, pairs.mu, weight * s)
            found = self.minimise(cost, deadline=deadline)
            if found is None:
                return
            yield found[0]
            at = at + DAMPING * (found[0] - at)
