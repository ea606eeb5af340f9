"""Rounds over many followers within the recipe: where they are made, what they prove, what the result holds."""

from __future__ import annotations

import numpy as np
import pytest
from counted import install
from limits import LIMIT
from many_followers import carbon, dso, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.lagrangian import SUFFIX, Lagrangian
from kktgen.recipes.many_followers import PAIRS, SEVERAL, begun, improved, pays, worked

CASES = {
    "tariff": lambda: tariff(101, homes=3, hours=2, ordered=True),
    "steps": lambda: tariff(102, homes=2, hours=2, steps=True),
    "dso": lambda: dso(3, seed=2),
    "carbon": lambda: carbon(2),
    "units": lambda: in_units(tariff(103, homes=3, hours=2, bent=True), 1e4, 1e-3),
}


@pytest.mark.parametrize(
    "case", ["steps", *(pytest.param(case, marks=pytest.mark.slow) for case in CASES if case != "steps")]
)
def test_asked_for_they_prove_what_the_tree_proves(case, tmp_path):
    plain = kg.optimize(CASES[case](), time_limit=LIMIT, decompose=False)
    result = kg.optimize(CASES[case](), time_limit=LIMIT, decompose=True)
    assert result.report.claim == plain.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(plain.solution.objective, rel=2e-5)
    assert plain.lagrangian is None and "tighten" not in plain.seconds
    assert "tighten" in result.seconds and result.model.cutoff is not None
    record = result.lagrangian
    assert record is not None
    assert Lagrangian.read(record.write(tmp_path / f"x{SUFFIX}")).check().ok
    size = 1.0 + abs(record.value)
    assert record.sense * (result.bound - result.solution.objective) <= 1e-4 * size


def test_small_models_are_left_alone():
    result = kg.optimize(tariff(101, homes=3, hours=1), time_limit=LIMIT)
    assert result.lagrangian is None and "tighten" not in result.seconds and result.model.cutoff is None
    model = kg.encode(ready(tariff(101, homes=SEVERAL + 1, hours=1)))
    assert not pays(model, "auto") and pays(model, True) and not pays(model, False)
    big = kg.encode(ready(dso(3, SEVERAL)), kg.BigM())
    choices = int(((big.space.kind != "C") & (big.space.lb < big.space.ub)).sum())
    assert pays(big, "auto") == (choices >= PAIRS * SEVERAL)


@pytest.mark.parametrize("value", ["yes", None, 2, "AUTO", [], 1.5])
def test_what_is_no_answer_is_refused(value):
    with pytest.raises(kg.ProblemError, match="decompose must be True, False or 'auto'"):
        kg.optimize(tariff(101), decompose=value)


def test_who_insists_hears_why_not():
    with pytest.raises(kg.ProblemError, match="one follower"):
        kg.optimize(tariff(101, homes=1), decompose=True, time_limit=LIMIT)
    result = kg.optimize(tariff(101, homes=1), decompose="auto", time_limit=LIMIT)
    assert result.report.claim == "optimal" and result.lagrangian is None


def test_who_insists_hears_of_an_objective_that_is_not_convex():
    m = tariff(101, homes=2)
    x = m.var("x", lb=-1, ub=1)
    m.minimize(-(x * x))
    with pytest.raises(kg.ProblemError, match="not convex"):
        kg.optimize(m, decompose=True, time_limit=LIMIT)
    assert kg.optimize(m, time_limit=LIMIT).lagrangian is None


def test_without_a_point_there_are_no_rounds():
    result = kg.optimize(tariff(101, homes=2), decompose=True, start=False, time_limit=LIMIT)
    assert result.lagrangian is None and result.report.claim == "optimal"
    model = kg.encode(ready(tariff(101, homes=2)))
    assert begun(model, [], None, None, True) is None
    assert begun(model, [np.full(model.n, 7.0)], None, None, True) is None


def test_points_come_back_the_best_first():
    m = tariff(101, homes=3, hours=2)
    model = ready(m)
    encoded, points = kg.encode(model), kg.search.start_points(m, model)
    points.sort(key=lambda z: -model.sense * model.value(z))  # the worst is what they begin with
    rounds = begun(encoded, points, None, None, True)
    found = worked(rounds, model, points, Deadline(60.0))
    assert len(found) >= len(points)
    assert model.sense * model.value(found[0]) <= model.sense * model.value(points[0]) + 1e-9
    assert all(len(z) >= len(points[0]) for z in found)
    assert rounds.value == pytest.approx(
        min(encoded.sense * encoded.value(encoded.complete(z)) for z in [*found, points[0]]), rel=1e-6
    )
    assert improved(rounds, model, Deadline(0.0)) == []


@pytest.mark.parametrize("limit", [2.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_limits_are_kept(limit, monkeypatch):
    m = dso(3, seed=2)
    clock = install(monkeypatch)
    clock.begin()
    result = kg.optimize(m, time_limit=limit, decompose=True)
    assert clock.now <= 1.05 * limit + 2.0
    assert result.report.ok or result.report.claim == "unverified"
