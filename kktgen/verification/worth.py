"""What errors within tolerance are worth to the leader: a value that hangs on them is no value of a response.

A follower's columns z_k = (y, lam, mu) are compared with those of its response re-solved at the same parameters. Those
that differ by no more than the tolerance are put there, and the leader's objective F is taken again::

    worth = |F(z) - F(z')| / max(1, |F(z)|)      z'_j = the re-solved value where |z_j - z'_j| <= tol max(1, |z_j|)

All of it is in the problem's own units. A price of 1e20 times a quantity of 1e-7 that ought to be zero is worth 1e13.
Where the gradient of F is too small for any such error to count, nothing is re-solved.
"""

from __future__ import annotations

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from ..problem.qp import QP
from ..reformulate.scale import Scaled
from .report import Line, Tolerances
from .residuals import line


def worth_lines(view: Scaled, z: np.ndarray, tolerances: Tolerances, deadline: Deadline = NEVER) -> list[Line]:
    """Return the line ``worth`` of every follower whose errors within tolerance are worth more than the gap allows.

    Parameters
    ----------
    view : Scaled
        The KKT model and its own units.
    z : ndarray (n,)
        A point in the user's units.
    tolerances : Tolerances
    deadline : Deadline
        Of all re-solves together; a follower not reached has no line.
    """
    model, kkt = view.model, view.model.kkt
    if kkt is None:
        return []
    P, q, _ = model.matrices
    at = view.point(z)
    value, reach = model.value(at), tolerances.feasibility * np.maximum(1.0, np.abs(at))
    whole = max(1.0, abs(value))
    effect = np.abs(P @ at + q) * reach
    of = [(kkt.y_of, kkt.y), (kkt.lam_of, kkt.lam), (kkt.mu_of, kkt.mu)]
    most = sum(np.bincount(owner, effect[columns], len(kkt.followers)) for owner, columns in of)
    out = []
    for k in np.flatnonzero(most > tolerances.optimality * whole).tolist():
        qp = kkt.qp(k)
        columns = np.concatenate([qp.y, qp.lam, qp.mu])
        exact = None if deadline.over else _response(qp, at, deadline)
        if exact is None:
            continue
        near = np.abs(at[columns] - exact) <= reach[columns]
        other = at.copy()
        other[columns[near]] = exact[near]
        worth = abs(model.value(model.terms.settled(other)) - value)
        changed = columns[near][np.argmax(effect[columns[near]])] if near.any() else columns[0]
        if worth <= tolerances.optimality * whole:
            continue
        where = f"{model.space.label(int(changed))}: {z[changed]:.3g}, re-solved {view.back(other)[changed] + 0.0:.3g}"
        out.append(line("worth", worth / whole, tolerances.optimality, where, kkt.followers[k], worth * view.objective))
    return out


def _response(qp: QP, z: np.ndarray, deadline: Deadline) -> np.ndarray | None:
    """Return ``(y, lam, mu)`` of a follower re-solved at the parameters of z; None where that fails."""
    try:
        found = qp.at(z[qp.x]).solve(deadline)
    except SolverError:
        return None
    return None if found.x is None else np.concatenate([found.x, *qp.prices(found.row_dual)])
