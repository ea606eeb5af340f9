"""What rows say of boxes: of all columns, for the leader's decisions; of one follower's, at any of these decisions.

No KKT condition enters: linear rows by their activity, convex quadratic ones by the ellipsoids they are, and by what is
left of them without their squares, which are at least zero; norms by each of their entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from ...numerics.intervals import MARGIN, interval, tighten, within_reach
from ...numerics.product_hull import product_boxes
from ...numerics.sparse import Csr, add, joined, vstack, widen
from ...problem.bilevel import Bilevel
from ...problem.columns import on_integers
from ...problem.conic_qp import ConicQP
from ...problem.expressions import Quad
from ...reformulate.bounds.curved import ellipsoid
from .reading import Curved

SWEEPS = 5
"""Rounds over all rows."""
Box = tuple[np.ndarray, np.ndarray]


def decisions(bilevel: Bilevel, curved: Sequence[Curved]) -> Box:
    """Return a box of all columns (lb, ub) that holds every point at which the followers' rows and the leader's hold.

    Multipliers have none.
    """
    space = bilevel.space
    primal = np.isin(space.role, ["leader", "follower"])
    lb, ub = np.where(primal, space.lb, -np.inf), np.where(primal, space.ub, np.inf)
    M, lo, hi = _rows(bilevel)
    terms = [term for follower in bilevel.followers for term in follower.terms]
    for _ in range(SWEEPS):
        for term in terms:
            low, high = term.interval(lb, ub)
            lb[term.column], ub[term.column] = max(lb[term.column], low), min(ub[term.column], high)
        lb, ub = within_reach(*tighten(M, lo, hi, lb, ub))
        for one in curved:
            x, y = one.qp.x, one.qp.y
            lb[y], ub[y] = _by_squares(one, (lb[x], ub[x]), (lb[y], ub[y]))
        lb, ub = on_integers(lb, ub, space.kind)
    return lb, ub


def responses(one: Curved, x: Box) -> Box:
    """Return a box of y (lb, ub) that holds all points of a follower, at every x of a box."""
    qp, space = one.conic, one.follower.space
    lb, ub = within_reach(space.lb[qp.y], space.ub[qp.y])
    G, H, h = _with_sides(qp)
    M = Csr(sp.block_array([[qp.A, qp.B], [G, H]], format="csr"))
    lo, hi = np.concatenate([qp.b, np.full(len(h), -np.inf)]), np.concatenate([qp.b, h])
    for _ in range(SWEEPS):
        low, high = tighten(M, lo, hi, np.concatenate([lb, x[0]]), np.concatenate([ub, x[1]]))
        lb, ub = _by_squares(one, x, (low[: qp.ny], high[: qp.ny]))
    return lb, ub


def _with_sides(qp: ConicQP) -> tuple[Csr, Csr, np.ndarray]:
    """Return the inequalities of y and x without squares, with ``|E y + e|_j + (G y + H x)_i <= h_i`` of norms."""
    G, H, h = [qp.G], [qp.H], [qp.h]
    for norm in qp.norms:
        row = np.full(len(norm.e), norm.row)
        for sign in (1.0, -1.0):
            G.append(add(qp.G[row], Csr(sign * norm.E)))
            H.append(qp.H[row])
            h.append(qp.h[row] - sign * norm.e)
    return vstack(G, qp.ny), vstack(H, qp.nx), np.concatenate(h)


def values(quad: Quad, box: Box) -> tuple[float, float]:
    """Return the smallest and the largest value of an expression over a box, term by term, rounded outward."""
    low, high = product_boxes(quad.i, quad.j, *box)
    low, high = quad.v * np.where(quad.v > 0, low, high), quad.v * np.where(quad.v > 0, high, low)
    least, most = interval(widen(quad.linear, len(box[0])), *box)
    ends = quad.r + least[0] + low.sum(), quad.r + most[0] + high.sum()
    return float(ends[0] - MARGIN * (1.0 + abs(ends[0]))), float(ends[1] + MARGIN * (1.0 + abs(ends[1])))


def _rows(bilevel: Bilevel) -> tuple[Csr, np.ndarray, np.ndarray]:
    """Return the linear rows of the leader and the followers, curved ones without their squares, norms by entries."""
    n, blocks, lo, hi = len(bilevel.space), [], [], []
    for row in bilevel.rows:
        blocks.append(widen(row.M, n))
        lo.append(row.lo)
        hi.append(row.hi)
    for system in (follower.system() for follower in bilevel.followers):
        blocks += [widen(system.E, n), widen(system.C, n)]
        lo += [system.e, np.full(len(system.c), -np.inf)]
        hi += [system.e, system.c]
    cones = [cone for follower in bilevel.followers for cone in follower.cones]
    for sides in (cone.sides(bilevel.space) for cone in cones):
        blocks.append(widen(sides.M, n))
        lo.append(sides.lo)
        hi.append(sides.hi)
    keep = np.ones(n)
    keep[joined((part.v for follower in bilevel.followers for part in follower.varying), int)] = 0.0
    keep[joined((cone.u for cone in cones), int)] = 0.0
    M = Csr(vstack(blocks, n) @ sp.diags_array(keep))
    M.eliminate_zeros()
    return M, joined(lo), joined(hi)


def _by_squares(one: Curved, x: Box, y: Box) -> Box:
    """Return the box of y tightened by the follower's convex quadratic rows."""
    qp, (lb, ub) = one.conic, (y[0].copy(), y[1].copy())
    for i, R in qp.squares:
        at = np.unique(R.indices[R.data != 0])
        G, H = qp.G[[i]].toarray().ravel(), Csr(qp.H[[i]])
        others = G.copy()
        others[at] = 0.0
        least = float(interval(H, *x)[0][0]) + float(interval(Csr(others[None, :]), lb, ub)[0][0])
        if np.isfinite(least):
            lb[at], ub[at] = ellipsoid(R[at][:, at].toarray(), G[at], float(qp.h[i]) - least, lb[at], ub[at])
    return lb, ub
