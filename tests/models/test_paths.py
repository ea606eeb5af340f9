"""Shortest-path interdiction: branching on the roads of the current fastest way."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_instance, load_model

model = load_model("paths")


def longest(game, hit: frozenset = frozenset(), free: frozenset = frozenset()) -> float:
    """Return the longest fastest way of the one trip: a road of the current one is hit next, or nothing helps."""
    p, net = game.parameters, game.network
    ((start, end, amount),) = game.trips
    cost = net.minutes.copy()
    on = list(hit)
    cost[on] = 1e6 if p.closed else cost[on] + p.delay
    time, roads = net.path(cost, start, end)
    best = amount * min(time, p.delay if p.closed else np.inf)
    if len(hit) < p.roads:
        tried: set[int] = set()
        for road in roads:
            if road not in hit and road not in free:
                best = max(best, longest(game, hit | {road}, free | tried))
                tried.add(road)
    return best


GIVEN = [
    {"roads": 2},
    {"network": "grid", "size": (3, 4), "roads": 2, "seed": 1},
    {"network": "grid", "size": (4, 3), "roads": 3, "seed": 2, "delay": 4.0},
    {"network": "grid", "size": (3, 3), "roads": 2, "seed": 3, "closed": True, "delay": 40.0},
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_the_optimum_is_that_of_branching_on_ways(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=40)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(longest(game), rel=1e-6)
    assert "after" in str(model.report(result))


@pytest.mark.parametrize("name", ["paths/sioux_1_k3", "paths/grid_4x5_k3", "paths/grid_6x6_closed"])
def test_the_known_value_is_that_of_branching_on_ways(name):
    case = load_instance(name)
    known = case.known.get("objective", case.known.get("best"))
    assert known == pytest.approx(longest(model.build(**case.parameters)), rel=1e-6)


def test_a_grid_is_that_of_the_source():
    net = model.roads_of.network("grid", (3, 5), 0)
    assert net.nodes == 3 * 5 + 2
    assert len(net.tail) == 3 + 3 * 4 + 2 * 2 * 3 + 3
    assert np.abs(net.incidence().sum(axis=0)).max() == 0
    assert np.isfinite(net.path(net.minutes, 0, 16)[0])


def test_sioux_falls_is_the_published_table():
    net = model.roads_of.network("sioux_falls")
    assert (net.nodes, len(net.tail), len(net.trips)) == (24, 76, 528)
    assert sum(q for _, _, q in net.trips) == pytest.approx(360.6)
    assert net.path(net.minutes, 0, 19)[0] == 22.0


@pytest.mark.parametrize(
    "wrong", [{"trips": 0}, {"delay": 0.0}, {"network": "ring"}, {"network": "grid", "size": (1, 3)}], ids=str
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError):
        model.build(**wrong)
