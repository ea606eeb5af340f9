"""Quadratic programs with equilibrium constraints that have a planted local optimum, by a generator of their own.

The leader has n variables, the follower m, whose answer is the solution of a linear complementarity problem::

    min_x,y  1/2 |x|^2 + 1/2 |y|^2 + c'x + d'y      -box <= x <= box
             y solves  min 1/2 y'M y + (N x + q)'y   s.t.  y >= 0       w = M y + N x + q >= 0,  w'y = 0

M = F'F + I is dense and positive definite. A point is planted: x*, and for the rows either y* > 0 = w* (a share of
them), or y* = 0 < w*, or, ``both`` of them, y* = w* = 0 (no strict complementarity). q follows from ``w* = M y* + N
x* + q``, and c, d from multipliers u of w and v of y with v = 0 where y* > 0, u = 0 where w* > 0 and u, v >= 0 on the
rows of both::

    c = N'u - x*,     d = v + M'u - y*          so that  grad f = N'u  and  v + M'u

That is strong stationarity, and as f is convex and all rows are linear, every one of the 2^both convex problems that
meet in the point has it as optimum: the planted point is a strict local optimum. Its value bounds the global one from
above; whether it is the best one is what a solver has to tell. ``pull`` scales u: the larger, the more of the point's
neighbours that do not answer the follower are better than it, and the weaker are relaxations.

Data: drawn by ``seed`` in whole numbers, hundredths and tenths, and computed in integers: the same on every CPU. Own
draws, no terms.

Source: after H. Jiang, D. Ralph, QPECGEN, a MATLAB generator for mathematical programs with quadratic objectives and
affine variational inequality constraints, Computational Optimization and Applications 13 (1999) 25-59, whose problems
qpec-100-1 to qpec-200-4 stand in MacMPEC (S. Leyffer) with values of local solvers; none of their numbers is used.
Simplified: bounds y >= 0 are the follower's only rows, and x has a box, which theirs has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    leaders : int
        Variables of the leader, n.
    cols : int
        Variables of the follower, m.
    positive : float
        Share of the follower's variables that are positive at the planted point.
    both : int
        How many rows have y = w = 0 there.
    pull : int
        Largest multiplier of w at the planted point.
    box : float
        Largest absolute value of a leader's variable; at least 2.
    seed : int
        Another seed draws another problem.
    """

    leaders: int = 4
    cols: int = 8
    positive: float = 0.4
    both: int = 1
    pull: int = 2
    box: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.leaders < 1 or self.cols < 1 or self.pull < 0:
            raise kg.ProblemError("qpec: give at least one leader and one column, and pull >= 0")
        if not 0 <= self.positive <= 1 or not 0 <= self.both <= self.cols - round(self.positive * self.cols):
            raise kg.ProblemError("qpec: positive is a share, and both no more than the other columns")
        if self.box < 2:
            raise kg.ProblemError(f"qpec: box is {self.box}; give at least 2, as planted x lie in [-1, 1]")


class Planted(kg.Bilevel):
    """A problem with a planted local optimum.

    Attributes
    ----------
    parameters : Parameters
    x, y : Affine
    planted_x, planted_y : ndarray
        The planted point.
    planted : float
        Its objective.
    M, N, q, c, d : ndarray
        Data as above.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("qpec")
        self.parameters = p
        rng, n, m = np.random.default_rng(p.seed), p.leaders, p.cols
        F = rng.integers(-10, 11, (max(m // 2, 1), m))  # tenths; M and N in hundredths, points in tenths
        M = F.T @ F + 100 * np.eye(m, dtype=np.int64)
        N = rng.integers(-100, 101, (m, n))
        kind = np.zeros(m, dtype=int)  # 1: y > 0, 0: w > 0, 2: both zero
        order, count = rng.permutation(m), round(p.positive * m)
        kind[order[:count]], kind[order[count : count + p.both]] = 1, 2
        x = rng.integers(-10, 11, n)
        y = np.where(kind == 1, rng.integers(1, 21, m), 0)
        w = np.where(kind == 0, rng.integers(1, 21, m), 0)
        u = np.where(kind == 1, rng.integers(-10, 11, m), np.where(kind == 2, rng.integers(1, 11, m), 0)) * p.pull
        v = np.where(kind == 0, rng.integers(-10, 11, m), np.where(kind == 2, rng.integers(1, 11, m), 0))
        q = 100 * w - M @ y - N @ x  # all in thousandths
        c, d = N.T @ u - 100 * x, 100 * v + M.T @ u - 100 * y
        self.M, self.N = M / 100, N / 100
        self.q, self.c, self.d = q / 1000, c / 1000, d / 1000
        self.planted_x, self.planted_y = x / 10, y / 10
        self.planted = int(50 * (x @ x + y @ y) + c @ x + d @ y) / 1e4
        self.x = self.var("x", n, lb=-p.box, ub=p.box)
        follower = self.follower("follower")
        self.y = follower.var("y", m, lb=0)
        follower.minimize(0.5 * ((self.M @ self.y) @ self.y) + (self.N @ self.x) @ self.y + self.q @ self.y)
        self.minimize(0.5 * (self.x @ self.x) + 0.5 * (self.y @ self.y) + self.c @ self.x + self.d @ self.y)


def build(**parameters: Any) -> Planted:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Planted(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the optimum beside the planted one.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "planted", "qpec")
    table = summary.answer(result, "Objective", f"planted local optimum: {game.planted:.7g}")
    far = float(np.abs(result.solution[game.x] - game.planted_x).max())
    rows = (("largest difference of x from the planted point", f"{far:.4g}"),)
    return kg.Findings((table, kg.Table("Point", ("", "value"), rows)), "drawn data")
