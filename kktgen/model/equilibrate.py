"""Choose units from the data: the entries of rows, costs and bounds become of order one, all of them together.

With ``c_j`` the unit of a column, ``r_i`` of a row, ``f_k`` of a follower's cost, every number of the problem becomes

    row entry a_ij c_j / r_i,   side b_i / r_i,   bound l_j / c_j,   cost term v c_i c_j / f_k,   q_j c_j / f_k

and a multiplier has the unit ``f_k / r_i``. The units are the powers of two nearest to the least-squares solution of
"the logarithm of every number is zero". Large residuals are weighed down, those of sides and bounds that are far away
most of all: a bound that stands for none does not set the units of what it bounds. Other units of quantities or money
multiply the solution: the scaled model stays the same up to the rounding to powers of two.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import lsmr

from ..numerics.sparse import Csr, coo, joined, row_index
from .kkt_system import Kkt
from .model import Model
from .tables import RowTable
from .unit_data import SPAN, VOID, UnitData, monomials, primal_columns, reaches, unit_data, unit_tables
from .units import Units

BAND = (1e-3, 1e3)
"""Problems whose numbers all lie in this band are left as they are, unless their objective is small."""
SMALL = 0.1
"""An objective is small if none of its terms reaches this."""
PASSES = 8
"""Least-squares problems solved, each weighing the residuals of the one before."""
FAR = 3.0
"""Residuals, in powers of two, from which on an equation is weighed down."""
BEYOND = 1.0
"""The same of sides and bounds that are larger than what they bound."""
CLEAR = 8.0
"""The smallest slope of a follower's cost is at least two to minus this in units of the cost: solvers must see it."""
MOST = 200.0
"""Largest power of two of a unit."""
STEEPEST = 13.0
"""The largest term of a cost is at most two to this power in units of the cost."""


def equilibrate(model: Model, always: bool = False) -> Units | None:
    """Return the units of a KKT model, or None if its numbers lie in ``BAND`` and its objective reaches ``SMALL``.

    ``always`` asks for units of ordinary numbers, too.
    """
    tables = unit_tables(model)
    data = unit_data(model, tables)
    goal = monomials(model.objective, -1)
    sizes = np.concatenate([data.size, goal.size])
    ordinary = not len(sizes) or (sizes.min() >= BAND[0] and sizes.max() <= BAND[1])
    if not always and ordinary and not _is_small(model, tables, goal):
        return None
    width = sum(len(table) for table in tables)
    columns, rows, followers = _solved(model, data, width)
    columns = _rounded(columns)
    followers = _rounded(np.minimum(followers, _slopes(model, data, columns)[0] + CLEAR))
    rows = _singles(tables, columns, rows)
    units = 2.0**columns
    kkt = model.kkt
    if kkt is not None:
        start = width - len(kkt.lam) - len(kkt.mu)
        rows[start + len(kkt.lam) :] = _two_sided(kkt, rows[start + len(kkt.lam) :])
        rows = _rounded(rows)
        for price, of, at in ((kkt.lam, kkt.lam_of, start), (kkt.mu, kkt.mu_of, start + len(kkt.lam))):
            units[price] = 2.0 ** (followers[of] - rows[at : at + len(price)])
    term = goal.size * _unit(units, goal.first) * _unit(units, goal.second)
    objective = 2.0 ** float(_rounded(_middle(np.log2(term))))
    wide = (*_wide(model, units), *_steep(model, data, columns), *_hidden(model, data, units))
    return Units(units, 2.0**followers, objective, wide)


def _is_small(model: Model, tables: list[RowTable], goal: UnitData) -> bool:
    """Return whether no term of the leader's objective reaches a tenth within the bounds of its columns.

    Columns without bounds are taken to reach as far as the others and the sides of the rows do, in the middle.
    """
    reach = reaches(model.space)
    sides = np.concatenate([np.where(np.isfinite(side), np.abs(side), 0.0) for t in tables for side in (t.lo, t.hi)])
    known = np.concatenate([reach, sides])
    known = known[(known > 0) & (known < SPAN)]
    square = goal.second >= 0
    if not len(known) and square.any() and not square.all():  # where slope and curvature of the objective meet
        known = np.array([goal.size[~square].max() / goal.size[square].max()])
    reach[reach == 0] = float(np.median(known)) if len(known) else 1.0
    size = goal.size * _unit(reach, goal.first) * _unit(reach, goal.second)
    return len(size) > 0 and float(size.max()) < SMALL


def _slopes(model: Model, data: UnitData, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of the smallest and the largest slope of every follower's cost in one of its columns.

    The slope in column j is the largest ``|v| c_i c_j`` and ``|q_j| c_j`` of its terms; inf and -inf without any.
    """
    count = 0 if model.kkt is None else len(model.kkt.followers)
    term = data.cost >= 0
    left, right, of = data.first[term], data.second[term], data.cost[term]
    size = np.log2(data.size[term]) + columns[left] + np.where(right >= 0, columns[right], 0.0)
    steepest = np.full(model.n, -np.inf)
    for column in (left, np.where(right >= 0, right, left)):
        own = model.space.owner[column] == of
        np.maximum.at(steepest, column[own], size[own])
    at = np.flatnonzero(np.isfinite(steepest))
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, model.space.owner[at], steepest[at])
    np.maximum.at(most, model.space.owner[at], steepest[at])
    return least, most


def _logs(model: Model, width: int) -> Csr:
    """Return the logarithms of the columns' units (n, unknowns) in terms of columns, rows and followers' costs.

    The unknowns are the n columns, ``width`` rows, then the followers. A multiplier's unit is that of its follower's
    cost over that of its row; an integer column has none.
    """
    space, kkt, n = model.space, model.kkt, model.n
    count = 0 if kkt is None else len(kkt.followers)
    free = np.flatnonzero(~space.is_price & (space.kind == "C"))
    parts = [(np.ones(len(free)), free, free)]
    if kkt is not None:
        start = n + width - len(kkt.lam) - len(kkt.mu)
        price, of = np.concatenate([kkt.lam, kkt.mu]), np.concatenate([kkt.lam_of, kkt.mu_of])
        parts.append((np.ones(len(price)), price, n + width + of))
        parts.append((-np.ones(len(price)), price, start + np.arange(len(price))))
    value, row, column = (np.concatenate(part) for part in zip(*parts, strict=True))
    return coo(value, row, column, (n, n + width + count))


def _solved(model: Model, data: UnitData, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the least-squares logarithms of the units of columns (n,), rows (width,) and followers' costs."""
    n, logs = model.n, _logs(model, width)
    unknowns, k = logs.shape[1], len(data.size)
    index = np.arange(k)
    picks = [coo(np.ones((at >= 0).sum()), index[at >= 0], at[at >= 0], (k, n)) for at in (data.first, data.second)]
    of_bound = (data.row < 0) & (data.cost < 0)
    left = sp.diags_array(np.where(of_bound, -1.0, 1.0)) @ (picks[0] + picks[1]) @ logs
    for at, start in ((data.row, n), (data.cost, n + width)):
        there = at >= 0
        left = left - coo(np.ones(there.sum()), index[there], start + at[there], (k, unknowns))
    A, right = Csr(left), -np.log2(data.size)
    weight, x = np.ones(k), np.zeros(unknowns)
    for _ in range(PASSES):
        root = np.sqrt(weight)
        step = lsmr(sp.diags_array(root) @ A, root * (right - A @ x), atol=1e-6, btol=1e-6, maxiter=200)[0]
        x = x + step
        stated = A @ x - right  # logarithms of the numbers in these units
        weight = np.minimum(1.0, FAR / np.maximum(np.abs(stated), 1e-9))
        beyond = data.loose & (stated > BEYOND)
        weight[beyond] = np.minimum(weight[beyond], (BEYOND / stated[beyond]) ** 2)
    return x[:n], x[n : n + width], x[n + width :]


def _rounded(logs: np.ndarray) -> np.ndarray:
    return np.clip(np.round(logs), -MOST, MOST) + 0.0


def _singles(tables: list[RowTable], columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the rows' logarithms, those of rows with one entry such that the slack has the unit of the column."""
    rows, start = rows.copy(), 0
    for table in tables:
        M = table.M
        single = np.flatnonzero(np.diff(M.indptr) == 1)
        at = M.indptr[:-1][single]
        known = M.data[at] != 0
        rows[start + single[known]] = np.log2(np.abs(M.data[at][known])) + columns[M.indices[at][known]]
        start += len(table)
    return rows


def _two_sided(kkt: Kkt, rows: np.ndarray) -> np.ndarray:
    """Return the logarithms of the inequalities' units, the same for both sides of a row."""
    sources = [s.source * (1 + s.position.max(initial=0)) + s.position for s in kkt.systems]
    start = np.cumsum([0, *(1 + key.max(initial=0) for key in sources)])
    key = joined((k + a for k, a in zip(sources, start[:-1], strict=True)), int)
    _, of = np.unique(key, return_inverse=True)
    return (np.bincount(of, weights=rows) / np.bincount(of))[of] if len(of) else rows


def _unit(units: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.where(columns >= 0, units[columns], 1.0)


def _middle(logs: np.ndarray) -> np.ndarray:
    """Return the middle of the logarithms of a cost's terms, but never more than ``STEEPEST`` below the largest."""
    if not len(logs):
        return np.zeros(())
    return np.asarray(max(0.5 * (logs.min() + logs.max()), logs.max() - STEEPEST))


def _wide(model: Model, units: np.ndarray) -> tuple[str, ...]:
    """Return the rows whose scaled numbers are more than ``SPAN`` apart, and the columns that lie so far from one.

    A column does where it is fixed there, or has a bound that only its unit makes one that stands for none.
    """
    out = []
    tables = [model.rows, *([] if model.indicators is None else [model.indicators.rows])]
    for table in tables:
        out += [table.label(int(i)) for i in np.flatnonzero(_spread(table, units) > SPAN)]
    goal = model.objective.canonical()
    linear = goal.linear
    terms = np.concatenate([goal.v * units[goal.i] * units[goal.j], linear.data * units[linear.indices]])
    terms = np.abs(terms[terms != 0])
    if len(terms) and terms.max() > SPAN * terms.min():
        out.append("the leader's objective")
    own, space = primal_columns(model), model.space
    fixed = space.lb[own] == space.ub[own]
    side = np.maximum(*(np.where(np.isfinite(ends[own]), np.abs(ends[own]), 0.0) for ends in (space.lb, space.ub)))
    away = np.where(fixed, side > SPAN * units[own], (side >= VOID * units[own]) & (side < VOID))
    out += [space.label(int(j)) for j in own[away]]
    return tuple(out)


def _steep(model: Model, data: UnitData, columns: np.ndarray) -> list[str]:
    """Return the followers whose cost has slopes that are more than ``SPAN`` apart."""
    least, most = _slopes(model, data, columns)
    names = () if model.kkt is None else model.kkt.followers
    return [f"the cost of {names[k]}" for k in np.flatnonzero(most - least > np.log2(SPAN))]


def _hidden(model: Model, data: UnitData, units: np.ndarray) -> list[str]:
    """Return the columns with a bound that is no rounding error and yet too small to be seen beside numbers of one."""
    bound = (data.row < 0) & (data.cost < 0)
    column = data.first[bound]
    return [model.space.label(int(j)) for j in np.unique(column[data.size[bound] * SPAN < units[column]])]


def _spread(table: RowTable, units: np.ndarray) -> np.ndarray:
    """Return the largest entry of every row over its smallest, or an equation's side over its largest entry (m,)."""
    M, k = table.M, len(table)
    size, row = np.abs(M.data) * units[M.indices], row_index(M)
    least, most = np.full(k, np.inf), np.zeros(k)
    seen = size > 0
    np.minimum.at(least, row[seen], size[seen])
    np.maximum.at(most, row[seen], size[seen])
    with np.errstate(invalid="ignore", divide="ignore"):
        side = np.where(table.lo == table.hi, np.abs(table.lo), 0.0)
        return np.where(most > 0, np.maximum(most / least, side / most), 0.0)
