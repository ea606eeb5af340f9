"""Free MPS format, in the dialect that SCIP, HiGHS, Gurobi, CPLEX, Xpress, COPT, MOSEK, CBC and GLPK read alike.

Rows are listed linear, indicator, quadratic; columns continuous, then integer; after the bounds come SOS,
QUADOBJ (each pair once, ``1/2 x'Qx``), QCMATRIX (full symmetric, no 1/2) and INDICATORS, the only order
every reader takes. No OBJSENSE, no RANGES, no constant on the right-hand side of the objective; integers
always have a lower and an upper bound.
"""

from __future__ import annotations

from typing import IO

import numpy as np
import scipy.sparse as sp

from ..model.model import Model
from ..numerics.sparse import vstack
from .maps.provenance import Listing
from .maps.provenance import listing as listed
from .writing.plain import Plain, plain
from .writing.text import Number, Part, Pick, emit, pieces, weave, with_blank

SUFFIX = ".mps"
FEATURES = frozenset({"int", "qobj", "qobj_nonconvex", "qrow", "qrow_nonconvex", "sos1", "indicator"})
FR, MI, LO, FX, BV, UP, PL = range(7)
_BOUND = np.array([b" FR BND  ", b" MI BND  ", b" LO BND  ", b" FX BND  ", b" BV BND  ", b" UP BND  ", b" PL BND  "])
_INTEGER, _END = b"    M1  'MARKER'  'INTORG'\n", b"    M2  'MARKER'  'INTEND'\n"
COLUMNS_AT_A_TIME = 1 << 16
_HAS_NUMBER = np.array([False, False, True, True, False, True, False])


def dump(model: Model | Plain, file: IO[bytes]) -> None:
    """Write the model to a binary file.

    Parameters
    ----------
    model : Model or Plain
        Without complementarity pairs, or its plain form; the minimised objective is written.
    file : binary file

    Raises
    ------
    ProblemError
        NaN or inf where a number is needed.
    """
    form = plain(model)
    rows = form.row_names
    file.write(b"NAME          " + form.name + b"  FREE\nROWS\n N  obj\n")
    sense = np.concatenate([form.linear.sense, form.indicators.sense, form.quads.sense])
    emit(file, len(rows), Pick(np.array([b" L  ", b" G  ", b" E  "]), sense), rows, b"\n")
    file.write(b"COLUMNS\n")
    _columns(form, file)
    file.write(b"RHS\n")
    rhs = np.concatenate([form.linear.rhs, form.indicators.rhs, form.quads.rhs])
    at = np.flatnonzero(rhs)
    emit(file, len(at), b"    RHS  ", Pick(rows, at), b"  ", Number(rhs[at]), b"\n")
    file.write(b"BOUNDS\n")
    _bounds(form, file)
    _sets(form, file)
    if len(form.v):
        file.write(b"QUADOBJ\n")
        value = np.where(form.i == form.j, 2.0 * form.v, form.v)
        emit(file, len(value), b"    ", Pick(form.columns, form.i), b"  ", Pick(form.columns, form.j), b"  ",
             Number(value), b"\n")  # fmt: skip
    _quadratic_rows(form, file)
    if len(form.indicators):
        file.write(b"INDICATORS\n")
        emit(file, len(form.binary), b" IF ", form.indicators.names, b"  ", Pick(form.columns, form.binary), b"  ",
             Number(form.value.astype(np.int64)), b"\n")  # fmt: skip
    file.write(b"ENDATA\n")


def listing(model: Model, form: Plain) -> Listing:
    """Return what stands in the file, in its order."""
    found = listed(model, form)
    return found._replace(order=_order(form))


def _order(form: Plain) -> np.ndarray:
    """Return the columns in the order of the file: continuous, then integer."""
    return np.argsort(form.kind != "C", kind="stable")


def _columns(form: Plain, file: IO[bytes]) -> None:
    """Write the entries by column: continuous columns, then the integer ones between markers."""
    tables = [sides.M for sides in (form.linear, form.indicators, form.quads) if len(sides)]
    entries = sp.csc_array(tables[0] if len(tables) == 1 else vstack(tables, len(form.columns)))
    names = np.concatenate([[b"obj"], form.row_names])
    tails = pieces(len(names), names, b"  ")
    order = _order(form)
    first = int(np.count_nonzero(form.kind == "C"))
    for part, before, after in ((order[:first], b"", b""), (order[first:], _INTEGER, _END)):
        if len(part):
            file.write(before)
            for start in range(0, len(part), COLUMNS_AT_A_TIME):
                _entries(form, entries, part[start : start + COLUMNS_AT_A_TIME], tails, file)
            file.write(after)


def _entries(form: Plain, entries: sp.csc_array, columns: np.ndarray, tails: np.ndarray, file: IO[bytes]) -> None:
    """Write the cost and the entries of some columns; a column without either gets the cost 0.0."""
    cost, begin = form.cost[columns], entries.indptr[columns]
    count = entries.indptr[columns + 1] - begin
    priced = ((cost != 0) | ~form.used[columns]).astype(np.int64)
    lines = count + priced
    start, total = np.cumsum(lines) - lines, int(lines.sum())
    inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    source, place = np.repeat(begin, count) + inside, np.repeat(start + priced, count) + inside
    row, value = np.zeros(total, dtype=np.int64), np.empty(total)
    row[place], value[place] = entries.indices[source] + 1, entries.data[source]
    value[start[priced > 0]] = cost[priced > 0]
    names = pieces(len(columns), b"    ", form.columns[columns], b"  ")
    of = np.repeat(np.arange(len(columns)), lines)
    emit(file, total, Pick(names, of), Pick(tails, row), Number(value), b"\n")


def _bounds(form: Plain, file: IO[bytes]) -> None:
    """Write the bounds that are not the readers' common default, all of them for integers."""
    lb, ub, kind = form.lb, form.ub, form.kind
    low, high, fixed, integer = np.isfinite(lb), np.isfinite(ub), lb == ub, kind != "C"
    unit = (kind == "B") & (lb == 0) & (ub == 1)
    first = np.where(fixed, FX, np.where(unit, BV, np.where(low, LO, np.where(high, MI, FR))))
    # a continuous column starts at 0 by itself, but readers differ on what an upper bound <= 0 does to that
    silent = ~integer & ~fixed & (lb == 0) & ~(ub <= 0)
    one = np.flatnonzero(~silent)
    more = np.flatnonzero(~fixed & ~unit & (high | (integer & low)))
    second = np.where(high, UP, PL)
    lines = weave([Part(one, first[one], lb[one], one), Part(more, second[more], ub[more], more)], len(lb))
    shown = _HAS_NUMBER[lines.code]
    emit(file, len(shown), Pick(_BOUND, lines.code), Pick(form.columns, lines.first),
         Pick(np.array([b"", b"  "]), shown.astype(np.int8)), Number(lines.value, shown), b"\n")  # fmt: skip


def _sets(form: Plain, file: IO[bytes]) -> None:
    """Write the sets with weights 1, 2, ..."""
    count, sizes = len(form.set_names), np.diff(form.set_start)
    if not count:
        return
    file.write(b"SOS\n")
    every, of = np.arange(count), np.repeat(np.arange(count), sizes)
    weight = np.arange(len(of)) - form.set_start[of] + 1
    names = with_blank(np.concatenate([form.columns, form.set_names]))
    lines = weave([Part(every, 0, None, len(form.columns) + every), Part(of, 1, weight, form.set_columns)], count)
    weights = Number(lines.value.astype(np.int64), lines.shown)
    emit(file, len(lines.code), Pick(np.array([b" S1 ", b"    "]), lines.code), Pick(names, lines.first),
         Pick(np.array([b"", b"  "]), lines.code), weights, b"\n")  # fmt: skip


def _quadratic_rows(form: Plain, file: IO[bytes]) -> None:
    """Write a QCMATRIX section for every row with products: both triangles, each with half the coefficient."""
    cross = np.flatnonzero(form.quad_i != form.quad_j)
    row, i, j = (
        np.concatenate([a, b[cross]])
        for a, b in ((form.quad_row, form.quad_row), (form.quad_i, form.quad_j), (form.quad_j, form.quad_i))
    )
    value = np.where(form.quad_i == form.quad_j, 1.0, 0.5) * form.quad_v
    value = np.concatenate([value, value[cross]])
    order = np.lexsort((j, i, row))
    row, i, j, value = row[order], i[order], j[order], value[order]
    busy = np.unique(row)
    names = with_blank(np.concatenate([form.columns, form.quads.names]))
    lines = weave([Part(busy, 0, None, len(form.columns) + busy), Part(row, 1, value, i, j)], len(form.quads))
    gap = Pick(np.array([b"", b"  "]), lines.code)
    emit(file, len(lines.code), Pick(np.array([b"QCMATRIX   ", b"    "]), lines.code), Pick(names, lines.first), gap,
         Pick(names, lines.second), gap, Number(lines.value, lines.shown), b"\n")  # fmt: skip
