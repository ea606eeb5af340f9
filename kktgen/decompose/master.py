"""The convex relaxation of all subproblems together: the master that gives multipliers and points.

Integrality, sets, indicators and quadratic rows are left out; rows that were derived for single subproblems are in::

    min   1/2 z'P z + q'z + r    s.t.  all rows and boxes of the model,  derived rows

Let p be the prices of its rows (d value / d side), with p_j on those of subproblem j, of which A_j holds the linking
columns. Were u_j, the subproblem's copy of the linking columns u, tied to u by ``u_j = u`` with multiplier sigma_j,
stationarity in u_j says ``sigma_j = A_j'p_j``; coupling rows with the multiplier w in the Lagrangian have ``w = -p``.
So the master needs no copies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import SolverError
from ..model.tables import RowTable
from ..numerics.answers import Answer
from ..numerics.interior import interior
from ..numerics.programs import Program
from ..numerics.safe_bound import OUTWARD, safe_convex_minimum
from ..numerics.sparse import Csr, take_columns, take_rows, vstack, widen
from .blocks import Blocks, Subproblem
from .parts import part_of

SMALL = 1e-7
"""Reduced costs below this say nothing."""

WHOLE = 1e-5
"""What is this close to a whole number is one."""


@dataclass(frozen=True, eq=False)
class Strengthened:
    """Blocks with what was derived so far: smaller boxes, and rows of single subproblems.

    Parameters
    ----------
    blocks : Blocks
    lb, ub : ndarray (n,)
        Boxes of all columns of the model.
    rows : RowTable
        Derived rows over all columns.
    owner : ndarray of int
        Subproblem of every derived row.
    """

    blocks: Blocks
    lb: np.ndarray
    ub: np.ndarray
    rows: RowTable
    owner: np.ndarray

    @classmethod
    def of(cls, blocks: Blocks) -> Strengthened:
        """Return blocks of which nothing was derived yet."""
        space, n = blocks.model.space, blocks.model.n
        return cls(blocks, space.lb.copy(), space.ub.copy(), RowTable.empty(n), np.empty(0, dtype=np.int64))

    def subproblem(self, k: int) -> Subproblem:
        """Return subproblem k with its boxes and its derived rows."""
        part = self.blocks.subproblems[k]
        space = part_of(self.blocks.model.space, part.columns)
        space.lb[:], space.ub[:] = self.lb[part.columns], self.ub[part.columns]
        mine = self.rows.take(self.owner == k)
        old = part.model.rows
        rows = RowTable(
            vstack([old.M, take_columns(mine.M, part.columns)], len(part.columns)),
            np.concatenate([old.lo, mine.lo]), np.concatenate([old.hi, mine.hi]),
        )  # fmt: skip
        return replace(part, model=replace(part.model, space=space, rows=rows))

    def boxed(self, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> Strengthened:
        """Return it with the intersection of boxes; sides of integer columns go to the next whole number inside."""
        low, high, whole = self.lb.copy(), self.ub.copy(), self.blocks.model.space.kind[columns] != "C"
        lb, ub = np.where(whole, np.ceil(lb - WHOLE), lb), np.where(whole, np.floor(ub + WHOLE), ub)
        intersect(low, high, columns, lb, ub)
        return replace(self, lb=low, ub=high)

    def with_rows(self, rows: RowTable, owner: np.ndarray) -> Strengthened:
        """Return it with more derived rows."""
        both = RowTable(
            vstack([self.rows.M, rows.M], self.blocks.model.n),
            np.concatenate([self.rows.lo, rows.lo]), np.concatenate([self.rows.hi, rows.hi]),
        )  # fmt: skip
        return replace(self, rows=both, owner=np.concatenate([self.owner, owner]))

    @property
    def binaries_left(self) -> int:
        """How many integer columns are not settled."""
        return int(((self.blocks.model.space.kind != "C") & (self.ub - self.lb > 0.5)).sum())


def intersect(low: np.ndarray, high: np.ndarray, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> None:
    """Intersect some of the boxes [low, high] with [lb, ub]; an empty one is a matter of rounding, and stays."""
    new_low, new_high = np.maximum(low[columns], lb), np.minimum(high[columns], ub)
    fits = new_low <= new_high
    low[columns[fits]], high[columns[fits]] = new_low[fits], new_high[fits]


@dataclass(frozen=True, eq=False)
class MasterOptimum:
    """An optimum of the master.

    Parameters
    ----------
    bound : float
        Proved lower bound on the minimised objective; -inf where nothing is proved.
    x : ndarray (n,)
        The point.
    w : ndarray (m,)
        Multipliers of the coupling rows.
    sigma : tuple of ndarray
        Multipliers of every subproblem's copies.
    leader : ndarray
        Prices of the leader's own rows.
    reduced : ndarray (n,)
        Reduced costs: the bound rises by |reduced_k| for every unit that z_k is away from its side of the box.
    """

    bound: float
    x: np.ndarray
    w: np.ndarray
    sigma: tuple[np.ndarray, ...]
    leader: np.ndarray
    reduced: np.ndarray

    def within(self, reach: float, lb: np.ndarray, ub: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of points whose objective is not above ``reach``, by reduced costs, rounded outward."""
        room = (reach - self.bound) * (1.0 + OUTWARD) + OUTWARD * (1.0 + abs(reach))
        if not (np.isfinite(self.bound) and np.isfinite(lb).all() and np.isfinite(ub).all()):
            return lb, ub
        size = np.maximum(np.abs(self.reduced), SMALL)
        far = room / size + OUTWARD * (1.0 + np.maximum(np.abs(lb), np.abs(ub)))
        high = np.where(self.reduced > SMALL, np.minimum(ub, lb + far), ub)
        low = np.where(self.reduced < -SMALL, np.maximum(lb, ub - far), lb)
        return low, high


class Master:
    """The convex relaxation of the model behind some blocks.

    Parameters
    ----------
    state : Strengthened
    """

    def __init__(self, state: Strengthened) -> None:
        self.state, model = state, state.blocks.model
        self.P, self.q, self.r = model.matrices
        rows = model.rows
        self.M = vstack([widen(rows.M, model.n), state.rows.M], model.n)
        self.lo, self.hi = np.concatenate([rows.lo, state.rows.lo]), np.concatenate([rows.hi, state.rows.hi])

    @property
    def program(self) -> Program:
        """The relaxation as a convex QP."""
        return Program(self.P, self.q, self.M, self.lo, self.hi, self.state.lb, self.state.ub)

    def solve(self, deadline: Deadline = NEVER) -> MasterOptimum | None:
        """Return an optimum; None where the solver found none in time."""
        try:
            answer = _without_fixed(self.program, deadline)
        except SolverError:
            return None
        if answer is None or answer.x is None:
            return None
        program = self.program
        value, x = safe_convex_minimum(answer, self.P, self.q, self.M, self.lo, self.hi, program.lb, program.ub)
        same = x is answer.x or bool((x == answer.x).all())  # else prices were moved as well
        return self._optimum(value + self.r - OUTWARD * abs(self.r), answer, same)

    def _optimum(self, bound: float, answer: Answer, same: bool) -> MasterOptimum:
        state, blocks, price = self.state, self.state.blocks, answer.row_dual
        count = len(blocks.model.rows)
        sigma = []
        for k, part in enumerate(blocks.subproblems):
            own = part.links
            value = take_columns(take_rows(self.M, blocks.rows_of[k]), own).T @ price[blocks.rows_of[k]]
            mine = np.flatnonzero(state.owner == k)
            value = value + take_columns(take_rows(state.rows.M, mine), own).T @ price[count + mine]
            sigma.append(value)
        assert answer.x is not None
        x = np.clip(answer.x, state.lb, state.ub)
        reduced = answer.col_dual if same else np.zeros(len(x))
        return MasterOptimum(bound, x, -price[blocks.coupling_at], tuple(sigma), price[blocks.rows_at], reduced)


def _without_fixed(program: Program, deadline: Deadline) -> Answer | None:
    """Return the answer of a program that was solved without its fixed columns and the rows they leave empty."""
    fixed = program.lb == program.ub
    z = np.where(fixed, program.lb, 0.0)
    free = np.flatnonzero(~fixed)
    shift = program.A @ z
    A = take_columns(program.A, free)
    live = np.flatnonzero(np.diff(A.indptr) > 0)
    q = (program.P @ z + program.q)[free]
    small = Program(
        Csr(program.P[free][:, free]), q, take_rows(A, live), program.lo[live] - shift[live],
        program.hi[live] - shift[live], program.lb[free], program.ub[free],
    )  # fmt: skip
    answer = interior(small.P, small.q, small.A, small.lo, small.hi, small.lb, small.ub, deadline, rough=True)
    if answer.x is None:
        return None
    z[free] = answer.x
    price = np.zeros(len(program.lo))
    price[live] = answer.row_dual
    reduced = program.P @ z + program.q - program.A.T @ price
    return Answer(answer.status, z, answer.value, price, np.asarray(reduced))
