"""Storages that move prices: a dynamic programme over states of charge earns as much."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("storage")


def price(game: kg.Bilevel, load: np.ndarray) -> np.ndarray:
    """Return prices of a market in one place by its merit order, the higher one where there is a jump."""
    k = game.grid
    low, high = np.zeros(load.shape), np.full(load.shape, 1e4)
    slope = np.where(k.a > 0, k.a, 1.0)
    for _ in range(60):
        middle = (low + high) / 2
        beyond = middle[..., None] - k.c
        g = np.where(k.a > 0, np.clip(beyond / (2 * slope), 0, k.most), np.where(beyond >= 0, k.most, 0.0))
        less = g.sum(axis=-1) < load
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return high


def programme(game: kg.Bilevel, states: int) -> float:
    """Return what a storage earns that moves between so many states of charge."""
    p = game.parameters
    level = np.linspace(0, p.energy, states)
    change = level[None, :] - level[:, None]
    charge, discharge = np.maximum(change, 0) / p.eta, np.maximum(-change, 0) * p.eta
    allowed = (charge <= p.power + 1e-9) & (discharge <= p.power + 1e-9)
    net = np.unique(np.round((charge - discharge)[allowed], 9))
    gains = []
    for load in game.load:
        table = price(game, load + net)
        paid = np.interp(charge - discharge, net, table)
        gains.append(np.where(allowed, paid * (discharge - charge), -np.inf))
    best = -np.inf
    for first in range(states):
        value = np.full(states, -np.inf)
        value[first] = 0.0
        for gain in gains:
            value = (value[:, None] + gain).max(axis=0)
        best = max(best, value[first])
    return float(best)


@pytest.mark.parametrize(
    "given",
    [
        {"case": "case9", "hours": 4, "power": 0.3, "energy": 0.6},
        {"case": "rts24", "hours": 3, "power": 2.0, "energy": 4.0},
        {"case": "case39", "hours": 3, "power": 5.0, "energy": 10.0, "exclusive": True},
    ],
)
def test_a_dynamic_programme_earns_as_much(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    found = programme(game, 61)
    assert result.report.claim == "optimal"
    assert found > 0.1
    assert found <= result.solution.objective + 1e-4
    assert result.solution.objective == pytest.approx(found, rel=1e-2)


def test_a_network_without_limits_changes_nothing():
    plain = kg.optimize(model.build(case="case9", hours=3, power=0.3, energy=0.6), time_limit=60)
    wide = kg.optimize(model.build(case="case9", hours=3, power=0.3, energy=0.6, bus=5, lines=50.0), time_limit=60)
    assert plain.report.claim == "optimal"
    assert wide.solution.objective == pytest.approx(plain.solution.objective, rel=1e-5)


def test_the_storage_ends_as_it_began_and_is_reported():
    result = kg.optimize(model.build(case="case9", hours=3, power=0.3, energy=0.6, exclusive=True), time_limit=60)
    game, sol = result.bilevel, result.solution
    charge, discharge, content = sol[game.charge], sol[game.discharge], sol[game.content]
    assert content - np.roll(content, 1) == pytest.approx(0.9 * charge - discharge / 0.9, abs=1e-6)
    assert (charge * discharge == pytest.approx(0, abs=1e-6)) and charge.sum() > 0.1
    text = str(model.report(result))
    assert "own storage" in text and text.count("\n") > 5
    assert set(model.plots(result)) == set(model.PLOTS)


@pytest.mark.parametrize(
    ("given", "words"), [({"hours": 1}, "hours is 1"), ({"eta": 1.2}, "eta is 1.2"), ({"bus": 99}, "no bus 99")]
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
