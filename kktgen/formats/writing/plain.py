"""The plain form all formats share: minimised, one-sided rows, named, nothing twice.

Readers disagree on constants in the objective, on double-sided rows, on duplicate and on zero entries, so
none of them is written: the constant becomes the cost of a column ``ONE`` fixed at 1, the row
``lo <= a z <= hi`` the rows ``r_lo`` and ``r_up``, duplicates are added and zeros dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...errors import ProblemError
from ...model.model import Model
from ...model.tables import QuadTable, RowTable
from ...problem.columns import on_integers
from .magnitudes import Magnitudes, warn
from .names import CONSTANT, is_short, labels, numbered, problem_name, unique
from .sides import Sides, finite, one_sided, side_labels


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
    set_source : ndarray
        Set of the model each is.
    replaced : bool
        Whether some names are not those of the model: all short ones, and the full ones that clash or are too long.
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
    set_source: np.ndarray
    replaced: bool

    @property
    def row_names(self) -> np.ndarray:
        """Names of the linear, indicator and quadratic rows, in this order."""
        return np.concatenate([self.linear.names, self.indicators.names, self.quads.names])

    @property
    def lines(self) -> int:
        """Roughly how many lines a file has: an entry, product or column a line, two a row."""
        tables = (self.linear, self.indicators, self.quads)
        entries = sum(int(sides.M.nnz) for sides in tables) + len(self.v) + len(self.quad_v) + len(self.set_columns)
        return entries + 2 * sum(map(len, tables)) + len(self.columns) + len(self.set_names)

    @cached_property
    def magnitudes(self) -> Magnitudes:
        """How small and how large the numbers are."""
        tables = (self.linear, self.indicators, self.quads)
        return Magnitudes.of(
            [*(sides.M.data for sides in tables), self.v, self.quad_v],
            self.cost,
            [*(sides.rhs for sides in tables), self.lb, self.ub],
        )


def plain(model: Model | Plain, names: str = "full", warned: bool = True) -> Plain:
    """Return the plain form of a model without complementarity pairs; a plain form stays what it is.

    Parameters
    ----------
    model : Model or Plain
    names : str
        ``"full"`` or ``"short"``.
    warned : bool
        Whether numbers that some readers drop or refuse are warned of.

    Raises
    ------
    ProblemError
        NaN or inf where a number is needed, or bounds and sides that exclude every point.
    """
    if isinstance(model, Plain):
        return model
    n, space, goal = model.n, model.space, model.objective.canonical()
    cost = np.zeros(n + 1)
    np.add.at(cost, goal.linear.indices, goal.linear.data)
    cost[n] = goal.r
    finite(np.concatenate([cost, goal.v]), "the objective")
    low, high = _bounds(model)

    short = is_short(names)
    rows, implied, curved = _tables(model)
    linear, indicators = one_sided(rows, n, "row"), one_sided(implied, n, "indicator")
    row, i, j, v = _products(model.quads)
    quads = one_sided(curved, n, "quadratic row", busy=np.bincount(row, minlength=len(model.quads)) > 0)
    place, terms = _spread(row, quads.source)
    start, members, kept = _sets(model)
    linear, indicators, quads, sets, replaced = _named(model, [linear, indicators, quads], kept, short)

    used = cost != 0
    for sides in (linear, indicators, quads):
        used[sides.M.indices] = True
    kinds = _kinds(model)
    full = np.empty(0) if short else labels(space.blocks, n)
    columns = numbered(b"x", n) if short else unique(full, b"x")
    replaced |= columns is not full
    m = n + 1 if used[n] or n == 0 else n
    if m > n:
        columns, kinds = np.concatenate([columns, [CONSTANT]]), np.concatenate([kinds, ["C"]])
    lb, ub = (np.concatenate([bound, [1.0]])[:m] for bound in (low, high))
    linear, indicators, quads = (sides.narrowed(m) for sides in (linear, indicators, quads))
    form = Plain(
        problem_name(model), columns, lb, ub, kinds, cost[:m], used[:m], goal.i, goal.j, goal.v, linear, indicators,
        _of(model.indicators.binary if model.indicators is not None else None, indicators),
        _of(model.indicators.value if model.indicators is not None else None, indicators),
        quads, place, i[terms], j[terms], v[terms], start, members, sets, kept, replaced,
    )  # fmt: skip
    if warned:
        warn(form.name.decode(), form.magnitudes)
    return form


def _of(table: np.ndarray | None, sides: Sides) -> np.ndarray:
    return np.empty(0, dtype=np.int64) if table is None else np.asarray(table)[sides.source]


def _bounds(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds, those of integer columns on integers; refuse what is no bound."""
    lb, ub = model.space.lb, model.space.ub
    bad = np.isnan(lb) | np.isnan(ub) | (lb == np.inf) | (ub == -np.inf)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ProblemError(f"column {model.space.label(at)!r}: bounds [{lb[at]:g}, {ub[at]:g}] leave no value")
    return on_integers(lb, ub, model.space.kind)


def _kinds(model: Model) -> np.ndarray:
    """Return the kinds; a binary with other bounds than [0, 1] is an integer (sections of binaries imply bounds)."""
    kind = model.space.kind.copy()
    tight = (kind == "B") & ((model.space.lb != 0) | (model.space.ub != 1))
    if model.indicators is not None:
        tight[model.indicators.binary] = False
    kind[tight] = "I"
    return kind


def _products(quads: QuadTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return row, i, j, v of the products with i <= j, each once and none zero, sorted."""
    finite(quads.v, "a quadratic row")
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
    """Return start, columns and places of the sets with at least two columns (others bind nothing)."""
    sos1 = model.sos1
    sizes = np.diff(sos1.start)
    keep = sizes > 1
    start = np.concatenate([[0], np.cumsum(sizes[keep])])
    return start, sos1.columns[np.repeat(keep, sizes)], np.flatnonzero(keep)


def _named(
    model: Model, tables: list[Sides], sets: np.ndarray, short: bool
) -> tuple[Sides, Sides, Sides, np.ndarray, bool]:
    """Return the tables and the names of the sets, no name used twice among them, and whether some were replaced."""
    stops = np.cumsum([len(sides) for sides in tables])
    if short:
        names, replaced = numbered(b"c", int(stops[-1])), True
        parts = [*np.split(names, stops[:-1]), numbered(b"s", len(sets))]
    else:
        given = [
            side_labels(table.blocks, len(table), sides) for table, sides in zip(_tables(model), tables, strict=True)
        ]
        full = np.concatenate([*given, labels(model.sos1.blocks, len(model.sos1))[sets]])
        names = unique(full, b"c")
        parts, replaced = np.split(names, stops), names is not full
    first, second, third = (replace(sides, names=part) for sides, part in zip(tables, parts[:3], strict=True))
    return first, second, third, parts[3], replaced


def _tables(model: Model) -> tuple[RowTable, RowTable, RowTable]:
    """Return the linear rows, the implied rows of the indicators, and the linear parts of the quadratic rows."""
    implied = model.indicators.rows if model.indicators is not None else RowTable.empty(model.n)
    return model.rows, implied, model.quads.linear
