"""Independent parts: which columns of a bilevel problem are tied to which, so that each group is a problem of its own.

Columns are tied by every row of the leader or of a follower (whose multipliers belong to it), quadratic row, SOS1 set,
indicator, product in the leader's objective, and product with an own variable in a follower's cost. Linear terms of
objectives tie nothing. With ``z = (z_1, z_2, ..)`` over the groups the leader's objective is ``sum_p F_p(z_p)``, the
KKT system of every follower, and with it the set of its responses, the product of one for every group that holds some
of its columns. So the optimum is the sum of the groups' optima.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..numerics.sparse import Csr, components, coo, row_index
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER
from ..problem.expressions import Quad
from ..problem.follower_rows import Declared

LEAST = 30
"""Pairs from which on a part is worth a search and a tree of its own; smaller ones are taken together."""
MOST = 100
"""Most groups of parts; where there are more, neighbours are taken together."""


def parts_of(bilevel: Bilevel) -> np.ndarray:
    """Return the part (n,) of every column of a problem, numbered from 0 in the order of their first columns.

    Columns without complementarity pairs (variables of the leader that no follower sees) are one part together, the
    last one. A row without columns that no point satisfies makes all one part.

    Parameters
    ----------
    bilevel : Bilevel
        Its followers have objectives.

    Raises
    ------
    BoundError
        As :meth:`kktgen.Follower.rows`.

    Examples
    --------
    The two hours of a market are tied by nothing; a storage between them, or a common limit, would.

    >>> import kktgen as kg
    >>> from kktgen.reformulate.independent_parts import parts_of
    >>> m = kg.Bilevel("market")
    >>> offer = m.var("offer", 2, lb=0, ub=60)
    >>> market = m.follower("market")
    >>> g = market.var("g", 2, lb=0, ub=80)
    >>> market.minimize(offer @ g - 30 * g.sum())
    >>> m.maximize(offer @ g)
    >>> parts_of(m)
    array([0, 1, 0, 1, 0, 1, 0, 1])
    >>> _ = m.add(g.sum() <= 100)
    >>> parts_of(m)
    array([0, 0, 0, 0, 0, 0, 0, 0])
    """
    n = len(bilevel.space)
    if n == 0 or _impossible(bilevel):
        return np.zeros(n, dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    i, j = (np.concatenate([none, *ends]).astype(np.int64) for ends in zip((none, none), *_ties(bilevel), strict=True))
    count, label = components(coo(np.ones(2 * len(i)), np.concatenate([i, j]), np.concatenate([j, i]), (n, n)))
    holds = np.zeros(count, dtype=bool)
    holds[label[_holds_pair(bilevel)]] = True
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    order = np.argsort(np.where(holds, first, n), kind="stable")
    number = np.empty(count, dtype=np.int64)
    number[order] = np.arange(count)
    pieces = int(holds.sum())
    return np.minimum(number[label], pieces)


def groups_of(bilevel: Bilevel, label: np.ndarray, least: int = LEAST, most: int = MOST) -> np.ndarray:
    """Return the group (n,) of every column: parts that are to be solved together, numbered as parts are.

    Parts with ``least`` pairs are groups of their own. Smaller ones are taken together, neighbours with neighbours, to
    groups of that size on average. What holds no pairs is a group of its own.

    Parameters
    ----------
    bilevel : Bilevel
    label : ndarray (n,)
        From :func:`parts_of`.
    least : int
        0: every part is a group.
    most : int
        Most groups with pairs; where there would be more, neighbours are taken together.

    Examples
    --------
    >>> import numpy as np
    >>> import kktgen as kg
    >>> from kktgen.reformulate.independent_parts import groups_of, parts_of
    >>> m = kg.Bilevel("roads")
    >>> toll = m.var("toll", 4, lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", 4, lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road.sum())
    >>> m.maximize(toll @ road)
    >>> label = parts_of(m)
    >>> [groups_of(m, label, least)[:4].tolist() for least in (0, 4, 30)]
    [[0, 1, 2, 3], [0, 0, 1, 1], [0, 0, 0, 0]]
    """
    size = np.bincount(label[_holds_pair(bilevel)])
    count = len(size)
    if count == 0:
        return np.zeros(len(label), dtype=np.int64)
    small = size < least
    total = int(size[small].sum())
    before = np.cumsum(np.where(small, size, 0)) - size
    number = np.where(small, before * max(total // max(least, 1), 1) // max(total, 1), count + np.arange(count))
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))[number]
    if len(first) > most:
        number = number * most // len(first)
    return np.append(number, number.max() + 1)[np.minimum(label, count)]


def _holds_pair(bilevel: Bilevel) -> np.ndarray:
    """Return which columns are multipliers of a pair (n,) bool."""
    space = bilevel.space
    return (space.role == "mu") & (space.ub > 0)


def holding_pairs(bilevel: Bilevel, label: np.ndarray) -> int:
    """Return how many parts hold complementarity pairs.

    Parameters
    ----------
    bilevel : Bilevel
    label : ndarray (n,)
        From :func:`parts_of`, or :func:`groups_of`.
    """
    return len(np.unique(label[_holds_pair(bilevel)]))


def _impossible(bilevel: Bilevel) -> bool:
    """Return whether a quadratic row without columns excludes every point; linear ones are refused as declared."""
    empty = [row for row in bilevel.quads if not len(row.quad.v) and not row.quad.linear.nnz]
    return any(row.lo > row.quad.r or row.hi < row.quad.r for row in empty)


def _ties(bilevel: Bilevel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of columns that are tied."""
    space = bilevel.space
    owner = np.where(space.role == "follower", space.owner, LEADER)
    for rows in bilevel.rows:
        yield _of_rows(rows.M)
    for row in bilevel.quads:
        yield _of_set(_columns(row.quad))
    for _, members in bilevel.sets:
        yield _of_set(members)
    for _, binary, _, rows in bilevel.conditions:
        yield _of_set(np.concatenate([[binary], rows.M.indices]))
    goal = bilevel.objective.canonical()
    yield goal.i, goal.j
    for follower in bilevel.followers:
        for declared in follower.rows():
            yield from _of_declared(declared)
        for term in follower.terms:
            yield _of_set(np.concatenate([[term.column], _columns(term.quad)]))
        for cone in follower.cones:
            yield _of_set(cone.columns)
        for part in follower.varying:
            yield part.v[row_index(part.E)], part.E.indices
            yield part.v, part.x
            yield part.p, part.v[part.of]
            yield part.p, part.mu
        if follower.cost is not None:
            cost = follower.cost.canonical()
            mine = (owner[cost.i] == follower.index) | (owner[cost.j] == follower.index)
            yield cost.i[mine], cost.j[mine]


def _columns(quad: Quad) -> np.ndarray:
    return np.concatenate([quad.i, quad.j, quad.linear.indices])


def _of_set(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(columns[:1], len(columns)), columns


def _of_rows(M: Csr) -> tuple[np.ndarray, np.ndarray]:
    """Tie the columns of each row to its first."""
    return M.indices[M.indptr[row_index(M)]], M.indices


def _of_declared(d: Declared) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tie the columns of each row of a follower, its binary and its product column to its multipliers."""
    price = np.maximum(np.maximum(d.lam, d.mu_lo), d.mu_hi)
    row = row_index(d.M)
    live = price[row] >= 0
    yield price[row[live]], d.M.indices[live]
    for part in (d.lam, d.mu_lo, d.mu_hi, d.switch, d.product):
        if part is not None:
            both = (part >= 0) & (price >= 0)
            yield price[both], part[both]
