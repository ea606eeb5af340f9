"""Hand a model to SCIP: columns, rows, sets, indicators, quadratic rows, objective, starting points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...model.tables import Indicators, QuadTable, Sos1
from ...numerics.sparse import Csr
from ..driving.checks import canonical, column_bounds, sides, violation
from .epigraph import Epigraph, add_epigraph, products

INFINITY = 1e20
"""SCIP takes numbers of this size and beyond as infinite."""
LOOK = 500
"""Columns or rows that are added between two looks at the clock."""
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model inside SCIP.

    Parameters
    ----------
    scip : pyscipopt.Model
    columns : list of pyscipopt.Variable
        One per column of the model, in order.
    epigraph : Epigraph or None
        The columns that stand for the objective's products.
    slacks : list of pyscipopt.Variable
        Slack columns SCIP gave the indicator rows ``A z - s <= b``.
    A, b : csr_array (k, n), ndarray (k,)
        Those rows.
    """

    scip: Any
    columns: list[Any]
    epigraph: Epigraph | None
    slacks: list[Any]
    A: Csr
    b: np.ndarray


def load(model: Model, scip: Any, deadline: Deadline = NEVER) -> Loaded:
    """Fill an empty SCIP problem with the model.

    Raises
    ------
    OutOfTime
        The deadline came first: a large model takes seconds.
    """
    _, q, r = model.matrices
    lb, ub = column_bounds(model)
    low, high = (np.clip(side, -INFINITY, INFINITY).tolist() for side in (lb, ub))
    kinds = model.space.kind.tolist()
    columns = [
        scip.addVar(f"z{k}", kind, lo, hi, cost)
        for k, (kind, lo, hi, cost) in _timed(enumerate(zip(kinds, low, high, q.tolist(), strict=True)), deadline)
    ]
    terms = [next(iter(column)) for column in columns]  # a variable is an expression of one term
    scip.addObjoffset(r)
    _add_rows(scip, terms, canonical(model.rows.M, model.n), *sides(model.rows), deadline)
    _add_sets(scip, columns, model.sos1, deadline)
    slacks, A, b = _add_indicators(scip, columns, terms, model.indicators, model.n, deadline)
    _add_quadratic_rows(scip, columns, terms, model.quads, model.n)
    return Loaded(scip, columns, add_epigraph(scip, columns, model), slacks, A, b)


def _timed(items: Iterable[Item], deadline: Deadline) -> Iterator[Item]:
    """Yield the items, with a look at the clock now and then."""
    for k, item in enumerate(items):
        if k % LOOK == 0:
            deadline.check()
        yield item


def _sums(terms: list[Any], M: Csr) -> Iterator[dict[Any, float]]:
    """Yield every row of M as the dictionary of terms that PySCIPOpt's expressions are made of."""
    starts, columns, values = M.indptr.tolist(), M.indices.tolist(), M.data.tolist()
    for a, b in zip(starts, starts[1:], strict=False):
        yield dict(zip([terms[k] for k in columns[a:b]], values[a:b], strict=True))


def _side(values: np.ndarray) -> list[float | None]:
    """Return sides as PySCIPOpt takes them, None where there is none."""
    return [value if abs(value) < INFINITY else None for value in values.tolist()]


def _add_rows(scip: Any, terms: list[Any], M: Csr, lo: np.ndarray, hi: np.ndarray, deadline: Deadline) -> None:
    from pyscipopt.scip import Expr, ExprCons

    for row, low, high in _timed(zip(_sums(terms, M), _side(lo), _side(hi), strict=True), deadline):
        if low is not None or high is not None:
            scip.addCons(ExprCons(Expr(row), low, high))


def _add_sets(scip: Any, columns: list[Any], sets: Sos1, deadline: Deadline) -> None:
    starts, members = sets.start.tolist(), sets.columns.tolist()
    for a, b in _timed(zip(starts, starts[1:], strict=False), deadline):
        if b - a > 1:
            scip.addConsSOS1([columns[k] for k in members[a:b]], list(range(1, b - a + 1)))


def _add_indicators(
    scip: Any, columns: list[Any], terms: list[Any], table: Indicators | None, n: int, deadline: Deadline
) -> tuple[list[Any], Csr, np.ndarray]:
    """Add ``z[binary] == value  ->  A z <= b``, one for each finite side; return slack columns, A, b."""
    from pyscipopt.scip import Expr, ExprCons

    if table is None or not len(table):
        return [], Csr((0, n)), np.empty(0)
    M, (lo, hi) = canonical(table.rows.M, n), sides(table.rows)
    upper, lower = np.flatnonzero(hi < INFINITY), np.flatnonzero(lo > -INFINITY)
    A = Csr(sp.vstack([M[upper], -M[lower]], format="csr"))
    b, source = np.concatenate([hi[upper], -lo[lower]]), np.concatenate([upper, lower])
    slacks = []
    parts = zip(_sums(terms, A), b.tolist(), table.binary[source].tolist(), table.value[source].tolist(), strict=True)
    for row, side, binary, value in _timed(parts, deadline):
        added = scip.addConsIndicator(ExprCons(Expr(row), None, side), columns[binary], activeone=bool(value))
        slacks.append(scip.getSlackVarIndicator(added))
    return slacks, A, b


def _add_quadratic_rows(scip: Any, columns: list[Any], terms: list[Any], quads: QuadTable, n: int) -> None:
    from pyscipopt.scip import Expr, ExprCons

    order = np.argsort(quads.row, kind="stable")
    starts = np.searchsorted(quads.row[order], np.arange(len(quads) + 1)).tolist()
    pairs = list(products(columns, quads.i[order], quads.j[order], quads.v[order]))
    lo, hi = sides(quads.linear)
    linear = _sums(terms, canonical(quads.linear.M, n))
    for k, (row, low, high) in enumerate(zip(linear, _side(lo), _side(hi), strict=True)):
        for term, value in pairs[starts[k] : starts[k + 1]]:
            row[term] = row.get(term, 0.0) + value
        if low is not None or high is not None:
            scip.addCons(ExprCons(Expr(row), low, high))


def add_starts(loaded: Loaded, model: Model, points: Sequence[np.ndarray], tol: float) -> int:
    """Hand over starting points; return how many are complete and feasible within ``tol``.

    Incomplete ones go over as such, and so do the integer columns of infeasible ones: SCIP tries to complete them.
    """
    feasible, whole = 0, model.space.kind != "C"
    for z in points:
        complete = not np.isnan(z).any()
        if complete:
            _add_complete(loaded, z)
            if violation(model, z) <= tol:
                feasible += 1
                continue
        partial = np.where(whole, z, np.nan) if complete else z
        if not np.isnan(partial).all():
            point = loaded.scip.createPartialSol()
            for k in np.flatnonzero(~np.isnan(partial)).tolist():
                point[loaded.columns[k]] = float(partial[k])
            loaded.scip.addSol(point)
    return feasible


def _add_complete(loaded: Loaded, z: np.ndarray) -> None:
    """Hand over a point with the columns that only SCIP knows."""
    point = loaded.scip.createSol()
    for column, value in zip(loaded.columns, z.tolist(), strict=True):
        point[column] = value
    if loaded.epigraph is not None:
        for column, value in zip(loaded.epigraph.columns, loaded.epigraph.values(z), strict=True):
            point[column] = value
    for slack, value in zip(loaded.slacks, np.maximum(loaded.A @ z - loaded.b, 0.0).tolist(), strict=True):
        point[slack] = value
    loaded.scip.addSol(point)
