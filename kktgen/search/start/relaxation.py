"""Where a leader's decisions may come from: the relaxation without complementarity, and penalties that bring it back.

``minimise f(z)`` over rows and bounds, pairs dropped, is a convex QP when the products are eliminated; its optimum z0
bounds the bilevel optimum, and its gap ``mu0's0`` says how far its multipliers and slacks are from complementary. The
penalty ``rho mu's`` is bilinear; linearised at a point w it gives the next one, between which w moves half of the way::

    z_k in argmin  f(z) + rho_k (mu(w_k)'s(z) + s(w_k)'mu)          over the same rows and bounds
    w_(k+1) = (w_k + z_k) / 2,     rho_(k+1) = 1.5 rho_k            until  mu's <= 1e-4 (1 + |f|)

For a nonconvex objective f is linearised as well. Weights that grow lead the prices from the relaxed optimum, where the
leader has everything its own way, to where followers agree, and the patterns of their responses improve on the way.
(Successive linearisation of the complementarity penalty: Bennett and Mangasarian, "Bilinear separation of two sets in
n-space", 1993; weights that grow: Kleinert and Schmidt, "Computing feasible points of bilevel problems with a penalty
alternating direction method", 2021.)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...numerics.programs import qp
from ...numerics.sparse import Csr, widen
from ..residual import FEASIBLE

FIRST, GROWTH = 0.3, 1.5
"""First penalty weight rho in units of (1 + |objective|) / gap at the relaxed optimum, and its growth at each step."""
HEAVY = 3.0, 2.0
"""The same where the penalties begin heavily."""
STEPS = 20
"""Most steps."""
DAMPING = 0.5
"""Share of the way the point of linearisation moves to each new point."""
CLOSED = 1e-4
"""A gap mu's below this (relative to the objective) has brought complementarity back."""


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
        self._slopes = Csr((0, model.n)) if model.pairs is None else widen(model.pairs.M, model.n)
        self._unit: float | None = None

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
        """Yield points with their names: the relaxed optimum, penalised ones, the centre, and others.

        The penalties begin lightly, and once more heavily, which leads to other decisions.
        """
        found = self.minimise(self.q, deadline=deadline) if self.convex else None
        if found is not None:
            self.bound = found[1] + self.r
            yield "relaxed optimum", found[0]
        centre = self.centre(deadline) if found is None else None
        if centre is not None:
            yield "centre", centre
        start = centre if found is None else found[0]
        if start is None:
            return
        yield from self.rising(start, deadline=deadline)
        centre = self.centre(deadline) if found is not None else None
        if centre is not None:
            yield "centre", centre
        yield from self.rising(start, *HEAVY, deadline=deadline)

    def rising(
        self, at: np.ndarray, first: float = FIRST, growth: float = GROWTH, damping: float = DAMPING,
        deadline: Deadline = NEVER,
    ) -> Iterator[tuple[str, np.ndarray]]:  # fmt: skip
        """Yield the points of growing penalties, linearised at a point first; without a gap to close there is one.

        Parameters
        ----------
        at : ndarray (n,)
        first, growth : float
            The first weight (in the unit of :data:`FIRST`), and the factor from each to the next.
        damping : float
            Share of the way to each new point that the point of linearisation moves.
        deadline : Deadline
        """
        pairs, size = self.model.pairs, 1.0 + abs(self.model.objective.value(at))
        if self._unit is None:
            gap = self._gap(at)
            self._unit = size / gap if gap > FEASIBLE else 0.0
        weight = first * self._unit
        for _ in range(STEPS):
            cost = self.q.copy() if self.convex else self._hessian @ at + self.q
            if pairs is not None and weight:
                s, mu = np.maximum(pairs.slack(at), 0.0), np.maximum(at[pairs.mu], 0.0)
                cost += weight * (self._slopes.T @ mu)
                np.add.at(cost, pairs.mu, weight * s)
            found = self.minimise(cost, deadline=deadline)
            if found is None:
                return
            yield f"penalty {weight:.2g}", found[0]
            if self.convex and self._gap(found[0]) <= CLOSED * size:
                return
            at, weight = at + damping * (found[0] - at), growth * weight

    def _gap(self, z: np.ndarray) -> float:
        """Return mu's, negative parts left out."""
        pairs = self.model.pairs
        return 0.0 if pairs is None else float(np.maximum(pairs.slack(z), 0.0) @ np.maximum(z[pairs.mu], 0.0))
