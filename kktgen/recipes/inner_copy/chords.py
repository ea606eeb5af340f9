"""The inner polyhedron of a follower: further variables q above chords of squares, in the place of the squares.

::

    q_r >= (g_k + g_k+1) / 2 u_r - g_k g_k+1 / 2        lo = g_0 < g_1 < .. < g_N = hi,  lo <= u_r <= hi
    sum_r d_r q_r + a'w + H x <= h - missing

Between lo and hi the largest of the chords is at least ``u_r^2 / 2``, so that every point of the polyhedron satisfies
the row itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...numerics.sparse import Csr, coo
from ...problem.follower import Follower
from ...problem.rows import Rows
from ...problem.variables import unit_rows
from .again import free_name
from .room import Room

ROUNDING = 1e-12
"""Relative size up to which a slope is rounding."""


Part = tuple[np.ndarray, np.ndarray, float, float]
"""An expression: its columns, their coefficients, and the ends of its box."""


class Added(NamedTuple):
    """Entries of variables above chords in the rows of a follower, and by how much the rows' sides move inwards.

    ``source`` and ``position`` say for every curved inequality which declaration and which row of it it is, ``side``
    whether the upper (+1) or the lower (-1) side; ``columns`` and ``d`` are the variables and their coefficients.
    """

    source: int
    position: int
    side: float
    columns: np.ndarray
    d: np.ndarray
    missing: float


def chords(lo: np.ndarray, hi: np.ndarray, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes and sides (k * pieces,) of the rows ``q - slope u >= side`` above ``u^2 / 2`` on boxes (k,).

    Slopes that are rounding are zero; the side is higher by what they made over the box.
    """
    at = np.arange(pieces + 1)
    grid = (lo[:, None] * (pieces - at) + hi[:, None] * at) / pieces
    left, right = grid[:, :-1], grid[:, 1:]
    slope, side = 0.5 * (left + right), -0.5 * left * right
    reach = np.maximum(np.abs(lo), np.abs(hi))[:, None]
    tiny = np.abs(slope) <= ROUNDING * reach
    return np.where(tiny, 0.0, slope).ravel(), np.where(tiny, side + np.abs(slope) * reach, side).ravel()


def with_chords(copy: Follower, room: Room, own: np.ndarray, pieces: int) -> list[Added]:
    """Declare variables above chords of all squares for the copy of a follower; return what its rows get of them.

    Parameters
    ----------
    copy : Follower
        With its variables.
    room : Room
        Of the follower.
    own : ndarray (n,)
        The copy's column in the place of each of the follower's.
    pieces : int
        Chords a square.
    """
    system, out = room.one.system, list[Added]()
    if not room.squares:
        return out
    known: dict[bytes, int] = {}  # the same expression in several rows is one variable
    parts = list[Part]()
    places = []
    for i, form in room.squares.items():
        lo, hi = room.ends[i]
        place = np.empty(len(form.d), dtype=np.int64)
        for r in range(len(form.d)):
            part = slice(form.L.indptr[r], form.L.indptr[r + 1])
            at, value = form.L.indices[part], form.L.data[part]
            key = at.tobytes() + value.tobytes()
            if key not in known:
                known[key] = len(parts)
                parts.append((own[system.y[at]], value, float(lo[r]), float(hi[r])))
            place[r] = known[key]
        places.append(place)
    columns = _declared(copy, room.one.follower, parts, pieces)
    for (i, form), place in zip(room.squares.items(), places, strict=True):
        at = int(system.source[i]), int(system.position[i]), float(system.side[i])
        out.append(Added(*at, columns[place], form.d, room.missing[i]))
    return out


def _declared(copy: Follower, old: Follower, parts: Sequence[Part], pieces: int) -> np.ndarray:
    """Declare a variable above the chords of each expression on its box, and the box; return the columns."""
    lo, hi = (np.array([part[k] for part in parts], dtype=float) for k in (2, 3))
    q = copy.var(free_name(copy, "above"), len(parts), lb=0, ub=0.5 * np.maximum(lo**2, hi**2)).cols.ravel()
    space = copy.space
    row = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    L = coo(np.concatenate([part[1] for part in parts]), row, np.concatenate([part[0] for part in parts]),
            (len(parts), len(space)))  # fmt: skip
    of = np.repeat(np.arange(len(parts)), pieces)
    slopes, sides = chords(lo, hi, pieces)
    slope = coo(slopes, np.arange(len(of)), of, (len(of), len(parts)))
    M = Csr(unit_rows(q[of], len(space)) - slope @ L)
    far = np.full(len(of), np.inf)
    copy.add(Rows(space, M, sides, far, (len(parts), pieces)), name=_row(copy, old, "chord"))
    alone = np.diff(L.indptr) == 1
    column = L.indices[L.indptr[:-1]]
    declared = alone & (L.data[L.indptr[:-1]] == 1) & (space.lb[column] >= lo) & (space.ub[column] <= hi)
    open_ = np.flatnonzero(~declared)
    if len(open_):
        copy.add(Rows(space, Csr(L[open_]), lo[open_], hi[open_], (len(open_),)), name=_row(copy, old, "within"))
    return q


def _row(copy: Follower, old: Follower, word: str) -> str:
    """Return a name like this one that no row of the copy has, or gets of the old follower."""
    while copy._taken(word) or old._taken(word):
        word += "_"
    return word
