"""What is left of a response where the leader takes parts of it away (interdiction cuts, no constants).

A row ``a y_j + c x_t <= h`` with a > 0 and a binary x_t of the leader leaves ``y_j <= r`` in one of its two states, v.
Where a response k has more, and y_j may be lowered, the response with r in the place of k_j is feasible in that state,
so that the follower's cost is at most::

    f(x, y) <= f(k) - sum_j q_j (k_j - r_j) v_j

for all j at once. A variable may be lowered where the cost is linear in it and not priced by the leader, it stands in
no equation, and in inequalities with coefficients >= 0 but for its own lower bound: what is feasible then stays so.

Such rows need no big-M, and one says of every subset what enumeration would take many responses for. Source: S.
DeNegre, Interdiction and discrete bilevel linear programming, PhD thesis, Lehigh University 2011; M. Fischetti, I.
Ljubic, M. Monaci, M. Sinnl, Interdiction games and monotonicity, INFORMS Journal on Computing 31 (2019) 390-410.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...numerics.sparse import row_index
from .parts import Part, Response

NEAR = 1e-9
"""Distance at which a value counts as reached, of a response relative."""
ROUNDING = 1e-12
"""Relative error of a side that is divided: more would let a large integer exceed what its row leaves."""


@dataclass(frozen=True, eq=False)
class Takes:
    """The rows ``a y_j + c x_t <= h`` by which the leader takes from variables that may be lowered.

    Parameters
    ----------
    row, j, t : ndarray (k,) of int
        The inequality, the variable's position in y, the column's position in x.
    low : ndarray (ny,)
        What each variable may be lowered to.
    """

    row: np.ndarray
    j: np.ndarray
    t: np.ndarray
    low: np.ndarray


@dataclass(frozen=True, eq=False)
class Thinned:
    """What a response loses: ``sum loss v``, with v = x_t where ``on``, else 1 - x_t; the rows this speaks of.

    Parameters
    ----------
    rows : ndarray (k,) of int
        Inequalities of the follower.
    t : ndarray (k,) of int
        Positions in x.
    on : ndarray (k,) of bool
    loss : ndarray (k,)
        By how much the cost rises; where it falls, less than 0.
    """

    rows: np.ndarray
    t: np.ndarray
    on: np.ndarray
    loss: np.ndarray


def takes(part: Part) -> Takes:
    """Return the rows by which the leader takes from a follower."""
    qp, space = part.qp, part.space
    counts, r, c = np.diff(qp.G.indptr), row_index(qp.G), qp.G.indices
    moved = np.diff(qp.H.indptr)
    can = np.ones(qp.ny, dtype=bool)
    can[qp.A.indices] = False
    for M in (qp.P, qp.Q):
        can[np.flatnonzero(np.diff(M.indptr))] = False
    bound = (qp.G.data < 0) & (counts[r] == 1) & (moved[r] == 0)
    can[c[(qp.G.data < 0) & ~bound]] = False
    low = np.full(qp.ny, -np.inf)
    np.maximum.at(low, c[bound], qp.h[r[bound]] / qp.G.data[bound])
    row = np.flatnonzero((counts == 1) & (moved == 1))
    j, t = qp.G.indices[qp.G.indptr[row]], qp.H.indices[qp.H.indptr[row]]
    at = qp.x[t]
    binary = (space.kind[at] != "C") & (space.lb[at] >= 0) & (space.ub[at] <= 1)
    good = can[j] & binary & (qp.G.data[qp.G.indptr[row]] > 0) & np.isfinite(low[j])
    row, j, t = row[good], j[good], t[good]
    _, first = np.unique(j, return_index=True)  # one row a variable: of others the constants speak
    return Takes(row[first], j[first], t[first], low)


def thinned(part: Part, known: Takes, response: Response) -> Thinned:
    """Return what a response loses where the leader takes from it."""
    qp, y = part.qp, response.y
    row, j = known.row, known.j
    a, c, h = qp.G.data[qp.G.indptr[row]], qp.H.data[qp.H.indptr[row]], qp.h[row]
    on = c > 0
    left = np.where(on, h - c, h) / a  # in the state that takes, and in the other one
    other = np.where(on, h, h - c) / a
    left, other = (np.where(part.whole[j], np.floor(end + NEAR + ROUNDING * np.abs(end)), end) for end in (left, other))
    room = NEAR * (1.0 + np.abs(y[j]))
    live = (y[j] > left + room) & (y[j] <= other + room) & (left >= known.low[j] - room)
    loss = -qp.q[j] * (y[j] - left)
    return Thinned(row[live], known.t[live], on[live], loss[live])
