"""A bilevel problem from levels over common columns: one level of the leader, one a follower, each in matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo, vstack
from ..wording import first_names
from .bilevel import Bilevel
from .columns import LEADER
from .coords import Coords
from .expressions import Affine, Quad, price
from .follower import Follower
from .rows import QuadRow, Rows

Places = Mapping[str, np.ndarray]
"""Positions of the columns (or rows) of every name, in the shape of its array; -1 where an entry is absent."""
PRICE = -2
"""The owner of columns that are multipliers of followers' rows."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of all levels.

    Parameters
    ----------
    names : mapping of str to ndarray of int
    owner : ndarray of int (n,)
        -1 the leader, 0, 1, .. the follower, -2 a multiplier.
    lb, ub : ndarray (n,)
    kind : ndarray of str (n,)
    labels : mapping of str to Coords
        Labels of the arrays of some names.
    """

    names: Places
    owner: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kind: np.ndarray
    labels: Mapping[str, Coords] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Level:
    """``min or max 1/2 z'Pz + q'z + r, lo <= A z <= hi`` of one level.

    Parameters
    ----------
    P : sparse matrix (n, n)
        Symmetric.
    q : ndarray (n,)
    r : float
    A : sparse matrix (k, n)
    lo, hi : ndarray (k,)
    rows : mapping of str to ndarray of int
        Names of the rows.
    sense : str or None
        ``"min"``, ``"max"``; None where the leader has no objective.
    quads : sequence of (str, P, q, lo, hi)
        Quadratic rows ``lo <= 1/2 z'Pz + q'z <= hi`` of the leader.
    labels : mapping of str to Coords
        Labels of the arrays of some names of rows.
    """

    P: Any
    q: np.ndarray
    r: float
    A: Any
    lo: np.ndarray
    hi: np.ndarray
    rows: Places
    sense: str | None = "min"
    quads: Sequence[tuple[str, Any, np.ndarray, float, float]] = ()
    labels: Mapping[str, Coords] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Priced:
    """A column that is a multiplier: of row ``at`` of a follower, or of a bound of column ``at``.

    ``side`` None is the row's dual; ``"lower"`` and ``"upper"`` the nonnegative multiplier of this side alone.
    """

    column: int
    follower: int
    at: int
    side: str | None = None
    of_bound: bool = False


class Declared:
    """All levels as declared: an expression of every column, multipliers of the followers' rows and bounds.

    Parameters
    ----------
    z : Affine
        All columns and a zero (n + 1,).
    rows : list of (ndarray, ndarray)
        Columns of the multipliers of both sides of every row, one pair a follower; -1 where there is none.
    bounds : (ndarray, ndarray)
        Columns of the multipliers of the bounds of every column.

    Attributes
    ----------
    followers : list of Follower
    """

    def __init__(self, z: Affine, rows: list[tuple[np.ndarray, np.ndarray]], bounds: tuple[np.ndarray, np.ndarray]):
        self.z, self.rows, self.bounds = z, rows, bounds
        self.followers: list[Follower] = []

    def dual(self, follower: int, positions: np.ndarray) -> Affine:
        """Return the duals of rows of a follower at positions (any shape), zero at -1."""
        low, up = (np.append(side, -1)[positions].ravel() for side in self.rows[follower])
        space, shape = self.z.space, np.shape(positions)
        space.check_prices(np.concatenate([low, up]))
        return price(space, low, 1.0, shape) + price(space, up, -1.0, shape)


def declare_levels(
    m: Bilevel, columns: Columns, leader: Level, followers: Mapping[str, Level], prices: Sequence[Priced] = ()
) -> Declared:
    """Declare the variables, rows and objectives of all levels.

    In a follower's cost terms without a column of its own are dropped, as constants of the follower.

    Raises
    ------
    ProblemError
        Prices in a follower's level, whatever declaring refuses.
    """
    _refuse(columns, followers)
    owners: dict[int, Bilevel | Follower] = {LEADER: m}
    owners |= {k: m.follower(name) for k, name in enumerate(followers)}
    n = len(columns.lb)
    column, bounds = np.full(n + 1, -1), (np.full(n, -1), np.full(n, -1))
    for k, owner in owners.items():
        _variables(m, owner, columns, columns.owner == k, column, bounds)
    out = Declared(price(m.space, column, 1.0, (n + 1,)), [], bounds)
    for k, level in enumerate(followers.values()):
        f = m.followers[k]
        out.followers.append(f)
        sides = np.full(len(level.lo), -1), np.full(len(level.lo), -1)
        for here in _rows(m, f, level, out.z):
            declared = f.declared[-1]
            sides[0][here], sides[1][here] = np.maximum(declared.mu_lo, declared.lam), declared.mu_hi
        out.rows.append(sides)
        cost = _objective(level, out.z, columns.owner == k)
        (f.minimize if level.sense == "min" else f.maximize)(cost)
    if prices:
        at = np.array([one.column for one in prices])
        out.z = out.z + coo(np.ones(len(at)), at, np.arange(len(at)), (n + 1, len(at))) @ _multipliers(out, prices)
    for _ in _rows(m, m, leader, out.z):
        pass
    for name, P, q, lo, hi in leader.quads:
        quad = _quad(P, q, 0.0, out.z)
        m.add(QuadRow(quad, lo, hi), name=name)
    if leader.sense is not None:
        goal = _quad(leader.P, leader.q, leader.r, out.z)
        (m.minimize if leader.sense == "min" else m.maximize)(goal)
    return out


def _refuse(columns: Columns, followers: Mapping[str, Level]) -> None:
    """Refuse what cannot be a follower, before anything is declared."""
    for name, level in followers.items():
        if level.sense is None:
            raise ProblemError(f"follower {name!r}: no objective")
        used = np.zeros(len(columns.lb), dtype=bool)
        used[np.concatenate([sp.coo_array(level.A).col, sp.coo_array(level.P).col])] = True
        used[level.q != 0] = True
        if (used & (columns.owner == PRICE)).any():
            wrong = first_names(called(used & (columns.owner == PRICE), columns.names))
            raise ProblemError(f"follower {name!r}: holds the multiplier {wrong}; only the leader may use it")


def called(chosen: np.ndarray, names: Places) -> list[str]:
    """Return the names of chosen positions (n,) bool, with the place in the array of their name."""
    out = []
    for name, at in names.items():
        there = np.flatnonzero((at.ravel() >= 0) & chosen[at.ravel()])
        out += [name if at.ndim == 0 else f"{name}[{','.join(map(str, np.unravel_index(i, at.shape)))}]" for i in there]
    return out


def _variables(
    m: Bilevel, owner: Bilevel | Follower, columns: Columns, mine: np.ndarray, column: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
) -> None:  # fmt: skip
    """Declare the variables of an owner; fill in their columns and those of the multipliers of their bounds."""
    binary = columns.kind == "B"
    lb = np.where(binary, np.maximum(columns.lb, 0.0), columns.lb)
    ub = np.where(binary, np.minimum(columns.ub, 1.0), columns.ub)
    for name, at in columns.names.items():
        here = at.ravel()[(at.ravel() >= 0) & mine[at.ravel()]]
        if len(here):
            shape = at.shape if len(here) == at.size else (len(here),)
            labels = columns.labels.get(name) if len(here) == at.size else None
            x = owner.var(name, shape, lb=lb[here].reshape(shape), ub=ub[here].reshape(shape), coords=labels)
            column[here] = x.cols.ravel()
            if isinstance(owner, Follower) and x.declared is not None:
                bounds[0][here], bounds[1][here] = x.declared.lower, x.declared.upper
            if (columns.kind[here] != "C").any():
                m.space.kind[column[here]] = columns.kind[here]


def _rows(m: Bilevel, owner: Bilevel | Follower, level: Level, z: Affine) -> Any:
    """Declare the rows of a level, block by block; yield the positions of each block."""
    if not len(level.lo):
        return
    whole = vstack([Csr(level.A)], len(z.c)) @ z
    for name, at in level.rows.items():
        here = at.ravel()[at.ravel() >= 0]
        if len(here):
            shape = at.shape if len(here) == at.size else (len(here),)
            e = whole.gather(here)
            sides = level.lo[here] - e.c, level.hi[here] - e.c
            labels = level.labels.get(name) if len(here) == at.size else None
            owner.add(Rows(m.space, e.M, *sides, shape), name=name, coords=labels)
            yield here


def _objective(level: Level, z: Affine, keep: np.ndarray) -> Quad:
    """Return the terms of an objective that hold a column to keep."""
    t = sp.coo_array(level.P)
    there = keep[t.row] | keep[t.col]
    P = coo(t.data[there], t.row[there], t.col[there], t.shape)
    return _quad(P, np.where(keep, level.q, 0.0), 0.0, z)


def _quad(P: Any, q: np.ndarray, r: float, z: Affine) -> Quad:
    """Return ``1/2 z'Pz + q'z + r``."""
    n, t = len(z.c), sp.coo_array(P)
    half = coo(0.5 * t.data, t.row, t.col, (n, n))
    out: Quad = Quad.of(z.space, z @ (half @ z)) + np.append(q, 0.0) @ z + r
    return out


def _multipliers(declared: Declared, prices: Sequence[Priced]) -> Affine:
    """Return what columns that are multipliers stand for."""
    plus, minus = np.full(len(prices), -1), np.full(len(prices), -1)
    for k, one in enumerate(prices):
        sides = declared.bounds if one.of_bound else declared.rows[one.follower]
        plus[k] = sides[one.side == "upper"][one.at]
        minus[k] = sides[1][one.at] if one.side is None else -1
    space, shape = declared.z.space, (len(prices),)
    space.check_prices(np.concatenate([plus, minus]))
    return price(space, plus, 1.0, shape) + price(space, minus, -1.0, shape)
