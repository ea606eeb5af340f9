"""Is a point of a bilevel problem right? Decided from the declared data alone, by SciPy's linear programs.

A response y is an optimum exactly when no feasible direction descends: ``min_v f'(y)'(v - y) = 0`` over the follower's
rows. Where it is not zero, the line search towards v (Frank & Wolfe 1956) shows how much is lost at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

import kktgen as kg

RIGHT, WRONG = 1e-7, 1e-5
"""Relative violations up to the first are none, above the second are one; between them nothing is decided."""
REACH = 1e4
"""How far (times the size of the response) a better response is looked for."""
STEPS = 60
"""Line searches at most."""


@dataclass(frozen=True)
class Truth:
    """Largest relative violations: of the leader's part, of the responses, of the multipliers (used ones, unused)."""

    leader: float
    response: float
    used: float
    unused: float
    value: float

    @property
    def is_right(self) -> bool:
        """Whether leader, responses and used multipliers are right."""
        return max(self.leader, self.response, self.used) <= RIGHT

    @property
    def is_wrong(self) -> bool:
        """Whether one of them is clearly wrong."""
        return not max(self.leader, self.response, self.used) <= WRONG

    @property
    def breaks_multipliers(self) -> bool:
        """Whether multipliers that nobody uses are clearly wrong."""
        return not self.unused <= WRONG


def _off(value: np.ndarray, lo: np.ndarray, hi: np.ndarray, scale: np.ndarray) -> float:
    """Return the largest violation of ``lo <= value <= hi`` over the scale and the side."""
    out = 0.0
    for side, amount in ((lo, lo - value), (hi, value - hi)):
        there = np.isfinite(side)
        if there.any():
            out = max(out, float((amount[there] / (1.0 + np.abs(side[there]) + scale[there])).max()))
    return out


def _rows(rows: kg.Rows, z: np.ndarray) -> float:
    M = rows.M.toarray()
    z = z[: M.shape[1]]
    return _off(M @ z, rows.lo, rows.hi, np.abs(M) @ np.abs(z))


def leader_violation(m: kg.Bilevel, z: np.ndarray) -> float:
    """Return the largest relative violation of what the leader declared."""
    space = m.space
    own, whole = np.flatnonzero(space.role == "leader"), np.flatnonzero(space.kind != "C")
    out = [0.0, *(_rows(rows, z) for rows in m.rows), *np.abs(z[whole] - np.round(z[whole]))]
    out.append(_off(z[own], space.lb[own], space.ub[own], np.zeros(len(own))))
    for row in m.quads:
        terms = np.abs(row.quad.v * z[row.quad.i] * z[row.quad.j]).sum()
        out.append(_off(*(np.array([v]) for v in (row.quad.value(z), row.lo, row.hi, terms))))
    for _, columns in m.sets:
        size = np.sort(np.abs(z[columns]))
        out.append(size[-2] / (1.0 + size[-1]) if len(size) > 1 else 0.0)
    out += [_rows(rows, z) for _, column, value, rows in m.conditions if abs(z[column] - value) < 0.5]
    return float(max(out))


def users(m: kg.Bilevel) -> set[int]:
    """Return the columns that stand in the leader's problem or that some follower sees."""
    found = {*m.objective.i.tolist(), *m.objective.j.tolist(), *m.objective.linear.indices.tolist()}
    for row in m.quads:
        found |= {*row.quad.i.tolist(), *row.quad.j.tolist(), *row.quad.linear.indices.tolist()}
    for rows in [*m.rows, *(condition[3] for condition in m.conditions)]:
        found |= set(rows.M.indices.tolist())
    return found.union(*(f.qp().x.tolist() for f in m.followers))


def lost(qp: kg.QP, y: np.ndarray, x: np.ndarray) -> float:
    """Return how much (relative) a feasible response is above the optimum: at least, and 0 where it is the optimum."""
    P, q = qp.P.toarray(), qp.Q.toarray() @ x + qp.q
    A, G = qp.A.toarray(), qp.G.toarray()
    b, h = A @ y, np.maximum(qp.h - qp.H.toarray() @ x, G @ y)
    room = REACH * (1.0 + np.abs(y).max(initial=0.0))
    scale = 1.0 + abs(float(q @ y)) + np.abs(q * y).sum() + float(y @ P @ y)
    here, gained = y.copy(), 0.0
    for _ in range(STEPS):
        c = P @ here + q
        box = np.column_stack([y - room, y + room])
        found = linprog(
            c, G if len(h) else None, h if len(h) else None, A if len(b) else None, b if len(b) else None, box
        )
        assert found.status == 0, found.message
        step = found.x - here
        slope, bend = float(c @ step), float(step @ P @ step)
        if -slope <= RIGHT * scale:
            break
        t = 1.0 if bend <= -slope else -slope / bend
        here, gained = here + t * step, gained - (t * slope + 0.5 * t * t * bend)
        if gained > 10 * WRONG * scale:
            break
    return gained / scale


def multiplier_violation(qp: kg.QP, z: np.ndarray) -> float:
    """Return the largest relative violation of stationarity, signs and complementarity by the point's multipliers."""
    y, x, lam, mu = z[qp.y], z[qp.x], z[qp.lam], z[qp.mu]
    if not np.isfinite([*lam, *mu]).all():
        return np.inf
    P, Q, A, G = (part.toarray() for part in (qp.P, qp.Q, qp.A, qp.G))
    s = qp.h - G @ y - qp.H.toarray() @ x
    size = np.abs(P) @ np.abs(y) + np.abs(Q) @ np.abs(x) + np.abs(qp.q) + np.abs(A.T) @ np.abs(lam)
    size = 1.0 + size + np.abs(G.T) @ np.abs(mu)
    top = float(size.max(initial=1.0))
    row = 1.0 + np.abs(qp.h) + np.abs(G) @ np.abs(y) + np.abs(qp.H.toarray()) @ np.abs(x)
    stationarity = np.abs(P @ y + Q @ x + qp.q - A.T @ lam + G.T @ mu) / size
    return float(max([0.0, *stationarity, *(-mu / top), *np.abs(mu * s / (row * top))]))


def truth(m: kg.Bilevel, z: np.ndarray) -> Truth:
    """Return what is wrong with a point of a bilevel problem (n,), NaN multipliers counting as wrong ones."""
    z, space = np.array(z, dtype=float)[: len(m.space)], m.space
    price = np.isin(space.role, ["lam", "mu"])
    if not np.isfinite(z[~price]).all():
        return Truth(np.inf, np.inf, np.inf, np.inf, np.nan)
    asked = users(m)
    response, used, unused = 0.0, 0.0, 0.0
    for f in m.followers:
        qp = f.qp()
        off = multiplier_violation(qp, z)
        if asked & {*qp.lam.tolist(), *qp.mu.tolist()}:
            used = max(used, off)
        else:
            unused = max(unused, off)
        y, x = z[qp.y], z[qp.x]
        if not np.isfinite(x).all():
            continue
        A, B, G, H = (part.toarray() for part in (qp.A, qp.B, qp.G, qp.H))
        sizes = [np.abs(M) @ np.abs(y) + np.abs(N) @ np.abs(x) for M, N in ((A, B), (G, H))]
        value = A @ y + B @ x
        infeasible = max(
            _off(value, qp.b, qp.b, sizes[0]), _off(G @ y + H @ x, np.full(len(qp.h), -np.inf), qp.h, sizes[1])
        )
        response = max(response, infeasible if infeasible > WRONG else max(infeasible, lost(qp, y, x)))
    prices = np.where(np.isfinite(z), z, 0.0)
    return Truth(leader_violation(m, prices), response, used, unused, m.sense * float(m.objective.value(prices)))
