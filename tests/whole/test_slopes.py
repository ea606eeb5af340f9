"""Costs of very different sizes in one follower: the small ones decide as the large ones do."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

LIMIT = 20


def indifferent(count, large, small):
    """The driver pays ``large`` for every w and gains ``small`` on y <= 4 - x, y <= 3: y = min(3, 4 - x).

    The leader's x + y is largest, 4, for x in [1, 4]; as it minimises y - x over x <= 3 the answer is y - x = -2.
    """
    m = kg.Bilevel("indifferent")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("f")
    y, w = f.var("y", lb=0, ub=3), f.var("w", count, lb=0, ub=3)
    f.minimize(large * w.sum() - small * y)
    f.add(y <= 4 - x)
    m.minimize(y - x)
    return m, y


@pytest.mark.parametrize("count", [1, 5, 30])
@pytest.mark.parametrize(
    ("large", "small"), [(1e3, 1e-3), (1.1e3, 1e-3), (1e4, 1e-3), (1e5, 1e-3), (1e6, 1e-2), (1e4, 1e-6)]
)
def test_a_small_cost_beside_many_large_ones(count, large, small):
    m, y = indifferent(count, large, small)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(-2, abs=1e-5), str(found.report)
    assert found.solution[y] == pytest.approx(1, abs=1e-5)
    wrong = found.solution.z[: kg.kkt(m).n].copy()
    wrong[y.cols] = 0.5
    wrong[kg.kkt(m).space.is_price] = np.nan
    assert not kg.verify(m, wrong).ok


@pytest.mark.parametrize("curvature", [1.0, 0.1, 0.01])
def test_a_curved_cost_and_a_response_beside_its_lowest_point(curvature):
    m = kg.Bilevel("curved")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=-10, ub=10)
    f.minimize(0.5 * curvature * (y - 1) @ (y - 1))
    m.minimize(x - y)
    z = np.full(kg.kkt(m).n, np.nan)
    z[x.cols], z[y.cols] = 0, 1
    assert kg.verify(m, z).ok
    z[y.cols] = 1 + 1e-9
    assert kg.verify(m, z).ok
    z[y.cols] = 1 + 2e-3
    assert not kg.verify(m, z).ok


@pytest.mark.parametrize("apart", [1e9, 1e12, 1e15, 1e18])
def test_costs_that_are_too_far_apart_for_solvers_are_told(apart):
    m, y = indifferent(3, apart, 1e-2)
    found = kg.optimize(m, time_limit=LIMIT)
    told = "1e9 apart" in str(kg.kkt(m).notes)
    assert found.report.claim != "optimal" or abs(found.solution.objective + 2) < 1e-5
    assert told == (apart >= 1e15)
    assert not told or found.report.claim != "optimal"


@pytest.mark.parametrize("noise", [1e-11, -1e-11, 1e-17, -1e-17, 5e-16])
@pytest.mark.parametrize("far", [np.inf, 1e15])
def test_rounding_errors_instead_of_zeros_in_bounds_and_sides(noise, far):
    """The answer y = x is worth 16 at x = 8."""
    m = kg.Bilevel("noise")
    x = m.var("x", lb=noise, ub=8)
    f = m.follower("f")
    y, w = f.var("y", lb=noise, ub=8), f.var("w", lb=noise / 1e6, ub=far)
    f.minimize(2 * y + 0.1 * y @ y + w)
    f.add(y >= x + (0.1 + 0.2 - 0.3), w >= noise / 1e6)
    m.maximize(x + y)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(16, rel=1e-6)
    assert found.report.claim == "optimal", str(found.report)
    assert kg.explain(m, time_limit=LIMIT).kind == "feasible"


@pytest.mark.parametrize("size", [1.0, 1e5, 1e7])
@pytest.mark.parametrize("far", [1e15, 1e20, np.inf])
def test_explanations_take_far_bounds_for_none_in_all_units(size, far):
    """Where ``w <= v - 2`` is all that holds w, -w has no least value, whatever stands for no bound."""
    m = kg.Bilevel("far")
    x = m.var("x", lb=0, ub=8 * size)
    f = m.follower("f")
    v, w = f.var("v", lb=0, ub=far), f.var("w", lb=0, ub=far)
    f.minimize(-w / size)
    f.add(x / size - v / size - 2 * w / size <= 1, w / size - v / size <= -2)
    m.maximize(5 * x / size - 4 * w / size)
    found, why = kg.optimize(m, time_limit=LIMIT), kg.explain(m, time_limit=LIMIT)
    assert (found.report.claim == "infeasible") <= (why.kind != "feasible")
    assert (why.kind == "feasible") <= (found.report.claim in ("optimal", "bilevel-feasible", "unverified"))
    if far >= 1e20:
        assert found.report.claim != "optimal"
        assert why.kind in ("no_response", "follower_unbounded")
