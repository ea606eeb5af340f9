"""Rows of the leader that are to hold for every response of the followers, not for one of them alone."""

from __future__ import annotations

import copy

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import joined
from .bilevel import Bilevel
from .columns import LEADER
from .rows import QuadRow, Rows


def flagged(bilevel: Bilevel) -> tuple[list[Rows], list[QuadRow]]:
    """Return the linear and the quadratic rows for every response that hold columns of followers."""
    owner = bilevel.space.owner
    rows = [rows for rows in bilevel.rows if rows.every_response and (owner[rows.M.indices] != LEADER).any()]
    quads = [row for row in bilevel.quads if row.every_response and (owner[_used(row)] != LEADER).any()]
    return rows, quads


def names_of(bilevel: Bilevel) -> list[str]:
    """Return the names of the rows for every response."""
    return [row.name for rows in flagged(bilevel) for row in rows]


def decided_before(bilevel: Bilevel) -> np.ndarray:
    """Return the leader's columns in such rows: they are decided before the followers respond."""
    rows, quads = flagged(bilevel)
    used = joined([*(row.M.indices for row in rows), *map(_used, quads)], int)
    return np.unique(used[bilevel.space.owner[used] == LEADER])


def plain(bilevel: Bilevel) -> Bilevel:
    """Return the problem in which these are ordinary rows: itself where there are none. Nothing may be added to it."""
    if not names_of(bilevel):
        return bilevel
    m = copy.copy(bilevel)
    m.rows = [Rows(row.space, row.M, row.lo, row.hi, row.shape, row.name) for row in bilevel.rows]
    for new, old in zip(m.rows, bilevel.rows, strict=True):
        new.coords = old.coords
    m.quads = [QuadRow(row.quad, row.lo, row.hi, row.name) for row in bilevel.quads]
    return m


def refuse_every_response(bilevel: Bilevel, verb: str) -> None:
    """Refuse a problem with such rows, which a KKT model cannot hold.

    Raises
    ------
    ProblemError
        Names one of them.
    """
    names = names_of(bilevel)
    if names:
        raise ProblemError(
            f"{verb}: row {names[0]!r} of {bilevel.name!r} is to hold for every response, which no KKT model of it "
            "says; kg.optimize(m) solves it, kg.pessimistic(m, objective=False) returns the problem that says it"
        )


def _used(row: QuadRow) -> np.ndarray:
    """Return the columns of a quadratic row."""
    return joined([row.quad.i, row.quad.j, row.quad.linear.indices], int)
