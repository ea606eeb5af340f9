"""A bilevel problem stated in other units."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from ...model.unit_data import INFINITE
from ...model.units import Units
from ...numerics.sparse import Csr, csr
from ...problem.bilevel import Bilevel
from ...problem.expressions import Quad
from ...problem.follower_rows import Declared
from ...problem.rows import QuadRow, Rows


def restated(bilevel: Bilevel, units: Units) -> Bilevel:
    """Return the same problem in other units: ``z_j = columns_j z'_j``, costs and objective over theirs.

    Columns keep their indices and names. Rows of followers are divided by their cost's unit over that of their
    multiplier, the leader's rows by the middle of their entries' units.

    Parameters
    ----------
    bilevel : Bilevel
    units : Units
        For all columns of the problem; the two multipliers of a two-sided row have one unit.
    """
    c = units.columns
    m = copy.copy(bilevel)
    m.space = bilevel.space.copy()
    m.space.lb[:], m.space.ub[:] = _sides(m.space.lb, c), _sides(m.space.ub, c)
    m.objective = _quad(bilevel.objective, c, units.objective)
    m.rows = [_rows(rows, c) for rows in bilevel.rows]
    m.quads = [_quad_row(row, c) for row in bilevel.quads]
    m.sets, m.about, m._names = list(bilevel.sets), dict(bilevel.about), set(bilevel._names)
    m.conditions = [(name, binary, value, _rows(rows, c)) for name, binary, value, rows in bilevel.conditions]
    m._followers = {}
    for k, follower in enumerate(bilevel.followers):
        new = copy.copy(follower)
        f = float(units.followers[k])
        new.space = m.space
        new.cost = None if follower.cost is None else _quad(follower.cost, c, f)
        new.declared = [_declared(d, c, f) for d in follower.rows()]
        new.products = replace(follower.products, space=m.space, lifted=[], conditional=[], natural=[])
        new.varying = [part.in_units(c, f) for part in follower.varying]
        new.cones = [cone.in_units(c, f) for cone in follower.cones]
        new.terms = [replace(term, quad=_quad(term.quad, c, float(c[term.column]))) for term in follower.terms]
        m._followers[follower.name] = new
    return m


def _entries(M: Csr, c: np.ndarray, rows: np.ndarray) -> Csr:
    return csr(M.data * c[M.indices] / np.repeat(rows, np.diff(M.indptr)), M.indices, M.indptr, M.shape)


def _sides(side: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return bounds or sides in other units; those that stand for none still do."""
    out = side / unit
    return np.where(np.abs(side) >= INFINITE, np.copysign(np.maximum(np.abs(out), INFINITE), side), out)


def _middle(units: np.ndarray) -> float:
    """Return the power of two nearest to the middle of some units, 1 without any."""
    return 2.0 ** float(np.round(np.log2(units).mean())) if len(units) else 1.0


def _rows(rows: Rows, c: np.ndarray) -> Rows:
    M = rows.M
    r = np.array([_middle(c[M.indices[a:b]]) for a, b in zip(M.indptr[:-1], M.indptr[1:], strict=True)])
    lo, hi = _sides(rows.lo, r), _sides(rows.hi, r)
    return Rows(rows.space, _entries(M, c, r), lo, hi, rows.shape, rows.name, rows.every_response)


def _quad(quad: Quad, c: np.ndarray, unit: float) -> Quad:
    linear = _entries(quad.linear, c, np.array([unit]))
    return Quad(quad.space, quad.i, quad.j, quad.v * c[quad.i] * c[quad.j] / unit, linear, quad.r / unit)


def _quad_row(row: QuadRow, c: np.ndarray) -> QuadRow:
    quad = row.quad
    r = _middle(np.concatenate([c[quad.i] * c[quad.j], c[quad.linear.indices]]))
    return QuadRow(_quad(quad, c, r), row.lo / r, row.hi / r, row.name, row.every_response)


def _declared(d: Declared, c: np.ndarray, f: float) -> Declared:
    price = np.maximum(np.maximum(d.lam, d.mu_lo), d.mu_hi)
    r = np.where(price >= 0, f / c[price], 1.0)
    return replace(d, M=_entries(d.M, c, r), lo=_sides(d.lo, r), hi=_sides(d.hi, r))
