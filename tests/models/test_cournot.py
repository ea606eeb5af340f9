"""Oligopoly with a leader: best responses in turn find the followers' equilibrium, and a scan the leader's optimum."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_instance, load_model
from kktgen.catalog.plots.describe import check

model = load_model("cournot")


def equilibrium(game, x: np.ndarray) -> np.ndarray:
    """Return the followers' sales (n - 1, markets): best responses in turn, the capacity's price by bisection."""
    n, markets = len(game.sales), len(game.size)
    y = np.zeros((n, markets))
    for _ in range(400):
        last = y.copy()
        for i in range(n):
            gain = game.size - game.cost[i + 1] - model.SLOPE * (x + y.sum(axis=0) - y[i])
            best = lambda price, i=i, gain=gain: np.clip(  # noqa: E731
                (gain - price) / (2 * model.SLOPE + game.curve[i + 1]), 0, game.parameters.cap
            )
            low, high = 0.0, float(gain.max(initial=0.0)) + 1.0
            if best(0.0).sum() > game.capacity[i]:
                for _ in range(60):
                    middle = 0.5 * (low + high)
                    low, high = (middle, high) if best(middle).sum() > game.capacity[i] else (low, middle)
            y[i] = best(high if best(0.0).sum() > game.capacity[i] else 0.0)
        if np.abs(y - last).max() < 1e-12:
            break
    return y


def profit(game, x: np.ndarray) -> float:
    price = game.size - model.SLOPE * (x + equilibrium(game, x).sum(axis=0))
    return float((price - game.cost[0]) @ x - 0.5 * game.curve[0] * x @ x)


@pytest.mark.parametrize("given", [{}, {"firms": "drawn", "count": 4, "seed": 2}, {"count": 3, "cap": 12.0}], ids=str)
def test_the_optimum_is_that_of_a_scan(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=40)
    assert result.report.claim == "optimal"
    best = max(profit(game, np.array([x])) for x in np.linspace(0, game.parameters.cap, 301))
    value = result.solution.objective
    assert best <= value + 1e-5 * abs(value)
    assert best >= value - 1e-3 * abs(value)


def test_the_followers_are_in_equilibrium_in_three_markets():
    game = model.build(markets=3, count=4)
    x = np.array([21.0, 17.5, 4.0])
    game.add(game.lead == x)
    result = kg.optimize(game, time_limit=30)
    wanted = equilibrium(game, x)
    for y, one in zip(game.sales, wanted, strict=True):
        assert result.solution[y] == pytest.approx(one, abs=1e-5)
    assert result.solution.objective == pytest.approx(profit(game, x), rel=1e-6)
    assert "price" in str(model.report(result))
    check(model.plots(result)["sales"])


def test_the_instance_of_the_five_firms_has_the_known_value():
    assert load_instance("cournot/five").known["objective"] == pytest.approx(810.0, rel=1e-6)


@pytest.mark.parametrize("wrong", [{"count": 6}, {"markets": 0}, {"cap": 0.0}, {"firms": "six"}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="cournot: "):
        model.build(**wrong)
