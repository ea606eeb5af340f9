"""A follower from the matrices of a whole model, whose columns are split into the leader's and the follower's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo, row_index, vstack
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER
from ..problem.expressions import Affine, Quad, numbers, price
from ..problem.follower import Follower
from ..problem.rows import Rows
from ..wording import first_names
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
    data = _read(P, q, A, lo, hi, lb, ub, kinds, where)
    n, k = len(data.q), len(data.lo)
    known, blocks = places(names, n, "columns", where)
    known_rows, row_blocks = places(rows, k, "rows", where)
    given = dict(given or {})
    theirs = mask(leader, known, n, "columns", where) | mask(list(given), known, n, "columns", where)
    leaders_rows = mask(rows_of_leader, known_rows, k, "rows", where)
    _check(data, theirs, blocks, row_blocks, sense, where)
    _check_taken(m, theirs & ~mask(list(given), known, n, "columns", where), blocks, where)
    f = m.follower(name)
    z, sides = _columns(m, f, data, theirs, blocks, known, given, where)
    row_sides = _rows(m, f, data, z, theirs, leaders_rows, row_blocks)
    objective = _objective(data, z, np.ones(n, dtype=bool)) + float(offset)
    cost = _objective(data, z, ~theirs)
    (f.minimize if sense == "min" else f.maximize)(cost)
    return Imported(f, z, (*sides, *row_sides), known, known_rows, objective)


@dataclass(frozen=True, eq=False)
class _Data:
    """The matrices, checked: P as triplets, ``lo <= A z <= hi``, ``lb <= z <= ub``."""

    P: sp.coo_array
    q: np.ndarray
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    kinds: np.ndarray


def _read(P: Any, q: Any, A: Any, lo: Any, hi: Any, lb: Any, ub: Any, kinds: Any, where: str) -> _Data:
    """Return the matrices with their shapes checked."""
    linear = _vector(q, None, "q", where)
    n = len(linear)
    rows = _matrix(A, None, n, "A", where)
    k = rows.shape[0]
    kinds = np.asarray(kinds)
    if kinds.shape not in ((), (n,)) or not np.isin(kinds, ["C", "B", "I"]).all():
        raise ProblemError(f"{where}: kinds are 'C', 'B' or 'I', once or for each of the {n} columns")
    kinds = np.broadcast_to(kinds, n)
    low, up = _vector(lb, n, "lb", where), _vector(ub, n, "ub", where)
    binary = kinds == "B"
    return _Data(
        sp.coo_array(_matrix(P, n, n, "P", where)) if P is not None else sp.coo_array((n, n)), linear, rows,
        _vector(lo, k, "lo", where), _vector(hi, k, "hi", where),
        np.where(binary, np.maximum(low, 0.0), low), np.where(binary, np.minimum(up, 1.0), up), kinds,
    )  # fmt: skip


def _matrix(value: Any, height: int | None, width: int, word: str, where: str) -> Csr:
    """Return a matrix of finite numbers of the given size (any height when None)."""
    out: Any = value if sp.issparse(value) else numbers(value)
    if out.ndim != 2 or out.shape[1] != width or (height is not None and out.shape[0] != height):
        raise ProblemError(f"{where}: {word} has shape {out.shape}; q has {width} entries, one a column")
    t = out.tocoo() if sp.issparse(out) else sp.coo_array(out)
    if not np.isfinite(t.data).all():
        raise ProblemError(f"{where}: NaN or inf in {word}")
    return coo(t.data.astype(float), t.row.astype(np.int64), t.col.astype(np.int64), out.shape)


def _vector(value: Any, count: int | None, word: str, where: str) -> np.ndarray:
    """Return numbers, one for each of so many (any number of them when None)."""
    try:
        out = numbers(value)
    except ProblemError as error:
        raise ProblemError(f"{where}: {word}: {error}") from None
    if count is None:
        if out.ndim != 1:
            raise ProblemError(f"{where}: {word} has shape {out.shape}; it is a vector, one entry a column")
        if not np.isfinite(out).all():
            raise ProblemError(f"{where}: inf in {word}")
        return out
    if out.shape not in ((), (1,), (count,)):
        raise ProblemError(f"{where}: {word} has shape {out.shape}; expected one number or {count}")
    return np.broadcast_to(out, count).astype(float)


def _check(data: _Data, theirs: np.ndarray, blocks: Places, rows: Places, sense: str, where: str) -> None:
    """Refuse what cannot be a follower, before anything is declared."""
    if sense not in ("min", "max"):
        raise ProblemError(f"{where}: sense is 'min' or 'max', got {sense!r}")
    if theirs.all():
        raise ProblemError(f"{where}: every column is the leader's, none is left to the follower")
    integer = ~theirs & (data.kinds != "C")
    if integer.any():
        raise ProblemError(
            f"{where}: {int(integer.sum())} of its variables are integer: {first_names(named(integer, blocks))}; a "
            "follower with integer variables has no KKT conditions, so kktgen refuses it. Relax them, or give them to "
            "the leader (leader=..)"
        )
    for low, up, known, word in ((data.lb, data.ub, blocks, "columns"), (data.lo, data.hi, rows, "rows")):
        bad = (low > up) | (low == np.inf) | (up == -np.inf)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise ProblemError(
                f"{where}: sides {low[at]:g} and {up[at]:g} leave no value to {word} {first_names(named(bad, known))}"
            )


def _check_taken(m: Bilevel, theirs: np.ndarray, blocks: Places, where: str) -> None:
    """Refuse names of leader's variables that the problem has already, before anything is declared."""
    taken = {block.word for block in m.space.blocks if block.role == "leader"}
    found = [name for name, at in blocks.items() if name in taken and theirs[at[at >= 0]].any()]
    if found:
        raise ProblemError(
            f"{where}: the leader has a variable {found[0]!r} already; to have it stand for the column, give it: "
            f"given={{{found[0]!r}: ..}}"
        )


def named(chosen: np.ndarray, known: Places) -> list[str]:
    """Return the names of chosen positions (n,) bool, with flat positions in the arrays of their names."""
    out = []
    for name, at in known.items():
        there = np.flatnonzero((at.ravel() >= 0) & chosen[at.ravel()])
        out += [name if at.ndim == 0 else f"{name}[{','.join(map(str, np.unravel_index(i, at.shape)))}]" for i in there]
    return out


def _columns(
    m: Bilevel, f: Follower, data: _Data, theirs: np.ndarray, blocks: Places, known: Places,
    given: Mapping[str, Affine], where: str,
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
            x = owner.var(name, shape, lb=data.lb[here].reshape(shape), ub=data.ub[here].reshape(shape))
            column[here] = x.cols.ravel()
            if isinstance(owner, Follower) and x.declared is not None:
                lower[here], upper[here] = x.declared.lower, x.declared.upper
            else:
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
    m: Bilevel, f: Follower, data: _Data, z: Affine, theirs: np.ndarray, leaders: np.ndarray, blocks: Places
) -> tuple[np.ndarray, np.ndarray]:
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
            rows = owner.add(Rows(m.space, e.M, data.lo[here] - e.c, data.hi[here] - e.c, shape), name=name)
            if isinstance(owner, Follower) and rows is not None:
                d = owner.declared[-1]
                lower[here], upper[here] = np.maximum(d.mu_lo, d.lam), d.mu_hi
    return lower, upper


def _objective(data: _Data, z: Affine, keep: np.ndarray) -> Quad:
    """Return ``1/2 z'Pz + q'z``, those of its terms that hold a column to keep."""
    n, t = len(z.c), data.P
    there = keep[t.row] | keep[t.col]
    half = coo(0.5 * t.data[there], t.row[there], t.col[there], (n, n))
    linear = np.append(np.where(keep, data.q, 0.0), 0.0)
    return Quad.of(z.space, z @ (half @ z)) + linear @ z
