"""Lines that are opened: an LP for every set of open lines finds no less."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("switching")


def cleared(game: kg.Bilevel, off: tuple[int, ...]) -> tuple[float, float]:
    """Return cost of the peak hour and the least payment at prices that fit it, by two LPs of SciPy."""
    p, k = game.parameters, game.grid
    kept = np.setdiff1d(np.arange(len(k.line)), off)
    load, out, lines = p.load * k.load, k.incidence[:, kept], len(kept)
    buses, plants = len(load), len(k.c)
    A = np.vstack([
        np.hstack([k.plants, np.eye(buses), -out, np.zeros((buses, buses))]),
        np.hstack([np.zeros((lines, plants + buses)), -np.eye(lines), out.T / k.x[kept, None]]),
    ])  # fmt: skip
    side = np.concatenate([load, np.zeros(lines)])
    low = np.concatenate([np.zeros(plants + buses), -k.limit[kept], [0.0], np.full(buses - 1, -p.angle)])
    high = np.concatenate([k.most, load, k.limit[kept], [0.0], np.full(buses - 1, p.angle)])
    cost = np.concatenate([k.c, np.full(buses, p.voll), np.zeros(lines + buses)])
    market = linprog(cost, A_eq=A, b_eq=side, bounds=np.column_stack([low, high]), method="highs")
    n, m = len(cost), len(side)
    dual = np.concatenate([side, low, -high])  # max side'lam + low'mu - high'nu,  A'lam + mu - nu = cost
    rows = np.vstack([np.hstack([A.T, np.eye(n), -np.eye(n)]), dual])
    bounds = [(None, None)] * m + [(0, None)] * (2 * n)
    paid = np.concatenate([load, np.zeros(m - buses + 2 * n)])
    prices = linprog(paid, A_eq=rows, b_eq=np.concatenate([cost, [market.fun]]), bounds=bounds, method="highs")
    return float(market.fun), float(prices.fun)


def least(game: kg.Bilevel, goal: int) -> float:
    """Return the least cost (0) or payment (1) over all sets of open lines."""
    sets = [off for n in range(game.parameters.opened + 1) for off in itertools.combinations(game.switched, n)]
    return min(cleared(game, off)[goal] for off in sets)


@pytest.mark.parametrize(
    "given",
    [
        {"case": "case5", "opened": 2},
        {"case": "case5", "opened": 1, "load": 1.1, "switchable": (1, 2, 3, 5)},
        {"case": "case5", "opened": 1, "goal": "payment", "voll": 100.0},
        {"case": "case5", "opened": 2, "goal": "payment", "voll": 100.0, "switchable": (2, 4, 5)},
    ],
)
def test_no_set_of_open_lines_is_better(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(least(game, given.get("goal") == "payment"), rel=1e-6)


def test_the_report_names_open_lines():
    result = kg.optimize(model.build(case="case5", opened=1), time_limit=60)
    text = str(model.report(result))
    assert "Lines opened" in text and "payment" in text


@pytest.mark.parametrize(
    ("given", "words"),
    [({"opened": -1}, "opened is -1"), ({"switchable": (9,)}, "switchable is 9"), ({"goal": "flow"}, "goal is 'flow'")],
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
