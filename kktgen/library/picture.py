"""The structure of a problem as a small picture: where its rows and costs have entries.

Columns are the leader's variables, then those of one follower after the other; rows are the leader's, then of each
follower its rows (bounds left out) and its stationarity conditions. A picture has 44 x 44 cells of two bits: 0 empty,
1 entries of rows, 2 of a follower's Hessian, 3 products of the leader's and a follower's variables in its cost. Its
text is the cells, four a byte and the first one lowest, in base64; then the cells that belong to the leader, from the
left and from the top: ``BASE64|12.3|4.5``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np

from ..numerics.sparse import Csr, row_index
from ..problem.bilevel import Bilevel
from ..problem.expressions import Quad

CELLS = 44
"""Cells of a side."""
ROW, HESSIAN, PRODUCT = 1, 2, 3
"""What a cell shows; where several fall into one, the largest."""

_Points = tuple[np.ndarray, np.ndarray, int]


def picture(m: Bilevel) -> str:
    """Return the picture of a problem as text.

    Examples
    --------
    >>> from kktgen import catalog
    >>> from kktgen.library.picture import cells, picture
    >>> text = picture(catalog.build("cournot/duopoly"))
    >>> cells(text).shape, text.partition("|")[2]
    ((44, 44), '22.0|0.0')
    """
    space = m.space
    leader = np.flatnonzero(space.role == "leader")
    followers = [np.flatnonzero((space.role == "follower") & (space.owner == k)) for k in range(len(m.followers))]
    order = np.concatenate([leader, *followers])
    place = np.full(len(space), -1)
    place[order] = np.arange(len(order))
    leaders = [rows.M for rows in (*m.rows, *(rows for *_, rows in m.conditions))]
    points, high = _stacked(leaders, 0)
    quads = [(np.concatenate([q.quad.i, q.quad.j, q.quad.linear.indices]), high + k) for k, q in enumerate(m.quads)]
    points += [(np.full(len(at), row), at, ROW) for at, row in quads]
    high = top = high + len(quads)
    zero = np.zeros(len(space))
    for own, follower in zip(followers, m.followers, strict=True):
        system = follower.system().fixed(zero)
        more, high = _stacked([one.M for one in system.declared if not one.is_bound], high)
        points += [*more, *_cost(system.cost, own, leader, high)]
        high += len(own)
    return _text(points, place, max(high, 1), max(len(order), 1), len(leader), top)


def cells(text: str) -> np.ndarray:
    """Return the cells of a picture's text (44, 44)."""
    packed = np.frombuffer(base64.b64decode(text.partition("|")[0]), dtype=np.uint8)
    return (packed[:, None] >> np.array([0, 2, 4, 6], dtype=np.uint8) & 3).reshape(CELLS, CELLS)


def _stacked(matrices: list[Csr], high: int) -> tuple[list[_Points], int]:
    """Return the entries of rows below one another, from a row on, and the row behind them."""
    out: list[_Points] = []
    for M in matrices:
        there = M.data != 0
        out.append((high + row_index(M)[there], M.indices[there], ROW))
        high += M.shape[0]
    return out, high


def _cost(cost: Quad, own: np.ndarray, leader: np.ndarray, high: int) -> Iterator[_Points]:
    """Yield the entries of a cost's gradient, a row a variable of the follower."""
    cost = cost.canonical()
    i, j = np.concatenate([cost.i, cost.j]), np.concatenate([cost.j, cost.i])
    mine = np.isin(i, own) & (np.concatenate([cost.v, cost.v]) != 0)
    i, j = i[mine], j[mine]
    row, inside, beside = high + np.searchsorted(own, i), np.isin(j, own), np.isin(j, leader)
    yield row[inside], j[inside], HESSIAN
    yield row[beside], j[beside], PRODUCT


def _text(points: list[_Points], place: np.ndarray, high: int, wide: int, left: int, top: int) -> str:
    """Return entries as text: a large problem's fall together in cells, a small one's fill several."""
    rows, columns = min(high, CELLS), min(wide, CELLS)
    grid = np.zeros((rows, columns), dtype=np.uint8)
    for row, column, kind in points:
        at = place[column]
        seen = at >= 0
        np.maximum.at(grid, (row[seen] * rows // high, at[seen] * columns // wide), kind)
    side = np.arange(CELLS)
    shown = grid[np.ix_(side * rows // CELLS, side * columns // CELLS)].reshape(-1, 4)
    packed = (shown << np.array([0, 2, 4, 6], dtype=np.uint8)).sum(axis=1).astype(np.uint8)
    words = base64.b64encode(packed.tobytes()).decode()
    return f"{words}|{left * CELLS / wide:.1f}|{top * CELLS / high:.1f}"
