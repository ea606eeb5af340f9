"""The inner polyhedron of a norm below a side of the follower's own: polygons inscribed in circles, pair by pair.

For two entries, with N directions, a multiple of four, so that the polygon has corners on the axes::

    p cos a_j + q sin a_j <= cos(pi / N) t,    a_j = (2 j + 1) pi / N

It lies in the circle of radius t and holds the one of radius ``cos(pi / N) t``. More entries make a tree of pairs, with
a further variable s of the follower above each but the last::

    |(e_1, e_2)| <= s_1,   |(e_3, e_4)| <= s_2,   |(s_1, s_2)| <= t

Its points have ``|e| <= t``, and all with ``|e| <= c t`` are among them, ``c = cos(pi / N)^d`` with the tree's depth d:
there each s may be the length of its pair over ``cos(pi / N)``.

Where an entry has one sign, the directions of the other are left out: the mirrored ones say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import acos, ceil, cos, inf, pi
from typing import NamedTuple

import numpy as np

from ...numerics.intervals import interval
from ...numerics.sparse import Csr, coo, joined, take_rows, vstack
from ...problem.columns import Space
from ...problem.cones import Cone
from ...problem.follower import Follower
from ...problem.rows import Rows
from ...problem.variables import unit_rows
from .again import free_name, matrix_again

LENGTH = "length"
"""What is appended to a row's name for the variables above pairs of its entries."""
AXES = 4
"""The number of directions is a multiple of it."""
ROUNDING = 1e-14
"""Relative size up to which a coefficient is what rounding left of terms that cancel."""


class _Entry(NamedTuple):
    """An expression ``M z + c`` with the sign that it has wherever the follower's bounds hold; 0 where it has both."""

    M: Csr
    c: float
    sign: int


def directions(pieces: int) -> int:
    """Return how many directions a polygon has that is asked for with some number of pieces."""
    return AXES * max(1, -(-pieces // AXES))


def enough(entries: int, least: float) -> float:
    """Return the number of pieces from which on the c of a norm of some entries is no smaller than ``least``."""
    angle = acos(min(least ** (1.0 / _depth(entries)), 1.0))
    return inf if angle == 0 else ceil(pi / angle * (1.0 + 1e-9))


def _depth(entries: int) -> int:
    """Return the depth of a tree of pairs over some entries."""
    return (entries - 1).bit_length()


def with_polygons(copy: Follower, cone: Cone, top: float, own: np.ndarray, bounds: Space, pieces: int) -> None:
    """Declare the polyhedron inside a cone for the copy of a follower.

    Parameters
    ----------
    copy : Follower
        With its variables.
    cone : Cone
    top : float
        Largest t there is.
    own : ndarray (n,)
        The copy's column in the place of each of the follower's.
    bounds : Space
        Of the follower.
    pieces : int
        Directions of each polygon.
    """
    E = take_rows(cone.M, np.arange(1, len(cone.c)))
    k = E.shape[0]
    low, high = interval(E, bounds.lb[: E.shape[1]], bounds.ub[: E.shape[1]])
    signs = np.where(low + cone.c[1:] >= 0, 1, np.where(high + cone.c[1:] <= 0, -1, 0)).tolist()
    name = f"{cone.name}_{LENGTH}"
    s = copy.var(free_name(copy, name), k - 2, lb=0, ub=top).cols.ravel() if k > 2 else np.empty(0, dtype=int)
    n = len(copy.space)
    M, above = matrix_again(cone.M, own, n), unit_rows(s, n)
    entries = [_Entry(Csr(M[[1 + j]]), float(cone.c[1 + j]), signs[j]) for j in range(k)]
    lengths = [_Entry(Csr(above[[j]]), 0.0, 1) for j in range(k - 2)]
    lengths.append(_Entry(Csr(M[[0]]), float(cone.c[0]), 1))
    rows = [_polygon(p, q, t, directions(pieces)) for (p, q), t in _pairs(entries, lengths)]
    hi = joined(side for _, side in rows)
    copy.add(
        Rows(copy.space, vstack([part for part, _ in rows], n), np.full(len(hi), -inf), hi, (len(hi),)), name=cone.name
    )


def _pairs(
    entries: Sequence[_Entry], lengths: Sequence[_Entry]
) -> list[tuple[tuple[_Entry, _Entry], _Entry]]:  # fmt: skip
    """Return the pairs of a tree over some entries, each with what is at least its length; the last one is the top."""
    out, level = list[tuple[tuple[_Entry, _Entry], _Entry]](), list(entries)
    while len(level) > 1:
        above = list[_Entry]()
        for p, q in zip(level[::2], level[1::2], strict=False):
            above.append(lengths[len(out)])
            out.append(((p, q), above[-1]))
        level = above + level[2 * len(above) :]
    return out


def _polygon(p: _Entry, q: _Entry, t: _Entry, count: int) -> tuple[Csr, np.ndarray]:
    """Return the rows ``M z <= side`` of the polygon inside the circle of radius t."""
    a, b = _normals(count)
    keep = (p.sign * a >= 0) & (q.sign * b >= 0)
    a, b, one = a[keep], b[keep], np.ones(int(keep.sum()))
    at = np.unique(np.concatenate([part.M.indices for part in (p, q, t)]))
    terms = np.array([w[:, None] * part.M[:, at].toarray() for w, part in ((a, p), (b, q), (-one, t))])
    rows = terms.sum(axis=0)
    rows[np.abs(rows) <= ROUNDING * np.abs(terms).sum(axis=0)] = 0.0
    k, j = rows.nonzero()
    M = coo(rows[k, j], k, at[j], (len(a), p.M.shape[1]))
    return M, t.c - a * p.c - b * q.c


def _normals(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of p and q, for t = 1 on the larger side; exact mirrors of each other at the axes."""
    a = np.cos((2 * np.arange(count // AXES) + 1) * pi / count) / cos(pi / count)
    b = a[::-1]
    return np.concatenate([a, -b, -a, b]), np.concatenate([b, a, -b, -a])
