"""What ties columns together: every kind of row, set and product, and nothing else."""

import numpy as np
import pytest

import kktgen as kg
from kktgen.problem.restricted import restricted
from kktgen.reformulate.independent_parts import MOST, groups_of, holding_pairs, parts_of


def hours(count=3):
    """Return hours of a market that nothing ties, with the leader's columns and the follower's."""
    m = kg.Bilevel("hours")
    x, on = m.var("x", count, lb=0, ub=9), m.var("on", count, kind="B")
    market = m.follower("market")
    y = market.var("y", count, lb=0, ub=9)
    need = market.add(y + x >= 3 * on, name="need")
    market.minimize(y.sum() + y @ y)
    m.minimize(x.sum() + 2 * y.sum() - on.sum())
    return m, x, on, y, need, market


def count(m):
    return len(np.unique(parts_of(m)))


def test_hours_without_a_tie_are_parts():
    m, *_ = hours()
    assert parts_of(m)[:9].tolist() == [0, 1, 2] * 3
    assert holding_pairs(m, parts_of(m)) == count(m) == 3


@pytest.mark.parametrize(
    "tie",
    [
        lambda m, x, on, y, need, f: m.add(on.sum() <= 2),
        lambda m, x, on, y, need, f: m.add(x[0] + y[1] + need.dual[2] <= 90),
        lambda m, x, on, y, need, f: m.add(x @ x <= 50),
        lambda m, x, on, y, need, f: m.sos1(x),
        lambda m, x, on, y, need, f: m.indicator(on[0], 1, x[1:] <= 5),
        lambda m, x, on, y, need, f: m.minimize((x.sum() - 3) ** 2),
        lambda m, x, on, y, need, f: m.minimize(need.dual @ x + need.dual[0] * x[1] + need.dual[1] * x[2]),
        lambda m, x, on, y, need, f: f.add(y.sum() <= 20),
        lambda m, x, on, y, need, f: f.add(y[0] <= 8 * x[1] + x[2]),
        lambda m, x, on, y, need, f: f.add(y[0] >= x[1] * x[2]),
        lambda m, x, on, y, need, f: f.add(y[0] <= on[1] * y[2]),
        lambda m, x, on, y, need, f: f.add(y[:2] <= 4, when=on[2]),
        lambda m, x, on, y, need, f: f.minimize((y.sum() - 1) ** 2),
        lambda m, x, on, y, need, f: f.minimize(x[0] * y[1] + x[1] * y[2] + x[2] * y[2] + y @ y),
    ],
    ids=["cardinality", "leader row", "quadratic row", "set", "indicator", "objective", "multipliers in the objective",
         "follower row", "row with leader", "term", "product", "condition", "cost", "product in a cost"],
)  # fmt: skip
def test_a_tie_joins(tie):
    problem = hours()
    tie(*problem)
    assert count(problem[0]) == 1


def test_a_nash_coupling_joins_and_constants_of_a_cost_do_not():
    def game(cross):
        m = kg.Bilevel("game")
        x = m.var("x", 2, lb=0, ub=1)
        a, b = m.follower("a"), m.follower("b")
        u, v = a.var("u", lb=0, ub=5), b.var("v", lb=0, ub=5)
        a.minimize((u - x[0]) ** 2 + cross * u * v + x[0] * x[1])
        b.minimize((v - x[1]) ** 2)
        m.minimize(u + v)
        return m

    assert (count(game(0.0)), count(game(1.0))) == (2, 1)


def test_leader_columns_in_no_row_are_one_part_together():
    m, *_ = hours()
    m.var("spare", 4, lb=0, ub=1)
    assert parts_of(m)[-4:].tolist() == [3] * 4
    assert holding_pairs(m, parts_of(m)) == 3


def test_a_row_that_excludes_every_point_keeps_all_in_one():
    m, x, *_ = hours()
    m.add(kg.Quad.of(m.space, 5.0) <= 3)
    assert count(m) == 1


def test_many_parts_are_taken_together():
    m, *_ = hours(MOST + 37)
    label = parts_of(m)
    assert count(m) == MOST + 37
    assert len(np.unique(groups_of(m, label, 0))) == MOST
    assert len(np.unique(groups_of(m, label, 0, 7))) == 7


def test_small_parts_are_neighbours_in_groups_and_large_ones_stay():
    m, x, on, y, need, market = hours(30)
    market.add(y[8:20] >= 0.1 * y[7:19])  # hours 7 to 19 are one part of 13 * 3 + 12 pairs
    m.var("spare", 2, lb=0, ub=1)
    label = parts_of(m)
    assert len(np.unique(label)) == 7 + 1 + 10 + 1
    group = groups_of(m, label, 20)
    assert group[:30].tolist() == [0] * 7 + [1] * 13 + [0] * 2 + [2] * 8
    assert group[-2:].tolist() == [3, 3]
    assert groups_of(m, label, 1000)[:30].tolist() == [0] * 30
    assert (groups_of(m, label, 0) == label).all()
    each = [np.unique(group[label == part]) for part in np.unique(label)]
    assert all(len(one) == 1 for one in each)  # no part is torn apart


def test_a_part_is_a_problem_of_its_own():
    m, x, on, y, *_ = hours()
    part = restricted(m, np.flatnonzero(parts_of(m) == 1))
    names = [part.space.label(k) for k in range(len(part.space))]
    assert names == ["x(1)", "on(1)", "y(market,1)", "mu_lb(market,y,1)", "mu_ub(market,y,1)", "mu(market,need,1)"]
    assert len(kg.kkt(part).pairs) == 3
