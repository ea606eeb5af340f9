"""From a bilevel problem to its KKT model: stationarity, feasibility and complementarity pairs.

For every follower ``min_y 1/2 y'Py + (Qx + q)'y  s.t.  Ay + Bx = b (lam),  Gy + Hx <= h (mu)``::

    stationarity         P y + Q x + q - A'lam + G'mu = 0
    primal feasibility   A y + B x = b,   s = h - G y - H x >= 0
    dual feasibility     mu >= 0
    complementarity      mu_i s_i = 0

Necessary and sufficient for this class (rows are linear, P is positive semidefinite), so the model's
optima are the optimistic bilevel optima (Dempe & Dutta 2012). With convex quadratic rows they are sufficient, and
necessary where a point lies strictly inside these rows (:mod:`kktgen.problem.curved_rows`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import expect
from ..numerics.sparse import Csr, coo, joined, row_index, vstack
from ..problem.bilevel import Bilevel
from ..problem.columns import Block, Space
from ..problem.every_response import refuse_every_response
from ..problem.follower_rows import System
from ..problem.integers import refuse_integers
from ..problem.lifting import told
from .constants import folded
from .declared import declared_quads, leader_indicators, leader_rows, leader_sets, primal_rows
from .equilibrate import equilibrate
from .fingerprint import born
from .kkt_system import Kkt
from .model import Model
from .pairs import Bounds, Pairs
from .tables import RowTable, join, join_quads
from .terms import box_terms
from .units import spans
from .void import without_void


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
        The argument is no Bilevel, a follower has no objective, or rows are to hold for every response
        (:meth:`Bilevel.add`): those are conditions of another problem, :func:`kktgen.pessimistic`.
    UnsupportedError
        A follower has integer variables, and so no KKT conditions.

    See Also
    --------
    kktgen.eliminate, kktgen.bound, kktgen.encode, kktgen.solve : The steps that follow.
    kktgen.master : In the place of it, for followers with integer variables.
    kktgen.optimize : All of them in one call.

    Examples
    --------
    The driver of a toll road has one row of stationarity, and a pair for each of the bounds of ``road``.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> mpec = kg.kkt(m)
    >>> print(mpec)
    toll: 4 columns, 1 rows, 3 entries
      leader variables                    1 columns
      follower variables                  1 columns
      multipliers mu >= 0                 2 columns
      stationarity(driver)                1 rows     P y + Q x + q - A'lam + G'mu = 0
      inequalities(driver)                2 rows     G y + H x <= h (bounds as column bounds)
      complementarity(driver)             2 pairs    0 <= h - G y - H x  _|_  mu >= 0
      objective                           1 products nonconvex, maximised (its negative is minimised)
    """
    expect(bilevel, Bilevel, "kkt")
    refuse_every_response(bilevel, "kkt")
    refuse_integers(bilevel, "kkt")
    return kkt_model(bilevel)


def kkt_model(bilevel: Bilevel) -> Model:
    """Return the KKT model, in which rows for every response are to hold for the one of the point alone."""
    space, quads = bilevel.space.copy(), declared_quads(bilevel)
    box_terms(space, quads[1])
    systems = tuple(follower.system() for follower in bilevel.followers)
    stacked = _stack(bilevel, systems)
    tables = [leader_rows(bilevel), _stationarity_rows(stacked, systems, bilevel)]
    first = len(tables[0]) + len(tables[1])
    primal, starts = primal_rows(systems, len(space), first)
    pairs = _pairs(bilevel, systems, stacked, starts)
    model = Model(
        bilevel.name, space, bilevel.objective, bilevel.sense, join([*tables, primal], len(space)),
        join_quads(quads, len(space)), pairs if systems else None, leader_sets(bilevel), leader_indicators(bilevel),
        stacked if systems else None,
        notes=(*(f.note for f in bilevel.followers if f.note), *told([f.products for f in bilevel.followers])),
        unit=bilevel.unit, equilibrium=bilevel.is_equilibrium,
    )  # fmt: skip
    model = folded(model)
    units = equilibrate(model)
    model = model if units is None else replace(model, units=units, notes=(*model.notes, *spans(units)))
    return born(without_void(model))


def _stack(bilevel: Bilevel, systems: tuple[System, ...]) -> Kkt:
    """Return the KKT system of all followers, as rows over all columns."""
    n, every = len(bilevel.space), range(len(systems))
    y, lam, mu = (joined((getattr(s, key) for s in systems), int) for key in ("y", "lam", "mu"))
    y_of, lam_of, mu_of = (np.repeat(every, [len(getattr(s, key)) for s in systems]) for key in ("y", "lam", "mu"))
    E, C = vstack([s.E for s in systems], n), vstack([s.C for s in systems], n)
    P, s0 = _gradients(systems, y, y_of, n)
    owner, row_of = np.full(n, -1), np.full(n, -1)  # of a follower's own column; its stationarity row
    owner[y], row_of[y] = y_of, np.arange(len(y))
    E_row, C_row = row_index(E), row_index(C)
    own_E, own_C = owner[E.indices] == lam_of[E_row], owner[C.indices] == mu_of[C_row]
    used, beside = _used(bilevel, systems)
    S = coo(
        np.concatenate([P.data, -E.data[own_E], C.data[own_C]]),
        np.concatenate([row_index(P), row_of[E.indices[own_E]], row_of[C.indices[own_C]]]),
        np.concatenate([P.indices, lam[E_row[own_E]], mu[C_row[own_C]]]),
        (len(y), n),
    )
    e, c = joined(s.e for s in systems), joined(s.c for s in systems)
    return Kkt(
        S, s0, y, Csr(-E), e, lam, Csr(-C), c, mu, y_of, lam_of, mu_of,
        used, beside, np.bincount(bilevel.space.owner[used], minlength=len(systems)) > 0,
        tuple(s.name for s in systems), systems,
    )  # fmt: skip


def _gradients(systems: tuple[System, ...], y: np.ndarray, y_of: np.ndarray, n: int) -> tuple[Csr, np.ndarray]:
    """Return ``(P, s0)``: the gradient of every follower's cost in its own columns y is ``P z + s0``."""
    every, costs = range(len(systems)), [s.cost for s in systems]
    owner, row_of = np.full(n, -1), np.full(n, -1)
    owner[y], row_of[y] = y_of, np.arange(len(y))
    i, j = joined((cost.i for cost in costs), int), joined((cost.j for cost in costs), int)
    v, of = joined(cost.v for cost in costs), np.repeat(every, [len(cost.v) for cost in costs])
    own_i, own_j = owner[i] == of, owner[j] == of
    P = coo(
        np.concatenate([v[own_i], v[own_j]]), np.concatenate([row_of[i[own_i]], row_of[j[own_j]]]),
        np.concatenate([j[own_i], i[own_j]]), (len(y), n),
    )  # fmt: skip
    column, q = joined((cost.linear.indices for cost in costs), int), joined(cost.linear.data for cost in costs)
    mine = owner[column] == np.repeat(every, [cost.linear.nnz for cost in costs])
    return P, np.bincount(row_of[column[mine]], weights=q[mine], minlength=len(y))


def _used(bilevel: Bilevel, systems: tuple[System, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of multipliers that stand in the leader's problem or in another follower's, sorted.

    And the only column that each is multiplied by, -1 where it stands alone, beside several, or with a follower.
    """
    goal, space, quads = bilevel.objective, bilevel.space, [row.quad for row in bilevel.quads]
    alone = [goal.linear.indices, *(rows.M.indices for rows in bilevel.rows), *(quad.linear.indices for quad in quads)]
    alone += [columns for _, columns in bilevel.sets] + [rows.M.indices for *_, rows in bilevel.conditions]
    alone += [part for s in systems for part in (s.E.indices, s.C.indices, s.cost.i, s.cost.j, s.cost.linear.indices)]
    left, right = ([getattr(goal, side), *(getattr(quad, side) for quad in quads)] for side in ("i", "j"))
    single, one, other = (np.concatenate(parts).astype(np.int64) for parts in (alone, left + right, right + left))
    columns = np.concatenate([single, one])
    used = np.unique(columns[space.is_price[columns]])
    beside, last = np.full(len(space), len(space)), np.full(len(space), -1)
    np.minimum.at(beside, one, other)
    np.maximum.at(last, one, other)
    beside[(beside != last)] = -1
    beside[single] = -1
    return used, beside[used]


def _stationarity_rows(stacked: Kkt, systems: tuple[System, ...], bilevel: Bilevel) -> RowTable:
    blocks, start = [], 0
    by_follower: dict[str, list[Block]] = {}
    for block in bilevel.space.blocks:
        if block.role == "follower":
            by_follower.setdefault(block.follower, []).append(_own(bilevel.space, block))
    for system in systems:
        for block in by_follower.get(system.name, []):
            size = block.stop - block.start
            blocks.append(
                replace(
                    block, start=start, stop=start + size, word="stat", role="stationarity", item=block.word, unit=""
                )
            )
            start += size
    return RowTable(stacked.S, -stacked.s0, -stacked.s0, tuple(blocks))


def _own(space: Space, block: Block) -> Block:
    """Return the entries of a declared block that are the follower's: its integers may be the leader's in masters."""
    mine = space.role[block.start : block.stop] == "follower"
    return block if mine.all() else block.part(np.flatnonzero(mine), block.start)


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
                      declared.item or declared.word, declared.shape, places, declared.coords)
            )  # fmt: skip
        at += len(system.mu)
    pairs = Pairs(
        stacked.C, stacked.c0, stacked.mu, stacked.mu_of, np.concatenate(row),
        joined(s.side for s in systems),
        Bounds.unknown(at), Bounds.unknown(at), tuple(blocks),
    )  # fmt: skip
    live = bilevel.space.ub[pairs.mu] > 0
    return pairs if live.all() else pairs.take(live)
