"""The convex relaxation of a node: its optimum, and the prices that bound it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...deadline import Deadline
from ...errors import SolverError
from ...numerics.interior import interior
from ...numerics.warm_lp import WarmLp
from .program import Program

DUST = 1e-6
"""A reduced cost up to this, on a column without a bound, is left to the exact completion."""
EMPTY = 1e-9
"""What a ray proves, its largest price being 1, is at least this much."""


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
    """

    value: float
    x: np.ndarray | None = None
    y: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        """Whether there is no point."""
        return self.value == np.inf


class Relaxation:
    """The relaxations of a tree, kept warm from node to node.

    Parameters
    ----------
    program : Program
    deadline : Deadline
    """

    def __init__(self, program: Program, deadline: Deadline) -> None:
        self.program, self.deadline, self.solves = program, deadline, 0
        p = program
        self._lp = WarmLp(p.A, p.lo, p.hi, p.lb, p.ub, deadline)
        self._at = Node(p.lb.copy(), p.ub.copy(), p.lo.copy(), p.hi.copy())
        self.linear = p.P.nnz == 0
        self._all = np.arange(p.n)

    def solve(self, node: Node) -> Relaxed:
        """Return the optimum of a node's relaxation.

        Raises
        ------
        OutOfTime
            The deadline has passed.
        """
        self.deadline.check()
        self.solves += 1
        if node.crossed:
            return Relaxed(np.inf)
        if self.linear:
            self._move(node)
            return self._told(node, self._lp.minimize(self._all, self.program.q))
        p = self.program
        try:
            found = interior(p.P, self.tangent_data(node)[0], p.A, node.lo, node.hi, node.lb, node.ub, self.deadline)
        except SolverError:
            return Relaxed(-np.inf)
        if found.status == "optimal":
            return self._told(node, found)
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

    def _told(self, node: Node, found: object) -> Relaxed:
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
        g, total = -(p.A.T @ y), 0.0
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
