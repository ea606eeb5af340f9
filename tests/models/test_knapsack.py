"""Interdiction of a knapsack: enumeration of what is taken, each with Dantzig's packing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import load_instance, load_model

model = load_model("knapsack")


def least(game) -> float:
    """Return the least worth over every choice of items."""
    n, take = game.parameters.items, game.parameters.take
    choices = (np.isin(np.arange(n), gone).astype(float) for gone in itertools.combinations(range(n), take))
    return min(model.packing(game.weight, game.worth, game.capacity, taken) for taken in choices)


@pytest.mark.parametrize("worths", ["free", "correlated"])
def test_the_packing_is_the_best_one(worths):
    game, rng = model.build(items=12, take=2, worths=worths, seed=5), np.random.default_rng(0)
    for _ in range(10):
        taken = np.round(rng.random(12), 1)
        found = linprog(
            -game.worth, game.weight[None, :], [game.capacity], bounds=np.column_stack([0 * taken, 1 - taken])
        )
        got = model.packing(game.weight, game.worth, game.capacity, taken)
        assert got == pytest.approx(-found.fun)


@pytest.mark.parametrize(
    "given", [{}, {"worths": "correlated", "seed": 3}, {"items": 8, "take": 2, "seed": 4}], ids=str
)
def test_the_optimum_is_that_of_enumeration(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(least(game), rel=1e-6)
    assert "untouched worth" in str(model.report(result))


def test_the_instance_of_ten_items_has_the_enumerated_value():
    case = load_instance("knapsack/i10_k3")
    assert case.known["objective"] == pytest.approx(least(model.build(**case.parameters)), rel=1e-6)


def least_by_price(game) -> float:
    """Return the least worth by the price of capacity: at a price the leader takes what is worth most beyond it.

    ``min_x min_mu c mu + sum (1 - x)_i (p_i - mu w_i)+`` is linear in the price ``mu`` between the prices at which an
    item is worth nothing or two are worth the same, so that one of those is the best.
    """
    p, w, take = game.worth.astype(float), game.weight.astype(float), game.parameters.take
    first, second = np.triu_indices(p.size, 1)
    apart = w[first] != w[second]
    equal = ((p[first] - p[second])[apart]) / ((w[first] - w[second])[apart])
    prices = np.unique(np.concatenate([[0.0], p / w, equal]))
    prices = prices[prices >= 0.0]
    beyond = np.sort(np.maximum(p - prices[:, None] * w, 0.0), axis=1)
    return float((game.capacity * prices + beyond[:, : p.size - take].sum(axis=1)).min())


@pytest.mark.parametrize("given", [{}, {"worths": "correlated", "seed": 3}, {"items": 8, "take": 2, "seed": 4}])
def test_the_price_of_capacity_finds_what_enumeration_finds(given):
    game = model.build(**given)
    assert least_by_price(game) == pytest.approx(least(game), rel=1e-9)


@pytest.mark.parametrize("name", ["knapsack/i10_k3", "knapsack/i50_k10", "knapsack/i200_k40"])
def test_instances_have_the_value_of_the_best_price(name):
    case = load_instance(name)
    assert case.known["objective"] == pytest.approx(least_by_price(model.build(**case.parameters)), rel=1e-6)


def test_parts_of_items_are_worth_no_less_to_the_leader():
    whole, parts = (kg.optimize(model.build(parts=parts), time_limit=30).solution.objective for parts in (False, True))
    assert parts <= whole + 1e-6


@pytest.mark.parametrize("wrong", [{"take": 11}, {"items": 0}, {"worths": "high"}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="knapsack: "):
        model.build(**wrong)
