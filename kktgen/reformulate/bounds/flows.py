"""Flows without cycles: what an arc carries at most in any optimal response.

Where every arc costs something at any flow, an optimal flow runs round no cycle: less of it round the cycle would cost
less, and keep every row in which arcs and totals have no negative coefficient but for their own lower bound, which is
zero for arcs and implied for totals. A flow without cycles is a sum of paths from supply to demand (Ahuja, Magnanti and
Orlin, "Network Flows", 1993, theorem 3.5), so no arc carries more than all that is demanded in its part.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...numerics.intervals import interval
from ...numerics.safe_bound import OUTWARD
from ...numerics.sparse import Csr, row_index, scale_rows
from ...problem.qp import QP
from .network import Network
from .relaxation import single_rows, with_single_rows

Box = tuple[np.ndarray, np.ndarray]


def flow_limits(qp: QP, net: Network, x: Box, y: Box) -> np.ndarray:
    """Return the largest value of every variable in any optimal response (ny,), inf where nothing is proved.

    Parameters
    ----------
    qp : QP
    net : Network
    x, y : pair of ndarray
        Boxes of parameters and variables.
    """
    arcs, of = net.arcs, net.of
    fine = arcs & _costs_something(qp, net, x, y) & (own_box(qp)[0] == 0) & ~_held_up(qp, net, x)
    sound = np.bincount(of[arcs & ~fine], minlength=net.parts) == 0
    limit = np.where(sound, _demand(qp, net, x), np.inf)
    out = np.where(arcs, np.append(limit, np.inf)[np.where(arcs, of, net.parts)] / net.weight, np.inf)
    out = np.minimum(y[1], out + OUTWARD * (1.0 + np.abs(out)))
    total = constants(qp, net, x)[1] + _counted(net, out)
    out[net.total] = np.minimum(out[net.total], total + OUTWARD * (1.0 + np.abs(total)))
    return out


def own_box(qp: QP) -> Box:
    """Return the box of y that the follower's own rows of one variable state."""
    return with_single_rows(qp, np.full(qp.ny, -np.inf), np.full(qp.ny, np.inf))


def constants(qp: QP, net: Network, x: Box) -> Box:
    """Return the box of the constants of the totals, ``(b - B x)`` over the total's coefficient (r,)."""
    low, high = interval(scale_rows(-1.0 / net.own, Csr(qp.B[net.links])), *x)
    return low + qp.b[net.links] / net.own, high + qp.b[net.links] / net.own


def implied(qp: QP, net: Network, x: Box) -> np.ndarray:
    """Return which totals cannot fall below their lower bound, given the lower bounds of what they count (r,) bool."""
    low = own_box(qp)[0]
    return constants(qp, net, x)[0] + _counted(net, low) >= low[net.total]


def _counted(net: Network, y: np.ndarray) -> np.ndarray:
    """Return ``alpha'y``, infinite where a term is."""
    return np.bincount(net.alpha.indices, net.alpha.data * y[row_index(net.alpha)], len(net.links))


def _costs_something(qp: QP, net: Network, x: Box, y: Box) -> np.ndarray:
    """Return for which variables more of it, and of the totals that count it, costs more at any point (ny,) bool."""
    picked = Csr((np.ones(len(net.total)), net.total, np.arange(len(net.total) + 1)), shape=(len(net.total), qp.ny))
    step = sp.eye_array(qp.ny, format="csr") + net.alpha @ picked
    slope = Csr(step @ sp.hstack([qp.Q, qp.P], format="csr"))
    low, _ = interval(slope, np.concatenate([x[0], y[0]]), np.concatenate([x[1], y[1]]))
    return low + step @ qp.q > 0


def _held_up(qp: QP, net: Network, x: Box) -> np.ndarray:
    """Return of which variables a row may forbid less, their own lower bound aside (ny,) bool."""
    lower = np.zeros(len(qp.h), dtype=bool)
    lower[single_rows(qp)[0]] = True
    held = np.zeros(qp.ny, dtype=bool)
    held[qp.G.indices[(qp.G.data < 0) & ~lower[row_index(qp.G)]]] = True
    held[net.total[~implied(qp, net, x)]] = True
    counts = net.alpha @ held[net.total].astype(float)
    return held | (counts > 0)


def _demand(qp: QP, net: Network, x: Box) -> np.ndarray:
    """Return for every part all that its nodes and the ground demand, or all that they supply, whichever is less."""
    low, high = interval(scale_rows(-net.scale, Csr(qp.B[net.nodes])), *x)
    low, high = low + net.scale * qp.b[net.nodes], high + net.scale * qp.b[net.nodes]

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(net.part[:-1], values, net.parts)

    demand = total(np.maximum(high, 0.0)) + np.where(net.grounded, np.maximum(-total(low), 0.0), 0.0)
    supply = total(np.maximum(-low, 0.0)) + np.where(net.grounded, np.maximum(total(high), 0.0), 0.0)
    return np.minimum(demand, supply)
