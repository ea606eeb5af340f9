"""The plain form all formats share: minimised, one-sided rows, named, nothing twice.

Readers disagree on constants in the objective, on double-sided rows, on duplicate and on zero entries, so
none of them is written: the constant becomes the cost of a column ``ONE`` fixed at 1, the row
``lo <= a z <= hi`` the rows ``r_lo`` and ``r_up``, duplicates are added and zeros dropped.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ..errors import ProblemError
from ..model import Model
from ..sparse import Csr, coo, csr, row_index, widen
from ..tables import QuadTable, RowTable
from .names import CONSTANT, column_names, labels, problem_name, unique
from .text import Pick, pieces

LE, GE, EQ = 0, 1, 2
SMALLEST, LARGEST = 1e-9, 1e15
"""Coefficients outside are dropped or refused by some readers."""


@dataclass(frozen=True, eq=False)
class Sides:
    """Rows with one side each.

    Parameters
    ----------
    M : csr_array (m, n)
        Sorted, without duplicates and zeros.
    sense : ndarray (m,)
        LE, GE or EQ.
    rhs : ndarray (m,)
    names : ndarray (m,) of bytes
    source : ndarray (m,)
        Row of the model's table each stems from.
    """

    M: Csr
    sense: np.ndarray
    rhs: np.ndarray
    names: np.ndarray
    source: np.ndarray

    def __len__(self) -> int:
        return len(self.rhs)


@dataclass(frozen=True, eq=False)
class Plain:
    """A model as the formats write it.

    Parameters
    ----------
    name : bytes
    columns : ndarray (n,) of bytes
        Names, ``ONE`` last where it is needed.
    lb, ub, cost : ndarray (n,)
    kind : ndarray (n,)
        'C', 'B' or 'I'; 'B' only with bounds [0, 1] or as the condition of an indicator.
    used : ndarray (n,) of bool
        Whether the column stands in a linear row or has a cost.
    i, j, v : ndarray (p,)
        Products ``v z_i z_j`` (i <= j) of the objective.
    linear, indicators, quads : Sides
        ``quads`` holds the linear parts of the quadratic rows.
    binary, value : ndarray
        Condition of every indicator row.
    quad_row, quad_i, quad_j, quad_v : ndarray
        Products of the quadratic rows, by row.
    set_start, set_columns, set_names : ndarray
        SOS1 sets with at least two columns.
    """

    name: bytes
    columns: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kind: np.ndarray
    cost: np.ndarray
    used: np.ndarray
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    linear: Sides
    indicators: Sides
    binary: np.ndarray
    value: np.ndarray
    quads: Sides
    quad_row: np.ndarray
    quad_i: np.ndarray
    quad_j: np.ndarray
    quad_v: np.ndarray
    set_start: np.ndarray
    set_columns: np.ndarray
    set_names: np.ndarray

    @property
    def row_names(self) -> np.ndarray:
        """Names of the linear, indicator and quadratic rows, in this order."""
        return np.concatenate([self.linear.names, self.indicators.names, self.quads.names])


def plain(model: Model) -> Plain:
    """Return the plain form of a model without complementarity pairs.

    Raises
    ------
    ProblemError
        NaN or inf where a number is needed, or bounds and sides that exclude every point.
    """
    n, space, goal = model.n, model.space, model.objective.canonical()
    cost = np.zeros(n + 1)
    np.add.at(cost, goal.linear.indices, goal.linear.data)
    cost[n] = goal.r
    _finite(np.concatenate([cost, goal.v]), "the objective")
    _check_bounds(model)

    linear = _one_sided(model.rows, n, "row")
    implied = model.indicators.rows if model.indicators is not None else RowTable.empty(n)
    indicators = _one_sided(implied, n, "indicator")
    row, i, j, v = _products(model.quads)
    quads = _one_sided(model.quads.linear, n, "quadratic row", busy=np.bincount(row, minlength=len(model.quads)) > 0)
    place, terms = _spread(row, quads.source)
    start, members, sets = _sets(model)
    linear, indicators, quads, sets = _named([linear, indicators, quads], sets)

    tables = (linear.M, indicators.M, quads.M)
    used = cost != 0
    for M in tables:
        used[M.indices] = True
    kinds = _kinds(model)
    columns = column_names(model)
    m = n + 1 if used[n] or n == 0 else n
    if m > n:
        columns, kinds = np.concatenate([columns, [CONSTANT]]), np.concatenate([kinds, ["C"]])
    lb, ub = (np.concatenate([bound, [1.0]])[:m] for bound in (space.lb, space.ub))
    linear, indicators, quads = (_narrow(sides, m) for sides in (linear, indicators, quads))
    out = Plain(
        problem_name(model), columns, lb, ub, kinds, cost[:m], used[:m], goal.i, goal.j, goal.v, linear, indicators,
        _of(model.indicators.binary if model.indicators is not None else None, indicators),
        _of(model.indicators.value if model.indicators is not None else None, indicators),
        quads, place, i[terms], j[terms], v[terms], start, members, sets,
    )  # fmt: skip
    _warn(out)
    return out


def _of(table: np.ndarray | None, sides: Sides) -> np.ndarray:
    return np.empty(0, dtype=np.int64) if table is None else np.asarray(table)[sides.source]


def _narrow(sides: Sides, m: int) -> Sides:
    M = sides.M
    return Sides(csr(M.data, M.indices, M.indptr, (M.shape[0], m)), sides.sense, sides.rhs, sides.names, sides.source)


def _finite(values: np.ndarray, where: str) -> None:
    if not np.isfinite(values).all():
        raise ProblemError(f"NaN or inf in the data of {where}; a file needs finite numbers")


def _check_bounds(model: Model) -> None:
    lb, ub = model.space.lb, model.space.ub
    bad = np.isnan(lb) | np.isnan(ub) | (lb == np.inf) | (ub == -np.inf)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ProblemError(f"column {model.space.label(at)!r}: bounds [{lb[at]:g}, {ub[at]:g}] leave no value")


def _kinds(model: Model) -> np.ndarray:
    """Return the kinds; a binary with other bounds than [0, 1] is an integer (sections of binaries imply bounds)."""
    kind = model.space.kind.copy()
    tight = (kind == "B") & ((model.space.lb != 0) | (model.space.ub != 1))
    if model.indicators is not None:
        tight[model.indicators.binary] = False
    kind[tight] = "I"
    return kind


def _canonical(M: Csr, n: int) -> Csr:
    """Return M over n columns, sorted, without duplicates and zeros."""
    rising = np.diff(M.indices, prepend=-1) > 0
    rising[M.indptr[:-1][np.diff(M.indptr) > 0]] = True
    if rising.all() and (M.data != 0).all():
        return widen(M, n)
    return coo(M.data, row_index(M), M.indices, (M.shape[0], n))


def _one_sided(table: RowTable, n: int, what: str, busy: np.ndarray | None = None) -> Sides:
    """Split the rows into one-sided ones over n + 1 columns, the last being ``ONE``.

    Rows without entries are left out where 0 satisfies them and put on ``ONE`` where it does not, except
    the ``busy`` ones, which have products.
    """
    _finite(table.M.data, f"a {what}")
    lo, hi = table.lo, table.hi
    bad = np.isnan(lo) | np.isnan(hi) | (lo == np.inf) | (hi == -np.inf)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ProblemError(f"{what} {table.label(at)!r}: sides [{lo[at]:g}, {hi[at]:g}] exclude every point")
    M = _canonical(table.M, n + 1)
    empty = np.diff(M.indptr) == 0
    if busy is not None:
        empty &= ~busy
    equal = lo == hi
    lower = np.isfinite(lo) & ~(empty & (lo <= 0) & (~equal | (hi >= 0)))
    upper = np.isfinite(hi) & ~equal & ~(empty & (hi >= 0))
    source, side = np.nonzero(np.stack([lower, upper], axis=1))
    sense = np.where(equal[source], EQ, np.where(side == 0, GE, LE)).astype(np.int8)
    rhs = np.where(side == 0, lo[source], hi[source])
    tail = np.where((lower & upper)[source], 1 + side, 0)
    if len(source) != M.shape[0] or (source != np.arange(M.shape[0])).any():
        M = Csr(M[source])
    alone = np.flatnonzero(empty[source])
    if len(alone):
        M = Csr(M + coo(-rhs[alone], alone, np.full(len(alone), n), M.shape))
        rhs[alone] = 0.0
    names = labels(table.blocks, len(table))[source]
    if tail.any():
        names = pieces(len(names), names, Pick(np.array([b"", b"_lo", b"_up"]), tail))
    return Sides(M, sense, rhs, names, source)


def _products(quads: QuadTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return row, i, j, v of the products with i <= j, each once and none zero, sorted."""
    _finite(quads.v, "a quadratic row")
    i, j = np.minimum(quads.i, quads.j), np.maximum(quads.i, quads.j)
    order = np.lexsort((j, i, quads.row))
    row, i, j, v = quads.row[order], i[order], j[order], quads.v[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (i[1:] != i[:-1]) | (j[1:] != j[:-1])
    if not new.all():
        v = np.bincount(np.cumsum(new) - 1, weights=v)
        row, i, j = row[new], i[new], j[new]
    keep = v != 0
    return row[keep], i[keep], j[keep], v[keep]


def _spread(row: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (one-sided row, product) for every product of the rows ``source`` of the table."""
    begin, end = np.searchsorted(row, source), np.searchsorted(row, source, side="right")
    counts = end - begin
    place = np.repeat(np.arange(len(source)), counts)
    return place, np.arange(counts.sum()) + np.repeat(begin - (np.cumsum(counts) - counts), counts)


def _sets(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start, columns and labels of the sets with at least two columns (others bind nothing)."""
    sos1 = model.sos1
    sizes = np.diff(sos1.start)
    keep = sizes > 1
    start = np.concatenate([[0], np.cumsum(sizes[keep])])
    return start, sos1.columns[np.repeat(keep, sizes)], labels(sos1.blocks, len(sos1))[keep]


def _named(tables: list[Sides], sets: np.ndarray) -> tuple[Sides, Sides, Sides, np.ndarray]:
    """Return the tables and the names of the sets, no name used twice among them."""
    names = unique(np.concatenate([*(sides.names for sides in tables), sets]), b"c")
    parts = np.split(names, np.cumsum([len(sides) for sides in tables]))
    first, second, third = (
        Sides(sides.M, sides.sense, sides.rhs, part, sides.source)
        for sides, part in zip(tables, parts[:3], strict=True)
    )
    return first, second, third, parts[3]


def _warn(form: Plain) -> None:
    """Warn of numbers that some readers drop or refuse."""
    entries = [np.abs(M.data) for M in (form.linear.M, form.indicators.M, form.quads.M)] + [np.abs(form.quad_v)]
    others = [form.cost, form.v, form.linear.rhs, form.indicators.rhs, form.quads.rhs]
    others += [bound[np.isfinite(bound)] for bound in (form.lb, form.ub)]
    small = min(values.min(initial=1.0) for values in entries)
    large = max(np.abs(values).max(initial=0.0) for values in [*entries, *others])
    for bad, value, fate in (
        (small <= SMALLEST, small, "drop it"),
        (large >= LARGEST, large, "refuse it or read infinity"),
    ):
        if bad:
            warnings.warn(
                f"model {form.name.decode()!r} holds the number {value:g}: HiGHS or SCIP would {fate} "
                f"(safe are {SMALLEST:g} < |a| < {LARGEST:g}); rescale rows and units",
                UserWarning,
                stacklevel=2,
            )
