"""The numbers of a model that set its units: entries, sides, bounds, terms of costs; rounding errors left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.sparse import Csr, row_index
from ..problem.columns import Space
from ..problem.expressions import Quad
from .model import Model
from .tables import RowTable

SPAN = 1e9
"""Numbers of one row that are farther apart are more than a solver holds."""


VOID, INFINITE = 1e15, 1e20
"""A bound or side of this size, in the problem's own units or as it stands, is none: no solver holds it beside numbers
of order one, and all take it for infinity."""


NOISE, ZERO = 2.0**-30, 1e-14
"""A bound or a side that is less than this share of what it stands beside (an equation's side, the other bound of the
column, what bounded columns reach in the row) is a rounding error and sets no unit; so is a bound of this size as it
stands, where there are larger ones."""


@dataclass(frozen=True, eq=False)
class UnitData:
    """Nonzero numbers of the problem: entries of rows and terms of costs, sides, and bounds of columns.

    ``first``, ``second`` are columns (-1: none), ``row`` is the index of a row unit, ``cost`` of a follower's cost unit
    (-1: none); ``row`` and ``cost`` both -1 mark bounds, which are divided by the unit of their column. ``loose`` are
    bounds and sides that may stand for none: not the values of fixed columns, not the right-hand sides of equations.
    """

    size: np.ndarray
    first: np.ndarray
    second: np.ndarray
    row: np.ndarray
    cost: np.ndarray
    loose: np.ndarray


def unit_tables(model: Model) -> list[RowTable]:
    """Return all rows with units of their own: the leader's, quadratic, indicator rows, the followers' rows."""
    out = [model.rows.take(model.rows.of_role("leader")), model.quads.linear]
    if model.indicators is not None:
        out.append(model.indicators.rows)
    if model.kkt is not None:
        kkt = model.kkt
        out += [RowTable(kkt.E, -kkt.e0, -kkt.e0), RowTable(kkt.C, -kkt.c0, np.full(len(kkt.c0), np.inf))]
    return out


def _join(parts: list[UnitData]) -> UnitData:
    keys = ("size", "first", "second", "row", "cost", "loose")
    return UnitData(*(np.concatenate([getattr(p, key) for p in parts]) for key in keys))


def _nonzero(
    size: np.ndarray, first: np.ndarray, second: np.ndarray, row: np.ndarray, cost: np.ndarray,
    loose: np.ndarray | None = None,
) -> UnitData:  # fmt: skip
    size = np.abs(size)
    keep = size > 0
    loose = np.zeros(len(size), dtype=bool) if loose is None else loose
    return UnitData(size[keep], first[keep], second[keep], row[keep], cost[keep], loose[keep])


def unit_data(model: Model, tables: list[RowTable]) -> UnitData:
    """Return the numbers of all rows, of the bounds and of the followers' costs."""
    space, parts, start = model.space, [], 0
    negligible, reach, least = _negligible(model, tables), reaches(space), _least(model)
    for table in tables:
        M, k = table.M, len(table)
        none = np.full(M.nnz, -1)
        parts.append(_nonzero(M.data, M.indices.astype(np.int64), none, start + row_index(M), none))
        blank, loose = np.full(k, -1), table.lo != table.hi
        rounding = np.bincount(row_index(M)[~negligible[M.indices]], minlength=k) == 0  # bounds as rows
        noise = NOISE * _most(M, np.abs(M.data) * reach[M.indices])
        noise = np.maximum(noise, np.where(np.diff(M.indptr) == 1, least * _most(M, np.abs(M.data)), 0.0))
        for side in (table.lo, np.where(loose, table.hi, 0.0)):
            side = np.where(rounding, 0.0, _limited(side, noise))
            parts.append(_nonzero(side, blank, blank, start + np.arange(k), blank, loose))
        start += k
    quads = model.quads
    at = int(model.rows.of_role("leader").sum()) + quads.row
    parts.append(_nonzero(quads.v, quads.i, quads.j, at, np.full(len(at), -1)))
    own = primal_columns(model)
    own = own[~negligible[own]]
    none = np.full(len(own), -1)
    fixed = space.lb[own] == space.ub[own]
    for side in (space.lb[own], np.where(fixed, 0.0, space.ub[own])):
        parts.append(_nonzero(_limited(side, np.maximum(NOISE * reach[own], least)), own, none, none, none, ~fixed))
    if model.kkt is not None:
        parts += [monomials(system.cost, k) for k, system in enumerate(model.kkt.systems)]
    return _join(parts)


def primal_columns(model: Model) -> np.ndarray:
    """Return the continuous columns of the leader and the followers."""
    return np.flatnonzero(np.isin(model.space.role, ["leader", "follower"]) & (model.space.kind == "C"))


def _negligible(model: Model, tables: list[RowTable]) -> np.ndarray:
    """Return which columns are so narrow that they are rounding errors of some equation (n,) bool.

    The size of an equation is its side, or the largest of its terms that are fixed.
    """
    space, out = model.space, np.zeros(model.n, dtype=bool)
    fixed = space.lb == space.ub
    reach = np.maximum(np.abs(space.lb), np.abs(space.ub))
    for table in tables:
        M, row = table.M, row_index(table.M)
        with np.errstate(invalid="ignore"):  # an entry of zero reaches nothing
            term = np.nan_to_num(np.abs(M.data) * reach[M.indices], nan=0.0)
        equal = table.lo == table.hi
        size = np.where(equal, np.abs(table.lo), 0.0)
        held = equal[row] & fixed[M.indices]
        np.maximum.at(size, row[held], term[held])
        out[M.indices[equal[row] & (term < NOISE * size[row])]] = True
    return out


def reaches(space: Space) -> np.ndarray:
    """Return the larger bound of every column (n,), zero where none is of a size that numbers have."""
    ends = (np.where(np.abs(side) < SPAN, np.abs(side), 0.0) for side in (space.lb, space.ub))
    return np.maximum(*ends)


def _least(model: Model) -> float:
    """Return the size below which bounds are rounding errors: ``ZERO`` where there are larger ones."""
    own = primal_columns(model)
    size = np.abs(np.concatenate([model.space.lb[own], model.space.ub[own]]))
    return ZERO if ((size >= ZERO) & (size < INFINITE)).any() else 0.0


def _most(M: Csr, size: np.ndarray) -> np.ndarray:
    """Return the largest of some sizes of the entries of every row (m,), zero where there are none."""
    out = np.zeros(M.shape[0])
    np.maximum.at(out, row_index(M), size)
    return out


def _limited(side: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return sides or bounds with zero in place of those that stand for none or are rounding errors."""
    return np.where((np.abs(side) < INFINITE) & (np.abs(side) >= least), side, 0.0)


def monomials(quad: Quad, k: int) -> UnitData:
    """Return the terms of a cost: products, linear terms."""
    quad = quad.canonical()
    linear = quad.linear.indices.astype(np.int64)
    size = np.concatenate([quad.v, quad.linear.data])
    none = np.full(len(size), -1)
    first, second = np.concatenate([quad.i, linear]), np.concatenate([quad.j, np.full(len(linear), -1)])
    return _nonzero(size, first, second, none, np.full(len(size), k))
