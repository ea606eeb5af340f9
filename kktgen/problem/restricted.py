"""A bilevel problem over some of its columns, where nothing ties these to the others."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from ..numerics.sparse import Csr, csr, take_columns, take_rows
from .bilevel import Bilevel
from .columns import LEADER, Space, select
from .expressions import Quad
from .follower import Follower
from .follower_rows import Declared
from .rows import QuadRow, Rows


def restricted(bilevel: Bilevel, columns: np.ndarray) -> Bilevel:
    """Return the problem that some columns make by themselves.

    Parameters
    ----------
    bilevel : Bilevel
    columns : ndarray of int
        Sorted. No row, set, indicator or product may hold some of them and others.

    Returns
    -------
    Bilevel
        Its columns are the given ones in the same order, its rows those that hold them, its followers those with
        columns among them, under their names; constants of objectives are left out.
    """
    space = bilevel.space
    to = np.full(len(space) + 1, -1)  # the last one for "no column"
    to[columns] = np.arange(len(columns))
    owners = space.owner[columns]
    m = copy.copy(bilevel)
    m.space = _space(space, columns)
    m.objective = _quad(bilevel.objective, m.space, to)
    m.rows = [_rows(rows, m.space, to) for rows in bilevel.rows if (to[rows.M.indices] >= 0).any()]
    m.quads = [
        QuadRow(_quad(row.quad, m.space, to), row.lo, row.hi, row.name, row.every_response)
        for row in bilevel.quads
        if (to[np.concatenate([row.quad.i, row.quad.linear.indices])] >= 0).any()
    ]
    m.sets = [(name, to[members]) for name, members in bilevel.sets if (to[members] >= 0).any()]
    m.conditions = [
        (name, int(to[binary]), value, Rows(m.space, _matrix(rows.M, to), rows.lo, rows.hi, rows.shape, rows.name))
        for name, binary, value, rows in bilevel.conditions
        if to[binary] >= 0
    ]
    m.about, m._names, m._followers = {}, set(), {}
    for follower in bilevel.followers:
        if (owners == follower.index).any():
            new = _follower(follower, m.space, to, len(m._followers))
            m.space.owner[owners == follower.index] = new.index
            m._followers[follower.name] = new
    return m


def _space(space: Space, columns: np.ndarray) -> Space:
    """Return a space of the given columns, with their names."""
    keep = np.zeros(len(space), dtype=bool)
    keep[columns] = True
    out = Space(space.name)
    for block in select(space.blocks, keep):
        out.append(
            block.word, block.role, lb=0.0, ub=0.0, owner=LEADER, follower=block.follower, item=block.item,
            shape=block.shape, index=block.index, coords=block.coords, unit=block.unit,
        )  # fmt: skip
    out.conditions = set(space.conditions)
    out.lb[:], out.ub[:], out.kind[:] = space.lb[columns], space.ub[columns], space.kind[columns]
    out.owner[:], out.role[:], out.proof[:] = space.owner[columns], space.role[columns], space.proof[columns]
    return out


def _matrix(M: Csr, to: np.ndarray) -> Csr:
    """Return all rows of M over the new columns."""
    return take_columns(M, np.flatnonzero(to >= 0))


def _held(M: Csr, to: np.ndarray) -> np.ndarray:
    """Return the rows that hold new columns."""
    first = np.full(M.shape[0], -1)
    some = np.diff(M.indptr) > 0
    first[some] = to[M.indices[M.indptr[:-1][some]]]
    return np.flatnonzero(first >= 0)


def _quad(quad: Quad, space: Space, to: np.ndarray) -> Quad:
    """Return the part of an expression over the new columns alone, without its constant."""
    i, j, linear = to[quad.i], to[quad.j], quad.linear
    own, at = (i >= 0) & (j >= 0), to[linear.indices]
    mine = at >= 0
    row = csr(linear.data[mine], at[mine], np.array([0, int(mine.sum())]), (1, len(space)))
    return Quad(space, i[own], j[own], quad.v[own], row, 0.0)


def _rows(rows: Rows, space: Space, to: np.ndarray) -> Rows:
    at = _held(rows.M, to)
    shape = rows.shape if len(at) == len(rows.lo) else (len(at),)
    return Rows(
        space, _matrix(take_rows(rows.M, at), to), rows.lo[at], rows.hi[at], shape, rows.name, rows.every_response
    )


def _follower(follower: Follower, space: Space, to: np.ndarray, index: int) -> Follower:
    """Return what a follower has among the new columns; products are rows and columns of it already."""
    new = copy.copy(follower)
    new.space, new.index, new.note = space, index, ""
    own = to[follower.columns]
    new._columns = [own[own >= 0]]
    new.cost = None if follower.cost is None else _quad(follower.cost, space, to)
    new.declared = [part for d in follower.rows() if len((part := _declared(d, to)).lo)]
    new.products = replace(follower.products, space=space, owner=index, lifted=[], conditional=[], natural=[])
    new.varying = [left for one in follower.varying if len(left := one.moved(to))]
    new.cones = [cone.moved(to) for cone in follower.cones if to[cone.mu] >= 0]
    new.terms = [
        replace(term, column=int(to[term.column]), quad=_quad(term.quad, space, to))
        for term in follower.terms
        if to[term.column] >= 0
    ]
    return new


def _declared(d: Declared, to: np.ndarray) -> Declared:
    """Return the rows whose multipliers are among the new columns."""
    at = np.flatnonzero(to[np.maximum(np.maximum(d.lam, d.mu_lo), d.mu_hi)] >= 0)
    old = (d.lam, d.mu_lo, d.mu_hi, d.switch, d.on, d.product)
    lam, mu_lo, mu_hi, switch, on, product = (None if part is None else part[at] for part in old)
    switch, product = (None if part is None else to[part] for part in (switch, product))
    assert lam is not None and mu_lo is not None and mu_hi is not None
    return Declared(
        _matrix(take_rows(d.M, at), to), d.lo[at], d.hi[at], to[lam], to[mu_lo], to[mu_hi], d.word, d.item,
        d.shape if len(at) == len(d.lo) else (len(at),), d.is_bound, switch, on, product,
    )  # fmt: skip
