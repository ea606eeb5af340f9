"""Small steps of the leader that make followers prefer one of their ties, the intended one.

Along ``d = (z - zhat) / margin``, with ``|d_j| <= 1`` for the leader's columns x that followers see:

``settled`` keeps the intended response optimal, with the same active rows, and makes the multipliers of the rows that
separate it from other ties as positive as can be::

    max   W t + sum_i w_i u_i - c g'd
    s.t.  the KKT rows of every follower along d: stationarity, equations, s_i = 0 for active rows, s_i >= 0 for others
          mu_i >= 0 for active rows, 0 for others;  0 <= u_i <= 1,  u_i <= mu_i / margin,  t <= u_i for separating rows
          the leader's linear rows and bounds

over active rows i whose multiplier is zero; g is the leader's gradient. Rows that are priced at a rival alone separate
it too: they get slack, ``u_i <= s_i / margin``, and keep the multiplier zero.

``tilted`` makes rival ties y_r dearer than the intended one, whatever the rest of the response does::

    max   t + sum_r c_r'd - c |d|_1    s.t.  t <= c_r'd,  c_r = sum of Q'(y_r - yhat) over the followers
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...model.kkt_system import Kkt
from ...model.model import Model
from ...numerics.programs import lp
from ...numerics.sparse import Csr, coo, row_index, take_columns, vstack
from ...problem.columns import LEADER
from ...verification.residuals import row_scale
from ...verification.ties.face import TIE

REACH = 1e3
"""How far (in margins) followers' variables may move with the leader's."""
APART = 1e-4
"""A slack above this (times the scale of its row) separates a rival tie."""


def seen(model: Model) -> np.ndarray:
    """Return which columns are the leader's and seen by some follower (n,) bool."""
    out = np.zeros(model.n, dtype=bool)
    if model.kkt is not None:
        out[model.kkt.seen] = True
    out[model.terms.factors] = True
    return out & (model.space.owner == LEADER) & (model.space.role == "leader")


def leader_rows(model: Model) -> tuple[Csr, np.ndarray, np.ndarray]:
    """Return the leader's linear rows (M, lo, hi)."""
    rows = model.rows.take(model.rows.of_role("leader"))
    return rows.M, rows.lo, rows.hi


def tilted(
    model: Model, z: np.ndarray, rivals: list[np.ndarray], margin: float, deadline: Deadline = NEVER
) -> np.ndarray | None:
    """Return the point with the leader's columns moved so that rival ties get dearer; followers have not answered yet.

    None where no move makes them dearer.
    """
    parts = model.kkt
    if parts is None:
        return None
    gain = np.zeros((len(rivals), model.n))
    for k in range(len(parts.followers)):
        qp = parts.qp(k, z)
        for r, rival in enumerate(rivals):
            np.add.at(gain[r], qp.x, qp.Q.T @ (rival - z)[qp.y])
    movable = seen(model) & (model.space.kind == "C")
    columns = np.flatnonzero(movable)
    low = np.maximum((model.space.lb - z)[columns] / margin, -1.0).clip(max=0.0)
    high = np.minimum((model.space.ub - z)[columns] / margin, 1.0).clip(min=0.0)
    M, lo, hi = leader_rows(model)
    others = np.bincount(row_index(M)[~movable[M.indices]], minlength=len(lo)) > 0
    value = M @ z
    R = take_columns(Csr(M[~others]), columns)
    lo, hi = np.minimum(lo - value, 0.0)[~others] / margin, np.maximum(hi - value, 0.0)[~others] / margin
    n, C = len(columns), gain[:, columns]
    size = max(float(np.abs(C).max(initial=0.0)), 1e-12)
    C = C / size
    rows = sp.vstack([sp.hstack([R, -R, Csr((R.shape[0], 1))]),
                      sp.hstack([Csr(C), Csr(-C), Csr(-np.ones((len(C), 1)))])], format="csr")  # fmt: skip
    lo, hi = np.concatenate([lo, np.zeros(len(C))]), np.concatenate([hi, np.full(len(C), np.inf)])
    push = C.sum(axis=0)
    cost = np.concatenate([1e-3 - push, 1e-3 + push, [-1.0]])
    top = np.concatenate([high, -low, [np.inf]])
    answer = lp(cost, Csr(rows), lo, hi, np.zeros(2 * n + 1), top, deadline)
    if answer.x is None:
        return None
    step = answer.x[:n] - answer.x[n : 2 * n]
    if (C @ step).max(initial=0.0) <= TIE:
        return None
    out = z.copy()
    out[columns] = np.clip(z[columns] + margin * step, model.space.lb[columns], model.space.ub[columns])
    return out


def settled(
    model: Model, z: np.ndarray, rivals: list[np.ndarray], margin: float, deadline: Deadline = NEVER
) -> np.ndarray | None:
    """Return the point moved so that its response is preferred to the rivals; None where no row tells them apart."""
    parts = model.kkt
    if parts is None:
        return None
    scale = row_scale(parts.C, z, parts.c0)
    slack = parts.C @ z + parts.c0
    active = slack <= TIE * scale
    apart = np.zeros(len(active), dtype=bool)
    for rival in rivals:
        apart |= (parts.C @ rival + parts.c0) > APART * scale
    loose = np.zeros(len(active), dtype=bool)
    for rival in rivals:
        loose |= active & (z[parts.mu] <= TIE) & (rival[parts.mu] > APART)
    apart, active = apart & active & ~loose, active & ~loose
    if not (apart | loose).any():
        return None
    low, high = _steps(model, parts, z, active, margin)
    answer = _program(model, parts, z, slack, (active, apart, loose), (low, high), margin, deadline)
    if answer is None:
        return None
    out = z + margin * answer
    own = model.space.role == "leader"
    out[own] = np.clip(out[own], model.space.lb[own], model.space.ub[own])
    out[parts.mu] = np.where(active, np.maximum(out[parts.mu], 0.0), z[parts.mu])
    return out


def _steps(
    model: Model, parts: Kkt, z: np.ndarray, active: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the bounds of the direction d over all columns."""
    space = model.space
    low, high = np.full(model.n, -np.inf), np.full(model.n, np.inf)
    leader = (space.owner == LEADER) & (space.role == "leader")
    low[leader] = np.minimum((space.lb - z)[leader] / margin, 0.0)
    high[leader] = np.maximum((space.ub - z)[leader] / margin, 0.0)
    linking = seen(model)
    low[linking], high[linking] = np.maximum(low[linking], -1.0), np.minimum(high[linking], 1.0)
    fixed = leader & (space.kind != "C")
    low[fixed] = high[fixed] = 0.0
    low[parts.y], high[parts.y] = -REACH, REACH
    low[parts.mu] = np.where(active, np.minimum(-z[parts.mu] / margin, 0.0), 0.0)
    high[parts.mu] = np.where(active, np.inf, 0.0)
    dead = space.is_price & (space.lb == space.ub)
    low[dead] = high[dead] = 0.0
    return low, high


def _program(
    model: Model, parts: Kkt, z: np.ndarray, slack: np.ndarray, sets: tuple[np.ndarray, np.ndarray, np.ndarray],
    box: tuple[np.ndarray, np.ndarray], margin: float, deadline: Deadline,
) -> np.ndarray | None:  # fmt: skip
    """Return the direction d of the most strict preference: the linear program of the module's text."""
    active, apart, loose = sets
    n, (M, lower, upper) = model.n, leader_rows(model)
    weak = np.flatnonzero(active & (z[parts.mu] < margin) & (model.space.ub[parts.mu] > 0))
    open_ = np.flatnonzero(loose)
    chosen, k = np.concatenate([apart[weak], loose[open_]]), len(weak) + len(open_)
    value = M @ z
    A = vstack([parts.S, parts.E, parts.C, M], n)
    zero = np.zeros(len(parts.s0) + len(parts.e0))
    room = np.where(active | loose, 0.0, -np.maximum(slack, 0.0) / margin)
    lo = np.concatenate([zero, room, np.minimum(lower - value, 0.0) / margin])
    hi = np.concatenate([zero, np.where(active, 0.0, np.inf), np.maximum(upper - value, 0.0) / margin])
    # u_i <= mu_i / margin + d of mu_i or, for loose rows, u_i <= d of s_i; t - u_i <= 0 where row i separates
    index, some = np.arange(k), np.flatnonzero(chosen)
    unit = coo(np.ones(len(weak)), np.arange(len(weak)), parts.mu[weak], (len(weak), n))
    strict = vstack([unit, Csr(parts.C[open_])], n)
    first = coo(np.concatenate([np.ones(k), -strict.data]), np.concatenate([index, row_index(strict)]),
                np.concatenate([n + index, strict.indices]), (k, n + k + 1))  # fmt: skip
    second = coo(np.concatenate([np.ones(len(some)), -np.ones(len(some))]), np.tile(np.arange(len(some)), 2),
                 np.concatenate([np.full(len(some), n + k), n + some]), (len(some), n + k + 1))  # fmt: skip
    wide = Csr(sp.vstack([vstack([A], n + k + 1), first, second], format="csr"))
    have = np.concatenate([np.maximum(z[parts.mu[weak]], 0.0) / margin, np.zeros(len(open_))])
    lo = np.concatenate([lo, np.full(k + len(some), -np.inf)])
    hi = np.concatenate([hi, have, np.zeros(len(some))])
    P, q, _ = model.matrices
    gradient = P @ z + q
    steer = 1e-3 / max(1e-9, float(np.abs(gradient).max(initial=0.0)))
    cost = np.concatenate([steer * gradient, -np.where(chosen, 10.0, 0.1), [-float(10 * k)]])
    lb, ub = np.concatenate([box[0], np.zeros(k + 1)]), np.concatenate([box[1], np.ones(k + 1)])
    answer = lp(cost, wide, lo, hi, lb, ub, deadline)
    return None if answer.x is None else answer.x[:n]
