"""Plants and lines that are built: no plan is cheaper, and what a merchant earns is what the market pays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("expansion")
LINES = {"case": "case5", "buses": (), "corridors": ("1-3", "2-5"), "line_x": 0.03, "line_capital": 4.0}
PLANTS = {"case": "case5", "buses": (2, 3), "sizes": (1.0, 2.0)}


def cleared(game: kg.Bilevel, size: np.ndarray, line: np.ndarray, w: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the cost of state w, its prices and the outputs of the new plants, by an LP of SciPy."""
    p, k, built = game.parameters, game.grid, np.flatnonzero(line)
    load, out = p.levels[w] * k.load, np.hstack([k.incidence, game.out[:, built]])
    x = np.concatenate([k.x, np.full(len(built), p.line_x)])
    limit = np.concatenate([k.limit, np.full(len(built), p.line_limit)])
    first = len(k.c) + len(load) + len(size)
    angle = len(load)
    A = np.vstack([
        np.hstack([k.plants, np.eye(angle), game.place, -out, np.zeros((angle, angle))]),
        np.hstack([np.zeros((len(x), first)), -np.eye(len(x)), out.T / x[:, None]]),
    ])  # fmt: skip
    side = np.concatenate([load, np.zeros(len(x))])
    most = np.concatenate([k.most, load, size])
    bounds = [(0, top) for top in most] + [(-top, top) for top in limit] + [(0, 0)] + [(-0.6, 0.6)] * (angle - 1)
    cost = np.concatenate([k.c, np.full(angle, p.voll), np.full(len(size), p.cost), np.zeros(len(x) + angle)])
    market = linprog(cost, A_eq=A, b_eq=side, bounds=bounds, method="highs")
    return market.fun, market.eqlin.marginals[:angle], market.x[first - len(size) : first]


def plans(game: kg.Bilevel):
    """Yield every plan: sizes of the plants, lines, capital."""
    p = game.parameters
    sizes = (0.0, *p.sizes)
    for size in itertools.product(sizes, repeat=len(p.buses)):
        for line in itertools.product((0, 1), repeat=len(p.corridors)):
            yield np.array(size), np.array(line), p.capital * sum(size) + p.line_capital * sum(line)


@pytest.mark.parametrize("given", [PLANTS, LINES, {**PLANTS, "corridors": ("1-3",), "line_x": 0.03}])
def test_no_plan_is_cheaper(given):
    game = model.build(investor="planner", **given)
    result = kg.optimize(game, time_limit=60)
    weights = game.parameters.weights
    least = min(
        capital + sum(weight * cleared(game, size, line, w)[0] for w, weight in enumerate(weights))
        for size, line, capital in plans(game)
    )
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(least, rel=1e-7)


def test_a_merchant_earns_what_the_best_plan_earns():
    game = model.build(**{**PLANTS, "sizes": (1.0,)})
    result, p = kg.optimize(game, time_limit=60), game.parameters

    def profit(size: np.ndarray, line: np.ndarray, capital: float) -> float:
        total = -capital
        for w, weight in enumerate(p.weights):
            _, price, new = cleared(game, size, line, w)
            total += weight * (price[game.grid.at(p.buses)] - p.cost) @ new
        return total

    plan = [np.round(result.solution[game.built]) @ np.array(p.sizes), np.zeros(0)]
    assert result.report.claim == "optimal"
    assert max(profit(*one) for one in plans(game)) <= result.solution.objective + 1e-6  # ties are the leader's
    earned = profit(*plan, p.capital * plan[0].sum())
    assert earned == pytest.approx(result.solution.objective, abs=1e-5)


def test_strategic_offers_earn_no_less():
    few = {**PLANTS, "sizes": (1.0,), "levels": (0.9,), "weights": (1.0,)}
    one, two = (kg.optimize(model.build(investor=who, **few), time_limit=60) for who in ("merchant", "strategic"))
    assert two.solution.objective >= one.solution.objective - 1e-6


def test_the_report_says_what_is_built():
    result = kg.optimize(model.build(investor="planner", **LINES), time_limit=60)
    assert "planner investor" in str(model.report(result))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"buses": (), "corridors": ()}, "nothing to build"),
        ({"corridors": ("1to2",)}, "two buses"),
        ({"weights": (1.0,)}, "1 weights and 3 levels"),
        ({"investor": "state"}, "investor is 'state'"),
        ({"network": False, "corridors": ("1-3",)}, "need network"),
    ],
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
