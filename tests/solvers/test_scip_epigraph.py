"""A quadratic objective in parts: whole blocks of its Hessian, the same optimum, tolerances of one row."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.numerics.convexity import is_psd
from kktgen.numerics.sparse import coo
from kktgen.solvers.driving.checks import violation
from kktgen.solvers.scip.epigraph import PARTS, parts
from kktgen.solvers.scip.load import add_starts, load


def blocks(count: int, size: int = 3, seed: int = 0, sign: float = 1.0) -> tuple[kg.Bilevel, np.ndarray]:
    """min sum of convex blocks ``|F (u - c)|^2`` over integers u, one row across them; and a feasible point."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("blocks")
    goal, total = 0.0, 0.0
    for k in range(count):
        u = m.var(f"u{k}", size, lb=-3, ub=3, kind="I")
        rest = rng.normal(size=(size, size)) @ (u - rng.uniform(-1, 1, size))
        goal, total = goal + sign * (rest @ rest), total + u.sum()
    m.add(total >= 0.5 * count)
    m.minimize(goal)
    return m, np.ones(count * size)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (8, 8), (30, PARTS)])
def test_parts_are_whole_blocks_and_of_about_one_size(count, expected):
    model = kg.high_point(blocks(count)[0])
    goal, part = model.objective.canonical(), parts(model)
    assert sorted(np.unique(part)) == list(range(expected))
    of_column = np.full(model.n, -1)
    of_column[goal.i] = part
    assert (of_column[goal.j] == part).all()  # no product goes from part to part
    assert np.bincount(part).max() <= 2 * np.bincount(part).min()
    for k in range(expected):
        here = part == k
        P = coo(goal.v[here], goal.i[here], goal.j[here], (model.n, model.n))
        assert is_psd(P + P.T)


def test_an_objective_that_is_not_convex_stays_in_one_part():
    assert (parts(kg.high_point(blocks(5, sign=-1.0)[0])) == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_and_its_bound_are_those_of_the_sum(seed):
    """Ten integer blocks: the bound is no more above the optimum than one row's tolerance lets it be."""
    m, point = blocks(10, 2, seed)
    model = kg.high_point(m)
    sol = kg.solve(model, "scip", start=point, time_limit=60)
    assert sol.status == "optimal"
    whole = model.value(np.round(sol.z))
    assert violation(model, np.round(sol.z)) <= 1e-9
    assert abs(sol.objective - whole) <= 1e-6 and -1e-6 <= whole - sol.bound <= 1e-5 * (1 + abs(whole))
    steps = np.concatenate([np.eye(model.n), -np.eye(model.n)])  # one integer up or down is no better
    values = [model.value(z) for z in np.round(sol.z) + steps if violation(model, z) <= 1e-9]
    assert values and min(values) >= whole - 1e-9


def test_a_start_is_complete_and_feasible_with_the_parts():
    from pyscipopt import Model as Scip

    m, point = blocks(12)
    model, scip = kg.high_point(m), Scip()
    scip.hideOutput()
    loaded = load(model, scip, Deadline())
    assert add_starts(loaded, model, [point], 1e-6) == 1
    scip.setParam("limits/solutions", 1)
    scip.optimize()
    assert len(loaded.epigraph.columns) == PARTS
    assert scip.getObjVal() == pytest.approx(model.value(point), abs=1e-6)


def asked(monkeypatch, model: kg.Model, **options) -> tuple[int, int]:
    """Return SCIP's most restarts and rounds of cuts at the root as a model is solved."""
    from kktgen.solvers import scip

    seen = []

    def looked(given, problem, deadline):
        seen.append((problem.getParam("presolving/maxrestarts"), problem.getParam("separating/maxroundsroot")))
        return load(given, problem, deadline)

    monkeypatch.setattr(scip, "load", looked)
    kg.solve(model, "scip", time_limit=20, **options)
    return seen[0]


def test_convex_objectives_get_fewer_rounds_at_the_root(monkeypatch):
    """Linear objectives, sets and nonconvex ones have SCIP's defaults; the user's own options count."""
    convex = kg.high_point(blocks(2)[0])
    assert asked(monkeypatch, convex) == (0, 10)
    assert asked(monkeypatch, convex, **{"separating/maxroundsroot": 7}) == (0, 7)
    m = blocks(2)[0]
    m.sos1([m.var("a", lb=0, ub=1), m.var("b", lb=0, ub=1)])
    linear = kg.Bilevel("linear")
    linear.maximize(linear.var("x", lb=0, ub=1))
    for other in (m, linear, blocks(2, 1, sign=-1.0)[0]):
        assert asked(monkeypatch, kg.high_point(other)) == (-1, -1)
