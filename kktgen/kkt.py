"""From a bilevel problem to its KKT model: stationarity, feasibility and complementarity pairs.

For every follower ``min_y 1/2 y'Py + (Qx + q)'y  s.t.  Ay + Bx = b (lam),  Gy + Hx <= h (mu)``::

    stationarity         P y + Q x + q - A'lam + G'mu = 0
    primal feasibility   A y + B x = b,   s = h - G y - H x >= 0
    dual feasibility     mu >= 0
    complementarity      mu_i s_i = 0

Necessary and sufficient for this class (rows are linear, P is positive semidefinite), so the model's
optima are the optimistic bilevel optima (Dempe & Dutta 2012).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .bilevel import Bilevel
from .constants import folded
from .errors import expect
from .fingerprint import born
from .mccormick import box_terms
from .model import Kkt, Model
from .pairs import Bounds, Pairs
from .scale import equilibrate, spans, without_void
from .space import Block
from .sparse import coo, csr, row_index, vstack
from .system import System
from .tables import Indicators, QuadTable, RowTable, Sos1, join, join_quads
from .terms import defining_rows


def kkt(bilevel: Bilevel) -> Model:
    """Return the KKT model of a bilevel problem, with complementarity pairs still in it.

    Parameters
    ----------
    bilevel : Bilevel

    Returns
    -------
    Model
        Objective and rows of the leader, KKT rows of every follower, pairs. Pairs of rows without own
        variables are left out (their multiplier is zero). Products with leader's columns whose bounds are equal are
        linear terms; change bounds in the problem, not in the model.

    Raises
    ------
    ProblemError
        The argument is no Bilevel, or a follower has no objective.
    """
    expect(bilevel, Bilevel, "kkt")
    space, quads = bilevel.space.copy(), _quads(bilevel)
    box_terms(space, quads[1])
    systems = tuple(follower.system() for follower in bilevel.followers)
    stacked = _stack(bilevel, systems)
    tables = [_leader_rows(bilevel), _stationarity_rows(stacked, systems, bilevel)]
    first = len(tables[0]) + len(tables[1])
    primal, starts = _primal_rows(systems, len(space), first)
    pairs = _pairs(bilevel, systems, stacked, starts)
    model = Model(
        bilevel.name, space, bilevel.objective, bilevel.sense, join([*tables, primal], len(space)),
        join_quads(quads, len(space)), pairs if systems else None, _leader_sets(bilevel), _leader_indicators(bilevel),
        stacked if systems else None, notes=tuple(f.note for f in bilevel.followers if f.note),
    )  # fmt: skip
    model = folded(model)
    units = equilibrate(model)
    model = model if units is None else replace(model, units=units, notes=(*model.notes, *spans(units)))
    return born(without_void(model))


def _stack(bilevel: Bilevel, systems: tuple[System, ...]) -> Kkt:
    """Return the KKT system of all followers, as rows over all columns."""
    n = len(bilevel.space)
    none = np.empty(0, dtype=np.int64)
    y = np.concatenate([none, *(s.y for s in systems)])
    lam = np.concatenate([none, *(s.lam for s in systems)])
    mu = np.concatenate([none, *(s.mu for s in systems)])
    index = np.arange(len(systems))
    y_of, lam_of, mu_of = (np.repeat(index, [len(part) for part in parts]) for parts in
                           ([s.y for s in systems], [s.lam for s in systems], [s.mu for s in systems]))  # fmt: skip
    E, C = vstack([s.E for s in systems], n), vstack([s.C for s in systems], n)
    e, c = (
        np.concatenate([np.empty(0), *(s.e for s in systems)]),
        np.concatenate([np.empty(0), *(s.c for s in systems)]),
    )

    row_of = np.full(n, -1)  # stationarity row of a follower's own column
    row_of[y] = np.arange(len(y))
    cost_of = np.repeat(index, [len(s.cost.v) for s in systems])
    i = np.concatenate([none, *(s.cost.i for s in systems)])
    j = np.concatenate([none, *(s.cost.j for s in systems)])
    v = np.concatenate([np.empty(0), *(s.cost.v for s in systems)])
    linear_of = np.repeat(index, [s.cost.linear.nnz for s in systems])
    columns = np.concatenate([none, *(s.cost.linear.indices for s in systems)])
    q = np.concatenate([np.empty(0), *(s.cost.linear.data for s in systems)])

    owner = np.full(n, -1)
    owner[y] = y_of
    own_i, own_j = owner[i] == cost_of, owner[j] == cost_of
    E_row, C_row = row_index(E), row_index(C)
    own_E, own_C = owner[E.indices] == lam_of[E_row], owner[C.indices] == mu_of[C_row]
    S = coo(
        np.concatenate([v[own_i], v[own_j], -E.data[own_E], C.data[own_C]]),
        np.concatenate([row_of[i[own_i]], row_of[j[own_j]], row_of[E.indices[own_E]], row_of[C.indices[own_C]]]),
        np.concatenate([j[own_i], i[own_j], lam[E_row[own_E]], mu[C_row[own_C]]]),
        (len(y), n),
    )
    mine = owner[columns] == linear_of
    s0 = np.bincount(row_of[columns[mine]], weights=q[mine], minlength=len(y))
    minus_C = csr(-C.data, C.indices, C.indptr, C.shape)
    minus_E = csr(-E.data, E.indices, E.indptr, E.shape)
    return Kkt(
        S, s0, y, minus_E, e, lam, minus_C, c, mu, y_of, lam_of, mu_of,
        _priced(bilevel, systems), tuple(s.name for s in systems), systems,
    )  # fmt: skip


def _priced(bilevel: Bilevel, systems: tuple[System, ...]) -> np.ndarray:
    """Return which followers' multipliers stand in the leader's problem or in another follower's (k,) bool."""
    goal, space = bilevel.objective, bilevel.space
    used = [goal.i, goal.j, goal.linear.indices, *(rows.M.indices for rows in bilevel.rows)]
    used += [part for row in bilevel.quads for part in (row.quad.i, row.quad.j, row.quad.linear.indices)]
    used += [columns for _, columns in bilevel.sets] + [rows.M.indices for *_, rows in bilevel.conditions]
    used += [part for s in systems for part in (s.E.indices, s.C.indices, s.cost.i, s.cost.j, s.cost.linear.indices)]
    columns = np.concatenate(used).astype(np.int64)
    columns = columns[np.isin(space.role[columns], ["lam", "mu"])]
    return np.bincount(space.owner[columns], minlength=len(systems)) > 0


def _stationarity_rows(stacked: Kkt, systems: tuple[System, ...], bilevel: Bilevel) -> RowTable:
    blocks, start = [], 0
    declared = [b for b in bilevel.space.blocks if b.role == "follower"]
    by_follower: dict[str, list[Block]] = {}
    for block in declared:
        by_follower.setdefault(block.follower, []).append(block)
    for system in systems:
        for block in by_follower.get(system.name, []):
            size = block.stop - block.start
            blocks.append(Block(start, start + size, "stat", "stationarity", system.name, block.word, block.shape))
            start += size
    return RowTable(stacked.S, -stacked.s0, -stacked.s0, tuple(blocks))


def _primal_rows(systems: tuple[System, ...], n: int, first: int) -> tuple[RowTable, list[list[int]]]:
    """Return the followers' declared rows (bounds are column bounds) and, per declaration, its first model row."""
    parts, blocks, starts, at = [], [], [], 0
    for system in systems:
        begin = []
        for declared in system.declared:
            begin.append(-1 if declared.is_bound else first + at)
            if not declared.is_bound:
                size = len(declared.lo)
                blocks.append(Block(at, at + size, declared.word, "primal", system.name, "", declared.shape))
                parts.append(declared)
                at += size
        starts.append(begin)
    table = RowTable(
        vstack([d.M for d in parts], n),
        np.concatenate([np.empty(0), *(d.lo for d in parts)]),
        np.concatenate([np.empty(0), *(d.hi for d in parts)]),
        tuple(blocks),
    )
    return table, starts


def _pairs(bilevel: Bilevel, systems: tuple[System, ...], stacked: Kkt, starts: list[list[int]]) -> Pairs:
    none = np.empty(0, dtype=np.int64)
    row, blocks, at = [none], [], 0
    for system, begin in zip(systems, starts, strict=True):
        first = np.asarray(begin, dtype=np.int64)[system.source] if len(system.source) else none
        row.append(np.where(first >= 0, first + system.position, -1))
        change = np.flatnonzero(np.diff(system.source * 4 + (system.side > 0), prepend=-1))
        for begin_at, end_at in zip(change, np.append(change, len(system.source))[1:], strict=True):
            declared = system.declared[system.source[begin_at]]
            upper = system.side[begin_at] > 0
            two = (declared.mu_lo >= 0).any() and (declared.mu_hi >= 0).any()
            tail = ("_ub" if upper else "_lb") if declared.is_bound else (("_up" if upper else "_lo") if two else "")
            places = system.position[begin_at:end_at]
            blocks.append(
                Block(at + int(begin_at), at + int(end_at), f"comp{tail}", "complementarity", system.name,
                      declared.item or declared.word, declared.shape, places)
            )  # fmt: skip
        at += len(system.mu)
    pairs = Pairs(
        stacked.C, stacked.c0, stacked.mu, stacked.mu_of, np.concatenate(row),
        np.concatenate([np.empty(0), *(s.side for s in systems)]),
        Bounds.unknown(at), Bounds.unknown(at), tuple(blocks),
    )  # fmt: skip
    live = bilevel.space.ub[pairs.mu] > 0
    return pairs if live.all() else pairs.take(live)


def _leader_rows(bilevel: Bilevel) -> RowTable:
    sizes = np.cumsum([0, *(len(rows) for rows in bilevel.rows)])
    blocks = tuple(
        Block(int(start), int(stop), rows.name, "leader", shape=rows.shape)
        for rows, start, stop in zip(bilevel.rows, sizes[:-1], sizes[1:], strict=True)
    )
    return RowTable(
        vstack([rows.M for rows in bilevel.rows], len(bilevel.space)),
        np.concatenate([np.empty(0), *(rows.lo for rows in bilevel.rows)]),
        np.concatenate([np.empty(0), *(rows.hi for rows in bilevel.rows)]),
        blocks,
    )


def _quads(bilevel: Bilevel) -> tuple[QuadTable, QuadTable]:
    """Return the leader's quadratic rows, and those that define products of its columns in followers' rows."""
    terms = defining_rows([(f.name, f.terms) for f in bilevel.followers], len(bilevel.space))
    return _leader_quads(bilevel), terms


def _leader_quads(bilevel: Bilevel) -> QuadTable:
    blocks = tuple(Block(k, k + 1, row.name, "leader") for k, row in enumerate(bilevel.quads))
    lo, hi = np.array([row.lo for row in bilevel.quads]), np.array([row.hi for row in bilevel.quads])
    return QuadTable.of([row.quad for row in bilevel.quads], lo, hi, blocks, len(bilevel.space))


def _leader_sets(bilevel: Bilevel) -> Sos1:
    if not bilevel.sets:
        return Sos1.empty()
    start = np.cumsum([0, *(len(columns) for _, columns in bilevel.sets)])
    blocks = tuple(Block(k, k + 1, name, "leader") for k, (name, _) in enumerate(bilevel.sets))
    return Sos1(start, np.concatenate([columns for _, columns in bilevel.sets]), blocks)


def _leader_indicators(bilevel: Bilevel) -> Indicators:
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


def high_point(bilevel: Bilevel) -> Model:
    """Return the high-point relaxation: the leader's problem with the followers merely feasible.

    Stationarity, complementarity and the multipliers are dropped (their columns stay, fixed at zero, unless
    the leader's objective or rows use them); its optimum bounds the bilevel optimum from the optimistic side.

    Parameters
    ----------
    bilevel : Bilevel

    Returns
    -------
    Model

    Raises
    ------
    ProblemError
        The argument is no Bilevel, or a follower has no objective.
    """
    expect(bilevel, Bilevel, "high_point")
    space, (leader_quads, terms) = bilevel.space.copy(), _quads(bilevel)
    box_terms(space, terms)
    systems = tuple(follower.system() for follower in bilevel.followers)
    primal, _ = _primal_rows(systems, len(space), 0)
    leader, quads = _leader_rows(bilevel), join_quads([leader_quads, terms], len(space))
    goal = bilevel.objective
    used = np.concatenate(
        [leader.M.indices, quads.i, quads.j, quads.linear.M.indices, goal.i, goal.j, goal.linear.indices]
    )
    unused = np.isin(space.role, ["lam", "mu"])
    unused[used.astype(np.int64)] = False
    space.lb[unused] = 0.0
    space.ub[unused] = 0.0
    return Model(
        bilevel.name, space, goal, bilevel.sense, join([leader, primal], len(space)), quads,
        sos1=_leader_sets(bilevel), indicators=_leader_indicators(bilevel), notes=("high-point relaxation",),
    )  # fmt: skip
