"""Leader's columns with equal bounds are constants: their products are linear terms, in every stage."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

LIMIT = 30


class Number(float):
    """A number that may stand left of ``@``, as a column may."""

    def __matmul__(self, other):
        return float(self) * other


def market(rival, cap, demand=None):
    """A producer offers, a rival bids 20 for up to ``cap``; without ``demand`` it falls with the price.

    ``rival`` and ``demand`` are made by the function they are called with: a number, or a column.
    """
    m = kg.Bilevel("market")
    offer = m.var("offer", lb=0, ub=40)
    f = m.follower("market")
    g = f.var("g", 2, lb=0, ub=[30, cap])
    if demand is None:
        d = f.var("d", lb=0)
        balance = f.add(g.sum() - d == 0, name="balance")
        served = -40 * d + 0.2 * d @ d
    else:
        balance = f.add(g.sum() == demand(m), name="balance")
        served = 0.0
    f.minimize(offer @ g[0] + rival(m) @ g[1] + 0.1 * g[1] @ g[1] + served)
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m


def column(name, value, **kind):
    return lambda m: m.var(name, lb=value, ub=value, **kind)


def products(model):
    return len(model.objective.canonical().v)


CASES = {
    "a rival's bid": (lambda: market(lambda m: Number(20), 50), lambda: market(column("rival", 20), 50)),
    "an integer bid": (lambda: market(lambda m: Number(20), 50), lambda: market(column("rival", 20, kind="I"), 50)),
    "a demand": (
        lambda: market(lambda m: Number(20), 50, lambda m: 60.0),
        lambda: market(column("rival", 20), 50, column("demand", 60)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_constant_column_is_the_number_it_holds(name):
    number, columns = (make() for make in CASES[name])
    plain, model = (kg.eliminate(kg.kkt(m)) for m in (number, columns))
    assert plain.features == model.features - {"int"} and products(plain) == products(model)
    assert "qobj_nonconvex" not in model.features
    one, other = (kg.optimize(m, time_limit=LIMIT) for m in (number, columns))
    assert one.report.claim == other.report.claim == "optimal"
    assert other.solution.objective == pytest.approx(one.solution.objective, rel=1e-6)
    fixed = columns.space.find("rival")
    assert other.solution.z[fixed] == pytest.approx([20])


def test_bounds_that_are_set_later_make_constants_and_no_longer_make_them():
    m = market(lambda m: m.var("rival", lb=0, ub=30), 50)
    at = m.space.find("rival")
    assert "qobj_nonconvex" in kg.eliminate(kg.kkt(m)).features
    m.space.lb[at] = m.space.ub[at] = 20.0
    fixed = kg.eliminate(kg.kkt(m))
    assert "qobj_nonconvex" not in fixed.features
    expected = kg.optimize(market(lambda m: Number(20), 50), time_limit=LIMIT).solution.objective
    assert kg.optimize(m, time_limit=LIMIT).solution.objective == pytest.approx(expected, rel=1e-6)
    m.space.lb[at], m.space.ub[at] = 0.0, 30.0
    assert "qobj_nonconvex" in kg.eliminate(kg.kkt(m)).features


def test_a_model_whose_constants_get_other_bounds_is_refused():
    m = kg.Bilevel("m")
    x, y = m.var("x", lb=2, ub=2), m.var("y", lb=0, ub=4)
    m.minimize(x * y - y)
    model = kg.kkt(m)
    model.space.ub[x.cols] = 3.0
    with pytest.raises(kg.ProblemError, match="'x' was the constant 2"):
        kg.solve(model, "highs", time_limit=LIMIT)
    with pytest.raises(kg.ProblemError, match="call kg.kkt again"):
        kg.eliminate(model)


def test_a_model_may_be_fixed_after_it_was_made():
    """``kkt`` sees no constant, ``eliminate`` does: bounds of the model count."""
    m = kg.Bilevel("m")
    x, y = m.var("x", lb=0, ub=5), m.var("y", lb=-1, ub=4)
    f = m.follower("f")
    v = f.var("v", lb=0)
    f.minimize(v)
    m.minimize(x * y + v)
    model = kg.kkt(m)
    model.space.lb[x.cols] = 3.0
    model.space.ub[x.cols] = 3.0
    model = kg.eliminate(model)
    assert products(model) == 0
    assert kg.solve(kg.encode(model, kg.SOS1()), "scip", time_limit=LIMIT).objective == pytest.approx(-3)


@pytest.mark.parametrize(
    ("kind", "lb", "ub", "value"), [("C", 2.5, 2.5, 2.5), ("I", 1.5, 2.5, 2.0), ("I", 2, 2, 2.0), ("B", 1, 1, 1.0)]
)
def test_kinds_and_fractional_bounds(kind, lb, ub, value):
    """``min x y + x^2 + y^2 - 8 y`` with x a constant c: ``y = 4 - c / 2``, value ``c^2 - (4 - c / 2)^2``."""
    m = kg.Bilevel("m")
    x, y = m.var("x", lb=lb, ub=ub, kind=kind), m.var("y")
    m.minimize(x * y + x * x + y * y - 8 * y)
    model = kg.kkt(m)
    assert products(model) == 1 and model.objective.r == pytest.approx(value**2)
    found = kg.solve(model, "scip", time_limit=LIMIT)
    assert found.objective == pytest.approx(value**2 - (4 - value / 2) ** 2, abs=1e-5)
    assert found[x] == pytest.approx(value)


def test_rows_with_constant_factors_become_linear():
    """Revenue ``lam d >= 300`` with the demand d = 20 is a row on the price alone."""

    def build(demand):
        m = kg.Bilevel("m")
        d = demand(m)
        f = m.follower("f")
        g = f.var("g", 2, lb=0, ub=[10, 30])
        balance = f.add(g.sum() == d, name="balance")
        t = m.var("t", lb=0, ub=50)
        f.minimize(t @ g[0] + 5 * g[1] + 0.5 * g[1] @ g[1])
        m.add(balance.dual @ d >= 300, name="revenue")
        m.minimize(t + g[1])
        return m

    m = build(lambda m: m.var("d", lb=20, ub=20))
    model = kg.kkt(m)
    assert not len(model.quads)
    assert "revenue" in [b.word for b in model.rows.blocks if b.role == "leader"]
    found = kg.optimize(m, time_limit=LIMIT)
    plain = kg.optimize(build(lambda m: 20 * m.var("one", lb=1, ub=1)), time_limit=LIMIT)
    assert found.report.claim == plain.report.claim == "optimal"
    assert found.solution.objective == pytest.approx(plain.solution.objective, rel=1e-5)
    # price 5 + g1 = 15 asks for g1 = 10 = g0, so the offer may be anything up to 15: 0 is the cheapest
    assert found.solution.objective == pytest.approx(10, abs=1e-4)
    z = found.solution.z.copy()
    z[m.followers[0].qp().lam] = 14.0
    assert not kg.verify(m, z)["leader rows"].ok


def test_strong_duality_takes_constants_for_what_they_are():
    """With the demand a constant the row of an LP follower is linear, so a MILP solver takes it."""

    def build(demand):
        m = kg.Bilevel("m")
        x = m.var("x", lb=0, ub=1, kind="B")
        f = m.follower("f")
        g = f.var("g", 2, lb=0, ub=[4, 9])
        f.add(g.sum() == demand(m) - x)
        f.minimize(g[0] + 3 * g[1])
        m.minimize(g[1] + 0.5 * x)
        return m

    values = [
        kg.solve(kg.encode(kg.bound(kg.kkt(build(demand))), kg.StrongDuality()), "highs", time_limit=LIMIT).objective
        for demand in (lambda m: 6.0, lambda m: m.var("d", lb=6, ub=6))
    ]
    assert values == pytest.approx([1.5, 1.5], abs=1e-6)


def test_random_problems_are_the_same_with_numbers_and_with_constant_columns():
    rng = np.random.default_rng(5)
    for _ in range(3):
        bid, cap, wanted = rng.integers(12, 30), rng.integers(20, 50), rng.integers(20, 50)
        one = market(lambda m, bid=bid: Number(bid), cap, lambda m, w=wanted: float(w))
        other = market(column("rival", bid), cap, column("demand", wanted))
        a, b = (kg.optimize(m, time_limit=LIMIT) for m in (one, other))
        assert a.report.claim == b.report.claim == "optimal"
        assert b.solution.objective == pytest.approx(a.solution.objective, rel=1e-6, abs=1e-6)
