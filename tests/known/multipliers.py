"""What a bound on multipliers must let through."""

from __future__ import annotations

import numpy as np

import kktgen as kg
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr


def some_multipliers_fit(qp: kg.QP, x: np.ndarray, bounds) -> bool | None:
    """Return whether multipliers of the optimum at x exist within the bounds; None when there is no optimum."""
    mu_max, lam_lb, lam_ub = bounds
    A = Csr(np.vstack([qp.A.toarray(), qp.G.toarray()]))
    lo = np.concatenate([qp.b - qp.B @ x, np.full(len(qp.h), -np.inf)])
    hi = np.concatenate([qp.b - qp.B @ x, qp.h - qp.H @ x])
    free = np.full(qp.ny, np.inf)
    answer = programs.qp(qp.P, qp.q + qp.Q @ x, A, lo, hi, -free, free)
    if answer.x is None:
        return None
    slack = qp.slack(answer.x, x)
    gradient, width = qp.gradient(answer.x, x), 1e-5
    dual = Csr(np.hstack([-qp.A.T.toarray(), qp.G.T.toarray()]))
    lb = np.concatenate([lam_lb, np.zeros(len(mu_max))])
    ub = np.concatenate([lam_ub, np.where(slack > 1e-4, 0.0, mu_max)])
    found = programs.lp(np.zeros(len(lb)), dual, -gradient - width, -gradient + width, lb, ub)
    return found.status == "optimal"
