"""Followers at the edge: free, fixed and redundant columns and rows, unbounded polyhedra, nothing to choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg


@dataclass(frozen=True)
class Case:
    """A problem, its optimum in the leader's sense (None: see ``outcome``), and the pair whose bound big-M may miss."""

    build: Callable[[], kg.Bilevel]
    objective: float | None
    missing: str = ""
    outcome: tuple[str, str] = ("optimal", "optimal")

    def __str__(self) -> str:
        return self.build.__name__


CASES: list[Case] = []


def case(objective: float | None, **known: Any) -> Callable[[Callable[[], kg.Bilevel]], Callable[[], kg.Bilevel]]:
    def enlist(build: Callable[[], kg.Bilevel]) -> Callable[[], kg.Bilevel]:
        CASES.append(Case(build, objective, **known))
        return build

    return enlist


def start(name: str, lb: float = 0.0, ub: float = 2.0) -> tuple[kg.Bilevel, kg.Affine, kg.Follower]:
    m = kg.Bilevel(name)
    return m, m.var("x", lb=lb, ub=ub), m.follower("f")


# -- columns -------------------------------------------------------------------------------------


@case(-2.0, missing="comp_lb(f,y,0)")
def one_free_column_one_bounded():
    """``min_y (y0 + y1 - x)^2 + y0, y0 >= 0``: the free y1 makes the square zero, so y0 = 0, y1 = x.

    Leader ``min x - 2 y1``, x <= 2: ``-x`` at x = 2.
    """
    m, x, f = start("free")
    y = f.var("y", 2, lb=[0, -np.inf])
    f.minimize((y.sum() - x) ** 2 + y[0])
    m.minimize(x - 2 * y[1])
    return m


@case(1.0)
def free_column_of_a_linear_cost():
    """``min_y x y``, y free, no row: an optimum exists only where x = 0. Leader ``min (x - 1)^2``: 1."""
    m, x, f = start("pinned", lb=-1)
    y = f.var("y")
    f.minimize(x @ y)
    m.minimize((x - 1) ** 2)
    return m


@case(5.0)
def fixed_column_in_an_equation():
    """``min_y y1^2, y0 = 2 (its bounds), y0 + y1 = x, 0 <= y1 <= 3``: y1 = x - 2. Leader ``max x``: 5."""
    m, x, f = start("fixed", ub=10)
    y = f.var("y", 2, lb=[2, 0], ub=[2, 3])
    f.add(y.sum() == x, name="sum")
    f.minimize(y[1] * y[1])
    m.maximize(x)
    return m


@case(-2.0)
def all_columns_fixed_and_the_price_of_it_used():
    """``min_y x y, y = 1``: the multiplier of the fixing is x. Leader ``min y.lower_dual - 2 x``: ``-x``, x = 2."""
    m, x, f = start("all fixed")
    y = f.var("y", lb=1, ub=1)
    f.minimize(x @ y)
    m.minimize(y.lower_dual - 2 * x)
    return m


# -- unbounded polyhedra ---------------------------------------------------------------------------


@case(-2.0, missing="comp(f,c")
def unbounded_polyhedron_with_one_optimum():
    """``min_y y0 + y1, y0 >= x, y1 >= 1 - x``: y = (x, 1 - x). Leader ``min y0 - 2 y1 = 3 x - 2``: -2 at x = 0."""
    m, x, f = start("corner")
    y = f.var("y", 2)
    f.add(y[0] >= x, y[1] >= 1 - x)
    f.minimize(y.sum())
    m.minimize(y[0] - 2 * y[1])
    return m


@case(-1.0, missing="comp_lb(f,y)")
def unbounded_polyhedron_of_a_square():
    """``min_y (y - x)^2, y >= 0``, x in [-1, 2]: y = max(x, 0). Leader ``min x - 1/2 y``: -1 at x = -1."""
    m, x, f = start("square", lb=-1)
    y = f.var("y", lb=0)
    f.minimize((y - x) ** 2)
    m.minimize(x - 0.5 * y)
    return m


@case(0.0, missing="comp(f,c1)")
def unbounded_face_without_a_price():
    """``min_y y0, y0 >= x, y1 >= 0``: y1 costs nothing. Leader ``min (y1 - 3)^2 + y0``: 0 at x = 0, y1 = 3."""
    m, x, f = start("face")
    y = f.var("y", 2, lb=[-np.inf, 0])
    f.add(y[0] >= x)
    f.minimize(y[0])
    m.minimize((y[1] - 3) ** 2 + y[0])
    return m


@case(1.0, missing="comp_lb(f,y)")
def follower_unbounded_for_some_decisions():
    """``min_y (x - 1) y, y >= 0``: unbounded below for x < 1; at x = 1 any y. Leader ``min x + (y - 2)^2``: 1."""
    m, x, f = start("ray")
    y = f.var("y", lb=0)
    f.minimize((x - 1) @ y)
    m.minimize(x + (y - 2) ** 2)
    return m


@case(None, outcome=("infeasible", "infeasible"))
def follower_unbounded_everywhere():
    """``min_y -y, y >= x``: never an optimum, so no feasible decision."""
    m, x, f = start("runaway")
    y = f.var("y")
    f.add(y >= x)
    f.minimize(-y)
    m.minimize(x)
    return m


# -- redundant and implied rows --------------------------------------------------------------------


@case(0.19, missing="comp_lb(f,y,")
def duplicated_equation():
    """``min_y y'y, y0 + y1 = x (twice), y >= 0``: y = (x, x)/2; only the sum of the two prices is determined.

    Leader ``min (y0 - 1)^2 + x/10``: x = 1.8, 0.01 + 0.18.
    """
    m, x, f = start("twice")
    y = f.var("y", 2, lb=0)
    f.add(y.sum() == x, y.sum() == x)
    f.minimize(y @ y)
    m.minimize((y[0] - 1) ** 2 + 0.1 * x)
    return m


@case(-1.0, missing="comp_")
def linearly_dependent_equations():
    """``min_y y2, y0 + y1 = x, y0 - y1 = 0, 2 y0 = x, y2 >= y0, 0 <= y <= 3``: y = (x/2, x/2, x/2).

    Leader ``min x - 3 y2 = -x/2``: -1 at x = 2.
    """
    m, x, f = start("dependent")
    y = f.var("y", 3, lb=0, ub=3)
    f.add(y[0] + y[1] == x, y[0] - y[1] == 0, 2 * y[0] == x, y[2] >= y[0])
    f.minimize(y[2])
    m.minimize(x - 3 * y[2])
    return m


@case(None, outcome=("infeasible", "infeasible"))
def contradicting_equations():
    """``y0 + y1 = x`` and ``y0 + y1 = x + 1``: no response."""
    m, x, f = start("contradiction")
    y = f.var("y", 2, lb=0, ub=3)
    f.add(y.sum() == x, y.sum() == x + 1)
    f.minimize(y.sum())
    m.minimize(x)
    return m


@case(None, missing="comp_lb(f,y)", outcome=("bilevel-feasible", "unbounded"))
def price_of_a_duplicated_equation():
    """The first of two equal equations may have any price: the leader, paid that price, has no maximum."""
    m, x, f = start("any price")
    y = f.var("y", lb=0)
    first, _ = f.add(y == x, y == x)
    f.minimize(y @ y)
    m.maximize(first.dual)
    return m


@case(-4.0, missing="comp(f,c")
def two_inequalities_squeeze():
    """``min_y y1 - y0, y0 <= x, y0 >= x, y1 >= y0``: y = (x, x), the squeezing multipliers free up to a constant.

    Leader ``min x - 3 y1``: ``-2 x``, x = 2.
    """
    m, x, f = start("squeeze")
    y = f.var("y", 2)
    f.add(y[0] <= x, y[0] >= x, y[1] >= y[0])
    f.minimize(y[1] - y[0])
    m.minimize(x - 3 * y[1])
    return m


@case(3.5, missing="comp(f,c")
def column_squeezed_by_constants():
    """``min_y (y1 - x)^2, y0 <= 3, y0 >= 3 (rows), y1 <= y0 / 2``: y0 = 3, y1 = min(x, 1.5).

    Leader ``max y0 + 2 y1 - x - 1``: ``2 + x`` up to x = 1.5, ``5 - x`` beyond: 3.5.
    """
    m, x, f = start("constants")
    y = f.var("y", 2)
    f.add(y[0] <= 3, y[0] >= 3, y[1] <= 0.5 * y[0])
    f.minimize((y[1] - x) ** 2)
    m.maximize(y[0] + 2 * y[1] - x - 1)
    return m


@case(0.0, missing="comp(f,c1)")
def squeezed_to_a_point_at_one_decision():
    """``min_y -y, y <= x, y >= 1 - x, y <= 1 - x``: only x >= 1/2 leaves a response, y = 1 - x.

    Leader ``min x + y - 1`` is 0 everywhere; it uses a multiplier (of ``y <= x``, >= -9), so that one is not basic.
    """
    m, x, f = start("pinch", ub=1)
    y = f.var("y")
    first, *_ = f.add(y <= x, y >= 1 - x, y <= 1 - x)
    f.minimize(-y)
    m.add(first.dual >= -9)
    m.minimize(x + y - 1)
    return m


# -- rows without own columns, nothing to choose ---------------------------------------------------


@case(1.0)
def rows_of_the_leader_alone():
    """``min_y (y - x)^2, x <= 1 (a row of the follower's), y >= 0``: the row binds the leader. ``max 2 x - y``: 1."""
    m, x, f = start("leader row")
    y = f.var("y", lb=0)
    f.add(x <= 1)
    f.minimize((y - x) ** 2)
    m.maximize(2 * x - y)
    return m


@case(-0.5, missing="comp(f,c2)")
def an_equation_of_the_leader_alone():
    """``min_y y, y >= 1 - x, x = 1/2 (an equation of the follower's)``: y = 1/2. Leader ``min -y``: -1/2."""
    m, x, f = start("leader equation")
    y = f.var("y")
    f.add(x == 0.5)
    f.add(y >= 1 - x)
    f.minimize(y)
    m.minimize(-y)
    return m


@case(0.5)
def equations_only():
    """``min_y y'y, y0 + y1 = x``, free: y = (x, x)/2.

    Leader ``min (x - 1)^2 + y0 + 1/16``: x = 3/4, 1/16 + 3/8 + 1/16.
    """
    m, x, f = start("equations")
    y = f.var("y", 2)
    f.add(y.sum() == x)
    f.minimize(y @ y)
    m.minimize((x - 1) ** 2 + y[0] + 1 / 16)
    return m


@case(-1.0)
def no_row_at_all():
    """``min_y (y - x)^2``: y = x. Leader ``min x^2 - 2 y``: -1 at x = 1."""
    m, x, f = start("bare")
    y = f.var("y")
    f.minimize((y - x) ** 2)
    m.minimize(x * x - 2 * y)
    return m


@case(2.0)
def zero_cost():
    """``min_y 0, 0 <= y <= 1, y <= x``: the leader chooses y too. ``min (x - 3)^2 + (y - x)^2``: x = 2, y = 1, 2."""
    m, x, f = start("indifferent")
    y = f.var("y", lb=0, ub=1)
    f.add(y <= x)
    f.minimize(0 * y)
    m.minimize((x - 3) ** 2 + (y - x) ** 2)
    return m


@case(-3.0)
def cost_of_zero():
    """A follower whose cost is zero: ``0 <= y <= 3``. Leader ``min x - y``: -3."""
    m, x, f = start("silent")
    y = f.var("y", lb=0, ub=3)
    f.minimize(0)
    m.minimize(x - y)
    return m


@case(-2.0)
def no_column_at_all():
    """A follower without variables. Leader ``min -x``: -2."""
    m, x, f = start("nobody")
    f.minimize(0)
    m.minimize(-x)
    return m
