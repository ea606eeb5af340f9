"""Convex QPs by the interior-point method of Clarabel."""

from __future__ import annotations

from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from ..deadline import Deadline
from ..errors import SolverError
from .answers import Answer, ended, told
from .sparse import Csr
from .timed import clarabel_within

_CLARABEL = {
    "Solved": "optimal",
    "AlmostSolved": "optimal",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
    "MaxTime": "limit",
    "MaxIterations": "limit",
}
ROUGH = 1e-7
"""Tolerances where multipliers of any accuracy will do."""


def interior(
    P: Csr, q: np.ndarray, A: Csr, lo: np.ndarray, hi: np.ndarray, lb: np.ndarray, ub: np.ndarray,
    deadline: Deadline, rough: bool = False,
) -> Answer:  # fmt: skip
    """Solve a convex QP by Clarabel; ``rough`` takes multipliers of any accuracy, for who bounds with them safely."""
    n, m = len(q), len(lo)
    rows = sp.vstack([A, sp.eye_array(n)], format="csr")
    low, high = np.concatenate([lo, lb]), np.concatenate([hi, ub])
    equal = low == high
    up, down = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
    stacked = sp.vstack([rows[equal], rows[up], -rows[down]], format="csc")
    sides = np.concatenate([low[equal], high[up], -low[down]])
    equations, inequalities = int(equal.sum()), int(up.sum() + down.sum())
    cones = [clarabel.ZeroConeT(equations)] if equations else []
    cones += [clarabel.NonnegativeConeT(inequalities)] if inequalities else []
    found = solved_by_clarabel(P, q, stacked, sides, cones, deadline, rough)
    if isinstance(found, Answer):
        return found
    price = np.zeros(n + m)
    multiplier = np.asarray(found.z)
    price[equal] = -multiplier[:equations]
    price[up] -= multiplier[equations : equations + int(up.sum())]
    price[down] += multiplier[equations + int(up.sum()) :]
    return Answer("optimal", np.asarray(found.x), float(found.obj_val), price[:m], price[m:])


def solved_by_clarabel(
    P: Csr, q: np.ndarray, stacked: Any, sides: np.ndarray, cones: list[Any], deadline: Deadline, rough: bool = False
) -> Any:
    """Return what Clarabel finds of ``min 1/2 x'P x + q'x, stacked x + s = sides, s in cones``; else how it ended.

    Returns
    -------
    Clarabel's solution, or an Answer where there is none.
    """
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = ROUGH if rough else 1e-9
    seconds = deadline.left()
    if seconds == 0.0:
        return ended("limit", "")
    if seconds is not None:
        settings.time_limit = float(seconds)
    try:
        solver = clarabel.DefaultSolver(
            sp.csc_matrix(sp.triu(P)), q.astype(float), sp.csc_matrix(stacked), sides, cones, settings
        )
        found = clarabel_within(solver, P.nnz + stacked.nnz)
    except Exception as error:
        raise SolverError(f"Clarabel refused a quadratic program: {error}") from error
    status = _CLARABEL.get(str(found.status), "error")
    if status == "error" and rough and np.isfinite(found.x).all() and np.isfinite(found.z).all():
        status = "optimal"
    return found if status == "optimal" else told(ended(status, f"Clarabel: {found.status}"))
