"""Multipliers of a point that has none: of each response, found by its follower re-solved."""

from __future__ import annotations

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.kkt_system import Kkt


def with_prices(kkt: Kkt, z: np.ndarray, followers: np.ndarray, deadline: Deadline = NEVER) -> np.ndarray:
    """Return a point with basic multipliers of some followers: the dual of ``min c'y``, c the gradient at the response.

    Raises
    ------
    SolverError
        A linear program was refused.
    """
    out = z.copy()
    for k in followers.tolist():
        qp = kkt.qp(k, z)
        found = qp.multipliers(z[qp.y], z[qp.x], deadline)
        if found is not None:
            out[qp.lam], out[qp.mu] = found
    return out
