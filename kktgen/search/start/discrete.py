"""The leader's discrete choices: integers, SOS1 sets and indicators of a point that was found without them.

The continuous decisions stay as near as they can; where rounding to the nearest is infeasible, the choices minimise
the distance of rounding (Fischetti, Glover, Lodi, "The feasibility pump", 2005)::

    min  sum_b (1 - 2 frac(z0_b)) z_b     s.t.   the model without its pairs,  floor(z0) <= z <= ceil(z0) on integers
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import KktgenError
from ...model.model import Model
from ...numerics.sparse import Csr
from ...problem.expressions import Quad
from ...solvers import solve
from ...solvers.driving.checks import interrupted
from ..residual import FEASIBLE, violation
from .pattern import pattern_step

SECONDS = 2.0
"""Time limit of one mixed-integer program."""
GAP = 1e-2
"""Its relative gap."""


class Discrete:
    """The leader's discrete choices in a model.

    Parameters
    ----------
    model : Model
        With complementarity pairs or without; they are ignored.

    Attributes
    ----------
    any : bool
        Whether there are integers, SOS1 sets or indicators at all.
    """

    def __init__(self, model: Model) -> None:
        self.model = replace(model, pairs=None)
        of_leader = model.rows.of_role("leader")
        self.leader = replace(self.model, rows=model.rows.take(of_leader), kkt=None)
        self._whole = np.flatnonzero(model.space.kind != "C")
        self._indicators = model.indicators is not None and len(model.indicators) > 0
        self.any = bool(len(self._whole) or len(model.sos1) or self._indicators)

    def settle(self, z: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return a point near z where rows, bounds and discrete choices hold; None when none is found."""
        exact = (z[self._whole] == np.round(z[self._whole])).all()  # a tolerance times a large constant is much
        if not self.any or (exact and violation(self.model, z) <= FEASIBLE):
            return z
        kept = self.kept(z, deadline)
        if kept is not None:
            return kept
        whole = self._whole
        cost = np.zeros(self.model.n)
        cost[whole] = 1.0 - 2.0 * (z[whole] - np.floor(z[whole]))
        close = np.floor(z[whole] + 1e-6), np.ceil(z[whole] - 1e-6)
        found = self._choose(self.model, cost, whole, *close, deadline) if len(whole) else None
        if found is None:
            found = self._choose(self.model, cost, whole[:0], z[:0], z[:0], deadline)
        if found is None:
            return None
        z = np.where(self.model.space.kind == "C", z, found)
        z[self.model.sos1.columns] = found[self.model.sos1.columns]
        kept = self.kept(z, deadline)
        return found if kept is None else kept

    def kept(self, z: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return the point nearest to z (by the leader's variables) with its discrete choices; None without one."""
        step = pattern_step(self._near(z), z, np.zeros(0, dtype=bool), deadline)
        return None if step is None else step.z

    def _near(self, z: np.ndarray) -> Model:
        """Return the model whose objective is the squared distance of the leader's variables from z."""
        space, n = self.model.space, self.model.n
        leader = np.flatnonzero(space.role == "leader")
        weight = np.zeros(n)
        weight[leader] = 2.0 / np.clip(space.ub[leader] - space.lb[leader], 1e-3, 1e3) ** 2
        P = Csr((weight[leader], leader, np.searchsorted(leader, np.arange(n + 1))), shape=(n, n))
        return replace(self.model, objective=Quad.from_matrices(space, P, -weight * z[:n]))

    def recourse(self, z: np.ndarray, fixed: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray | None:
        """Return the best choices, to first order, when the columns ``fixed`` stay where they are; None without any."""
        if not self.any:
            return z
        P, q, _ = self.model.matrices
        return self._choose(self.leader, P @ z + q, fixed, z[fixed], z[fixed], deadline)

    def _choose(
        self, model: Model, cost: np.ndarray, columns: np.ndarray, low: np.ndarray, high: np.ndarray,
        deadline: Deadline,
    ) -> np.ndarray | None:  # fmt: skip
        """Minimise a linear cost with some columns in other boxes, by branch and bound; None without a point."""
        space = model.space.copy()
        space.lb[columns], space.ub[columns] = low, high
        program = replace(model, space=space, objective=Quad.from_matrices(space, None, cost))
        linear = not (len(model.sos1) or self._indicators or len(model.quads))
        limit = deadline.left(SECONDS)
        try:
            found = solve(program, "highs" if linear else "scip", time_limit=limit, gap=GAP)
        except KktgenError:
            return None
        if interrupted(found):
            raise KeyboardInterrupt
        if found.z is None:
            return None
        z = found.z.copy()
        z[self._whole] = np.round(z[self._whole])
        return z
