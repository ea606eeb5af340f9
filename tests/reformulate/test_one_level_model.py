"""The single-level model of an opposed leader: each of its parts is needed, or another value comes out."""

from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.one_level import asks_boxes, is_tractable, one_level


def supplier():
    """Return a leader who would close a source: at x = 1 nothing serves the demand, and no response is left."""
    m = kg.Bilevel("supplier")
    x = m.var("x", kind="B")
    follower = m.follower("f")
    y = follower.var("y", 2, lb=0, ub=[0.5, 9])
    follower.add(y.sum() >= 1, y[1] <= 1 - x)
    cost = y[0] + 2 * y[1]
    follower.minimize(cost)
    m.maximize(cost + 0.1 * x)
    return m


def closures():
    """Return a leader who closes one of three roads of costs 1, 2, 4 and capacities 4, 3, 9 (6 to be carried)."""
    m = kg.Bilevel("closures")
    x = m.var("x", 3, kind="B")
    m.add(x.sum() <= 1)
    follower = m.follower("f")
    y = follower.var("y", 3, lb=0)
    spill = follower.var("spill", lb=0)
    follower.add(y <= np.array([4.0, 3.0, 9.0]) * (1 - x))
    follower.add(y.sum() + spill == 6)
    cost = np.array([1.0, 2.0, 4.0]) @ y + 10 * spill
    follower.minimize(cost)
    m.maximize(cost)
    return m


RIGHT = 3 * 2 + 3 * 4.0
"""Road 0 closed: 3 by road 1, 3 by road 2."""


def value(model):
    return kg.solve(model, time_limit=20).objective


def test_the_right_values():
    assert value(one_level(kg.bound(kg.kkt(supplier())))) == pytest.approx(1.5)
    assert value(one_level(kg.bound(kg.kkt(closures())))) == pytest.approx(RIGHT)


def test_without_the_primal_rows_decisions_without_a_response_count():
    model = one_level(kg.bound(kg.kkt(supplier())))
    space = model.space.copy()
    own = space.role == "follower"
    space.lb[own], space.ub[own] = -np.inf, np.inf
    dropped = replace(model, rows=model.rows.take(~model.rows.of_role("primal")), space=space)
    assert value(dropped) > 1.55


def test_without_the_dual_rows_there_is_no_bound_on_what_the_follower_pays():
    model = one_level(kg.bound(kg.kkt(closures())))
    dropped = replace(model, rows=model.rows.take(~model.rows.of_role("stationarity")))
    found = kg.solve(dropped, time_limit=20)
    assert found.objective is None or found.objective > RIGHT + 1


def test_a_row_of_a_product_less_lets_its_column_pay_what_it_likes():
    model = one_level(kg.bound(kg.kkt(closures())))
    hull = np.flatnonzero(model.rows.of_role("encoding"))
    assert len(hull)
    values = []
    for row in hull:
        keep = np.ones(len(model.rows), dtype=bool)
        keep[row] = False
        values.append(value(replace(model, rows=model.rows.take(keep))))
    assert max(values) > RIGHT + 0.5
    assert min(values) > RIGHT - 1e-6


def test_a_box_that_is_too_small_loses_the_optimum():
    bounded = kg.bound(kg.kkt(closures()))
    space = bounded.space.copy()
    price = space.is_price
    space.ub[price] *= 0.3
    space.lb[price] *= 0.3
    found = kg.solve(one_level(replace(bounded, space=space)), time_limit=20)
    assert found.objective is None or found.objective < RIGHT - 0.5


def test_models_say_what_they_need():
    m = closures()
    model = kg.kkt(m)
    assert asks_boxes(model)
    assert not is_tractable(one_level(model))  # multipliers without boxes: a product is left
    assert is_tractable(one_level(kg.bound(model)))
    with pytest.raises(kg.ProblemError, match="neither aligned"):
        m.add(m.followers[0].var("extra", lb=0) <= 1)
        one_level(kg.kkt(m))


def test_a_point_of_the_problem_is_completed_to_one_of_the_model():
    m = closures()
    model = one_level(kg.bound(kg.kkt(m)))
    for x in ([0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0]):
        z = kg.search.respond(m, x)
        point = model.complete(z)
        assert model.rows.residual(point).max() < 1e-9
        assert model.value(point) == pytest.approx(kg.kkt(m).value(z))


def test_fixed_decisions_of_the_leader_are_constants():
    m = closures()
    x = m.space.find("x")
    m.space.lb[x[0]] = 1.0
    assert kg.alignment(m) == "opposed"
    assert kg.optimize(m).solution.objective == pytest.approx(RIGHT)
    prices = kg.Bilevel("prices")
    p = prices.var("p", lb=2, ub=2)
    b = prices.var("b", kind="B")
    user = prices.follower("user")
    y = user.var("y", lb=0, ub=3)
    user.add(y >= 1 + b)
    user.minimize(p @ y)
    prices.maximize(p @ y - b)
    assert kg.alignment(prices) == "opposed"
    assert kg.optimize(prices).solution.objective == pytest.approx(3)
