"""Batteries that are placed: an LP over the day for every placing finds no better."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("siting")


def run(game: kg.Bilevel, sites: np.ndarray) -> tuple[float, float]:
    """Return the cost of a day and what batteries earn at its prices, by an LP of SciPy with a block an hour."""
    p, k, hours = game.parameters, game.grid, game.parameters.hours
    n, at = len(p.buses), k.place(p.buses)
    buses, plants, lines, loops = len(k.bus), len(k.c), len(k.line), len(k.loops)
    one = np.hstack([k.plants, np.eye(buses), -k.incidence, -at, at, np.zeros((buses, n))])
    law = np.hstack([np.zeros((loops, plants + buses)), k.loops, np.zeros((loops, 3 * n))])
    wide = one.shape[1]
    A = [block_diag(*[np.vstack([one, law])] * hours)]
    for t, b in itertools.product(range(hours), range(n)):
        row = np.zeros(hours * wide)
        row[t * wide + wide - n + b] += 1
        row[(t - 1) % hours * wide + wide - n + b] -= 1
        row[t * wide + wide - 3 * n + b], row[t * wide + wide - 2 * n + b] = -p.eta, 1 / p.eta
        A.append(row[None, :])
    side = np.concatenate([np.concatenate([load, np.zeros(loops)]) for load in game.load] + [np.zeros(hours * n)])
    bounds = []
    for load in game.load:
        top = np.concatenate([k.most, load, k.limit, sites * p.power, sites * p.power, sites * p.energy])
        low = np.zeros(wide)
        low[plants + buses : plants + buses + lines] = -k.limit
        bounds.append(np.column_stack([low, top]))
    cost = np.tile(np.concatenate([k.c, np.full(buses, p.voll), np.zeros(wide - plants - buses)]), hours)
    day = linprog(cost, A_eq=np.vstack(A), b_eq=side, bounds=np.vstack(bounds), method="highs")
    price = day.eqlin.marginals[: hours * (buses + loops)].reshape(hours, -1)[:, k.at(p.buses)]
    x = day.x.reshape(hours, wide)
    return float(day.fun), float((price * (x[:, -2 * n : -n] - x[:, -3 * n : -2 * n])).sum())


def placings(game: kg.Bilevel) -> list[np.ndarray]:
    """Return every placing."""
    p = game.parameters
    every = itertools.product(range(p.units + 1), repeat=len(p.buses))
    return [np.array(sites) for sites in every if sum(sites) <= p.count]


@pytest.mark.parametrize(
    "given", [{"hours": 3}, {"hours": 3, "count": 3, "units": 2, "power": 0.5, "energy": 1.5, "buses": (2, 3, 4)}]
)
def test_no_placing_is_cheaper(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    capital = game.parameters.capital
    assert result.report.claim == "optimal"
    least = min(run(game, sites)[0] + capital * sites.sum() for sites in placings(game))
    assert result.solution.objective == pytest.approx(least, rel=1e-6)


def test_a_merchant_earns_no_less_than_at_any_place():
    game = model.build(owner="merchant", hours=3, buses=(2, 3, 4))
    result = kg.optimize(game, time_limit=60)
    capital = game.parameters.capital
    assert result.report.claim == "optimal"
    best = max(run(game, sites)[1] - capital * sites.sum() for sites in placings(game))
    assert best <= result.solution.objective + 1e-6
    cost = run(game, np.round(result.solution[game.sites]))[0]
    assert result.solution[game.cost] == pytest.approx(cost, rel=1e-6)


def test_the_report_and_the_plots_name_places():
    result = kg.optimize(model.build(hours=3), time_limit=60)
    assert "Batteries of the planner" in str(model.report(result))
    drawn = model.plots(result)
    assert set(drawn) == set(model.PLOTS)
    assert drawn["prices"]["panels"][0]["series"][0]["label"].startswith("bus ")


@pytest.mark.parametrize(
    ("given", "words"),
    [({"buses": (1, 1)}, "none twice"), ({"owner": "city"}, "owner is 'city'"), ({"eta": 0.0}, "eta is 0.0")],
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
