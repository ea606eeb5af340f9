"""Unit commitment as a follower: closed-form responses of one engine on a grid of prices, brute force of the rest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import instance_names, load_instance, load_model

model = load_model("unit_commitment")


def by_grid(game, grid):
    """Return the best profit over a grid of prices, one engine: its dispatch is known for every commitment."""
    p = game.parameters
    a, S, N = (float(part[0, 0]) for part in (game.cost, game.start, game.idle))
    low, high = float(game.least[0, 0]), float(game.most[0, 0])
    choices = np.array(list(itertools.product([0, 1], repeat=p.hours)))
    fixed = N * choices.sum(1) + S * np.maximum(np.diff(choices, axis=1, prepend=0), 0).sum(1)
    prices = np.array(np.meshgrid(*[grid] * p.hours, indexing="ij")).reshape(p.hours, -1).T
    power = np.clip((prices - a) / p.curve, low, high) if p.curve else np.where(prices > a, high, low)
    hour = (a - prices) * power + 0.5 * p.curve * power**2
    cost, gain = hour @ choices.T + fixed, ((game.worth - prices) * power) @ choices.T
    return np.where(cost <= cost.min(1, keepdims=True) + 1e-9, gain, -np.inf).max()


def response(game, prices):
    """Return the least cost of the VPPs at prices, over all commitments and a linear program each."""
    p, total = game.parameters, 0.0
    for k in range(p.vpps):
        for i in range(p.engines):
            best = np.inf
            for u in itertools.product([0, 1], repeat=p.hours):
                starts = np.maximum(np.diff(u, prepend=0), 0).sum()
                on = np.array(u)
                bounds = np.column_stack([game.least[k, i] * on, game.most[k, i] * on])
                found = linprog(game.cost[k, i] - prices, bounds=bounds)
                best = min(best, found.fun + game.start[k, i] * starts + game.idle[k, i] * on.sum())
            total += best
    return total


@pytest.mark.parametrize(
    ("given", "points"),
    [({"hours": 1}, 60001), ({"hours": 2}, 1201), ({"hours": 2, "seed": 3}, 1201), ({"hours": 1, "curve": 2.0}, 60001),
     ({"hours": 2, "curve": 2.0}, 1201)],
    ids=str,
)  # fmt: skip
def test_the_optimum_is_that_of_a_grid(given, points):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    best = by_grid(game, np.linspace(0, 60, points))
    assert result.report.claim == "optimal" and result.report.attained is True
    assert best <= result.bound + 1e-6  # the prices of a grid lie beside the breakpoints
    assert result.solution.objective == pytest.approx(best, abs=15 * 60 / (points - 1) * given["hours"])


@pytest.mark.parametrize("given", [{"hours": 3}, {"hours": 3, "engines": 2}, {"hours": 3, "vpps": 2}], ids=str)
def test_the_vpps_respond_at_the_optimum(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=90)
    assert result.report.claim == "optimal"
    prices, sol = result.solution[game.price], result.solution
    paid = 0.0
    for k in range(game.parameters.vpps):
        on, power = np.round(sol[game.on[k]]), sol[game.power[k]]
        starts = np.maximum(np.diff(on, axis=1, prepend=0), 0).sum(1)
        paid += (game.cost[k] @ power.sum(1) + game.start[k] @ starts + game.idle[k] @ on.sum(1)) - prices @ power.sum(
            0
        )
    assert paid == pytest.approx(response(game, prices), abs=2e-4)


def test_the_report_and_the_plots_tell_hours():
    result = kg.optimize(model.build(hours=2), time_limit=60)
    text = str(model.report(result))
    assert "rounds" in text and "bought at EUR/MWh" in text and "engines on" in text
    assert {*model.plots(result)} == {*model.PLOTS}


def test_known_values_of_quick_instances_hold():
    for name in instance_names("unit_commitment"):
        case = load_instance(name)
        if case.quick and case.parameters.get("hours", 3) <= 3:
            result = kg.optimize(model.build(**case.parameters), time_limit=60)
            assert result.solution.objective == pytest.approx(case.known["objective"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t6", "t12", "t4_engines2", "t4_vpps3"])
def test_known_values_of_larger_instances_hold(name):
    case = load_instance(f"unit_commitment/{name}")
    result = kg.optimize(model.build(**case.parameters), time_limit=240)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(case.known["objective"], rel=1e-4)


@pytest.mark.parametrize("wrong", [{"hours": 0}, {"engines": 0}, {"vpps": 0}, {"curve": -1.0}], ids=str)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="unit_commitment: "):
        model.build(**wrong)
