"""The convex relaxation of a node: its optimum, and the prices that bound it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...deadline import Deadline
from ...errors import SolverError
from ...numerics.answers import Answer
from ...numerics.interior import interior
from ...numerics.sparse import coo, vstack
from ...numerics.warm_lp import WarmLp
from .curved import CurvedRow
from .program import Program, divided, middles

DUST = 1e-6
"""A reduced cost up to this, on a column without a bound, is left to the exact completion."""
EMPTY = 1e-9
"""What a ray proves, its largest price being 1, is at least this much."""


ROUNDS = 30
"""Rounds of tangents at a node."""
VIOLATED = 1e-7
"""A curved row may be violated by this much, relative to its terms."""
REACH = 1e4
"""Where a relaxation has no end, columns are taken to stay within this, to find out what to branch on."""
DIGITS = 2.0**30
"""Points of tangents are rounded to whole multiples of one over this."""


@dataclass(frozen=True, eq=False)
class Node:
    """Boxes and sides of a part of the tree, in the units of the program."""

    lb: np.ndarray
    ub: np.ndarray
    lo: np.ndarray
    hi: np.ndarray

    @property
    def crossed(self) -> bool:
        """Whether a box is empty."""
        return bool((self.lb > self.ub).any())


@dataclass(frozen=True, eq=False)
class Relaxed:
    """What is known of a node's relaxation.

    Parameters
    ----------
    value : float
        A lower bound up to rounding; inf where there is no point, -inf where nothing is known.
    x : ndarray or None
        An optimum.
    y : ndarray or None
        Row prices; those of a ray where there is no point.
    point : ndarray or None
        Where the tangent is taken that the bound rests on, if not at x.
    rough : bool
        Whether a better bound may be had (:mod:`kktgen.exact.tree.quick`).
    guess : float
        Where the value is -inf, that over boxes nobody need prove: it says what to branch on, and proves nothing.
    """

    value: float
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    guess: float = -np.inf
    point: np.ndarray | None = None
    rough: bool = False

    @property
    def rank(self) -> float:
        """What the search compares nodes by."""
        return self.value if self.value > -np.inf else self.guess

    @property
    def empty(self) -> bool:
        """Whether there is no point."""
        return self.value == np.inf


@dataclass(frozen=True, eq=False)
class Tangent:
    """A row ``terms z <= side`` (``>=`` for a lower side): the tangent of a curved row at a point."""

    row: CurvedRow
    point: tuple[tuple[int, Fraction], ...]
    terms: dict[int, Fraction]
    side: Fraction


class Relaxation:
    """The relaxations of a tree, kept warm from node to node.

    Parameters
    ----------
    program : Program
    deadline : Deadline
    curved : sequence of CurvedRow
        Rows of which tangents are added where a point violates them.
    """

    def __init__(self, program: Program, deadline: Deadline, curved: Sequence[CurvedRow] = ()) -> None:
        self.program, self.deadline, self.solves, self.curved = program, deadline, 0, curved
        self.tangents: list[Tangent] = []
        self.steer = np.full(program.n, -REACH), np.full(program.n, REACH)
        self.linear = program.P.nnz == 0
        self._all = np.arange(program.n)
        self._rebuilt()

    def _rebuilt(self) -> None:
        """Take the rows with all tangents."""
        p, c = self.program, self.program.columns
        entries = [(k, j, float(v)) for k, one in enumerate(self.tangents) for j, v in one.terms.items() if v]
        i, j, v = (np.array(part) for part in zip(*entries, strict=True)) if entries else (np.empty(0, int),) * 3
        tangents = coo(v * c[j], i, j, (len(self.tangents), p.n))
        upper = np.array([one.row.sign > 0 for one in self.tangents], dtype=bool)
        side = np.array([float(one.side) for one in self.tangents])
        self.units = np.concatenate([p.rows, middles(tangents) if np.any(c != 1) else np.ones(len(side))])
        last = self.units[len(p.rows) :]
        self.A = vstack([p.A, divided(tangents, last)], p.n)
        self._more = np.where(upper, -np.inf, side) / last, np.where(upper, side, np.inf) / last
        root = self.whole(Node(p.lb, p.ub, p.lo, p.hi))
        self._lp = WarmLp(self.A, root.lo, root.hi, root.lb, root.ub, self.deadline)
        self._at = root

    def whole(self, node: Node) -> Node:
        """Return a node with the sides of the tangents."""
        if not self.tangents:
            return node
        lo, hi = (np.concatenate(pair) for pair in zip((node.lo, node.hi), self._more, strict=True))
        return Node(node.lb, node.ub, lo, hi)

    def solve(self, node: Node) -> Relaxed:
        """Return the optimum of a node's relaxation.

        Raises
        ------
        OutOfTime
            The deadline has passed.
        """
        found = self._rounds(node)
        return found if found.value > -np.inf else self._guessed(node)

    def _guessed(self, node: Node) -> Relaxed:
        """Return an optimum over boxes that nobody need prove."""
        low, high = self.steer
        boxed = Node(np.where(np.isinf(node.lb), np.minimum(low, node.ub), node.lb),
                     np.where(np.isinf(node.ub), np.maximum(high, node.lb), node.ub), node.lo, node.hi)  # fmt: skip
        found = self._rounds(boxed)
        return Relaxed(-np.inf, found.x, None, found.value)

    def _rounds(self, node: Node) -> Relaxed:
        """Return the optimum of a node's relaxation, after rounds of tangents where rows are curved."""
        found = self._solve(self.whole(node))
        for _ in range(ROUNDS if self.curved else 0):
            if found.x is None or not self._cut(found.x):
                break
            found = self._solve(self.whole(node))
        return found

    def _cut(self, x: np.ndarray) -> bool:
        """Add tangents of the rows a point violates; return whether there are any."""
        z = x * self.program.columns
        new = [row for row in self.curved if row.excess(z) > VIOLATED]
        for row in new:
            used = {j for at in row.exact.function.P for j in at}
            point = tuple((j, Fraction(float(np.round(z[j] * DIGITS) / DIGITS))) for j in sorted(used))
            terms, side = row.exact.tangent(Fraction(-row.sign), point)
            self.tangents.append(Tangent(row, point, terms, side - row.sign * row.inward))
        if new:
            self._rebuilt()
        return bool(new)

    def _solve(self, node: Node) -> Relaxed:
        self.deadline.check()
        self.solves += 1
        if node.crossed:
            return Relaxed(np.inf)
        if self.linear:
            self._move(node)
            return self._told(node, self._lp.minimize(self._all, self.tangent_data(node)[0]))
        p = self.program
        q, args = self.tangent_data(node)[0], (self.A, node.lo, node.hi, node.lb, node.ub, self.deadline)
        for rough in (False, True):  # any point and prices will do where good ones are not to be had
            try:
                found = interior(p.P, q, *args, rough)
            except SolverError:
                continue
            if found.status == "optimal":
                return self._told(node, found)
            nothing = self.empty(node) if found.status == "infeasible" and not rough else None
            if nothing is not None:
                return nothing
        return self.empty(node) or Relaxed(-np.inf)

    def tangent_data(self, node: Node) -> tuple[np.ndarray, float]:
        """Return slopes and constant of the objective of a node, its chords included."""
        p = self.program
        j, e = p.chords
        if not len(j):
            return p.q, p.r
        low, high, q = node.lb[j], node.ub[j], p.q.copy()
        q[j] -= 0.5 * e * (low + high)
        return q, p.r + 0.5 * float((e * low * high).sum())

    def empty(self, node: Node) -> Relaxed | None:
        """Return the proof that a node has no point, where there is one."""
        self._move(node)
        found = self._lp.minimize(self._all[:0], np.empty(0))
        out = self._told(node, found)
        return out if out.empty else None

    def _move(self, node: Node) -> None:
        at = self._at
        columns = np.flatnonzero((node.lb != at.lb) | (node.ub != at.ub))
        rows = np.flatnonzero((node.lo != at.lo) | (node.hi != at.hi))
        if len(columns):
            self._lp.set_columns(columns, node.lb[columns], node.ub[columns])
        if len(rows):
            self._lp.set_rows(rows, node.lo[rows], node.hi[rows])
        self._at = node

    def _told(self, node: Node, found: Answer) -> Relaxed:
        self.deadline.check()
        status, y = found.status, found.row_dual
        if status == "optimal" and len(y) == len(node.lo):
            y = signed(y, node)
            return Relaxed(self.value(node, y, found.x), found.x, y)
        if status == "infeasible" and len(y) == len(node.lo):
            y = signed(y / max(float(np.abs(y).max(initial=0.0)), 1e-30), node)
            return Relaxed(np.inf if self.value(node, y, None) > EMPTY else -np.inf, None, y)
        return Relaxed(-np.inf)

    def value(self, node: Node, y: np.ndarray, x: np.ndarray | None) -> float:
        """Return the lower bound that row prices give, of the objective near x or of zero; up to rounding."""
        p = self.program
        g, total = -(self.A.T @ y), 0.0
        if x is not None:
            q, r = self.tangent_data(node)
            bent = p.P @ x
            g, total = g + bent + q, r - 0.5 * float(x @ bent)
        open_ = np.where(g > 0, np.isinf(node.lb), np.isinf(node.ub))
        g[open_ & (np.abs(g) <= DUST)] = 0.0
        with np.errstate(invalid="ignore"):
            rows = np.where(y > 0, y * node.lo, y * node.hi)[y != 0]
            columns = np.where(g > 0, g * node.lb, g * node.ub)[g != 0]
        return total + float(rows.sum() + columns.sum())


def signed(y: np.ndarray, node: Node) -> np.ndarray:
    """Return row prices without those on sides that are infinite."""
    return np.where(((y > 0) & np.isinf(node.lo)) | ((y < 0) & np.isinf(node.hi)), 0.0, y)
