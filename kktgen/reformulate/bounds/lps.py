"""LPs over one relaxation of a follower's KKT system, each begun at the same vertex.

Every LP asks for the extreme value of one column, some with a few bounds or a side changed. An LP after another would
have to undo what the one before has moved; from the vertex where the identity leaves most room (the least duality gap
that the relaxation knows of) the next multiplier is a few steps away. What is proved does not depend on where an LP
begins, but for digits: any row prices prove a bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...numerics.programs import Polyhedron
from ...numerics.safe_bound import safe_minimum

SECONDS = 20.0
"""Seconds for each LP."""
NONE = np.empty(0, dtype=np.int64)


class Lps:
    """Safe lower bounds on linear functions over a polyhedron, with a few of its bounds changed at a time.

    Parameters
    ----------
    program : Polyhedron
    deadline : Deadline
        Of all LPs together.
    row : int, optional
        The row whose least activity is the vertex at which every LP begins; each goes on from the last one otherwise.
    before : Lps, optional
        Over an earlier relaxation: the vertex is sought from its own.
    """

    def __init__(
        self, program: Polyhedron, deadline: Deadline = NEVER, row: int | None = None, before: Lps | None = None
    ) -> None:
        self.program, self.count = program, 0
        self._warm = program.warm(deadline, SECONDS, primal=True)
        self._vertex: Any = None
        if row is not None:
            if before is not None and before.program.A.shape == program.A.shape:
                self._warm.go_to(before._vertex)
            entries = slice(program.A.indptr[row], program.A.indptr[row + 1])
            self._warm.minimize(program.A.indices[entries], program.A.data[entries], point=False)
            self._vertex = self._warm.vertex()

    def minimum(
        self, columns: np.ndarray, costs: np.ndarray, fixed: np.ndarray = NONE, at: np.ndarray = NONE, row: int = -1
    ) -> float:
        """Return a safe lower bound on ``sum costs_k v[columns_k]``.

        Parameters
        ----------
        columns, costs : ndarray (k,)
        fixed, at : ndarray (m,)
            Columns that are held at values in the meantime.
        row : int
            A row that is held at its upper side in the meantime; -1 for none.
        """
        program, warm = self.program, self._warm
        q, lb, ub, lo = np.zeros(program.A.shape[1]), program.lb.copy(), program.ub.copy(), program.lo.copy()
        q[columns] = costs
        lb[fixed] = ub[fixed] = at
        if len(fixed):
            warm.set_columns(fixed, at, at)
        if row >= 0:
            lo[row] = program.hi[row]
            warm.set_row(row, lo[row], program.hi[row])
        warm.go_to(self._vertex)
        answer = warm.minimize(columns, costs, point=False)
        self.count += 1
        if len(fixed):
            warm.set_columns(fixed, program.lb[fixed], program.ub[fixed])
        if row >= 0:
            warm.set_row(row, program.lo[row], program.hi[row])
        return safe_minimum(answer, q, program.A, lo, program.hi, lb, ub)
