"""A follower from the matrices of a whole model, whose columns are split into the leader's and the follower's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import coo, row_index, vstack
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER
from ..problem.coords import Coords, coords_of, names_of
from ..problem.expressions import Affine, Quad, price
from ..problem.follower import Follower
from ..problem.rows import Rows
from .data import Data, check, check_taken, read
from .imported import Imported
from .names import Places, mask, places

__all__ = ["Imported", "follower"]


def follower(
    m: Bilevel,
    P: Any,
    q: Any,
    A: Any,
    lo: Any,
    hi: Any,
    lb: Any = -np.inf,
    ub: Any = np.inf,
    *,
    leader: Any = (),
    names: Sequence[str] | Mapping[str, Any] | None = None,
    rows: Sequence[str] | Mapping[str, Any] | None = None,
    kinds: Any = "C",
    rows_of_leader: Any = (),
    given: Mapping[str, Affine] | None = None,
    sense: str = "min",
    offset: float = 0.0,
    name: str = "follower",
    coords: Mapping[str, Any] | None = None,
    row_coords: Mapping[str, Any] | None = None,
) -> Imported:
    """Declare ``min 1/2 z'Pz + q'z + offset, lo <= A z <= hi, lb <= z <= ub`` as a follower; some z are the leader's.

    The leader's columns become variables of the leader, with their bounds and kinds. Rows that hold no column of the
    follower go to the leader, all others to the follower. In the follower's cost the products of its columns with the
    leader's stay; terms in the leader's columns alone are dropped, as constants of the follower. They are no cost of
    the leader either: its objective is what ``m.minimize`` or ``m.maximize`` says.

    Parameters
    ----------
    m : Bilevel
    P : matrix (n, n) or None
        Of ``1/2 z'Pz``: a cost of ``z_i z_j`` stands as 1 at both ``(i, j)`` and ``(j, i)``.
    q : array (n,)
    A : matrix (k, n)
    lo, hi : float or array (k,)
        Sides of the rows; -inf and inf where there are none, equal for equations.
    lb, ub : float or array (n,)
        Bounds.
    leader : sequence of str, or array of bool (n,)
        The leader's columns: names, patterns such as ``"offer*"``, or a mask.
    names, rows : sequence of str, or mapping of str to array of int
        A name for every column (row); or by name the positions of an array of them, in its shape, -1 where an entry is
        absent. They are called ``columns`` and ``rows`` by default. More than 500 names of a sequence are declared as
        one variable, ``columns``; they are found by name all the same.
    kinds : str, or array of str (n,)
        ``"C"``, ``"B"``, ``"I"``; of the leader's columns alone may be integer.
    rows_of_leader : sequence of str, or array of bool (k,)
        Rows with columns of the follower that the leader keeps.
    given : mapping of str to Affine, optional
        Expressions of the leader, declared already, that stand for the columns of some names; bounds and kinds of
        these columns are then not looked at.
    sense : str
        ``"min"`` or ``"max"``. Multipliers refer to the minimised cost, which is ``-objective`` of ``"max"``.
    offset : float
    name : str
        Of the follower.
    coords, row_coords : mapping of str to labels, optional
        Labels of the arrays behind some names of columns and rows, ``{"g": {"hour": hours, "plant": plants}}``.

    Returns
    -------
    Imported
        Variables by name, ``dual`` by name of the rows, ``lower_dual`` and ``upper_dual`` of bounds.

    Raises
    ------
    ProblemError
        Shapes that clash, NaN, bounds or sides that leave no value, integer columns of the follower, names that are
        not there or taken, no column left to the follower, a cost that is not convex in its columns.

    See Also
    --------
    Bilevel.from_matrices : A whole bilevel problem from matrices.

    Examples
    --------
    A firm offers at a price; rivals cost 30. The market minimises ``offer * own + 30 * rival`` for a demand of 100.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("bidding")
    >>> market = kg.matrices.follower(
    ...     m, P=[[0, 1, 0], [1, 0, 0], [0, 0, 0]], q=[0, 0, 30], A=[[0, 1, 1]], lo=100, hi=100, lb=0, ub=[60, 60, 80],
    ...     leader=["offer"], names=["offer", "own", "rival"], rows=["balance"], name="market",
    ... )
    >>> m.maximize(market.dual["balance"] @ market["own"] - 10 * market["own"])
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution.objective:.2f} at a price of {result.solution[market.dual['balance']]:.2f}")
    1200.00 at a price of 30.00
    """
    where = f"follower {name!r}"
    data = read(P, q, A, lo, hi, lb, ub, kinds, where)
    n, k = len(data.q), len(data.lo)
    known, blocks = places(names, n, "columns", where)
    known_rows, row_blocks = places(rows, k, "rows", where)
    given = dict(given or {})
    theirs = mask(leader, known, n, "columns", where) | mask(list(given), known, n, "columns", where)
    leaders_rows = mask(rows_of_leader, known_rows, k, "rows", where)
    check(data, theirs, blocks, row_blocks, sense, where)
    check_taken(m, theirs & ~mask(list(given), known, n, "columns", where), blocks, where)
    _check_convex(data, theirs, blocks, known, sense, name)
    f = m.follower(name)
    z, sides = _columns(m, f, data, theirs, blocks, known, given, where, _labels(names, coords))
    row_sides = _rows(m, f, data, z, theirs, leaders_rows, row_blocks, _labels(rows, row_coords, "rows"))
    objective = _objective(data, z, np.ones(n, dtype=bool)) + float(offset)
    cost = _objective(data, z, ~theirs)
    (f.minimize if sense == "min" else f.maximize)(cost)
    return Imported(f, z, (*sides, *row_sides), known, known_rows, objective)


def _labels(names: Any, coords: Mapping[str, Any] | None, word: str = "columns") -> dict[str, Coords]:
    """Return the labels of arrays by name; those of names that are declared as one are the names."""
    out = {name: coords_of(one, None, f"{word} {name!r}") for name, one in (coords or {}).items()}
    if names is not None and not isinstance(names, Mapping):
        out[word] = names_of([str(name) for name in names], word.removesuffix("s"))
    return {name: one for name, one in out.items() if one is not None}


def _part(labels: Mapping[str, Coords], name: str, at: np.ndarray, here: np.ndarray) -> Coords | None:
    """Return the labels of the entries ``here`` of an array of positions."""
    one = labels.get(name)
    if one is None or one.shape != at.shape or len(here) == at.size:
        return one if one is not None and one.shape == at.shape else None
    return one.flat(np.flatnonzero(np.isin(at.ravel(), here)))


def _check_convex(data: Data, theirs: np.ndarray, blocks: Places, known: Places, sense: str, name: str) -> None:
    """Refuse a cost that is not convex in the follower's columns, before anything is declared."""
    if theirs[data.P.row[~theirs[data.P.col]]].all():
        return
    trial, free = Bilevel(name), np.full(len(data.q), np.inf)
    f = trial.follower(name)
    z, _ = _columns(trial, f, replace(data, lb=-free, ub=free), theirs, blocks, known, {}, "")
    (f.minimize if sense == "min" else f.maximize)(_objective(data, z, ~theirs))


def _columns(
    m: Bilevel, f: Follower, data: Data, theirs: np.ndarray, blocks: Places, known: Places,
    given: Mapping[str, Affine], where: str, labels: Mapping[str, Coords] = MappingProxyType({}),
) -> tuple[Affine, tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Declare the variables; return the expression of all columns and a zero, and the multipliers of the bounds."""
    n = len(data.q)
    column, lower, upper = (np.full(n + 1, -1) for _ in range(3))
    stands = mask(list(given), known, n, "columns", where)
    for name, at in blocks.items():
        flat = at.ravel()
        for owner, mine in ((m, theirs & ~stands), (f, ~theirs)):
            here = flat[(flat >= 0) & mine[flat]]
            if not len(here):
                continue
            shape = at.shape if len(here) == at.size else (len(here),)
            lb, ub = data.lb[here].reshape(shape), data.ub[here].reshape(shape)
            x = owner.var(name, shape, lb=lb, ub=ub, coords=_part(labels, name, at, here))
            column[here] = x.cols.ravel()
            if isinstance(owner, Follower) and x.declared is not None:
                lower[here], upper[here] = x.declared.lower, x.declared.upper
            if (data.kinds[here] != "C").any():
                m.space.kind[column[here]] = data.kinds[here]
    z = price(m.space, column, 1.0, (n + 1,))
    for name, expr in given.items():
        z = z + _standing(expr, known[name], n + 1, m, f"{where}: {name!r}")
    return z, (lower[:-1], upper[:-1])


def _standing(expr: Any, at: np.ndarray, n: int, m: Bilevel, where: str) -> Affine:
    """Return the vector of n entries that holds an expression of the leader at some positions, zeros elsewhere."""
    if not isinstance(expr, Affine) or expr.shape != at.shape:
        got = f"one of shape {expr.shape}" if isinstance(expr, Affine) else type(expr).__name__
        raise ProblemError(f"{where}: a linear expression of shape {at.shape} is given for it, got {got}")
    if (m.space.owner[expr.M.indices] != LEADER).any():
        raise ProblemError(f"{where}: the expression given for it holds a follower's column; it is the leader's")
    flat = np.flatnonzero(at.ravel() >= 0)
    spread = coo(np.ones(len(flat)), at.ravel()[flat], flat, (n, at.size))
    out: Affine = spread @ expr.ravel()
    return out


def _rows(
    m: Bilevel, f: Follower, data: Data, z: Affine, theirs: np.ndarray, leaders: np.ndarray, blocks: Places,
    labels: Mapping[str, Coords],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Declare the rows; return the multipliers of both sides of each."""
    k = len(data.lo)
    lower, upper = np.full(k, -1), np.full(k, -1)
    own = np.bincount(row_index(data.A), weights=~theirs[data.A.indices], minlength=k) > 0
    mine = own & ~leaders
    whole = vstack([data.A], len(z.c)) @ z if k else None
    for name, at in blocks.items():
        flat = at.ravel()
        for owner, chosen in ((m, ~mine), (f, mine)):
            here = flat[(flat >= 0) & chosen[flat]]
            if not len(here) or whole is None:
                continue
            shape = at.shape if len(here) == at.size else (len(here),)
            e = whole.gather(here)
            sides = data.lo[here] - e.c, data.hi[here] - e.c
            rows = owner.add(Rows(m.space, e.M, *sides, shape), name=name, coords=_part(labels, name, at, here))
            if isinstance(owner, Follower) and rows is not None:
                d = owner.declared[-1]
                lower[here], upper[here] = np.maximum(d.mu_lo, d.lam), d.mu_hi
    return lower, upper


def _objective(data: Data, z: Affine, keep: np.ndarray) -> Quad:
    """Return ``1/2 z'Pz + q'z``, those of its terms that hold a column to keep."""
    n, t = len(z.c), data.P
    there = keep[t.row] | keep[t.col]
    half = coo(0.5 * t.data[there], t.row[there], t.col[there], (n, n))
    linear = np.append(np.where(keep, data.q, 0.0), 0.0)
    return Quad.of(z.space, z @ (half @ z)) + linear @ z
