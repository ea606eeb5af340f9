"""Offers to a market on a network: no offer of a grid earns more, and what is earned is that of the market's LP."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("dc_market")


def earned(game: kg.Bilevel, offer: np.ndarray) -> float:
    """Return the profit of one hour at linear costs and given offers of price, by SciPy; ties are left to it."""
    k, own = game.grid, game.own
    cost = np.concatenate([k.c, np.zeros(len(k.x))])
    cost[own] = offer
    A = np.vstack([
        np.hstack([k.plants, -k.incidence]),
        np.hstack([np.zeros((len(k.loops), len(k.c))), k.loops]),
    ])  # fmt: skip
    side = np.concatenate([game.levels[0] * k.load, np.zeros(len(k.loops))])
    bounds = [(0, top) for top in k.most] + [(-top, top) for top in k.limit]
    market = linprog(cost, A_eq=A, b_eq=side, bounds=bounds, method="highs")
    price = k.plants.T @ market.eqlin.marginals[: len(k.bus)]
    return float((price[own] - k.c[own]) @ market.x[own])


def test_no_price_of_a_grid_earns_more():
    game = model.build(case="case5", own=(5,), cap=60.0)
    result = kg.optimize(game, time_limit=60)
    offers = np.linspace(0, 60, 241)
    best = max(earned(game, offer) for offer in offers)
    assert result.report.claim == "optimal"
    assert best <= result.solution.objective + 1e-6
    assert result.solution.objective <= best + 0.25 * game.grid.most[4]  # what a step of the offer is worth at most
    below = result.solution[game.offer] - 1e-4  # the leader wins ties
    assert earned(game, below) == pytest.approx(result.solution.objective, abs=1e-2)


def clearing(k, most: np.ndarray, load: float) -> tuple[float, np.ndarray]:
    """Return price and outputs of a market in one place with quadratic costs, by bisection."""
    low, high = 0.0, 1000.0
    for _ in range(100):
        middle = (low + high) / 2
        g = np.clip((middle - k.c) / (2 * k.a), 0, most)
        low, high = (middle, high) if g.sum() < load else (low, middle)
    return low, g


def test_no_quantity_of_a_grid_earns_more():
    game = model.build(case="case6ww", own=(2,), offers="quantities", lines=50.0)
    result = kg.optimize(game, time_limit=60)
    k, values = game.grid, []
    for q in np.linspace(0, k.most[1], 301):
        price, g = clearing(k, np.array([k.most[0], q, k.most[2]]), k.total)
        values.append(price * g[1] - k.c[1] * g[1] - k.a[1] * g[1] ** 2)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(max(values), rel=1e-3)
    assert result.solution.objective >= max(values) - 1e-6


def test_hourly_offers_earn_what_every_hour_earns_alone():
    game = model.build(case="case5", own=(5,), hours=2, hourly=True, cap=60.0)
    result = kg.optimize(game, time_limit=60)
    alone = [kg.optimize(model.build(case="case5", own=(5,), cap=60.0, load=s), time_limit=60) for s in game.levels]
    assert [one.report.claim for one in alone] == ["optimal"] * 2
    assert result.solution.objective == pytest.approx(sum(one.solution.objective for one in alone), abs=1e-6)
    common = kg.optimize(model.build(case="case5", own=(5,), hours=2, cap=60.0), time_limit=60)
    assert common.solution.objective <= result.solution.objective + 1e-6


def test_flows_round_loops_are_those_of_angles():
    k = model.grids.grid("case14")
    assert not (k.incidence @ model.grids.loops(k.incidence).T).any()
    angle = np.arange(len(k.bus)) ** 2 % 7
    assert abs(k.loops @ (k.incidence.T @ angle / k.x)).max() < 1e-12
    assert len(k.loops) == len(k.line) - len(k.bus) + 1


def test_the_report_and_the_plots_name_the_plants():
    result = kg.optimize(model.build(case="case5", own=(5,), hours=2, cap=60.0), time_limit=60)
    assert "The own plants" in str(model.report(result))
    drawn = model.plots(result)
    assert set(drawn) == set(model.PLOTS)
    assert drawn["output"]["panels"][0]["series"][0]["label"] == "plant 5"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"own": (9,)}, "no plant 9"),
        ({"own": (1, 1)}, "none twice"),
        ({"hours": 30}, "hours is 30"),
        ({"offers": "both"}, "offers is 'both'"),
        ({"case": "case4"}, "no grid 'case4'"),
    ],
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
