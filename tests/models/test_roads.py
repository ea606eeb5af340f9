"""Tolls and closures: Braess's paradox by hand, and equilibria by supports of paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_model

model = load_model("roads")
PATHS = ["1-3 3-2", "1-4 4-2", "1-3 3-4 4-2"]


def braess(toll: dict[str, float]) -> np.ndarray:
    """Return the flows (arcs,) of six drivers in equilibrium: the used paths take equally long, the others longer."""
    net = model.roads_of.network("braess")
    R = np.array([[name in path.split() for name in net.labels] for path in PATHS], dtype=float)
    t = net.minutes + np.array([toll.get(name, 0.0) for name in net.labels])
    K = R @ (net.slope[:, None] * R.T)
    for size in (1, 2, 3):
        for used in itertools.combinations(range(3), size):
            k = list(used)
            left = np.block([[K[np.ix_(k, k)], -np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            found = np.linalg.lstsq(left, np.append(-(R @ t)[k], 6.0), rcond=None)[0]
            flow = np.zeros(3)
            flow[k] = found[:size]
            times = K @ flow + R @ t
            if (flow >= -1e-9).all() and times.min() >= found[-1] - 1e-9 and abs(flow.sum() - 6) < 1e-9:
                return flow @ R
    raise AssertionError("no equilibrium")


def solved(**given) -> tuple:
    game = model.build(**given)
    result = kg.optimize(game, time_limit=30)
    assert result.report.claim == "optimal"
    return game, result


def test_the_fifth_road_of_braess_is_better_closed():
    net = model.roads_of.network("braess")
    flow = braess({})
    assert flow @ (net.minutes + net.slope * flow) == pytest.approx(552.0)
    game, result = solved(goal="close")
    assert result.solution.objective == pytest.approx(498.0)
    assert result.solution[game.lever].round() @ np.arange(1, 6) == 1 + net.labels.index("3-4")
    assert "498" in str(model.report(result))


def test_tolls_reach_the_least_total_time():
    game, result = solved(goal="time", cap=60.0)
    assert result.solution.objective == pytest.approx(498.0)
    paid = dict(zip(game.network.labels, result.solution[game.lever], strict=True))
    assert result.solution[game.flow] == pytest.approx(braess(paid), abs=1e-4)


def test_the_best_toll_on_a_road_is_that_of_a_scan():
    _, result = solved(goal="revenue", tolled=["3-4"])
    at = model.roads_of.network("braess").labels.index("3-4")
    best = max(toll * braess({"3-4": toll})[at] for toll in np.linspace(0, 20, 2001))
    assert best <= result.solution.objective + 1e-6
    assert best == pytest.approx(result.solution.objective, rel=1e-4)


def test_no_tolls_of_a_grid_earn_more():
    _, result = solved(goal="revenue", tolled=["1-3", "3-4"], cap=12.0)
    labels = model.roads_of.network("braess").labels
    best = 0.0
    for one, two in itertools.product(np.linspace(0, 12, 41), repeat=2):
        flow = braess({"1-3": one, "3-4": two})
        best = max(best, one * flow[labels.index("1-3")] + two * flow[labels.index("3-4")])
    assert result.solution.objective * 0.99 <= best <= result.solution.objective + 1e-6


def test_drivers_of_sioux_falls_take_fastest_ways():
    game, result = solved(network="sioux_falls", trips=3, tolled=["10-16"], goal="revenue")
    net, flow = game.network, result.solution[game.flow]
    minutes = net.minutes + game.slope * flow
    minutes[net.labels.index("10-16")] += result.solution[game.lever][0]
    spent = sum(q * net.path(minutes, start, end)[0] for start, end, q in net.trips[:3])
    assert flow @ minutes == pytest.approx(spent, rel=1e-5)


@pytest.mark.parametrize("wrong", [{"goal": "speed"}, {"trips": 0}, {"cap": 0.0}, {"tolled": ["1-99"]}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="roads: "):
        model.build(**wrong)
