"""Convex quadratic rows of a follower: ``1/2 y'R y + a'y + H x <= h`` with R positive semidefinite.

Their KKT conditions hold squares and products of the follower's own variables, and products with the multiplier::

    1/2 y'R y + a'y + H x <= h                              primal
    P y + Q x + q - A'lam + G'mu + mu R y = 0               stationarity

Each is a column, ``v = y_j (R_j y) / 2`` and ``p = mu y_j``, as the products of leader's variables are
(:mod:`kktgen.problem.varying_rows`), with the follower's own variable in the place of the leader's. The gradient of a
square is twice its other factor, so p has twice the slope.

KKT conditions are necessary only where some point lies strictly inside all such rows (Slater). The follower
``min y  s.t.  y^2 <= x`` has none at x = 0: no multiplier exists there, and the KKT system cuts the decision off.
"""

from __future__ import annotations

import numpy as np

from ..errors import ProblemError
from ..numerics.convexity import nonconvex_block
from ..numerics.sparse import Csr, coo
from .columns import Space
from .expressions import QuadArray

SHOWN = 3
"""Most variables that are named."""


def squared(
    space: Space, owner: int, quads: QuadArray, lo: np.ndarray, hi: np.ndarray, where: str
) -> tuple[np.ndarray, np.ndarray, Csr]:
    """Return the rows, own columns y_j and expressions ``R_j y / 2`` of the follower's own products in some rows.

    Parameters
    ----------
    space : Space
    owner : int
        Index of the follower.
    quads : QuadArray
        Left sides.
    lo, hi : ndarray (k,)
        Sides.
    where : str
        The row, for messages.

    Returns
    -------
    tuple of ndarray (k,), ndarray (k,), csr_array (k, n)

    Raises
    ------
    ProblemError
        A row that is not convex: two sides, an equation, or curved the other way.
    """
    row, i, j, v = quads.terms()
    at = np.flatnonzero(own_products(space, owner, i, j))
    row, i, j, v, n = row[at], i[at], j[at], v[at], np.int64(len(space))
    for r in np.unique(row).tolist():
        _refuse(space, (i[row == r], j[row == r], v[row == r]), float(lo[r]), float(hi[r]), where)
    double, left, right = np.tile(row, 2), np.concatenate([i, j]), np.concatenate([j, i])
    known, group = np.unique(double * n + left, return_inverse=True)
    E = coo(0.5 * np.tile(v, 2), group, right, (len(known), int(n)))
    live = np.diff(E.indptr) > 0
    return (known[live] // n).astype(np.int64), (known[live] % n).astype(np.int64), Csr(E[live])


def own_products(space: Space, owner: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return which products are of two own variables of a follower."""
    own = (space.owner == owner) & (space.role == "follower")
    return own[i] & own[j]


def _refuse(space: Space, terms: tuple[np.ndarray, np.ndarray, np.ndarray], lo: float, hi: float, where: str) -> None:
    """Refuse a row that does not make a convex set."""
    i, j, v = terms
    columns = np.unique(np.concatenate([i, j]))
    names = ", ".join(space.label(c) for c in columns[:SHOWN].tolist())
    if np.isfinite(lo) and np.isfinite(hi):
        what = "is an equation" if lo == hi else "has two sides"
        raise ProblemError(
            f"{where}: a row with products of the follower's own variables ({names}) {what}, so it makes no convex "
            "set; its KKT conditions would not be sufficient. A convex quadratic row has one side: square <= linear"
        )
    half = coo(v, np.searchsorted(columns, i), np.searchsorted(columns, j), (len(columns), len(columns)))
    sign = 1.0 if np.isfinite(hi) else -1.0
    bad = nonconvex_block(Csr(sign * (half + half.T)))
    if bad is not None:
        names = ", ".join(space.label(c) for c in columns[bad][:SHOWN].tolist())
        side = "<=" if sign > 0 else ">="
        curve = "convex" if sign > 0 else "concave"
        raise ProblemError(
            f"{where}: the row is nonconvex: its left side is not {curve} in {names}, so its KKT conditions would not "
            f"be sufficient. A row with {side} needs a {curve} left side, such as {'' if sign > 0 else '-'}y @ y"
        )
