"""What a problem declares, as the tables of a model: rows, quadratic rows, sets, indicators."""

from __future__ import annotations

import numpy as np

from ..numerics.sparse import joined, vstack
from ..problem.bilevel import Bilevel
from ..problem.columns import Block
from ..problem.cones import ALONG, NORM, NORMAL, PRICED, SIDES
from ..problem.follower_rows import System
from .tables import Indicators, QuadTable, RowTable, Sos1, join_quads
from .terms import defining_rows, varying_rows


def primal_rows(systems: tuple[System, ...], n: int, first: int) -> tuple[RowTable, list[list[int]]]:
    """Return the followers' declared rows (bounds are column bounds) and, per declaration, its first model row."""
    parts, blocks, starts, at = [], [], [], 0
    for system in systems:
        begin = []
        for declared in system.declared:
            begin.append(-1 if declared.is_bound else first + at)
            if not declared.is_bound:
                size = len(declared.lo)
                blocks.append(
                    Block(
                        at, at + size, declared.word, "primal", system.name, "", declared.shape, coords=declared.coords
                    )
                )
                parts.append(declared)
                at += size
        starts.append(begin)
    table = RowTable(
        vstack([d.M for d in parts], n),
        joined(d.lo for d in parts),
        joined(d.hi for d in parts),
        tuple(blocks),
    )
    return table, starts


def leader_rows(bilevel: Bilevel) -> RowTable:
    """Return the leader's linear rows, those of followers' cones behind them."""
    cones = [(follower, cone) for follower in bilevel.followers for cone in follower.cones]
    every = [*bilevel.rows, *(cone.sides(bilevel.space) for _, cone in cones)]
    names = [(rows.name, "") for rows in bilevel.rows]
    names += [(f"{cone.name}_{SIDES}", follower.name) for follower, cone in cones]
    sizes = np.cumsum([0, *map(len, every)])
    blocks = tuple(
        Block(int(start), int(stop), name, "leader", whose, shape=rows.shape, coords=rows.coords)
        for rows, (name, whose), start, stop in zip(every, names, sizes[:-1], sizes[1:], strict=True)
    )
    return RowTable(
        vstack([rows.M for rows in every], len(bilevel.space)),
        joined(rows.lo for rows in every),
        joined(rows.hi for rows in every),
        blocks,
    )


def declared_quads(bilevel: Bilevel) -> tuple[QuadTable, QuadTable]:
    """Return the leader's quadratic rows, and those that define products of its columns in followers' rows."""
    n = len(bilevel.space)
    terms = defining_rows([(f.name, f.terms) for f in bilevel.followers], n)
    varying = varying_rows([(f.name, f.varying) for f in bilevel.followers], n)
    return _leader_quads(bilevel), join_quads([terms, varying], n) if len(varying) else terms


def _leader_quads(bilevel: Bilevel) -> QuadTable:
    rows = [(row, row.name, "leader", "", "") for row in bilevel.quads]
    for follower in bilevel.followers:
        for cone in follower.cones:
            for row, word in zip(cone.quads(bilevel.space), (NORM, NORMAL), strict=True):
                rows.append((row, f"{cone.name}_{word}", "leader", follower.name, ""))
            for k, row in enumerate(cone.along(bilevel.space)):
                rows.append((row, f"{cone.name}_{ALONG}", PRICED, follower.name, str(k)))
    blocks = tuple(Block(k, k + 1, word, role, whose, item) for k, (_, word, role, whose, item) in enumerate(rows))
    lo, hi = np.array([row.lo for row, *_ in rows]), np.array([row.hi for row, *_ in rows])
    return QuadTable.of([row.quad for row, *_ in rows], lo, hi, blocks, len(bilevel.space))


def leader_sets(bilevel: Bilevel) -> Sos1:
    """Return the leader's SOS1 sets."""
    if not bilevel.sets:
        return Sos1.empty()
    start = np.cumsum([0, *(len(columns) for _, columns in bilevel.sets)])
    blocks = tuple(Block(k, k + 1, name, "leader") for k, (name, _) in enumerate(bilevel.sets))
    return Sos1(start, np.concatenate([columns for _, columns in bilevel.sets]), blocks)


def leader_indicators(bilevel: Bilevel) -> Indicators:
    """Return the leader's indicator rows."""
    n = len(bilevel.space)
    if not bilevel.conditions:
        return Indicators.empty(n)
    sizes = [len(rows) for *_, rows in bilevel.conditions]
    starts = np.cumsum([0, *sizes])
    table = RowTable(
        vstack([rows.M for *_, rows in bilevel.conditions], n),
        np.concatenate([rows.lo for *_, rows in bilevel.conditions]),
        np.concatenate([rows.hi for *_, rows in bilevel.conditions]),
        tuple(
            Block(int(a), int(b), name, "leader", shape=rows.shape)
            for (name, *_, rows), a, b in zip(bilevel.conditions, starts[:-1], starts[1:], strict=True)
        ),
    )
    binary = np.repeat([b for _, b, _, _ in bilevel.conditions], sizes)
    value = np.repeat([v for _, _, v, _ in bilevel.conditions], sizes)
    return Indicators(binary, value, table)
