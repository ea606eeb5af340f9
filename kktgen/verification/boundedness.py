"""Whether a problem's objective is bounded, shown by its relaxation or by the directions of its pieces.

What has a lower bound term by term, over the boxes that rows and convex quadratic rows imply, is bounded. Else: the
points of a bilevel problem with linear rows are finitely many polyhedra, one for every complementarity pattern. A
linear or convex objective is unbounded exactly when one of them has a direction d of its recession cone with
``P d = 0, q'd < 0``. All these directions satisfy the homogeneous KKT system::

    rows of d,   0 <= s(d)  _|_  mu(d) >= 0,   |d| <= 1

a model whose pairs all lie in proved boxes: without a direction of fall in it the problem is bounded. Columns are in
units in which the entries of the rows are of one size: along a chain of rows ``t <= 1000 s``, ``s <= 1000 r`` a
direction has entries that are a million apart, the smallest of which a solver does not see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline, OutOfTime
from ..encodings import encode
from ..errors import KktgenError, SolverError, UnsupportedError
from ..model.model import Model
from ..model.pairs import Bounds
from ..model.tables import QuadTable, RowTable, join, psd_rows
from ..numerics.balance import column_units
from ..numerics.convexity import is_psd
from ..numerics.programs import lp, qp
from ..numerics.sparse import Csr, coo, row_index, scale_rows, take_columns, vstack, widen
from ..problem.expressions import Quad
from ..reformulate.bounds.curved import boxes, least_value
from ..reformulate.scale import scaled
from ..solvers import solve

FALL = 1e-6
"""A fall of the objective along a direction of entries within 1 that counts."""
MOST_FREE = 20
"""Most columns without any bound that are looked at one by one."""
SPREAD = 1e6
"""Numbers of one row, or of the objective, that are farther apart leave the question open."""
TINY = 1e-300
"""In place of the size of a cost that is zero."""
SECONDS = 10.0
"""Seconds the question may take."""


def is_bounded(models: Iterable[Model], solver: str = "scip", deadline: Deadline = NEVER) -> bool:
    """Return whether one of several models of the same problem shows that its objective is bounded.

    The answer no leaves it open: so it does where indicators or quadratic rows that are not convex bound what the rows
    do not.
    """
    deadline = deadline.part(SECONDS)
    try:
        return any(
            relaxation_is_bounded(one, deadline.check()) or fall(one, solver, deadline)[0] is True
            for one in (scaled(model).model for model in models)
        )
    except (OutOfTime, KktgenError):
        return False


def prices_fall(model: Model, deadline: Deadline = NEVER) -> bool | None:
    """Return whether multipliers alone can improve the objective without end while rows and column bounds hold.

    Pairs, sets, indicators, quadratic rows and integrality are left out and all other columns stand still: what counts
    is a direction d of the multipliers, within their bounds and the rows, with ``P d = 0, q'd < 0``. Of an objective
    that is not convex, multipliers in products must have finite boxes, given or implied by the rows.

    Returns
    -------
    bool or None
        False where no multiplier stands in the objective; None where nothing is shown.
    """
    model = scaled(model).model
    space, rows = model.space, model.rows
    P, q, _ = model.matrices
    curved = np.diff(P.indptr) > 0
    price = space.is_price
    if not (price & (curved | (q != 0))).any():
        return False
    M = widen(rows.M, model.n)
    if not is_psd(P):
        lb, ub = boxes(model)
        if (price & curved & ~(np.isfinite(lb) & np.isfinite(ub))).any():
            return None
        P = Csr(P.shape)
    low, high = receding(space.lb, space.ub)
    at = np.flatnonzero(price & (low < high))
    A = take_columns(vstack([M, P], model.n), at)
    lo, hi = (np.concatenate([side, np.zeros(P.shape[0])]) for side in opened(rows.lo, rows.hi))
    unit = column_units(A)
    found = lp(_direction_of(q[at] * unit), _stated(A, unit), lo, hi, low[at], high[at], deadline)
    return found.value < -FALL if found.status == "optimal" else None


def _is_even(model: Model) -> bool:
    """Return whether the numbers of the objective and of every row are within ``SPREAD``: a solver sees them all.

    Those of fixed columns do not count.
    """
    moving = model.space.lb < model.space.ub
    M, cost = model.rows.M, np.abs(model.matrices[1])[moving]
    here = moving[M.indices]
    row, size = row_index(M)[here], np.abs(M.data[here])
    least, most = np.full(M.shape[0], np.inf), np.zeros(M.shape[0])
    np.minimum.at(least, row, size)
    np.maximum.at(most, row, size)
    return bool((most <= SPREAD * least).all() and cost.max(initial=0.0) <= SPREAD * cost[cost > 0].min(initial=np.inf))


def _direction_of(q: np.ndarray) -> np.ndarray:
    """Return a cost vector with largest entry 1: solvers take slopes below 1e-7 for none."""
    return q / max(np.abs(q).max(initial=0.0), TINY)


def relaxation_is_bounded(model: Model, deadline: Deadline) -> bool | None:
    """Return whether the model without pairs, integrality, sets and indicators is bounded; None where that is open.

    Of quadratic rows only what convex ones say of the columns' boxes counts. A solver that gives up says nothing.
    """
    model = scaled(model).model
    P, q, _ = model.matrices
    lb, ub = boxes(model)
    if np.isfinite(least_value(model, lb, ub)):
        return True
    convex = is_psd(P)
    if not convex:
        P = _without_gains(P, lb, ub)
    if not is_psd(P):
        boxed = np.isfinite(lb) & np.isfinite(ub)
        if (np.diff(P.indptr) > 0)[~boxed].any():
            return None
        P = Csr(P.shape)  # products of boxed columns are bounded; what is left is linear
    rows = model.rows
    q = _direction_of(q)  # of a convex objective the size of the linear part does not matter: P d = 0, q'd < 0
    status = qp(P, q, widen(rows.M, model.n), rows.lo, rows.hi, lb, ub, deadline).status
    if status == "optimal":
        return True if _is_even(model) else None  # a slope that the solver does not see may lead down for ever
    return False if status == "unbounded" and convex else None


def _without_gains(P: Csr, lb: np.ndarray, ub: np.ndarray) -> Csr:
    """Return P without the products that are never negative: what is left bounds the objective from below."""
    sign = np.where(lb >= 0, 1.0, 0.0) - np.where(ub <= 0, 1.0, 0.0)
    row, column = row_index(P), P.indices
    kept = (row == column) | (P.data * sign[row] * sign[column] <= 0)
    return coo(P.data[kept], row[kept], column[kept], P.shape)


def receding(lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides a direction keeps to: 0 where there is a side, 1 where there is none."""
    return np.where(np.isfinite(lo), 0.0, -1.0), np.where(np.isfinite(hi), 0.0, 1.0)


def opened(lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides of rows that a direction keeps to: 0 where there is a side, none elsewhere."""
    return np.where(np.isfinite(lo), 0.0, -np.inf), np.where(np.isfinite(hi), 0.0, np.inf)


def homogeneous(model: Model, unit: np.ndarray | None = None) -> Model:
    """Return the model of all directions ``d = unit d'`` of the pieces, d' in boxes of 1.

    A convex objective and convex quadratic rows keep their curvature at zero along them. Integrality, indicators and
    other quadratic rows are left out, so there may be more directions than the pieces have.
    """
    P, q, _ = model.matrices
    unit = np.ones(model.n) if unit is None else unit
    space = model.space.copy()
    space.lb[:], space.ub[:] = receding(*boxes(model))
    space.kind[:] = "C"
    flat, none = _flat(model.quads, model.n), np.zeros(model.n)
    if P.nnz and is_psd(P):
        flat.append(RowTable(P, none, none))
    pairs = model.pairs
    if pairs is not None:
        M = _stated(widen(pairs.M, model.n), unit)
        most = np.maximum(M.maximum(0.0) @ space.ub - (-M).maximum(0.0) @ space.lb, 0.0)
        proof = np.full(len(pairs), "proved(D0)", dtype="U24")
        slack_max, dual_max = Bounds(most, proof), Bounds(space.ub[pairs.mu], proof)
        pairs = replace(pairs, M=M, r=np.zeros(len(pairs)), slack_max=slack_max, dual_max=dual_max)
    goal = Quad.from_matrices(space, None, _direction_of(q * unit))
    lo, hi = opened(model.rows.lo, model.rows.hi)
    rows = join([RowTable(widen(model.rows.M, model.n), lo, hi), *flat], model.n)
    rows = replace(rows, M=_stated(rows.M, unit))
    return Model(model.name, space, goal, 1, rows, QuadTable.empty(model.n), pairs, model.sos1)


def _stated(M: Csr, unit: np.ndarray) -> Csr:
    """Return rows ``M d`` in terms of ``d' = d / unit``, each over its largest entry: their sides are zero."""
    M = Csr(M @ sp.diags_array(unit))
    largest = np.zeros(M.shape[0])
    np.maximum.at(largest, row_index(M), np.abs(M.data))
    return scale_rows(1.0 / np.where(largest > 0, largest, 1.0), M)


def _unit(model: Model) -> np.ndarray:
    """Return units of the columns (n,) in which the entries of rows and pairs are of one size."""
    pairs = [] if model.pairs is None else [model.pairs.M]
    low, high = receding(*boxes(model))
    return column_units(Csr(vstack([model.rows.M, *pairs], model.n) @ sp.diags_array((low < high).astype(float))))


def _flat(quads: QuadTable, n: int) -> list[RowTable]:
    """Return what convex quadratic rows ask of a direction: ``P d = 0``, and the linear part keeps to its side."""
    convex = psd_rows(quads, n)
    if not convex.any():
        return []
    part = quads.take(convex)
    keys, row = np.unique(np.concatenate([part.row * n + part.i, part.row * n + part.j]), return_inverse=True)
    bend = coo(np.tile(part.v, 2), row, np.concatenate([part.j, part.i]), (len(keys), n))
    none = np.zeros(len(keys))
    return [RowTable(bend, none, none), RowTable(part.linear.M, *opened(part.linear.lo, part.linear.hi))]


def fall(model: Model, solver: str, deadline: Deadline) -> tuple[bool | None, np.ndarray | None]:
    """Return whether the homogeneous model proves the problem bounded (None: open), and else a direction of fall.

    An objective that is not convex is linear along directions in which no column of a product moves.
    """
    unit, P = _unit(model), model.matrices[0]
    cone = homogeneous(model, unit)
    try:
        if P.nnz and not is_psd(P) and not _stand(cone, np.flatnonzero(np.diff(P.indptr)), solver, deadline):
            return None, None
        found = solve(encode(cone), solver, time_limit=deadline.check().left())
    except (UnsupportedError, SolverError):
        return None, None
    if found.bound is not None and found.bound > -FALL:
        return True if _is_even(model) else None, None
    return None, None if found.z is None else found.z[: model.n] * unit


def _stand(cone: Model, columns: np.ndarray, solver: str, deadline: Deadline) -> bool:
    """Return whether some columns are zero in every direction: all of known sign at once, the others one by one."""
    space, width = cone.space, np.arange(cone.n)
    columns = columns[space.lb[columns] < space.ub[columns]]
    free = columns[(space.lb[columns] < 0) & (space.ub[columns] > 0)]
    if len(free) > MOST_FREE:
        return False
    sign = np.where(space.ub > 0, -1.0, 1.0)
    goals = [np.where(np.isin(width, np.setdiff1d(columns, free)), sign, 0.0)]
    goals += [s * (width == c).astype(float) for c in free for s in (-1.0, 1.0)]
    for goal in goals:
        if goal.any():
            part = replace(cone, objective=Quad.from_matrices(space, None, goal))
            found = solve(encode(part), solver, time_limit=deadline.check().left())
            if found.bound is None or found.bound < -FALL:
                return False
    return True
