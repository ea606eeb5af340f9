"""What the errors of a response are worth to the leader: a value that hangs on them is no value of a response.

The leader's objective F is taken again with columns of a follower put where its response, re-solved, has them::

    worth = |F(z) - F(z')| / max(1, |F(z)|)      errors within tolerance: z'_j the re-solved y_j, lam_j or mu_j,
                                                 where |z_j - z'_j| <= tol max(1, |z_j|)
    worth = gain of F at z over z'               variables that moved, where that is no tie: z'_j the re-solved y_j

All of it is in the problem's own units. A price of 1e20 times a quantity of 1e-7 that ought to be zero is worth 1e13;
and near its lowest point a curved cost hardly tells a response from another that is worth more to the leader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from ..problem.qp import QP
from ..reformulate.scale import Scaled
from .followers import Resolved
from .report import Line, Tolerances
from .residuals import line

Change = tuple[int, np.ndarray, bool]
"""A follower, the point with its columns changed, and whether a gain alone counts."""


def worth_lines(
    view: Scaled, z: np.ndarray, outcomes: Sequence[Resolved], tolerances: Tolerances, deadline: Deadline = NEVER
) -> list[Line]:
    """Return the line ``worth`` of every follower whose errors are worth more to the leader than the gap allows.

    Parameters
    ----------
    view : Scaled
        The KKT model and its own units.
    z : ndarray (n,)
        A point in the user's units.
    outcomes : sequence of Resolved
        What became of the followers' responses.
    tolerances : Tolerances
    deadline : Deadline
        Of all re-solves together; a follower not reached has no line.
    """
    model, kkt = view.model, view.model.kkt
    if kkt is None:
        return []
    at, out = view.point(z), {}
    value = model.value(at)
    whole = max(1.0, abs(value))
    stand = [outcome.gap <= tolerances.follower_gap for outcome in outcomes]  # of those that do not, that is said
    for k, other, gains in (*_moved(view, at, outcomes), *_within(view, at, tolerances, deadline)):
        change = value - model.value(model.terms.settled(other))
        worth = max(-model.sense * change, 0.0) if gains else abs(change)
        if worth <= tolerances.optimality * whole or k in out or not stand[k]:
            continue
        most = int(np.argmax(np.abs(other - at)))
        where = f"{model.space.label(most)}: {z[most]:.6g}, re-solved {view.back(other)[most] + 0.0:.6g}"
        out[k] = line("worth", worth / whole, tolerances.optimality, where, kkt.followers[k], worth * view.objective)
    return list(out.values())


def _moved(view: Scaled, at: np.ndarray, outcomes: Sequence[Resolved]) -> Iterator[Change]:
    """Yield the points with the variables of a follower that moved where they belong."""
    assert view.model.kkt is not None
    for k, outcome in enumerate(outcomes):
        if outcome.moved is not None and outcome.y is not None:
            other, y = at.copy(), view.model.kkt.systems[k].y
            other[y[outcome.moved]] = outcome.y[outcome.moved]
            yield k, other, True


def _within(view: Scaled, at: np.ndarray, tolerances: Tolerances, deadline: Deadline) -> Iterator[Change]:
    """Yield the points without a follower's errors within tolerance, where the gradient of F lets them count."""
    model, kkt = view.model, view.model.kkt
    assert kkt is not None
    P, q, _ = model.matrices
    reach = tolerances.feasibility * np.maximum(1.0, np.abs(at))
    effect = np.abs(P @ at + q) * reach
    of = [(kkt.y_of, kkt.y), (kkt.lam_of, kkt.lam), (kkt.mu_of, kkt.mu)]
    parts = [np.bincount(owner, effect[columns], len(kkt.followers)) for owner, columns in of]
    most = np.where(kkt.conditions, 0.0, np.sum(parts, axis=0))
    for k in np.flatnonzero(most > tolerances.optimality * max(1.0, abs(model.value(at)))).tolist():
        qp = kkt.qp(k, at)
        columns = np.concatenate([qp.y, qp.lam, qp.mu])
        exact = None if deadline.over else _response(qp, at, deadline)
        if exact is not None:
            near = np.abs(at[columns] - exact) <= reach[columns]
            other = at.copy()
            other[columns[near]] = exact[near]
            yield k, other, False


def _response(qp: QP, z: np.ndarray, deadline: Deadline) -> np.ndarray | None:
    """Return ``(y, lam, mu)`` of a follower re-solved at the parameters of z; None where that fails."""
    try:
        found = qp.at(z[qp.x]).solve(deadline)
    except SolverError:
        return None
    return None if found.x is None else np.concatenate([found.x, *qp.prices(found.row_dual)])
