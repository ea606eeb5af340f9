"""Responses of one follower after another, at many parameters: patterns seen before, then an interior-point method.

With the active rows known the optimality conditions are linear equations,

    [ P  -A'  G_a' ] [ y   ]     [ -(Q x + q)    ]
    [ A   0    0   ] [ lam ]  =  [  b - B x      ]
    [ G_a 0    0   ] [ mu_a]     [ (h - H x)_a   ]

whose solution is the response where its other slacks and its multipliers are not negative. Patterns of responses nearby
are tried first; where none holds, Clarabel finds the response, from matrices that stay, and its pattern sharpens it.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from ..deadline import Deadline
from ..problem.qp import QP
from ..search.respond import solve_follower
from .near_response import Dense, Parts

KEPT = 50_000
"""Responses that are remembered."""
RECENT = 6
"""Patterns of a follower that are tried."""
SIGN = 1e-11
"""A slack or multiplier may be negative by this, relative."""


UNKNOWN = object()


class Responses:
    """Responses of followers, remembered.

    Parameters
    ----------
    qps : list of QP
    """

    def __init__(self, qps: list[QP]) -> None:
        self.qps = qps
        self.dense = [Dense(qp) for qp in qps]
        self._known: dict[tuple[int, bytes], Parts | None] = {}
        self._recent: list[list[np.ndarray]] = [[] for _ in qps]
        self._solvers: dict[int, Any] = {}
        self._lock = Lock()  # an executor of threads shares the solvers

    def __reduce__(self) -> tuple[type[Responses], tuple[list[QP]]]:
        return Responses, (self.qps,)

    def __call__(self, k: int, x: np.ndarray, deadline: Deadline) -> Parts | None:
        """Return (y, lam, mu) of follower k at its parameters x; None where it has no response, or none in time."""
        key = k, x.tobytes()
        known = self._known.get(key, UNKNOWN)
        if known is not UNKNOWN:
            return known  # type: ignore[return-value]
        if deadline.over:
            return None
        with self._lock:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._by_pattern(k, x) or self._by_solver(k, x, deadline)
            if found is not None or not deadline.over:
                self._known[key] = found
        return found

    def _by_pattern(self, k: int, x: np.ndarray) -> Parts | None:
        """Return the response by one of the follower's recent patterns, which moves to the front."""
        recent = self._recent[k]
        for place, active in enumerate(recent):
            found = self.dense[k].of_pattern(x, active, SIGN)
            if found is not None:
                recent.insert(0, recent.pop(place))
                return found
        return None

    def _by_solver(self, k: int, x: np.ndarray, deadline: Deadline) -> Parts | None:
        """Return the response by Clarabel, sharpened by its pattern; by the slow way where that fails."""
        near = self._interior(k, x)
        if near is None:
            return solve_follower(self.qps[k], x, deadline)
        dense, qp = self.dense[k], self.qps[k]
        active = near[2] > qp.h - dense.H @ x - dense.G @ near[0]
        found = dense.of_pattern(x, active, SIGN)
        if found is not None:
            recent = self._recent[k]
            recent.insert(0, active)
            del recent[RECENT:]
            return found
        return solve_follower(qp, x, deadline)

    def _interior(self, k: int, x: np.ndarray) -> Parts | None:
        """Return the interior-point solution, or None where it is not good."""
        qp, dense = self.qps[k], self.dense[k]
        cost, sides = dense.Q @ x + qp.q, np.concatenate([qp.b - dense.B @ x, qp.h - dense.H @ x])
        solver = self._solvers.get(k)
        try:
            if solver is None:
                solver = self._solvers[k] = _solver(qp, cost, sides)
            else:
                solver.update(q=cost, b=sides)
            found = solver.solve()
        except Exception:  # whatever Clarabel refuses, the slow way tells
            self._solvers.pop(k, None)
            return None
        if str(found.status) != "Solved":
            return None
        z, me = np.asarray(found.z), len(qp.b)
        return np.asarray(found.x), -z[:me], z[me:]


def _solver(qp: QP, cost: np.ndarray, sides: np.ndarray) -> Any:
    """Return a Clarabel solver of ``min 1/2 y'P y + cost'y``, ``A y = b, G y <= h``, whose vectors may be changed."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.presolve_enable = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    me, mi = len(qp.b), len(qp.h)
    cones = [clarabel.ZeroConeT(me)] * bool(me) + [clarabel.NonnegativeConeT(mi)] * bool(mi)
    rows = sp.csc_matrix(sp.vstack([qp.A, qp.G], format="csc"))
    return clarabel.DefaultSolver(sp.csc_matrix(sp.triu(qp.P)), cost, rows, sides, cones, settings)
