"""Fees of a broker: moments in exact numbers, responses by supports, the optimum on a grid of fees."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_model, plots
from kktgen.catalog.plots.describe import check

model = load_model("portfolio")


def portfolio(P: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Return the portfolio of ``min 1/2 s'P s - gain's, sum s <= 1, s >= 0``: the best of all supports."""
    n, best = len(gain), np.zeros(len(gain))
    value = 0.0
    for size in range(1, n + 1):
        for held in itertools.combinations(range(n), size):
            k = list(held)
            free = np.linalg.solve(P[np.ix_(k, k)], gain[k])
            full = np.block([[P[np.ix_(k, k)], np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            for s in (free, np.linalg.solve(full, np.append(gain[k], 1.0))[:size]):
                cost = 0.5 * s @ P[np.ix_(k, k)] @ s - gain[k] @ s
                if (s >= 0).all() and s.sum() <= 1 + 1e-12 and cost < value:
                    best, value = np.zeros(n), cost
                    best[k] = s
    return best


def test_mean_and_covariance_are_those_of_exact_numbers():
    import json

    rows = [[Fraction(str(v)) for v in row] for row in json.loads(model.DATA.read_text())["returns"]]
    mean, spread = model.moments()
    for i, j in ((0, 0), (3, 7), (11, 2)):
        a, b = rows[i], rows[j]
        exact = sum(x * y for x, y in zip(a, b, strict=True)) / 62 - sum(a) * sum(b) / 62**2
        assert spread[i, j] == pytest.approx(float(exact), abs=6e-7)
        assert mean[i] == pytest.approx(float(sum(a) / 62), abs=6e-7)
    assert np.linalg.eigvalsh(spread)[0] > 0.01


@pytest.mark.parametrize("risks", [(0.3,), (0.2, 1.0)], ids=str)
def test_no_fees_of_a_grid_earn_more(risks):
    game = model.build(assets=2, risks=list(risks), cap=1.5)
    result = kg.optimize(game, time_limit=30)
    assert result.report.claim == "optimal"
    best = 0.0
    for fee in itertools.product(np.linspace(0, 1.5, 31), repeat=2):
        f = np.array(fee)
        best = max(best, sum(float(f @ portfolio(r * game.spread, game.mean - f)) for r in risks))
    value = result.solution.objective
    assert best <= value + 1e-6
    assert best >= 0.97 * value


def test_an_investor_holds_its_best_portfolio():
    game = model.build(assets=4, risks=[0.15, 0.5])
    result = kg.optimize(game, time_limit=30)
    for risk, held in zip((0.15, 0.5), game.held, strict=True):
        wanted = portfolio(risk * game.spread, game.mean - result.solution[game.fee])
        P, gain = risk * game.spread, game.mean - result.solution[game.fee]
        costs = [0.5 * s @ P @ s - gain @ s for s in (wanted, result.solution[held])]
        assert costs[1] == pytest.approx(costs[0], abs=1e-6)


def test_fewer_assets_on_offer_earn_no_more_and_the_others_are_not_held():
    free, few = (model.build(assets=5, risks=[0.2, 0.6], offers=offers) for offers in (None, 2))
    most, less = (kg.optimize(game, time_limit=40) for game in (free, few))
    assert less.solution.objective <= most.solution.objective + 1e-6
    held = sum(np.abs(less.solution[one]) for one in few.held)
    assert (held > 1e-6).sum() <= 2
    assert "investor2" in str(model.report(less))
    described = model.plots(less)
    assert set(described) == set(model.PLOTS) and plots.KINDS
    check(described["fees"])


@pytest.mark.parametrize("wrong", [{"assets": 13}, {"risks": []}, {"risks": [0.0]}, {"offers": 0}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="portfolio: "):
        model.build(**wrong)
