"""The problem with copies of followers, declared column by column and row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...numerics.sparse import Csr, coo, joined
from ...problem.bilevel import Bilevel
from ...problem.cones import SIDES
from ...problem.expressions import Affine, Quad, QuadArray
from ...problem.follower import Follower
from ...problem.rows import QuadRow, QuadRows, Rows
from .again import (
    Said,
    at_most,
    condition_again,
    declared_again,
    matrix_again,
    prices_again,
    quad_again,
    rows_again,
    said,
)
from .boxes import Box, values
from .chords import Added, with_chords
from .polygons import with_polygons
from .room import Room

NAME = "inner_copy"
"""What is appended to the problem's name."""
COPY = "copy"
"""What is appended to a follower's name for the row that bounds the leader's point by the copy's cost."""


class Copies:
    """The problem with copies while it is declared.

    ``of_leader`` and ``own`` (n,) say which of its columns stands for each of the problem's in what is the leader's,
    and in what is a follower's; -1 where none does.
    """

    def __init__(self, bilevel: Bilevel, found: Sequence[Room], box: Box, pieces: int) -> None:
        self.bilevel, self.box, self.pieces = bilevel, box, pieces
        self.rooms = {room.one.follower.name: room for room in found}
        self.m = Bilevel(f"{bilevel.name}_{NAME}")
        self.m.about = {
            "source": f"bounds {bilevel.name!r} by {pieces} chords inside every curved row; its points are no answers",
            "parameters": {"pieces": pieces},
        }
        n = len(bilevel.space)
        self.of_leader, self.own = np.full(n, -1), np.full(n, -1)
        self.rows = {row.name for row in bilevel.rows} | {row.name for row in bilevel.quads}
        self.taken = {block.word for block in bilevel.space.blocks if block.role == "leader"}

    def made(self) -> Bilevel:
        """Return the problem."""
        self._variables()
        for old, new in zip(self.bilevel.followers, self.m.followers, strict=True):
            room = self.rooms.get(old.name)
            if room is None:
                self._plain(old, new)
            else:
                self._copy(old, new, room)
        self._leader()
        return self.m

    def _name(self, word: str) -> str:
        """Return a name like this one that no variable of the leader has."""
        while word in self.taken:
            word += "_"
        self.taken.add(word)
        return word

    def _row(self, word: str) -> str:
        """Return a name like this one that no row of the leader has; that of the copy's cost is as it is."""
        while word in self.rows:
            word += "_"
        self.rows.add(word)
        return word

    def _variables(self) -> None:
        space = self.bilevel.space
        new = {follower.name: self.m.follower(follower.name) for follower in self.bilevel.followers}
        lifted = joined((part.columns for f in self.bilevel.followers for part in f.products.lifted), int)
        for block in space.blocks:
            columns = slice(block.start, block.stop)
            if block.role == "leader":
                self.of_leader[columns] = self.own[columns] = declared_again(self.m, block, space, block.word)
            elif block.role == "follower" and block.start not in lifted:
                self.own[columns] = declared_again(new[block.follower], block, space, block.word)
                if block.follower in self.rooms:
                    name = self._name(f"{block.follower}_{block.word}")
                    self.of_leader[columns] = declared_again(self.m, block, space, name, self.box)
                else:
                    self.of_leader[columns] = self.own[columns]

    def _plain(self, old: Follower, new: Follower) -> None:
        """Declare a follower without curved rows again; its multipliers are those of the old one."""
        for one in said(old):
            new.add(rows_again(one, self.own, self.m.space), name=one.name, coords=one.coords,
                    **condition_again(one, self.own, self.m.space))  # fmt: skip
        prices_again(old, new, self.of_leader)
        self._cost(old, new)

    def _cost(self, old: Follower, new: Follower) -> None:
        assert old.cost is not None
        cost = quad_again(old.cost, self.own, self.m.space)
        if old.sense > 0:
            new.minimize(cost)
        else:
            new.maximize(-cost)

    def _copy(self, old: Follower, new: Follower, room: Room) -> None:
        """Declare the copy of a follower, and the leader's point in its rows, which costs no more."""
        m, space = self.m, self.m.space
        added = with_chords(new, room, self.own, self.pieces)
        for one in said(old):
            m.add(rows_again(one, self.of_leader, space), name=self._row(f"{old.name}_{one.name}"), coords=one.coords)
            mine = [part for part in added if part.source == one.source]
            new.add(_inside(one, mine, self.own, new), name=one.name, coords=one.coords)
        for cone, top in zip(old.cones, room.tops, strict=True):
            ball, sides = cone.quads(old.space)[0], cone.sides(old.space)
            M = matrix_again(sides.M, self.of_leader, len(space))
            m.add(
                at_most(quad_again(ball.quad, self.of_leader, space), ball.hi),
                name=self._row(f"{old.name}_{cone.name}"),
            )
            m.add(Rows(space, M, sides.lo, sides.hi, sides.shape), name=self._row(f"{old.name}_{cone.name}_{SIDES}"))
            with_polygons(new, cone, top, self.own, old.space, self.pieces)
        self._cost(old, new)
        own = np.zeros(len(self.bilevel.space), dtype=bool)
        own[old.columns] = True
        cost = _part(old.cost, own)
        low, high = values(cost, self.box)
        least = m.var(self._name(f"{old.name}_cost"), lb=low, ub=high)
        there, copied = (quad_again(cost, to, space) for to in (self.of_leader, self.own))
        m.add(at_most(there - least), name=self._row(f"{old.name}_cost"))
        m.add(at_most(least - copied), name=f"{old.name}_{COPY}")

    def _leader(self) -> None:
        old, m, to = self.bilevel, self.m, self.of_leader
        goal = quad_again(old.objective, to, m.space)
        if old.sense > 0:
            m.minimize(goal, unit=old.unit)
        else:
            m.maximize(-goal, unit=old.unit)
        m.aims = old.aims
        n = len(m.space)
        for row in old.rows:
            M = matrix_again(row.M, to, n)
            m.add(Rows(m.space, M, row.lo, row.hi, row.shape), name=row.name, coords=row.coords)
        for q in old.quads:
            m.add(QuadRow(quad_again(q.quad, to, m.space), q.lo, q.hi), name=q.name)
        for name, members in old.sets:
            M = coo(np.ones(len(members)), np.arange(len(members)), to[members], (len(members), n))
            m.sos1(Affine(m.space, M, np.zeros(len(members)), (len(members),)), name)
        for name, binary, value, row in old.conditions:
            x = Affine(m.space, coo(np.ones(1), np.zeros(1, int), to[[binary]], (1, n)), np.zeros(1), ())
            rows = Rows(m.space, matrix_again(row.M, to, n), row.lo, row.hi, row.shape)
            m.indicator(x, value, rows, name)


def _part(cost: Quad | None, own: np.ndarray) -> Quad:
    """Return the terms of a cost that hold columns of the follower's; the others are the same on both sides."""
    assert cost is not None
    cost = cost.canonical()
    held, mine = own[cost.i] | own[cost.j], own[cost.linear.indices]
    linear = cost.linear
    row = coo(linear.data[mine], np.zeros(int(mine.sum()), dtype=int), linear.indices[mine], linear.shape)
    return Quad(cost.space, cost.i[held], cost.j[held], cost.v[held], row, 0.0)


def _inside(one: Said, added: Sequence[Added], own: np.ndarray, copy: Follower) -> Rows | QuadRow | QuadRows:
    """Return rows of the copy, with variables above chords in the place of squares of the follower's own."""
    space = copy.space
    if not added:
        return rows_again(one, own, space)
    at, i, j, v = one.quads.terms()
    i, j = own[i], own[j]
    keep = (space.owner[i] != copy.index) & (space.owner[j] != copy.index)
    n, k = len(space), len(one.lo)
    place = np.concatenate([np.full(len(part.d), part.position) for part in added])
    columns, d = (np.concatenate([getattr(part, key) for part in added]) for key in ("columns", "d"))
    side = np.concatenate([np.full(len(part.d), part.side) for part in added])
    M = Csr(matrix_again(one.quads.M, own, n) + coo(side * d, place, columns, (k, n)))
    lo, hi = one.lo.copy(), one.hi.copy()
    for part in added:
        if part.side > 0:
            hi[part.position] -= part.missing
        else:
            lo[part.position] += part.missing
    if not keep.any():
        return Rows(space, M, lo, hi, one.quads.shape)
    left = QuadArray.of_terms(space, at[keep], i[keep], j[keep], v[keep], M, np.zeros(k), one.quads.shape)
    return QuadRows(left, lo, hi)
