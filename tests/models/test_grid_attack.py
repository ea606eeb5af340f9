"""Attacks on grids: what the operator sheds is that of an LP, and no set of lines is worse than the one found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen import catalog

model = catalog.load_model("grid_attack")


def operated(game: kg.Bilevel, cut: np.ndarray) -> float:
    """Return the operator's least cost after an attack: flows of lines that are left, by SciPy."""
    p, k = game.parameters, game.grid
    load, kept = p.load * k.load, np.flatnonzero(np.round(cut) == 0)
    angles = len(k.bus) if p.physics == "dc" else 0
    out = k.incidence[:, kept]
    rows = [np.hstack([k.plants, np.eye(len(load)), -out, np.zeros((len(load), angles))])]
    if angles:
        law = out.T / k.x[kept, None]
        rows.append(np.hstack([np.zeros((len(kept), len(k.c) + len(load))), -np.eye(len(kept)), law]))
    A = np.vstack(rows)
    side = np.concatenate([load, np.zeros(len(A) - len(load))])
    bounds = [(0, top) for top in np.concatenate([k.most, load])] + [(-top, top) for top in k.limit[kept]]
    bounds += [(0, 0)] * (angles > 0) + [(-p.angle, p.angle)] * max(angles - 1, 0)
    cost = np.zeros(A.shape[1])
    cost[: len(k.c)] = k.c if p.worth else 0
    cost[len(k.c) : len(k.c) + len(load)] = p.worth or 1.0
    return float(linprog(cost, A_eq=A, b_eq=side, bounds=bounds, method="highs").fun)


def worst(game: kg.Bilevel) -> float:
    """Return the best value of the attacker, by an LP for every largest set of lines."""
    lines = len(game.grid.line)
    sets = itertools.combinations(range(lines), min(game.parameters.cuts, lines))
    return max(operated(game, np.isin(np.arange(lines), cut)) for cut in sets)


@pytest.mark.parametrize(
    "given",
    [
        {"case": "case5", "physics": "dc", "load": 1.2},
        {"case": "case6ww", "physics": "dc", "load": 1.3},
        {"case": "case6ww", "physics": "transport", "lines": 0.6},
        {"case": "case9", "physics": "dc", "worth": 100.0, "cuts": 1},
        {"case": "case14", "physics": "dc", "free": 60.0, "cuts": 1},
    ],
)
def test_no_attack_is_worse(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(worst(game), abs=1e-6)
    assert operated(game, result.solution[game.cut]) == pytest.approx(result.solution.objective, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rts24_transport_k2", "rts24_dc_k2", "case14_dc_k2"])
def test_the_known_values_are_those_of_all_attacks(name):
    known = catalog.load_instance(f"grid_attack/{name}").known
    assert known["objective"] == pytest.approx(worst(catalog.build(f"grid_attack/{name}")), abs=1e-6)


def test_the_report_names_lines_and_loads():
    result = kg.optimize(model.build(case="case5", physics="dc", cuts=2), time_limit=60)
    text = str(model.report(result))
    assert "Lines cut" in text and "PJM" in text
    with pytest.raises(kg.ProblemError, match="was not made by grid_attack"):
        model.report(kg.optimize(catalog.build("random_bilevel/lp_10x5"), time_limit=60))


@pytest.mark.parametrize(
    ("given", "words"),
    [({"case": "nowhere"}, "no grid"), ({"cuts": -1}, "cuts is -1"), ({"physics": "ac"}, "physics is 'ac'")],
)
def test_wrong_values_are_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        model.build(**given)
