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


def test_parts_of_items_are_worth_no_less_to_the_leader():
    whole, parts = (kg.optimize(model.build(parts=parts), time_limit=30).solution.objective for parts in (False, True))
    assert parts <= whole + 1e-6


@pytest.mark.parametrize("wrong", [{"take": 11}, {"items": 0}, {"worths": "high"}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="knapsack: "):
        model.build(**wrong)
