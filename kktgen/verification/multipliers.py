"""Multipliers of a point that has none: of each response, found by its follower re-solved."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..model.kkt_system import Kkt
from ..numerics.programs import lp
from ..numerics.sparse import Csr
from ..problem.conic_qp import ConicQP
from ..problem.qp import QP

TIGHT = 1e-6
"""Slack up to which a row may have a price, over the size of its side."""

ROOM = 1e-8
"""Residual of stationarity that multipliers beside known ones may have, over the size of the gradient."""


def with_prices(
    kkt: Kkt, z: np.ndarray, followers: np.ndarray, deadline: Deadline = NEVER, known: np.ndarray | None = None
) -> np.ndarray:
    """Return a point with basic multipliers of some followers: the dual of ``min c'y``, c the gradient at the response.

    Raises
    ------
    SolverError
        A linear program was refused.
    """
    out = z.copy()
    for k in followers.tolist():
        qp = kkt.qp(k, z)
        own = np.concatenate([qp.lam, qp.mu])
        if known is not None and known[own].any():
            out[own] = _completed(qp, z, known[own], deadline)
            continue
        found = qp.multipliers(z[qp.y], z[qp.x], deadline)
        if found is not None:
            out[qp.lam], out[qp.mu] = found
    return out


def _completed(qp: QP, z: np.ndarray, known: np.ndarray, deadline: Deadline) -> np.ndarray:
    """Return the multipliers (lam, mu) of a response with those that are known: zeros for the rest where none fit."""
    y, x, me = z[qp.y], z[qp.x], len(qp.b)
    qp = qp.tangent(y) if isinstance(qp, ConicQP) else qp
    own = np.where(known, z[np.concatenate([qp.lam, qp.mu])], 0.0)
    gradient = qp.gradient(y, x)
    slack = qp.slack(y, x) > TIGHT * (1.0 + np.abs(qp.h))
    lb = np.concatenate([np.full(me, -np.inf), np.zeros(len(qp.h))])
    ub = np.concatenate([np.full(me, np.inf), np.where(slack, 0.0, np.inf)])
    lb, ub = np.where(known, own, lb), np.where(known, own, ub)
    rows = Csr(sp.hstack([qp.A.T, -qp.G.T], format="csr"))
    room = ROOM * (1.0 + np.abs(gradient))
    cost = np.concatenate([np.zeros(me), np.ones(len(qp.h))])
    answer = lp(cost, rows, gradient - room, gradient + room, lb, ub, deadline)
    return own if answer.x is None else answer.x
