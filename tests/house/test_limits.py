"""What the whole suite rests on: no solve in a test runs on for ever."""

from __future__ import annotations

import time

import limits
import numpy as np
import pytest

import kktgen as kg


def hard() -> kg.Bilevel:
    """A market split problem: no solver decides it in minutes (Cornuejols & Dawande 1999)."""
    rng = np.random.default_rng(5)
    A = rng.integers(0, 100, (5, 40))
    m = kg.Bilevel("split")
    x, s = m.var("x", 40, kind="B"), m.var("s", (2, 5), lb=0)
    m.add(A @ x + s[0] - s[1] == A.sum(axis=1) // 2)
    m.minimize(s.sum())
    return m


@pytest.mark.parametrize("solver", ["scip", "highs", "files:highs"])
@pytest.mark.parametrize("isolate", [False, True])
def test_a_solve_without_a_limit_gets_one(solver, isolate, monkeypatch):
    monkeypatch.setattr(limits, "LIMIT", 1.0)
    assert kg.solve(hard(), solver, isolate=isolate).status == "time_limit"


def test_a_limit_of_the_test_stays(monkeypatch):
    monkeypatch.setattr(limits, "LIMIT", 0.0)
    m = kg.Bilevel("easy")
    x = m.var("x", kind="B")
    m.maximize(x)
    assert kg.solve(m, "files:highs").status == "time_limit"
    assert kg.solve(m, "files:highs", time_limit=20).objective == 1


def test_the_whole_recipe_is_limited(monkeypatch):
    monkeypatch.setattr(limits, "LIMIT", 1.0)
    assert kg.optimize(hard()).solution.status == "time_limit"


def test_every_test_has_a_limit_of_its_own(request):
    if not request.config.pluginmanager.hasplugin("timeout"):
        pytest.skip("pytest-timeout is not installed")
    assert request.node.get_closest_marker("timeout").args == (limits.QUICK,)


@pytest.mark.slow
def test_the_presolve_of_many_sets_in_dense_rows_keeps_the_limit():
    """SCIP tightens bounds set by set, and over these 750 sets and dense rows that alone takes 20 seconds."""
    rng, n = np.random.default_rng(152), 150
    m = kg.Bilevel("dense")
    x = m.var("x", 6, lb=0, ub=10)
    goal = x.sum()
    for name in ("f", "g"):
        f = m.follower(name)
        y = f.var("y", n, lb=0, ub=10)
        root, cost = rng.normal(size=(n, n)) / 3, 3 * rng.normal(size=n)
        f.minimize(0.5 * (root @ y) @ (root @ y) + cost @ y + 0.2 * (rng.normal(size=(n, 6)) @ x) @ y)
        f.add(rng.random((n // 2, n)) @ y <= 20 + rng.random((n // 2, 6)) @ x)
        goal = goal + rng.normal(size=n) @ y
    m.minimize(goal)
    model = kg.encode(kg.bound(kg.kkt(m), time_limit=3), kg.SOS1())
    began = time.perf_counter()
    assert kg.solve(model, "scip", time_limit=2).status == "time_limit"
    assert time.perf_counter() - began < 2 * (1.05 * 2 + 2)
