"""Points of problems with integer followers: what verification accepts, what it objects to, and the range over ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from integer_followers import all_integer

import kktgen as kg
from kktgen.reformulate.responses.parts import parts_of
from kktgen.verification.mixed import continued, reply


def plants(curve=0.0):
    """Return two plants to switch on at the leader's price: costs 3 and 3 where they tie."""
    m = kg.Bilevel("plants")
    price = m.var("price", lb=0, ub=9)
    f = m.follower("plants")
    on, g = f.var("on", 2, kind="B"), f.var("g", 2, lb=0, ub=2)
    f.add(g <= 2 * on, name="range")
    f.add(on.sum() <= 1, name="one")
    f.minimize(kg.sum([4 * on.sum() + g.sum() - price @ g.sum(), *([curve * (g @ g)] if curve else [])]))
    m.maximize([5, 3] @ g - price @ g.sum())
    return m, price, on, g


def test_a_right_response_holds_and_wrong_ones_do_not():
    m, *_ = plants()
    right = {"price": 4, "plants.on": [1, 0], "plants.g": [2, 0]}
    assert kg.verify(m, right).claim == "bilevel-feasible"
    for change, line in (
        ({"plants.on": [0, 0], "plants.g": [0, 0]}, "follower gap(plants)"),  # running pays 2
        ({"plants.g": [1.5, 0]}, "follower gap(plants)"),
        ({"plants.on": [1, 1], "plants.g": [2, 2]}, "primal(plants)"),
        ({"plants.on": [0.5, 0.5]}, "integrality"),
        ({"price": 9.5}, "leader bounds"),
    ):
        report = kg.verify(m, right | change)
        assert report.claim == "unverified"
        assert line in {failing.name for failing in report.failing}


def test_the_optimum_of_another_problem_is_none_of_this_one():
    m, *_ = plants()
    other, *_ = plants(0.5)  # other costs of the follower, the same rows
    result = kg.optimize(other, time_limit=60)
    report = kg.verify(m, result.solution)
    assert report.claim != "optimal"
    assert "another problem" in report.reasons[0]


def test_a_weak_bound_is_no_optimum():
    m, *_ = plants()
    found = kg.solve(kg.master(m), "highs")
    report = kg.verify(m, found)
    assert report.claim in ("unverified", "bilevel-feasible")


def test_the_range_is_that_of_all_ties():
    m, price, on, g = plants()
    point = {"price": 4, "plants.on": [1, 0], "plants.g": [2, 0]}
    ties = kg.verify(m, point, range=True).range
    assert ties.best == pytest.approx(2 * (5 - 4), abs=1e-4)
    assert ties.worst == pytest.approx(2 * (3 - 4), abs=1e-4)
    assert ties.ties_feasible
    m.add(g[1] <= 1, name="cap")
    ties = kg.verify(m, point, range=True).range
    assert not ties.ties_feasible and ties.row == "cap" and ties.violation == pytest.approx(1)


@pytest.mark.parametrize("seed", range(3))
def test_the_range_of_integers_agrees_with_brute_force(seed):
    case = all_integer(seed)
    m = case.build()
    result = kg.optimize(m, time_limit=60, range=True)
    x = np.round(result.solution[m.variable("x")])
    every = [np.array(y, dtype=float) for y in itertools.product(range(4), repeat=4)]
    able = [y for y in every if (case.G @ y + case.H @ x <= case.h + 1e-9).all()]
    least = min(case.q @ y for y in able)
    values = [case.c @ x + case.d @ y for y in able if case.q @ y <= least + 1e-9]
    assert result.report.range.best == pytest.approx(min(values))
    assert result.report.range.worst == pytest.approx(max(values))


def test_what_a_flat_cost_hides_is_worth_nothing():
    m, *_ = plants(1e-6)
    point = {"price": 3.000002, "plants.on": [1, 0], "plants.g": [0.5, 0]}  # cost 1e-6 g^2 - 2e-6 g: g = 1
    report = kg.verify(m, point | {"plants.on": [0, 0], "plants.g": [0, 0]})
    assert report.ok  # nothing is switched on there
    m = kg.Bilevel("flat")
    price = m.var("price", lb=0, ub=9)
    f = m.follower("f")
    on, g = f.var("on", kind="B"), f.var("g", lb=0, ub=2)
    f.add(g <= 2 * on)
    f.minimize(1e-6 * (g - 1) ** 2 - on + price * on)
    m.maximize(g - price)
    report = kg.verify(m, {"price": 0, "f.on": 1, "f.g": 1.5})
    assert [line.name for line in report.failing] == ["worth(f)"]
    assert kg.verify(m, {"price": 0, "f.on": 1, "f.g": 1}).ok
    assert kg.optimize(m, time_limit=60).solution.objective == pytest.approx(1, abs=1e-4)


def test_replies_agree_with_brute_force():
    case = all_integer(4)
    (part,) = parts_of(case.build())
    for x in case.whole[:20]:
        found = reply(part.qp, part.whole, x)
        every = [np.array(y, dtype=float) for y in itertools.product(range(4), repeat=4)]
        costs = [case.q @ y for y in every if (case.G @ y + case.H @ x <= case.h + 1e-9).all()]
        assert (found.y is None) == (not costs)
        if costs:
            assert found.value == pytest.approx(min(costs))
            assert continued(part.qp, part.whole, found.y, x) == pytest.approx(found.y)


def test_a_late_verification_does_not_hold():
    m, *_ = plants()
    report = kg.verify(m, {"price": 4, "plants.on": [1, 0], "plants.g": [2, 0]}, time_limit=0.0)
    assert report.claim == "unverified"
    assert any("not re-solved" in reason for reason in report.reasons)


@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0, 1e6])
def test_the_size_of_a_cost_hides_nothing(size):
    m = kg.Bilevel("tiny")
    price = m.var("price", lb=0, ub=9)
    f = m.follower("plant")
    on = f.var("on", kind="B")
    f.minimize(size * (5 * on - price * on))
    m.maximize(8 * on - price * on)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(3, abs=1e-4)
