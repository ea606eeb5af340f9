"""Prices of networks as distances (D5): bounds on multipliers from path costs, without linear programs.

With c the gradient of the cost, less what links and rows of several variables price, stationarity of an arc reads
``lam_head - lam_tail = c - mu_lower + mu_upper`` (in units of one; :mod:`kktgen.reformulate.bounds.network` has the
others). Over the box of c:

*All multipliers.* An arc without an upper bound has ``lam_head - lam_tail <= max c``, one without a lower bound
``lam_head - lam_tail >= min c``. Differences add up along paths, so lam lies within the shortest distances from and to
the ground, and a multiplier is at most the cheapest way round through its arc, unless bounds from both sides of the arc
can meet: both are then active, and only the difference of their multipliers is known.

*Basic multipliers*, of which every optimum has some (:mod:`kktgen.reformulate.bounds.basic`). Their lam is that of a
spanning tree of arcs without multipliers: ``lam_head - lam_tail`` is at most the sum of the largest ``|c|``, as many as
the tree has arcs. Two choices come before. A part without ground has dependent equations, whose lam may be shifted
together: that of its first node is zero. And a total whose lower bound its terms imply needs no multiplier there: at
``mu > 0`` the total and so all its terms are at their bounds, and adding ``alpha_j mu`` to their multipliers and mu to
the link's price keeps every condition. Neither choice touches what the other or the tree needs, so one choice satisfies
all.

A basis of an incidence matrix has an inverse of 0 and +-1: Ahuja, Magnanti and Orlin, "Network Flows", 1993, theorem
11.11; differences as distances: theorem 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...numerics.distances import Distances
from ...numerics.intervals import interval
from ...numerics.safe_bound import OUTWARD
from ...numerics.sparse import Csr
from ...problem.qp import QP
from .flows import Box, implied
from .network import Network
from .relaxation import Boxes, Layout, single_rows

ROOM = 1e-6
"""Relative distance from its side beyond which a row is never active."""


@dataclass(frozen=True, eq=False)
class _PathRows:
    """The inequalities that can be active: those that bound one variable, and which have several.

    Parameters
    ----------
    bound : ndarray (k,) of int
        Rows of one variable, ``column`` that variable, ``size`` the modulus of its coefficient.
    upper : ndarray (k,) of bool
        Whether it is an upper bound.
    several : ndarray (mi,) of bool
        Rows of several variables.
    never : ndarray (mi,) of bool
        Rows that are never active.
    """

    bound: np.ndarray
    column: np.ndarray
    size: np.ndarray
    upper: np.ndarray
    several: np.ndarray
    never: np.ndarray

    @classmethod
    def of(cls, qp: QP, boxes: Boxes) -> _PathRows:
        """Return the rows of a follower over the boxes of (x, y, lam, mu)."""
        at, count = Layout.of(qp), np.diff(qp.G.indptr)
        _, most = interval(Csr(sp.hstack([qp.H, qp.G], format="csr")), boxes.lb[: at.lam], boxes.ub[: at.lam])
        never = (most < qp.h - ROOM * (1.0 + np.abs(qp.h))) | (boxes.ub[at.mu :] == 0) | (count == 0)
        bound = np.flatnonzero((count == 1) & ~never)
        entry = qp.G.indptr[bound]
        value = qp.G.data[entry]
        return cls(bound, qp.G.indices[entry], np.abs(value), value > 0, (count > 1) & ~never, never)

    def has(self, upper: bool, ny: int) -> np.ndarray:
        """Return which variables have an upper, or a lower, bound (ny,) bool."""
        out = np.zeros(ny, dtype=bool)
        out[self.column[self.upper == upper]] = True
        return out


def path_bounds(
    qp: QP, net: Network, boxes: Boxes, basic: bool, deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bounds on all multipliers of every optimum or, where ``basic``, on some that satisfy them together.

    Parameters
    ----------
    qp : QP
    net : Network
    boxes : Boxes
        Of (x, y, lam, mu).
    basic : bool
        Whether nobody uses the multipliers.
    deadline : Deadline
        Multipliers not looked at one by one by then have the bounds that prices leave them.

    Returns
    -------
    mu_max : ndarray (mi,)
        inf where nothing is proved.
    lam_lb, lam_ub : ndarray (me,)
    """
    at, rows = Layout.of(qp), _PathRows.of(qp, boxes)
    box = boxes.lb.copy(), boxes.ub.copy()
    mu, lam = np.where(rows.never, 0.0, np.inf), (np.full(len(qp.b), -np.inf), np.full(len(qp.b), np.inf))
    chosen = basic and _unneeded(qp, net, rows, (boxes.lb[: at.y], boxes.ub[: at.y]))
    if chosen:
        mu[rows.bound[np.isin(rows.column, net.total)]] = 0.0
        ends = np.stack(_cost(qp, rows, box, np.arange(0)))[:, net.total] / net.own
        lam[0][net.links], lam[1][net.links] = ends.min(axis=0), ends.max(axis=0)
        box[0][at.lam : at.mu] = np.maximum(box[0][at.lam : at.mu], lam[0])
        box[1][at.lam : at.mu] = np.minimum(box[1][at.lam : at.mu], lam[1])
    cost = _cost(qp, rows, box, net.links)
    apart = _Apart.of(net, rows, cost, basic, deadline)
    if apart is None:
        return mu, *lam
    if chosen and not rows.several.any():
        apart = apart.within(_tree(net, cost), net)
    ends = np.sort([-net.scale * apart.down, net.scale * apart.up], axis=0)
    lam[0][net.nodes], lam[1][net.nodes] = ends
    forth, back = apart.forth[rows.column], apart.back[rows.column]
    most = np.where(rows.upper, forth - cost[0][rows.column], cost[1][rows.column] + back)
    if not basic:
        most = np.where(_meet(qp, rows, boxes)[rows.column], np.inf, most)
    mu[rows.bound] = np.minimum(mu[rows.bound], np.maximum(most, 0.0) / rows.size)
    if not chosen:
        _price_links(qp, net, rows, box, apart, lam)
    return _outward(mu, 1.0), _outward(lam[0], -1.0), _outward(lam[1], 1.0)


def _meet(qp: QP, rows: _PathRows, boxes: Boxes) -> np.ndarray:
    """Return which variables may have a lower bound that meets an upper one at some decision (ny,) bool."""
    H = Csr(qp.H.tocsr()[rows.bound])
    _, high = interval(H, boxes.lb[: H.shape[1]], boxes.ub[: H.shape[1]])
    side = np.where(rows.upper, 1.0, -1.0) * (qp.h[rows.bound] - high) / rows.size  # the innermost one
    least_upper, most_lower = np.full(len(qp.q), np.inf), np.full(len(qp.q), -np.inf)
    np.minimum.at(least_upper, rows.column[rows.upper], side[rows.upper])
    np.maximum.at(most_lower, rows.column[~rows.upper], side[~rows.upper])
    one_sided = np.isinf(least_upper) | np.isinf(most_lower)
    gap = np.where(one_sided, np.inf, least_upper) - np.where(one_sided, 0.0, most_lower)
    return ~(gap > ROOM * (1.0 + np.where(one_sided, 0.0, np.abs(least_upper))))


def _outward(value: np.ndarray, sign: float) -> np.ndarray:
    return np.where(value == 0.0, 0.0, value + sign * OUTWARD * (1.0 + np.abs(value)))


def _unneeded(qp: QP, net: Network, rows: _PathRows, x: Box) -> bool:
    """Return whether no total needs a multiplier: it has no bound but a lower one, which its terms imply."""
    plain = np.zeros(len(qp.h), dtype=bool)
    plain[single_rows(qp)[0]] = True
    others = rows.column[rows.upper | ~plain[rows.bound]]
    return not np.isin(net.total, others).any() and bool(implied(qp, net, x).all())


def _cost(qp: QP, rows: _PathRows, box: Box, links: np.ndarray) -> Box:
    """Return the box of the gradient, less what some equations and rows of several variables price (ny,)."""
    at = Layout.of(qp)
    prices = sp.diags_array(np.isin(np.arange(len(qp.b)), links).astype(float)) @ qp.A
    several = sp.diags_array(rows.several.astype(float)) @ qp.G
    M = Csr(sp.hstack([qp.Q, qp.P, -prices.T, several.T], format="csr"))
    M.eliminate_zeros()
    low, high = interval(M, box[0][: at.w], box[1][: at.w])
    return low + qp.q, high + qp.q


@dataclass(frozen=True, eq=False)
class _Apart:
    """How far lam may be apart, divided by the scale of the nodes.

    Parameters
    ----------
    up, down : ndarray (k,)
        ``-down <= lam <= up`` at every node.
    forth, back : ndarray (ny,)
        ``-back <= w (lam_head - lam_tail) <= forth`` for every variable; zero for those that are no arcs.
    """

    up: np.ndarray
    down: np.ndarray
    forth: np.ndarray
    back: np.ndarray

    @classmethod
    def of(cls, net: Network, rows: _PathRows, cost: Box, basic: bool, deadline: Deadline) -> _Apart | None:
        """Return the shortest distances; None where costs fall without end round a cycle."""
        ny, k, arcs = len(net.tail), net.ground, net.arcs
        cost = cost[0] / net.weight, cost[1] / net.weight
        ahead = np.flatnonzero(arcs & ~rows.has(True, ny) & np.isfinite(cost[1]))
        behind = np.flatnonzero(arcs & ~rows.has(False, ny) & np.isfinite(cost[0]))
        root = np.flatnonzero(~net.grounded) if basic else np.empty(0, dtype=np.int64)
        root = np.unique(net.part[:-1], return_index=True)[1][root]
        ground, nothing = np.full(len(root), k), np.zeros(len(root))
        graph = Distances.of(
            np.concatenate([net.tail[ahead], net.head[behind], ground, root]),
            np.concatenate([net.head[ahead], net.tail[behind], root, ground]),
            np.concatenate([cost[1][ahead], -cost[0][behind], nothing, nothing]),
            k + 1,
        )
        if graph is None:
            return None
        up, down = graph.around(k)
        forth, back = np.zeros(ny), np.zeros(ny)
        ends = np.concatenate([net.tail[arcs], net.head[arcs]]), np.concatenate([net.head[arcs], net.tail[arcs]])
        forth[arcs], back[arcs] = np.split(graph.between(*ends, down[ends[0]] + up[ends[1]], deadline), 2)
        return cls(up[:k], down[:k], net.weight * forth, net.weight * back)

    def within(self, most: np.ndarray, net: Network) -> _Apart:
        """Return the distances where no two lam of a part are farther apart than ``most`` (number of parts,)."""
        node, arc = most[net.part[:-1]], np.where(net.arcs, net.weight * most[net.of], 0.0)
        return _Apart(*map(np.minimum, (self.up, self.down, self.forth, self.back), (node, node, arc, arc)))


def _tree(net: Network, cost: Box) -> np.ndarray:
    """Return for every part the sum of its largest costs, as many as a spanning tree has arcs."""
    arcs, of = np.flatnonzero(net.arcs), net.of[net.arcs]
    size = np.maximum(np.abs(cost[0][arcs]), np.abs(cost[1][arcs])) / net.weight[arcs]
    order = np.lexsort((-size, of))
    size, of = size[order], of[order]
    rank = np.arange(len(of)) - np.searchsorted(of, of)
    count = np.bincount(net.part[:-1], minlength=net.parts) - 1 + net.grounded
    return np.bincount(of, np.where(rank < count[of], size, 0.0), net.parts)


def _price_links(qp: QP, net: Network, rows: _PathRows, box: Box, apart: _Apart, lam: Box) -> None:
    """Bound the prices of links by what the arcs they count cost at least and at most; writes into ``lam``."""
    low, high = _cost(qp, rows, box, np.arange(0))
    alone = np.flatnonzero(np.diff(net.alpha.indptr) == 1)  # variables that one link counts
    link = net.alpha.indices[net.alpha.indptr[alone]]
    weight = net.alpha.data[net.alpha.indptr[alone]] * net.own[link]  # minus the coefficient in the link
    ny = len(net.tail)
    least = np.where(rows.has(True, ny), -np.inf, -apart.back - high)[alone] / weight
    most = np.where(rows.has(False, ny), np.inf, apart.forth - low)[alone] / weight
    turned = weight < 0
    least, most = np.where(turned, most, least), np.where(turned, least, most)
    np.maximum.at(lam[0], net.links[link], np.where(np.isnan(least), -np.inf, least))
    np.minimum.at(lam[1], net.links[link], np.where(np.isnan(most), np.inf, most))
