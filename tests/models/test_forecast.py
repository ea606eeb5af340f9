"""Forecasts for newsvendors: the plan in closed form, and the best level and slope by a scan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_model

model = load_model("forecast")


def cost(game, level: float, slope: float) -> float:
    """Return the cost a day of one product: the newsvendor buys its forecast, the rest comes back."""
    before, after = game.demand[:-1, 0], game.demand[1:, 0]
    bought = np.clip(level + slope * before, 0.0, game.budget)
    if (level + slope * before < 0).any():
        return np.inf  # no plan sells less than nothing
    sold = np.minimum(bought, after)
    return float(np.mean(game.buy[0] * bought - game.price[0] * sold - game.back[0] * (bought - sold)))


@pytest.mark.parametrize("days", [2, 4])
def test_the_best_forecast_of_one_product_is_that_of_a_scan(days):
    game = model.build(products=1, days=days)
    result = kg.optimize(game, time_limit=40)
    assert result.report.claim == "optimal"
    value = result.solution.objective
    level, slope = float(result.solution[game.level][0]), float(result.solution[game.slope][0])
    assert cost(game, level, slope) == pytest.approx(value, abs=1e-5)
    grid = itertools.product(np.linspace(0, 10, 201), np.linspace(-1, 1, 81))
    best = min(cost(game, *one) for one in grid)
    assert value - 1e-6 <= best <= value + 0.05


def test_products_without_a_binding_budget_are_independent():
    both = kg.optimize(model.build(products=2, days=3), time_limit=40)
    one = kg.optimize(model.build(products=1, days=3), time_limit=40)
    assert both.report.claim == one.report.claim == "optimal"
    assert both.solution.objective < one.solution.objective
    assert "least squares" in str(model.report(both))


def test_a_budget_costs():
    free, short = (
        kg.optimize(model.build(products=2, days=3, budget=budget), time_limit=40).solution.objective
        for budget in (None, 6.0)
    )
    assert short > free


def test_the_demand_is_the_stored_one():
    demand = model.table()
    assert demand.shape == (200, 10)
    assert (demand[0] == 1).all() and (demand >= 0).all()
    assert np.allclose(demand[50:].mean(), 10.0, atol=0.3)


@pytest.mark.parametrize("wrong", [{"products": 11}, {"days": 0}, {"budget": 0.0}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="forecast: "):
        model.build(**wrong)
