"""Complementarity said directly: each condition as an agent whose KKT conditions it is.

An agent with variables w in [l, u] that minimises F'w, F any expression of others' columns, has the KKT conditions::

    F = mu_lo - mu_up,   0 <= mu_lo  _|_  w - l >= 0,   0 <= mu_up  _|_  u - w >= 0

that is, F >= 0 where w = l, F <= 0 where w = u, and F = 0 between. A row of the leader ties w to the second expression.
So whatever followers go through (bounds, encodings, files), conditions go through; that they are nobody's plan is
marked (``Follower.is_condition``), for verification and for what reports say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import take_columns
from .expressions import Affine, Expression
from .follower import Follower
from .labelled import labels_of
from .rows import QuadRow, QuadRows, Rows
from .variables import checked_data, of_problem

if TYPE_CHECKING:
    from .bilevel import Bilevel

SIDE = "side"
"""Name of the variable that stands for the second expression."""


def declare_complements(m: Bilevel, first: Any, second: Any, name: str) -> Follower:
    """Declare ``first _|_ second``, see :meth:`Bilevel.complements`."""
    where = f"complements {name!r}"
    F, rows = _first(first, where), _second(second, where)
    if F.shape != rows.shape:
        raise ProblemError(f"{where}: the first expression has shape {F.shape}, the second {rows.shape}")
    of_problem(F.space, m.space)
    of_problem(rows.space, m.space)
    checked_data(np.concatenate([F.M.data, F.c]), rows.lo, rows.hi, where)
    checked_data(rows.M.data, rows.lo, rows.hi, where)
    if name in {follower.name for follower in m.followers}:
        raise ProblemError(f"{where}: {name!r} already names a follower or a condition; give another name=")
    agent = m.follower(name)
    mark(agent)
    found = labels_of(m.space, rows.M, rows.shape)
    coords = None if found is None else dict(zip(found.dims, found.labels, strict=True))
    shape = rows.shape if rows.shape and coords is None else None
    w = agent.var(SIDE, shape, lb=rows.lo.reshape(rows.shape), ub=rows.hi.reshape(rows.shape), coords=coords)
    agent.minimize((F * w).sum() if F.shape else F @ w)
    m.add(w == Affine(m.space, rows.M, np.zeros(len(rows)), rows.shape), name=name)
    return agent


def mark(agent: Follower) -> None:
    """Mark a follower as conditions that are nobody's plan."""
    agent.is_condition = True
    agent.space.conditions.add(agent.name)


def check_condition(m: Bilevel, agent: Follower) -> None:
    """Refuse a follower that is marked as a condition and is none.

    Raises
    ------
    ProblemError
        It has other variables or rows, its cost is no product with its variables, or no row of the leader ties these.
    """
    columns = agent.columns
    blocks = [block for block in m.space.blocks if block.role == "follower" and block.follower == agent.name]
    plain = len(blocks) == 1 and len(columns) == blocks[0].stop - blocks[0].start
    plain = plain and all(declared.is_bound for declared in agent.declared) and not agent.products.natural
    if plain and agent.cost is not None:
        cost = agent.cost.canonical()
        own = [np.isin(part, columns) for part in (cost.i, cost.j)]
        plain = bool((own[0] ^ own[1]).all()) and bool(np.isin(cost.linear.indices, columns).all())
    ties = [rows for rows in m.rows if rows.name == agent.name and len(rows) == len(columns)]
    if not plain or agent.cost is None or not any(_ties(rows, columns) for rows in ties):
        raise ProblemError(
            f"{agent.name!r} is marked as complementarity conditions, which have one variable, no rows, a cost that is "
            "an expression times it, and a row of the leader under their name that ties it to the other expression"
        )


def with_sides(m: Bilevel, z: np.ndarray) -> np.ndarray:
    """Return a point (n,) with the conditions' own columns as the second expressions have them there."""
    agents = {follower.name: follower for follower in m.followers if follower.is_condition}
    z = z.copy() if agents else z
    for rows in m.rows:
        agent = agents.get(rows.name)
        if agent is not None and len(rows) == len(agent.columns) and _ties(rows, agent.columns):
            z[agent.columns] += rows.lo - rows.M @ z[: rows.M.shape[1]]
    return z


def _ties(rows: Rows, columns: np.ndarray) -> bool:
    """Return whether rows are equations that hold one of the columns each, in order, with the coefficient 1."""
    if columns.max(initial=-1) >= rows.M.shape[1] or not (rows.lo == rows.hi).all():
        return False
    own, every = take_columns(rows.M, columns), np.arange(len(columns))
    own.eliminate_zeros()
    return own.nnz == len(columns) and bool((own.data == 1).all() and (own[every, every] == 1).all())


def _first(value: Any, where: str) -> Affine:
    """Return the first expression, or refuse what is none."""
    if isinstance(value, Affine):
        return value
    raise ProblemError(f"{where}: the first expression is {_told(value)}")


def _second(value: Any, where: str) -> Rows:
    """Return the second expression with its bounds as rows, or refuse what is none."""
    if isinstance(value, Rows):
        return value
    if isinstance(value, Affine):
        return Rows(value.space, value.M, -value.c, np.full(len(value.c), np.inf), value.shape)
    raise ProblemError(f"{where}: the second expression is {_told(value)}")


def _told(value: Any) -> str:
    """Return what is wrong with something that is no linear expression."""
    if isinstance(value, Expression | QuadRow | QuadRows):
        return (
            "quadratic; complementarity needs linear expressions on both sides. Give a product a variable of its own "
            "where one of its factors is binary or integer, or state the agent by m.follower(..).minimize(..), whose "
            "conditions are linear"
        )
    if isinstance(value, Rows):
        return (
            "a row; give the expression alone, its bounds belong to the second: m.complements(F, kg.between(l, x, u))"
        )
    return f"of type {type(value).__name__}; linear expressions of variables are needed"
