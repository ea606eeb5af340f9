"""What inner copies say: the answers of their followers at given decisions, and their bounds."""

from __future__ import annotations

import clarabel
import numpy as np
import scipy.sparse as sp

import kktgen as kg


def inner_answer(copy, x):
    """Return the answer of a copy's follower at the leader's decision, None where its rows leave no point."""
    qp = copy.followers[0].qp()
    at = np.searchsorted(copy.variable("x").cols.ravel(), qp.x)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    A, sides = sp.csc_matrix(sp.vstack([qp.A, qp.G])), np.concatenate([qp.b - qp.B @ x[at], qp.h - qp.H @ x[at]])
    cones = [clarabel.ZeroConeT(len(qp.b)), clarabel.NonnegativeConeT(len(qp.h))]
    P = sp.triu(sp.csc_matrix(qp.P), format="csc")
    found = clarabel.DefaultSolver(P, qp.q + qp.Q @ x[at], A, sides, cones, settings).solve()
    return np.array(found.x) if "Solved" in str(found.status) else None


def bound_of(copy, seconds=30):
    """Return the bound of a copy by its pairs."""
    return kg.solve(kg.encode(kg.bound(kg.eliminate(kg.kkt(copy)))), time_limit=seconds).bound
