"""Rewrite the leader's rows with products, e.g. ``price x quantity >= R``, exactly at every KKT point.

A row ``g <= hi`` wants g convex, a row ``lo <= g`` wants -g convex. Where the weights need no curvature the row becomes
linear, and its direction does not matter; a row with two sides is split only where there are no such weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...model.model import Model
from ...model.tables import QuadTable, join, join_quads, psd_rows
from ...numerics.sparse import csr
from ...problem.columns import Space, select
from ...problem.expressions import Quad
from ..vanishing import Conditions
from .expression import Rewriting
from .notes import describe_rows
from .result import RowOutcome


@dataclass(frozen=True, eq=False)
class Side:
    """A row ``lo <= quad <= hi`` that replaces another, with what is added to its name.

    ``found`` is the rewriting behind it, None where the expression is the old one.
    """

    suffix: str
    quad: Quad
    lo: float
    hi: float
    found: Rewriting | None


@dataclass(frozen=True, eq=False)
class RowAttempt:
    """What becomes of one row.

    Parameters
    ----------
    row : int
        Its index in the model's quadratic rows.
    sides : tuple of Side
        The rows that replace it; none when it is kept.
    tried : Rewriting
        The last attempt: it says what stands in the way of a row that is kept.
    """

    row: int
    sides: tuple[Side, ...]
    tried: Rewriting

    @property
    def kind(self) -> str:
        """What the row became: ``linear``, ``convex``, ``switched``, ``split``, ``kept``."""
        if len(self.sides) == 1:
            found = self.sides[0].found
            free = found is not None and not found.convex
            return "switched" if free else "convex" if len(self.sides[0].quad.v) else "linear"
        return "split" if self.sides else "kept"

    def told(self, name: str) -> RowOutcome:
        """Return what there is to say of the row ``name``."""
        used = [side.found for side in self.sides if side.found is not None]
        gap = any(found.rewards_gap for found in used)
        return RowOutcome(name, self.kind, (used or [self.tried])[0].cancelled(), self.tried.obstacles(), gap)


def product_rows(model: Model) -> np.ndarray:
    """Return the indices of the leader's quadratic rows that are not convex."""
    linear = model.quads.linear
    if not len(linear):
        return np.empty(0, dtype=np.int64)
    leader = linear.of_role("leader")
    sided = np.isfinite(linear.lo) | np.isfinite(linear.hi)
    return np.flatnonzero(leader & sided & ~psd_rows(model.quads, model.n))


def eliminate_rows(model: Model, conditions: Conditions, at: np.ndarray) -> Model:
    """Return the model with the leader's rows ``at`` rewritten where that makes them linear or convex.

    Parameters
    ----------
    model : Model
    conditions : Conditions
        Of the model.
    at : ndarray of int
        From :func:`product_rows`.
    """
    if not len(at):
        return model
    quads = model.quads
    lo, hi = quads.linear.lo.tolist(), quads.linear.hi.tolist()
    found = [
        _outcome(conditions, k, _goal(quads, k, model.space), lo[k], hi[k])
        for k in at.tolist()
        if not conditions.deadline.over
    ]
    outcomes = [one for one in found if one is not None]
    keep = np.ones(len(quads), dtype=bool)
    keep[[one.row for one in outcomes if one.sides]] = False
    straight, bent = (
        _table(model, [one for one in outcomes if one.kind in kinds])
        for kinds in (("linear",), ("convex", "switched", "split"))
    )
    said = describe_rows(model, [one.told(quads.linear.label(one.row)) for one in outcomes])
    if len(found) < len(at):
        said = (*said, f"{len(at) - len(found)} rows of the leader not looked at within the time limit")
    return replace(
        model,
        rows=join([model.rows, straight.linear], model.n) if len(straight) else model.rows,
        quads=quads if keep.all() else join_quads([quads.take(keep), bent], model.n),
        notes=(*model.notes, *said),
    )


def _table(model: Model, outcomes: Sequence[RowAttempt]) -> QuadTable:
    """Return the rows that replace others, under their names."""
    sides = [(one.row, side) for one in outcomes for side in one.sides]
    old = model.quads.linear.blocks
    starts = np.array([block.start for block in old])
    blocks = []
    for k, (row, side) in enumerate(sides):
        block = old[int(np.searchsorted(starts, row, side="right")) - 1]
        (one,) = select([block.moved(0)], np.arange(block.stop - block.start) == row - block.start)
        blocks.append(replace(one.moved(k), word=one.word + side.suffix))
    lo, hi = (np.array([getattr(side, end) for _, side in sides]) for end in ("lo", "hi"))
    return QuadTable.of([side.quad for _, side in sides], lo, hi, tuple(blocks), model.n)


def _goal(quads: QuadTable, k: int, space: Space) -> Quad:
    """Return row k as an expression, every monomial once; at the cost of its own entries."""
    start, stop = np.searchsorted(quads.row, [k, k + 1])
    M, i, j = quads.linear.M, quads.i[start:stop], quads.j[start:stop]
    begin, end = M.indptr[k], M.indptr[k + 1]
    linear = csr(M.data[begin:end], M.indices[begin:end], np.array([0, end - begin]), (1, M.shape[1]))
    return Quad(space, np.minimum(i, j), np.maximum(i, j), quads.v[start:stop], linear, 0.0)


def _outcome(conditions: Conditions, k: int, goal: Quad, lo: float, hi: float) -> RowAttempt | None:
    """Return what becomes of the row ``lo <= goal <= hi``; None when it needs nothing."""
    if np.isfinite(lo) and np.isfinite(hi):
        return _two_sided(conditions, k, goal, lo, hi)
    sign = 1.0 if np.isfinite(hi) else -1.0
    found = Rewriting.of(conditions, sign * goal, near=True)
    if found is None:
        return None
    sides = (Side("", sign * found.quad(goal.space), lo, hi, found),) if found.convex_once_boxed else ()
    return RowAttempt(k, sides, found)


def _two_sided(conditions: Conditions, k: int, goal: Quad, lo: float, hi: float) -> RowAttempt | None:
    """Return one linear row, or two rows of which a rewritten one is convex, or the row kept."""
    flat = Rewriting.of(conditions, goal, near=True, flat=True)
    if flat is not None and flat.linear:
        return RowAttempt(k, (Side("", flat.quad(goal.space), lo, hi, flat),), flat)
    sides, tried = [], None
    for suffix, low, high, sign in (("_lo", lo, np.inf, -1.0), ("_up", -np.inf, hi, 1.0)):
        found = Rewriting.of(conditions, sign * goal, near=True)
        tried = tried if found is None else found
        if found is None or not found.convex_once_boxed:
            sides.append(Side(suffix, goal, low, high, None))
        else:
            sides.append(Side(suffix, sign * found.quad(goal.space), low, high, found))
    if tried is None:
        return None
    return RowAttempt(k, tuple(sides) if any(side.found is not None for side in sides) else (), tried)
