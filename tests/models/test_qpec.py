"""Planted local optima: they are answers, no neighbour is better, and enumeration of the answers finds the optimum."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

import kktgen as kg
from kktgen.catalog import instance_names, load_instance, load_model

model = load_model("qpec")


def planted(game) -> np.ndarray:
    z = np.full(len(game.space), np.nan)
    z[game.x.cols], z[game.y.cols] = game.planted_x, game.planted_y
    return z


def answer(game, x: np.ndarray) -> np.ndarray:
    """Return the follower's answer by projected Gauss-Seidel, which converges as M is positive definite."""
    y, r = np.zeros(len(game.q)), game.N @ x + game.q
    for _ in range(5000):
        last = y.copy()
        for j in range(len(y)):
            y[j] = max(0.0, y[j] - (game.M[j] @ y + r[j]) / game.M[j, j])
        if np.abs(y - last).max() < 1e-13:
            break
    return y


def value(game, x: np.ndarray) -> float:
    y = answer(game, x)
    return float(0.5 * (x @ x + y @ y) + game.c @ x + game.d @ y)


def by_supports(game) -> float:
    """Return the least of the convex problems in which every y or its w is zero."""
    least, m = np.inf, len(game.q)
    for zero in itertools.product([False, True], repeat=m):
        z = np.array(zero)
        alone = kg.Bilevel("alone")
        x = alone.var("x", len(game.c), lb=-game.parameters.box, ub=game.parameters.box)
        y = alone.var("y", m, lb=0, ub=np.where(z, 0.0, np.inf))
        w = game.M @ y + game.N @ x + game.q
        alone.add(w >= 0)
        if (~z).any():
            alone.add(w[~z] == 0)
        alone.minimize(0.5 * (x @ x) + 0.5 * (y @ y) + game.c @ x + game.d @ y)
        found = kg.solve(kg.kkt(alone), "highs", time_limit=10)
        least = least if found.objective is None else min(least, found.objective)
    return least


@pytest.mark.parametrize(
    "given", [{}, {"cols": 12, "both": 3, "seed": 1}, {"pull": 5, "seed": 2, "leaders": 6}], ids=str
)
def test_the_planted_point_answers_and_no_neighbour_is_better(given):
    game = model.build(**given)
    found = oracle.truth(game, planted(game))
    assert max(found.leader, found.response) < 1e-9
    assert found.value == pytest.approx(game.planted, rel=1e-12)
    rng = np.random.default_rng(0)
    assert value(game, game.planted_x) == pytest.approx(game.planted, rel=1e-9)
    for _ in range(100):
        step = rng.normal(size=len(game.c))
        assert value(game, game.planted_x + 1e-3 * step / np.linalg.norm(step)) > game.planted


@pytest.mark.parametrize("seed", [0, 3])
def test_the_optimum_is_that_of_all_supports(seed):
    game = model.build(leaders=2, cols=5, seed=seed, pull=4)
    result = kg.optimize(game, time_limit=40)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(by_supports(game), rel=1e-5, abs=1e-5)
    assert result.solution.objective <= game.planted + 1e-6
    assert "planted" in str(model.report(result))


def test_known_values_are_no_worse_than_the_planted_ones():
    for name in instance_names("qpec"):
        case = load_instance(name)
        known = case.known.get("objective", case.known.get("best"))
        game = model.build(**case.parameters)
        assert known <= game.planted + 1e-5 * max(1.0, abs(game.planted))
        assert case.known["planted"] == pytest.approx(game.planted)
        assert "bound" not in case.known or case.known["bound"] <= known + 1e-4 * max(1.0, abs(known))


@pytest.mark.parametrize("wrong", [{"cols": 0}, {"both": 9}, {"box": 1.0}, {"pull": -1}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="qpec: "):
        model.build(**wrong)
