"""A model stated in its own units, and the way back to the user's.

::

    z_j = c_j z'_j     rows_i = r_i rows'_i     F = f_0 F'     mu_i = (f_k / r_i) mu'_i     s_i = r_i s'_i
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from ...model.appended_columns import Lift, Products
from ...model.kkt_system import Kkt
from ...model.model import Cutoff, Model
from ...model.own_units import column_units, pair_units
from ...model.pairs import Bounds, Pairs
from ...model.tables import Indicators, QuadTable, RowTable
from ...numerics.sparse import Csr, csr, row_index
from ...problem.expressions import Quad
from ...problem.follower_rows import Declared, System


@dataclass(frozen=True, eq=False)
class Scaled:
    """A model in units in which its numbers are of order one.

    Parameters
    ----------
    original : Model
    model : Model
        The same model in its own units; ``original`` itself where it has none.
    columns : ndarray (n,)
        Unit of every column.
    rows, quads : ndarray (m,), (k,)
        Unit of every row, every quadratic row.
    objective : float
        Unit of the leader's objective.
    """

    original: Model
    model: Model
    columns: np.ndarray
    rows: np.ndarray
    quads: np.ndarray
    objective: float

    @property
    def changes(self) -> bool:
        """Whether the model has other units than the user's."""
        return self.model is not self.original

    def point(self, z: np.ndarray) -> np.ndarray:
        """Return a point of the original, or its first columns, in the units of the model."""
        return z / self.columns[: len(z)] if self.changes else z

    def points(self, points: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return several points in the units of the model."""
        return [self.point(z) for z in points]

    def back(self, z: np.ndarray) -> np.ndarray:
        """Return a point of the model, or its first columns, in the user's units."""
        return z * self.columns[: len(z)] if self.changes else z

    def restore(self, changed: Model) -> Model:
        """Return a model made from the scaled one by other bounds, sides and pairs, in the user's units.

        Columns, row coefficients and the objective must be those of the scaled model.
        """
        if not self.changes:
            return changed
        original, space = self.original, changed.space.copy()
        space.lb[:] *= self.columns
        space.ub[:] *= self.columns
        rows = replace(original.rows, lo=changed.rows.lo * self.rows, hi=changed.rows.hi * self.rows)
        pairs = None if changed.pairs is None else _pairs_back(original, changed.pairs, self.columns)
        return replace(original, space=space, rows=rows, pairs=pairs, notes=changed.notes)


_VIEWS: WeakKeyDictionary[Model, Scaled] = WeakKeyDictionary()


def scaled(model: Model) -> Scaled:
    """Return a model in its own units (made once): itself where nothing is scaled."""
    if model.units is None:
        return as_it_stands(model)
    known = _VIEWS.get(model)
    if known is None:
        known = _VIEWS[model] = _view(model)
    return known


def as_it_stands(model: Model) -> Scaled:
    """Return a model in the user's units."""
    return Scaled(model, model, np.ones(model.n), np.ones(len(model.rows)), np.ones(len(model.quads)), 1.0)


def _view(model: Model) -> Scaled:
    units = model.units
    assert units is not None
    c, goal = column_units(model), units.objective
    space = model.space.copy()
    space.lb[:] /= c
    space.ub[:] /= c
    rows, r = _rows(model.rows, c)
    quads, t = _quads(model.quads, c)
    indicators = model.indicators
    if indicators is not None:
        indicators = Indicators(indicators.binary, indicators.value, _rows(indicators.rows, c)[0])
    stated = replace(
        model, space=space, objective=_quad(model.objective, c, goal), rows=rows, quads=quads, indicators=indicators,
        pairs=None if model.pairs is None else _pairs(model, model.pairs, c),
        kkt=None if model.kkt is None else _kkt(model.kkt, c, units.followers),
        lifts=tuple(_lift(model, lift, c) for lift in model.lifts),
        constants=model.constants / c[: len(model.constants)], units=None, origin=None,
        cutoff=None if model.cutoff is None else _cutoff(model.cutoff, c, goal),
    )  # fmt: skip
    return Scaled(model, stated, c, r, t, goal)


def _cutoff(cutoff: Cutoff, c: np.ndarray, goal: float) -> Cutoff:
    space = cutoff.space.copy()
    space.lb[:] /= c[: len(space)]
    space.ub[:] /= c[: len(space)]
    rows = None if cutoff.rows is None else _rows(cutoff.rows, c)[0]
    return Cutoff(cutoff.value / goal, space, cutoff.notes, rows)


def _columns(M: Csr, c: np.ndarray, rows: np.ndarray | None = None) -> Csr:
    """Return ``M diag(c)``, its rows divided by ``rows``."""
    data = M.data * c[M.indices]
    if rows is not None:
        data = data / np.repeat(rows, np.diff(M.indptr))
    return csr(data, M.indices, M.indptr, M.shape)


def _middles(size: np.ndarray, row: np.ndarray, count: int, table: RowTable) -> np.ndarray:
    """Return for every row the power of two in the middle of its smallest and largest entry.

    Of a row without entries that nearest to its side: what cannot be met must not look as if it were.
    """
    least, most = np.full(count, np.inf), np.zeros(count)
    seen = size > 0
    np.minimum.at(least, row[seen], size[seen])
    np.maximum.at(most, row[seen], size[seen])
    blank = most == 0
    side = np.maximum(*(np.where(np.isfinite(end), np.abs(end), 0.0) for end in (table.lo, table.hi)))
    least[blank] = most[blank] = np.where(side > 0, side, 1.0)[blank]
    return 2.0 ** np.round(0.5 * (np.log2(least) + np.log2(most)))


def _rows(table: RowTable, c: np.ndarray) -> tuple[RowTable, np.ndarray]:
    M = _columns(table.M, c)
    r = _middles(np.abs(M.data), row_index(M), len(table), table)
    M = csr(M.data / np.repeat(r, np.diff(M.indptr)), M.indices, M.indptr, M.shape)
    return RowTable(M, table.lo / r, table.hi / r, table.blocks), r


def _quads(table: QuadTable, c: np.ndarray) -> tuple[QuadTable, np.ndarray]:
    v, M = table.v * c[table.i] * c[table.j], _columns(table.linear.M, c)
    size, row = np.abs(np.concatenate([v, M.data])), np.concatenate([table.row, row_index(M)])
    r = _middles(size, row, len(table), table.linear)
    linear = table.linear
    M = csr(M.data / np.repeat(r, np.diff(M.indptr)), M.indices, M.indptr, M.shape)
    rows = RowTable(M, linear.lo / r, linear.hi / r, linear.blocks)
    return QuadTable(table.row, table.i, table.j, v / r[table.row], rows), r


def _quad(quad: Quad, c: np.ndarray, unit: float) -> Quad:
    linear = quad.linear
    return Quad(
        quad.space, quad.i, quad.j, quad.v * c[quad.i] * c[quad.j] / unit,
        csr(linear.data * c[linear.indices] / unit, linear.indices, linear.indptr, linear.shape), quad.r / unit,
    )  # fmt: skip


def _pairs(model: Model, pairs: Pairs, c: np.ndarray) -> Pairs:
    slack, mu = pair_units(model, pairs)
    return replace(
        pairs, M=_columns(pairs.M, c, slack), r=pairs.r / slack,
        slack_max=Bounds(pairs.slack_max.value / slack, pairs.slack_max.proof),
        dual_max=Bounds(pairs.dual_max.value / mu, pairs.dual_max.proof),
    )  # fmt: skip


def _pairs_back(original: Model, pairs: Pairs, c: np.ndarray) -> Pairs:
    slack, mu = pair_units(original, pairs)
    M = csr(pairs.M.data / c[pairs.M.indices] * np.repeat(slack, np.diff(pairs.M.indptr)), pairs.M.indices,
            pairs.M.indptr, pairs.M.shape)  # fmt: skip
    return replace(
        pairs, M=M, r=pairs.r * slack,
        slack_max=Bounds(pairs.slack_max.value * slack, pairs.slack_max.proof),
        dual_max=Bounds(pairs.dual_max.value * mu, pairs.dual_max.proof),
    )  # fmt: skip


def _kkt(kkt: Kkt, c: np.ndarray, f: np.ndarray) -> Kkt:
    stationarity = f[kkt.y_of] / c[kkt.y]
    equal, unequal = f[kkt.lam_of] / c[kkt.lam], f[kkt.mu_of] / c[kkt.mu]
    return replace(
        kkt, S=_columns(kkt.S, c, stationarity), s0=kkt.s0 / stationarity, E=_columns(kkt.E, c, equal),
        e0=kkt.e0 / equal, C=_columns(kkt.C, c, unequal), c0=kkt.c0 / unequal,
        systems=tuple(_system(system, c, float(f[k])) for k, system in enumerate(kkt.systems)),
    )  # fmt: skip


def _system(system: System, c: np.ndarray, f: float) -> System:
    equal, unequal = f / c[system.lam], f / c[system.mu]
    return replace(
        system, E=_columns(system.E, c, equal), e=system.e / equal, C=_columns(system.C, c, unequal),
        c=system.c / unequal, cost=_quad(system.cost, c, f), declared=tuple(_declared(d, c) for d in system.declared),
        varying=None if system.varying is None else system.varying.in_units(c, f),
        cones=tuple(cone.in_units(c, f) for cone in system.cones),
    )  # fmt: skip


def _declared(declared: Declared, c: np.ndarray) -> Declared:
    table, _ = _rows(RowTable(declared.M, declared.lo, declared.hi), c)
    return replace(declared, M=table.M, lo=table.lo, hi=table.hi)


def _lift(model: Model, lift: Lift | Products, c: np.ndarray) -> Lift | Products:
    if isinstance(lift, Products) or model.units is None:
        return lift
    slack = model.units.followers[model.space.owner[lift.mu]] / c[lift.mu]
    return replace(lift, M=_columns(lift.M, c, slack), r=lift.r / slack)
