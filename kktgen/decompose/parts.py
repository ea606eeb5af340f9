"""Columns, quadratic rows, sets and indicators of a part of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..model.tables import Indicators, QuadTable, RowTable, Sos1
from ..numerics.sparse import Csr, coo, position, row_index, take_columns, widen
from ..problem.columns import Space


def part_of(space: Space, columns: np.ndarray) -> Space:
    """Return a space of some of the columns, in the given order."""
    out = Space(space.name)
    at = out.append("z", "part", lb=space.lb[columns], ub=space.ub[columns], shape=(len(columns),))
    for word in ("kind", "owner", "role", "proof"):
        getattr(out, word)[at] = getattr(space, word)[columns]
    return out


def _whole(M: Csr, columns: np.ndarray) -> np.ndarray:
    """Return which rows hold nothing but some columns, and something (k,) bool."""
    inside = np.isin(M.indices, columns)
    counts = np.diff(M.indptr)
    return (counts > 0) & (np.bincount(row_index(M)[inside], minlength=M.shape[0]) == counts)


def quads_of(quads: QuadTable, columns: np.ndarray) -> QuadTable:
    """Return the quadratic rows over some columns alone."""
    if not len(quads):
        return QuadTable.empty(len(columns))
    size = int(max(columns.max(initial=0), quads.i.max(initial=0), quads.j.max(initial=0))) + 1
    size = max(size, quads.linear.M.shape[1])
    row = np.concatenate([quads.row, quads.row])
    bent = coo(np.ones(len(row)), row, np.concatenate([quads.i, quads.j]), (len(quads), size))
    table = quads.take(_whole(Csr(bent + abs(widen(quads.linear.M, size))), columns))
    return replace(
        table, i=position(columns, table.i), j=position(columns, table.j),
        linear=replace(table.linear, M=take_columns(table.linear.M, columns), blocks=()),
    )  # fmt: skip


def sets_of(sets: Sos1, columns: np.ndarray) -> Sos1:
    """Return the SOS1 sets of some columns."""
    if not len(sets):
        return Sos1.empty()
    at = position(columns, sets.columns)
    number = np.repeat(np.arange(len(sets)), np.diff(sets.start))
    count = np.bincount(number[at >= 0], minlength=len(sets))
    whole = count == np.diff(sets.start)
    start = np.concatenate([[0], np.cumsum(count[whole])]).astype(np.int64)
    return Sos1(start, at[whole[number]])


def rules_of(rules: Indicators | None, columns: np.ndarray) -> Indicators | None:
    """Return the indicators over some columns."""
    if rules is None:
        return None
    at = position(columns, rules.binary)
    keep = (at >= 0) & _whole(rules.rows.M, columns)
    table = rules.rows.take(keep)
    return Indicators(at[keep], rules.value[keep], RowTable(take_columns(table.M, columns), table.lo, table.hi))
