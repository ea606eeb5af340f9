"""A further follower that answers with the optimal response of another one that is worst for the leader.

For a follower with the response y, the twin of it is::

    w in argmax  F(x, w)    s.t.  the follower's rows,   P w = P y,   q'w + sum_j x_j e_j(w) <= q'y + sum_j x_j e_j(y)

with y its parameter, where e_j is what the leader's integer x_j multiplies in the cost: ``d_j = e_j(w) - e_j(y)`` is a
variable of the twin, and ``x_j d_j`` becomes columns as every product in a follower's row does
(:mod:`kktgen.problem.lifting`). What continuous prices multiply is to be the same, ``e_j(w) = e_j(y)``: those are ties
that no price can break, some of all there are.

A twin with a **penalty** T chooses among more than the ties, ``w in argmax F(x, w) - T (f(x, w) - f(x, y))`` over the
rows and ``P w = P y``: the value is at least that of the worst tie, whatever T.
"""

from __future__ import annotations

import numpy as np

from ...numerics.sparse import Csr, coo, joined, row_index, take_rows, widen
from ...problem.bilevel import Bilevel
from ...problem.columns import Space
from ...problem.expressions import Affine, Quad, QuadArray
from ...problem.follower import Follower
from ...problem.rows import QuadRows, Rows
from .reading import Ties


def moved(quad: Quad, to: np.ndarray, space: Space) -> Quad:
    """Return an expression with its columns replaced by others (n,)."""
    linear = quad.linear
    row = coo(linear.data, np.zeros(linear.nnz, dtype=int), to[linear.indices], (1, len(space)))
    return Quad(space, to[quad.i], to[quad.j], quad.v, row, quad.r)


def moved_rows(M: Csr, to: np.ndarray, n: int) -> Csr:
    """Return rows with their columns replaced by others (n,)."""
    return coo(M.data, row_index(M), to[M.indices], (M.shape[0], n))


def part_of(quad: Quad, columns: np.ndarray) -> Quad:
    """Return the terms of an expression that hold some of the columns, given as (n,) bool."""
    own, linear = columns[quad.i] | columns[quad.j], quad.linear
    mine = columns[linear.indices]
    row = coo(linear.data[mine], np.zeros(int(mine.sum()), dtype=int), linear.indices[mine], linear.shape)
    return Quad(quad.space, quad.i[own], quad.j[own], quad.v[own], row, 0.0)


def cost_of(follower: Follower, loose: np.ndarray) -> Quad:
    """Return the terms of a follower's cost that hold one loose column, given as (n,) bool, and no other."""
    assert follower.cost is not None
    cost = part_of(follower.cost.canonical(), loose)
    one = ~(loose[cost.i] & loose[cost.j])
    return Quad(cost.space, cost.i[one], cost.j[one], cost.v[one], cost.linear, 0.0)


def with_twin(m: Bilevel, follower: Follower, ties: Ties, gain: Quad, name: str, penalty: float = 0.0) -> np.ndarray:
    """Declare the twin of a follower that maximises an expression of its loose columns.

    Parameters
    ----------
    m : Bilevel
        The problem the follower is of; the twin is added to it.
    follower : Follower
    ties : Ties
        Its own.
    gain : Quad
        Over the follower's columns, linear in the loose ones.
    name : str
        Of the twin.
    penalty : float
        0: its responses are ties. Else the price of what they cost the follower beyond its optimum.

    Returns
    -------
    ndarray (n,)
        For every column the twin's in its place, or itself.
    """
    twin = m.follower(_free(m, name))
    to = _variables(twin, follower, ties.loose)
    _rows(twin, follower, to)
    space = m.space

    def apart(M: Csr) -> Affine:
        """Return what rows say of w less what they say of y."""
        n = len(space)
        return Affine(space, moved_rows(M, to, n) - widen(M, n), np.zeros(M.shape[0]), (M.shape[0],))

    for M, word in ((ties.gradient, "gradient"), (ties.priced, "priced")):
        if M.shape[0] and not (penalty and word == "priced"):
            twin.add(apart(M) == 0, name=_row(twin, word))
    if penalty:
        own = np.zeros(len(to), dtype=bool)
        own[ties.loose] = True
        twin.maximize(moved(gain, to, space) - penalty * moved(cost_of(follower, own), to, space))
        return to
    if ties.cost.nnz or len(ties.whole):
        one = apart(ties.cost)[0]
        if len(ties.whole):
            d = twin.var(_variable(twin, "apart"), len(ties.whole))
            twin.add(d == apart(ties.switched), name=_row(twin, "apart"))
            x = Affine(space, coo(np.ones(len(ties.whole)), np.arange(len(ties.whole)), ties.whole,
                                  (len(ties.whole), len(space))), np.zeros(len(ties.whole)), d.shape)  # fmt: skip
            one = one + (x * d).sum()
        twin.add(one <= 0, name=_row(twin, "cost"))
    twin.maximize(moved(gain, to, space))
    return to


def _free(m: Bilevel, name: str) -> str:
    """Return a name like this one that no follower has."""
    taken = {follower.name for follower in m.followers}
    while name in taken:
        name += "_"
    return name


def _row(twin: Follower, word: str) -> str:
    """Return a name like this one that no row of the twin has."""
    while twin._taken(word):
        word += "_"
    return word


def _variable(twin: Follower, word: str) -> str:
    """Return a name like this one that no variable of the twin has."""
    while word in twin._names:
        word += "_"
    return word


def _variables(twin: Follower, follower: Follower, loose: np.ndarray) -> np.ndarray:
    """Declare the follower's loose variables for the twin; return the column that stands for each (n,)."""
    space, mine = follower.space, np.zeros(len(follower.space), dtype=bool)
    mine[loose] = True
    old, new = [], []
    for block in list(space.blocks):
        columns = np.arange(block.start, block.stop)
        own = columns[mine[columns]] if block.start < len(mine) else columns[:0]
        if not len(own):
            continue
        whole = len(own) == len(columns) and block.index is None
        made = twin.var(
            block.word, block.shape if whole else len(own), lb=_shaped(space.lb[own], block.shape, whole),
            ub=_shaped(space.ub[own], block.shape, whole), coords=block.coords if whole else None, unit=block.unit,
        )  # fmt: skip
        old.append(own)
        new.append(made.cols.ravel())
    to = np.arange(len(space))
    to[joined(old, int)] = joined(new, int)
    return to


def _shaped(values: np.ndarray, shape: tuple[int, ...], whole: bool) -> np.ndarray:
    return values.reshape(shape) if whole else values


def _rows(twin: Follower, follower: Follower, to: np.ndarray) -> None:
    """Give the twin the follower's rows that hold variables of its own; the others hold as they hold for y."""
    space, natural = follower.space, {row.name: row for row in follower.products.natural}
    for row in natural.values():
        at, i, j, v = row.quads.terms()
        own = np.zeros(row.quads.size, dtype=bool)
        own[at[(to[i] != i) | (to[j] != j)]] = True
        own[row_index(row.quads.M)[to[row.quads.M.indices] != row.quads.M.indices]] = True
        kept = np.flatnonzero(own)
        if not len(kept):
            continue
        n, place = len(space), np.cumsum(own) - 1
        shape = row.quads.shape if len(kept) == len(own) else (len(kept),)
        M, here = moved_rows(take_rows(row.quads.M, kept), to, n), own[at]
        lo, hi = row.lo[kept], row.hi[kept]
        if not here.any():
            rows: Rows | QuadRows = Rows(space, M, lo, hi, shape)
        else:
            left = QuadArray.of_terms(
                space, place[at[here]], to[i[here]], to[j[here]], v[here], M, np.zeros(len(kept)), shape
            )  # fmt: skip
            rows = QuadRows(left, lo, hi)
        when = None if row.when is None else _condition(space, row.when[0][kept], row.when[1][kept], shape)
        twin.add(rows, name=row.name, **({} if when is None else {"when": when}))
    for declared in follower.declared:
        if declared.is_bound or declared.word in natural:
            continue
        M = declared.M
        kept = np.unique(row_index(M)[to[M.indices] != M.indices])
        if len(kept):
            shape = declared.shape if len(kept) == len(declared.lo) else (len(kept),)
            M = moved_rows(take_rows(M, kept), to, len(space))
            twin.add(Rows(space, M, declared.lo[kept], declared.hi[kept], shape), name=declared.word)


def _condition(space: Space, binary: np.ndarray, value: np.ndarray, shape: tuple[int, ...]) -> Affine:
    """Return the condition ``x`` or ``1 - x`` of every row."""
    on = value == 1
    M = coo(np.where(on, 1.0, -1.0), np.arange(len(binary)), binary, (len(binary), len(space)))
    return Affine(space, M, np.where(on, 0.0, 1.0), shape)
