"""Few decisions of an aligned or opposed leader: every one is tried, and the followers' optimal values added up.

With ``F = phi(x) + sum_k kappa_k f_k`` (:mod:`kktgen.reformulate.alignment`) the leader's value at a decision x is
``phi(x) + sum_k kappa_k v_k(x)``, an LP a follower, kept warm from decision to decision. No multiplier needs a box. It
is for leaders whose columns are all integer and whose linear rows leave few decisions, such as k of n lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.model import Model
from ..numerics.sparse import Csr, coo, row_index, take_columns, vstack
from ..numerics.warm_lp import WarmLp
from ..problem.qp import QP
from ..reformulate.alignment import aligned_to
from ..reformulate.scale import scaled

MOST = 100_000
"""Most decisions that are tried."""
SPREAD = 4
"""Beginnings of decisions that are looked at for each of them: what the rows say may come late."""
TRIAL, PATIENCE = 50, 60.0
"""After so many decisions all are to be expected within so many seconds, or half of what is left of a limit."""
ROUNDING = 1e-9
"""Relative violation of a leader's row that counts as none."""
ROWS_APART = 200
"""Decisions between two words of progress."""


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of trying every decision.

    Parameters
    ----------
    count : int
        How many decisions the leader's rows leave.
    responses : int
        At how many of them every follower has a response.
    x : ndarray (n,) or None
        A point with the best decision in the leader's columns; None where no decision has a response.
    value : float
        The objective there, in the user's sense.
    """

    count: int
    responses: int
    x: np.ndarray | None
    value: float


def try_every_decision(
    model: Model, deadline: Deadline = NEVER, progress: Callable[[Mapping[str, Any]], Any] | None = None
) -> Tried | None:
    """Return the best decision of a leader with few of them, or None where it is not for this way, or would take long.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`, its products not eliminated.
    deadline : Deadline
    progress : callable, optional
        Told how many decisions were tried.
    """
    view = scaled(model)
    found, kkt = aligned_to(view.model), view.model.kkt
    if found is None or kkt is None or found.free.any() or not _plain(view.model):
        return None
    qps = [kkt.qp(k) for k in range(len(kkt.systems))]
    if any(qp.P.nnz for qp in qps):
        return None
    leader = np.flatnonzero(view.model.space.role == "leader")
    choices = decisions(view.model, leader)
    if choices is None:
        return None
    values = _phi(view.model, leader, choices)
    for weight, qp in zip(found.weight, qps, strict=True):
        own = _optimal_values(qp, leader, choices, deadline, progress)
        if own is None:
            return None
        values += weight * own if weight else np.where(np.isfinite(own), 0.0, np.inf)
    responses = np.isfinite(values)
    values[~responses] = np.inf
    if not responses.any():
        return Tried(len(values), 0, None, model.sense * np.inf)
    best, x = int(np.argmin(values)), np.zeros(view.model.n)
    x[leader] = choices[best]
    return Tried(len(values), int(responses.sum()), view.back(x), model.sense * view.objective * float(values[best]))


def decisions(model: Model, leader: np.ndarray, most: int = MOST) -> np.ndarray | None:
    """Return all decisions that the leader's rows leave (k, d), in lexicographic order; None where they are many.

    Parameters
    ----------
    model : Model
    leader : ndarray (d,)
        The leader's columns, integer ones in finite boxes.
    most : int
        None is returned where there are more.
    """
    lb, ub = model.space.lb[leader], model.space.ub[leader]
    table = model.rows.take(model.rows.of_role("leader"))
    M = take_columns(table.M, leader).toarray()
    room = ROUNDING * np.maximum(1.0, np.abs(M).sum(axis=1))
    low, high = np.minimum(M * lb, M * ub), np.maximum(M * lb, M * ub)
    rest_low, rest_high = low.sum(axis=1), high.sum(axis=1)
    out, activity = np.empty((1, 0), dtype=np.int32), np.zeros((1, len(M)))
    for j in range(len(leader)):
        values = np.arange(np.ceil(lb[j]), np.floor(ub[j]) + 1).astype(np.int32)
        if len(out) * len(values) > SPREAD * most:
            return None
        rest_low, rest_high = rest_low - low[:, j], rest_high - high[:, j]
        column = np.tile(values, len(out))
        out = np.column_stack([np.repeat(out, len(values), axis=0), column])
        activity = np.repeat(activity, len(values), axis=0) + column[:, None] * M[:, j]
        keep = (activity + rest_low <= table.hi + room).all(axis=1)
        keep &= (activity + rest_high >= table.lo - room).all(axis=1)
        out, activity = out[keep], activity[keep]
    return out if len(out) <= most else None


def _plain(model: Model) -> bool:
    """Return whether the leader has integer columns in finite boxes and linear rows alone."""
    space = model.space
    leader = space.role == "leader"
    finite = np.isfinite(space.lb[leader]) & np.isfinite(space.ub[leader])
    rules = model.indicators is not None and len(model.indicators)
    return bool((space.kind[leader] != "C").all() and finite.all()) and not (
        len(model.quads) or len(model.sos1) or rules or len(model.terms)
    )


def _phi(model: Model, leader: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Return the terms of the objective that hold the leader's columns alone, at every decision (k,)."""
    goal, own = model.objective, model.space.role == "leader"
    at = np.full(model.n, -1)
    at[leader] = np.arange(len(leader))
    mine = own[goal.i] & own[goal.j]
    i, j, v = at[goal.i[mine]], at[goal.j[mine]], goal.v[mine]
    here = own[goal.linear.indices]
    linear = choices[:, at[goal.linear.indices[here]]] @ goal.linear.data[here]
    return np.asarray(linear + (choices[:, i] * choices[:, j]) @ v + goal.r, dtype=float)


def _optimal_values(
    qp: QP, leader: np.ndarray, choices: np.ndarray, deadline: Deadline,
    progress: Callable[[Mapping[str, Any]], Any] | None,
) -> np.ndarray | None:  # fmt: skip
    """Return a linear follower's optimal value at every decision (k,), NaN without a response; None if it takes long.

    Decisions that are the same to the follower are solved once.
    """
    ny, nx = qp.ny, qp.nx
    seen = choices[:, np.searchsorted(leader, qp.x)]
    if not len(seen):
        return np.empty(0)
    different, which = np.unique(seen.astype(float), axis=0, return_inverse=True)
    lp, columns = _warm(qp, different[0], deadline), np.arange(ny)
    values, last, begun = np.full(len(different), np.nan), different[0], deadline.part(None)
    for k, x in enumerate(different):
        moved = np.flatnonzero(x != last)
        if len(moved):
            lp.set_columns(ny + moved, x[moved], x[moved])
        last = x
        answer = lp.minimize(columns, qp.q + qp.Q @ x if nx else qp.q, point=False)
        if answer.value is not None and answer.status == "optimal":
            values[k] = answer.value
        elif answer.status != "unbounded" and not (answer.status == "infeasible" and len(answer.row_dual)):
            return None  # late, or infeasible without a ray that proves it
        if k + 1 == TRIAL and begun.spent * len(different) / TRIAL > _patience(deadline):
            return None
        if progress is not None and k % ROWS_APART == 0:
            progress({"text": f"decisions: {k} of {len(different)}", "seconds": deadline.spent})
    return values[which.ravel()]


def _patience(deadline: Deadline) -> float:
    """Return the seconds that trying all decisions may take."""
    left = deadline.left()
    return PATIENCE if left is None else 0.5 * left


def _warm(qp: QP, x: np.ndarray, deadline: Deadline) -> WarmLp:
    """Return the follower's rows as an LP over its variables and its parameters, which are fixed columns."""
    n = qp.ny + qp.nx
    lb, ub = np.concatenate([np.full(qp.ny, -np.inf), x]), np.concatenate([np.full(qp.ny, np.inf), x])
    alone = (np.diff(qp.G.indptr) == 1) & (np.diff(qp.H.indptr) == 0)  # bounds of single variables
    at = np.isin(row_index(qp.G), np.flatnonzero(alone))
    column, factor, side = qp.G.indices[at], qp.G.data[at], qp.h[alone] / qp.G.data[at]
    np.minimum.at(ub, column[factor > 0], side[factor > 0])
    np.maximum.at(lb, column[factor < 0], side[factor < 0])
    rows = vstack([_beside(qp.A, qp.B), _beside(Csr(qp.G[~alone]), Csr(qp.H[~alone]))], n)
    lo = np.concatenate([qp.b, np.full(int((~alone).sum()), -np.inf)])
    return WarmLp(rows, lo, np.concatenate([qp.b, qp.h[~alone]]), lb, ub, deadline)


def _beside(left: Csr, right: Csr) -> Csr:
    """Return two matrices side by side."""
    shape = (left.shape[0], left.shape[1] + right.shape[1])
    rows = np.concatenate([row_index(left), row_index(right)])
    columns = np.concatenate([left.indices, right.indices + left.shape[1]])
    return coo(np.concatenate([left.data, right.data]), rows, columns, shape)
