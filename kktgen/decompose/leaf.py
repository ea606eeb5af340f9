"""A box with few open pairs as a mixed-integer program, its big-M constants the boxes proved for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..encodings import encode
from ..encodings.big_m import BigM
from ..errors import KktgenError
from ..model.model import Model
from ..model.pairs import Bounds
from ..model.tables import QuadTable, RowTable, join_quads
from ..numerics.sparse import position, widen
from ..problem.columns import Block
from ..problem.expressions import Quad
from ..search.start.moves import Moves
from ..solvers import solve

LEAF_NODES, LEAF_SECONDS = 500, 30.0
"""Nodes and seconds it may take; where it does not end, the box is split."""
INFINITE = 1e20
"""A bound of this size is none."""
LEAF_GAP = 1e-6
"""Its relative gap."""
TRAP = 1e-5
"""A box narrower than the solver's feasibility tolerance, but not empty, is a trap for its presolve: it may fix the
column at one bound and then find no point. Such boxes are made this wide, relative to 1 + |bound|."""
LEAF_SAFE = 1e-6
"""What is taken off its bound, relative, for the solver's feasibility tolerance."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of a model's columns (n,) and of its followers' slacks (mi,), in the order of ``model.kkt``."""

    lb: np.ndarray
    ub: np.ndarray
    s_lb: np.ndarray
    s_ub: np.ndarray


def solved_leaf(
    leaf: Model | None, cutoff: float, moves: Moves, deadline: Deadline
) -> tuple[float, list[tuple[float, np.ndarray]], bool]:
    """Return the bound of a mixed-integer program over the box, its point, and whether it came to its end."""
    if leaf is None:
        return -np.inf, [], False
    leaf = _below(leaf, cutoff)
    try:
        limits: dict[str, Any] = {"limits/nodes": LEAF_NODES}
        limit = deadline.left(LEAF_SECONDS)
        found = solve(encode(leaf, BigM()), "scip", time_limit=limit, gap=LEAF_GAP, **limits)
    except KktgenError:
        return -np.inf, [], False
    if found.status == "infeasible":
        return cutoff, [], True
    bound = -np.inf if found.bound is None else leaf.sense * found.bound
    bound = min(bound - LEAF_SAFE * (1.0 + abs(bound)), cutoff) if abs(bound) < INFINITE else -np.inf
    z = None if found.z is None else moves.land(found.z[: moves.model.n], 1, deadline)
    points = [] if z is None else [(moves.model.objective.value(z), z)]
    return bound, points, found.status == "optimal"


def leaf_model(model: Model, boxes: Boxes, active: np.ndarray, open_: np.ndarray) -> Model | None:
    """Return the model in a box with its open pairs, bounded by the boxes; None where some have no constants."""
    kkt, pairs = model.kkt, model.pairs
    assert kkt is not None and pairs is not None
    at = position(kkt.mu, pairs.mu)
    keep = open_[at]
    top, price = boxes.s_ub[at[keep]], boxes.ub[kkt.mu[at[keep]]]
    lost = np.setdiff1d(np.flatnonzero(open_), at)
    if not (np.isfinite(top) & np.isfinite(price)).all() or len(lost):
        return None
    space, lo, hi = model.space.copy(), model.rows.lo.copy(), model.rows.hi.copy()
    space.lb[:], space.ub[:] = no_trap(boxes.lb, boxes.ub, space.kind)
    held = active[at] & (pairs.row >= 0)
    upper = held & (pairs.side > 0)
    lo[pairs.row[upper]] = hi[pairs.row[upper]]
    lower = held & (pairs.side < 0)
    hi[pairs.row[lower]] = lo[pairs.row[lower]]
    proof = np.full(int(keep.sum()), "proved(box)", dtype="U24")
    open_pairs = replace(pairs.take(keep), slack_max=Bounds(top, proof), dual_max=Bounds(price, proof))
    rows = replace(model.rows, lo=lo, hi=hi)
    return replace(model, space=space, rows=rows, pairs=open_pairs, origin=None, bounded=True)


def no_trap(lb: np.ndarray, ub: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (n,) of which none is narrower than ``TRAP`` but not empty; those of integer columns stay."""
    narrow = (kind == "C") & (ub > lb) & (ub - lb < TRAP * (1.0 + np.abs(lb)))
    room = np.where(narrow, 0.5 * TRAP * (1.0 + np.abs(lb)), 0.0)
    return lb - room, ub + room


def _below(model: Model, cutoff: float) -> Model:
    """Return the model with the row that the objective is at most the cutoff: what is worse need not be looked at."""
    if not np.isfinite(cutoff):
        return model
    goal = model.objective
    side = cutoff - goal.r
    if len(goal.v):
        row = Quad(goal.space, goal.i, goal.j, goal.v, goal.linear, 0.0)
        table = QuadTable.of([row], np.array([-np.inf]), np.array([side]), (), model.n)
        return replace(model, quads=join_quads([model.quads, table], model.n))
    block = Block(0, 1, "cutoff", "cut", shape=(1,))
    return model.with_rows(RowTable(widen(goal.linear, model.n), np.array([-np.inf]), np.array([side]), (block,)))
