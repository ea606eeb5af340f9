"""A small change of the leader's decision that settles the followers' ties."""

from __future__ import annotations

import numpy as np
import pytest
from found import instance_answer

import kktgen as kg
from kktgen.model.kkt import kkt
from kktgen.recipes.robust.steps import settled, tilted
from kktgen.verification.ties.value_range import span


def toll(most=2.0, cap=3.0):
    """A toll road against a free road that costs 2: at toll 2 drivers do not care, the leader does."""
    m = kg.Bilevel("toll")
    x = m.var("toll", lb=0, ub=cap)
    f = m.follower("driver")
    y = f.var("road", lb=0, ub=1)
    f.minimize(x @ y - most * y)
    m.maximize(x @ y)
    return m, x, y


def test_a_toll_just_below_the_tie():
    m, x, y = toll()
    solution = kg.optimize(m).solution
    found = kg.robust(m, solution, margin=1e-4)
    assert (found.before.best, found.before.worst) == pytest.approx((2, 0), abs=1e-6)
    assert found.range.worst == pytest.approx(2 - found.margin, abs=1e-9)
    assert 0 < found.margin <= 1e-4
    assert found.solution[x] == pytest.approx(2 - found.margin, abs=1e-9)
    assert found.solution[y] == pytest.approx(1)
    assert found.price == pytest.approx(found.margin, rel=1e-3)
    assert found.recovered == pytest.approx(1, abs=1e-4)
    assert found.report.ok
    assert found.report.range is found.range
    assert "price of robustness 1e-06: 100 % of the range is recovered" in str(found)


@pytest.mark.parametrize("move", [settled, tilted])
def test_each_move_alone_settles_the_toll(move):
    m, x, y = toll()
    z = kg.optimize(m).solution.z[: len(m.space)]
    model = kkt(m)
    tie = span(model, z)
    moved = move(model, tie.best_point, [tie.worst_point], 1e-3)
    assert moved[x.cols] == pytest.approx(2 - 1e-3, abs=1e-9)
    assert np.abs(moved - tie.best_point)[x.cols] <= 1e-3 * (1 + 1e-9)


def test_settled_is_a_kkt_point():
    m, _, y = toll()
    z = kg.optimize(m).solution.z[: len(m.space)]
    tie = span(kkt(m), z)
    report = kg.verify(m, settled(kkt(m), tie.best_point, [tie.worst_point], 1e-3), range=True)
    assert report.ok
    assert all(line.ok for line in report.lines)
    assert report.range.width == pytest.approx(0, abs=1e-9)


def test_settled_keeps_to_the_bounds():
    m, x, _ = toll()
    m.space.lb[x.cols] = 2.0
    tie = span(kkt(m), kg.optimize(m).solution.z[: len(m.space)])
    moved = settled(kkt(m), tie.best_point, [tie.worst_point], 1e-3)
    assert moved[x.cols] == pytest.approx(2)
    assert all(line.ok for line in kg.verify(m, moved).lines)


def test_bounds_and_rows_of_the_leader_hold():
    """The toll may not fall below 2 (a bound, then a row): nothing helps."""
    for row in (False, True):
        m, x, y = toll()
        if row:
            m.add(x >= 2, name="least")
        else:
            m.space.lb[x.cols] = 2.0
        found = kg.robust(m, kg.optimize(m).solution)
        assert found.margin == 0
        assert found.range.worst == pytest.approx(0, abs=1e-9)
        assert "no small change helps" in str(found)
        assert found.solution[x] == pytest.approx(2)


def test_a_settled_response_needs_no_change():
    m = kg.Bilevel("unique")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=9)
    f.minimize(y @ y - x @ y)
    m.maximize(3 * y - x)
    found = kg.robust(m, kg.optimize(m).solution)
    assert found.margin == 0
    assert found.tried == ()
    assert "no change is needed" in str(found)


def test_a_tie_no_decision_touches():
    m = kg.Bilevel("deaf")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=1)
    f.minimize(0.5 * y[0] - x @ y[0] + 0 * y[1])
    m.maximize(y[1] - x)
    solution = kg.optimize(m).solution
    found = kg.robust(m, solution)
    assert (found.before.best, found.before.worst) == pytest.approx((1, 0), abs=1e-6)
    assert found.margin == 0
    assert found.solution is solution


def test_a_leader_that_minimises():
    """A subsidy of 1 moves the follower; just above it does so for sure."""
    m = kg.Bilevel("subsidy")
    x = m.var("subsidy", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(y - x @ y)
    m.minimize(x - 3 * y)
    found = kg.robust(m, kg.optimize(m).solution, margin=1e-3)
    assert (found.before.best, found.before.worst) == pytest.approx((-2, 1), abs=1e-6)
    assert found.range.worst == pytest.approx(-2 + found.margin, abs=1e-8)


def test_what_is_refused():
    m, x, y = toll()
    solution = kg.optimize(m).solution
    with pytest.raises(kg.ProblemError, match="margin"):
        kg.robust(m, solution, margin=0)
    z = solution.z.copy()
    z[y.cols] = 5.0
    with pytest.raises(kg.ProblemError, match="fails verification"):
        kg.robust(m, z)
    z = solution.z[: len(m.space)].copy()
    z[np.isin(m.space.role, ["lam", "mu"])] = np.nan
    z[x.cols] = 1.5
    with pytest.raises(kg.ProblemError, match="multipliers"):
        kg.robust(m, z)


def test_a_nash_game_is_refused():
    m = kg.Bilevel("nash")
    t = m.var("t", lb=0, ub=10)
    firms = [m.follower("a"), m.follower("b")]
    q = [f.var("q", lb=0) for f in firms]
    for k, f in enumerate(firms):
        f.minimize(q[k] * q[k] + q[k] * q[1 - k] - 10 * q[k] + t * q[k])
    m.maximize(t * q[0] + t * q[1])
    with pytest.raises(kg.UnsupportedError, match="Nash"):
        kg.robust(m, kg.optimize(m).solution)


def solved(name):
    m, result = instance_answer(name)
    return m, result.solution


def test_the_short_flagship():
    m, solution = solved("dso_vpp/short")
    found = kg.robust(m, solution)
    assert found.before.worst == pytest.approx(0.411444, abs=1e-5)
    assert found.range.worst == pytest.approx(1.331444, abs=2e-5)
    assert found.recovered > 0.999
    assert found.report.ok


@pytest.mark.slow
def test_the_published_flagship():
    m, solution = solved("dso_vpp/published")
    found = kg.robust(m, solution)
    assert found.before.worst == pytest.approx(3.0631, abs=1e-3)
    assert found.range.worst > 11.3382
    assert found.report.ok


@pytest.mark.slow
def test_no_small_change_settles_the_linear_carbon_game():
    m, solution = solved("carbon_vpp/short_linear")
    found = kg.robust(m, solution)
    assert found.range.worst >= found.before.worst
    assert found.report.ok


def test_a_price_that_a_little_less_supply_settles():
    """Supply x and a rival's 40 just meet a demand of 100 at x = 60: the price is in [20, 30], with less x it is 30."""
    m = kg.Bilevel("withhold")
    x = m.var("supply", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 2, lb=0, ub=[40, 50])
    balance = f.add(g.sum() + x == 100, name="balance")
    f.minimize(20 * g[0] + 30 * g[1])
    m.add(balance.dual <= 50, name="sane")
    m.maximize(balance.dual @ x)
    found = kg.robust(m, kg.optimize(m).solution)
    assert (found.before.best, found.before.worst) == pytest.approx((1800, 1200))
    assert found.range.worst == pytest.approx(30 * (60 - found.margin), abs=1e-6)
    assert found.solution[balance.dual] == pytest.approx(30)
