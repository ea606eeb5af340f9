"""What the leader does last: the best values of its variables that no follower sees, when all others are known.

With v the leader's variables no follower sees and w everything else (decisions the followers saw, their response,
their multipliers), the leader's problem is small and usually an LP or a convex QP::

    min_v  1/2 v'P v + g(w)'v + f(w)     s.t.   lo - R w <= M v <= hi - R w,   lb <= v <= ub

Netting of trades, choices of suppliers and the like are of this kind. Where no v satisfies the rows, the point is
infeasible, and the sum by which they must be relaxed says how far: ``min 1's  s.t.  lo - s <= M v + R w <= hi + s``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..errors import ProblemError
from ..model.model import Model
from ..numerics.convexity import is_psd
from ..numerics.programs import lp, qp
from ..numerics.sparse import Csr, coo, row_index, take_columns
from ..problem.columns import LEADER
from ..problem.expressions import Quad
from ..solvers import solve
from ..solvers.driving.checks import interrupted
from .residual import FEASIBLE

GAP = 1e-9
"""Relative gap of a recourse that needs branch and bound."""
UNBOUNDED = "the leader's variables that no follower sees improve its objective without limit; give them bounds or rows"


class Worth(NamedTuple):
    """What a decision of the leader is worth; the smaller violation is better, then the smaller value.

    Parameters
    ----------
    violation : float
        Sum of the scaled residuals of the leader's rows; 0 where they hold, inf where a follower has no response.
    value : float
        The minimised objective; inf without a response.
    """

    violation: float
    value: float


class Recourse:
    """The leader's problem in the variables no follower sees.

    Parameters
    ----------
    model : Model
        The KKT model of the problem.
    seen : ndarray
        Leader's columns that some follower sees.

    Attributes
    ----------
    columns : ndarray
        Leader's columns that no follower sees.
    hard : bool
        Whether the problem in them needs branch and bound: integers, SOS1 sets, indicators, quadratic rows, or an
        objective that is not convex in them.
    """

    def __init__(self, model: Model, seen: np.ndarray) -> None:
        space = model.space
        leader = np.flatnonzero((space.owner == LEADER) & (space.role == "leader"))
        self.columns = v = np.setdiff1d(leader, seen)
        kept = model.rows.of_role("leader")
        rows = model.rows.take(kept)
        self._M, self._lo, self._hi = rows.M, rows.lo, rows.hi
        self._scale = np.maximum(1.0, np.minimum(np.abs(rows.lo), np.abs(rows.hi)))
        self._own = take_columns(rows.M, v)
        self._open = np.diff(self._own.indptr) > 0  # rows in which the recourse has a say
        self._own = Csr(self._own[self._open])
        self._P, self._q, self._r = model.matrices
        self._quads = model.quads
        self._square = take_columns(Csr(self._P[v]), v)
        self._lb, self._ub = space.lb[v], space.ub[v]
        kinds = (space.kind[v] != "C").any() or len(model.sos1) > 0
        rules = model.indicators is not None and len(model.indicators) > 0
        touched = np.concatenate([model.quads.i, model.quads.j, model.quads.linear.M.indices])
        bent = bool(np.isin(touched, v).any()) or not is_psd(self._square)
        self.hard = bool(kinds or rules or bent)
        self._program = replace(model, rows=rows, pairs=None, kkt=None, lifts=()) if self.hard else None

    def __call__(self, z: np.ndarray, deadline: Deadline = NEVER) -> tuple[Worth, np.ndarray]:
        """Return what a point is worth with the best recourse, and the point with it.

        Parameters
        ----------
        z : ndarray (n,)
            Decisions and response; the entries of ``columns`` do not count.
        deadline : Deadline
            A recourse not found by then is none.

        Raises
        ------
        ProblemError
            The recourse improves the leader's objective without limit.
        """
        z = z.copy()
        z[self.columns] = 0.0
        if self.hard:
            return self._branch(z, deadline)
        if len(self.columns):
            z[self.columns] = self._best(z, deadline)
        return Worth(self._violation(z), self._value(z)), z

    def _value(self, z: np.ndarray) -> float:
        return float(0.5 * z @ (self._P @ z) + self._q @ z + self._r)

    def _violation(self, z: np.ndarray) -> float:
        """Return the sum of the scaled residuals of the leader's rows, those that hold to 1e-6 not counted."""
        value = self._M @ z
        off = np.maximum(np.maximum(self._lo - value, value - self._hi), 0.0) / self._scale
        quads = self._quads.residual(z)
        off = np.concatenate([off, quads / np.maximum(1.0, np.abs(self._quads.value(z)))])
        return float(off[off > FEASIBLE].sum())

    def _best(self, z: np.ndarray, deadline: Deadline) -> np.ndarray:
        """Return the optimal v, or where none is feasible the one that relaxes the rows least."""
        shift = (self._M @ z)[self._open]
        lo, hi = self._lo[self._open] - shift, self._hi[self._open] - shift
        cost = (self._P @ z + self._q)[self.columns]
        answer = qp(self._square, cost, self._own, lo, hi, self._lb, self._ub, deadline)
        if answer.status == "unbounded":
            raise ProblemError(UNBOUNDED)
        v = self._least(lo, hi, deadline) if answer.x is None else answer.x
        return np.clip(0.0 if v is None else v, self._lb, self._ub)

    def _least(self, lo: np.ndarray, hi: np.ndarray, deadline: Deadline) -> np.ndarray | None:
        """Return the v whose rows need the least sum of scaled relaxations."""
        k, n = len(lo), len(self.columns)
        one = sp.eye_array(k, format="csr")
        A = Csr(sp.block_array([[self._own, one, -one]], format="csr"))
        scale = 1.0 / self._scale[self._open]
        lb, ub = np.concatenate([self._lb, np.zeros(2 * k)]), np.concatenate([self._ub, np.full(2 * k, np.inf)])
        answer = lp(np.concatenate([np.zeros(n), scale, scale]), A, lo, hi, lb, ub, deadline)
        return None if answer.x is None else answer.x[:n]

    def _branch(self, z: np.ndarray, deadline: Deadline) -> tuple[Worth, np.ndarray]:
        """Return the worth and the point by branch and bound; a point without recourse has an infinite violation."""
        model = self._program
        assert model is not None
        space, v = model.space.copy(), self.columns
        given = np.ones(len(space), dtype=bool)
        given[v] = False
        space.lb[given] = space.ub[given] = z[given]
        space.kind[given] = "C"
        own = np.isin(row_index(self._P), v) & np.isin(self._P.indices, v)
        P = coo(self._P.data[own], row_index(self._P)[own], self._P.indices[own], self._P.shape)
        cost = np.where(given, 0.0, self._P @ z + self._q)
        program = replace(model, space=space, objective=Quad.from_matrices(space, P, cost))
        plain = program.features <= {"int", "qobj"} and not {"int", "qobj"} <= program.features
        found = solve(program, "highs" if plain else "scip", gap=GAP, time_limit=deadline.left())
        if found.status == "unbounded":
            raise ProblemError(UNBOUNDED)
        if interrupted(found):
            raise KeyboardInterrupt
        if found.z is None:
            return Worth(np.inf, np.inf), z
        z[v] = found.z[v]
        whole = v[model.space.kind[v] != "C"]
        z[whole] = np.round(z[whole])
        return Worth(0.0, self._value(z)), z
