"""A direction along which the leader's objective improves without end, from a bilevel-feasible point.

See :mod:`kktgen.verification.boundedness` for the directions there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...encodings import encode
from ...encodings.sos1 import SOS1
from ...errors import SolverError, UnsupportedError
from ...model.model import Model
from ...model.tables import QuadTable, RowTable, join
from ...numerics.convexity import is_psd
from ...numerics.programs import lp
from ...numerics.sparse import Csr, coo, vstack, widen
from ...problem.expressions import Quad
from ...search.residual import FEASIBLE, off_support, violation
from ...search.start.pattern import active_pairs
from ...solvers import solve
from ...verification.boundedness import FALL, homogeneous, opened, receding

DUST = 1e-9
"""Entries of a direction below this are zero."""
STEPS = (1.0, 1e3, 1e6)
"""How far along a direction the point is checked."""
TILT = 1e-10
"""Violation a unit along the direction that counts as none."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction d from a bilevel-feasible point z: every ``z + t d, t >= 0``, is one too, and the objective falls."""

    z: np.ndarray
    d: np.ndarray
    slope: float


def piece_direction(model: Model, z: np.ndarray, deadline: Deadline = NEVER) -> Direction | None:
    """Return a direction of fall within the complementarity pattern and discrete choices of a feasible point."""
    space, pairs, z = model.space, model.pairs, z[: model.n]
    P, q, _ = model.matrices
    lb, ub = receding(space.lb, space.ub)
    rows, lo, hi = [widen(model.rows.M, model.n)], *([part] for part in receding(model.rows.lo, model.rows.hi))

    def add(M: Csr, low: np.ndarray, high: np.ndarray) -> None:
        rows.append(widen(M, model.n))
        lo.append(low)
        hi.append(high)

    zero = np.concatenate([np.flatnonzero(space.kind != "C"), off_support(model, z)])
    if pairs is not None and len(pairs):
        active = active_pairs(model, z)
        zero = np.concatenate([zero, pairs.mu[~active]])
        add(Csr(pairs.M[active]), np.zeros(int(active.sum())), np.zeros(int(active.sum())))
    lb[zero], ub[zero] = 0.0, 0.0
    if model.indicators is not None and len(model.indicators):
        on = model.indicators.rows.take(np.abs(z[model.indicators.binary] - model.indicators.value) < 0.5)
        add(on.M, *receding(on.lo, on.hi))
    for M, low, high in _level(model):
        add(M, low, high)
    if P.nnz and is_psd(P):
        add(P, np.zeros(model.n), np.zeros(model.n))
    gradient = P @ z + q
    answer = lp(gradient, vstack(rows, model.n), np.concatenate(lo), np.concatenate(hi), lb, ub, deadline)
    if answer.x is None:
        return None
    return confirmed(model, z, answer.x)


def _level(model: Model) -> list[tuple[Csr, np.ndarray, np.ndarray]]:
    """Return the rows that keep a direction within the quadratic rows: their products stay, their linear part recedes.

    Sufficient for every quadratic row, necessary for convex ones.
    """
    quads, n, k = model.quads, model.n, len(model.quads)
    if not k:
        return []
    rows = quads.row * n
    M = coo(
        np.concatenate([quads.v, quads.v]), np.unique(np.concatenate([rows + quads.i, rows + quads.j]),
        return_inverse=True)[1], np.concatenate([quads.j, quads.i]), (2 * len(quads.v), n),
    )  # fmt: skip
    none = np.zeros(M.shape[0])
    return [(M, none, none), (quads.linear.M, *opened(quads.linear.lo, quads.linear.hi))]


def confirmed(model: Model, z: np.ndarray, d: np.ndarray) -> Direction | None:
    """Return a direction from a feasible point when the points along it satisfy the model and the objective falls."""
    size = np.abs(d).max(initial=0.0)
    if size <= DUST:
        return None
    d = np.where(np.abs(d) <= DUST * size, 0.0, d / size)
    P, q, _ = model.matrices
    whole = d / np.abs(d[d != 0]).min()
    near = np.round(whole)
    if (np.abs(whole - near) <= DUST * np.maximum(1.0, np.abs(near))).all():
        d = near
    space = model.space
    if ((d > 0) & np.isfinite(space.ub)).any() or ((d < 0) & np.isfinite(space.lb)).any():
        return None  # a bound is in the way, be it ever so far
    discrete = (space.kind != "C") & (d != 0)
    slope, bend = float((P @ z + q) @ d), float(d @ (P @ d))
    if slope > -FALL or bend > DUST or (np.abs(d[discrete] - np.round(d[discrete])) > 0).any():
        return None
    before = violation(model, z)
    if before > FEASIBLE:
        return None
    for t in STEPS:
        if violation(model, z + t * d) > max(FEASIBLE, before) + TILT * t:
            return None
    return Direction(z, d, slope)


def anchored(model: Model, solver: str, deadline: Deadline) -> Direction | None:
    """Return a point and a direction of fall from it, found together.

    Of columns ``w = z + d`` and d the pairs hold on w, all rows on d and on ``w - d``: s and mu being nonnegative at
    both, every product of the two vanishes.
    """
    if model.pairs is None:
        return None
    cone = homogeneous(model)
    n, space = model.n, model.space.copy()
    d = space.append("direction", "leader", lb=cone.space.lb, ub=cone.space.ub, shape=(n,))
    back = Csr(sp.hstack([sp.eye_array(n), -sp.eye_array(n)], format="csr"))
    lb, ub = model.space.lb, model.space.ub
    M = widen(model.rows.M, n)
    tables = [  # the pairs know their rows by number: those of the sum come first
        RowTable(widen(M, 2 * n), model.rows.lo, model.rows.hi), RowTable(Csr(M @ back), model.rows.lo, model.rows.hi),
        RowTable(back, lb, ub), RowTable(_moved(cone.rows.M, d, 2 * n), cone.rows.lo, cone.rows.hi),
    ]  # fmt: skip
    goal = np.concatenate([np.zeros(n), model.matrices[1]])
    both = Model(
        model.name, space, Quad.from_matrices(space, None, goal), 1, join(tables, 2 * n), QuadTable.empty(2 * n),
        replace(model.pairs, M=widen(model.pairs.M, 2 * n)), model.sos1,
    )  # fmt: skip
    try:
        found = solve(encode(both, SOS1()), solver, time_limit=deadline.check().left())
    except (UnsupportedError, SolverError):
        return None
    if found.z is None:
        return None
    z, step = found.z[:n] - found.z[d], found.z[d]
    return confirmed(model, z, step) or piece_direction(model, z + step, deadline.check())


def _moved(M: Csr, columns: np.ndarray, n: int) -> Csr:
    row = np.repeat(np.arange(M.shape[0]), np.diff(M.indptr))
    return coo(M.data, row, columns[M.indices], (M.shape[0], n))
