"""Bounds far beyond everything else: they bind nowhere and spoil nothing, whoever has them."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.numerics.intervals import tighten
from kktgen.numerics.programs import qp
from kktgen.numerics.sparse import Csr

LIMIT = 20
SIZES = (1e7, 1e9, 1e10, 1e13, 1e16, 1e19, 1e20, 1e30)


def gap(leader, follower):
    """Two squares that a row keeps apart: ``(x0 - 2)^2 + x1^2``, at ``x0 = 2.01`` 1e-4."""
    m = kg.Bilevel("gap")
    z = m.var("z", 3, lb=[10, 0.01, 0], ub=[leader, 10, 1])
    f = m.follower("f")
    x = f.var("x", 2, ub=follower)
    f.minimize(0.01 * x[0] @ x[0] + x[1] @ x[1])
    f.add(10 * x[0] + x[1] >= 10 + z[0], x[0] >= 2 + z[1], x[1] >= 50 * z[2])
    m.minimize((x[0] - 2) @ (x[0] - 2) + x[1] @ x[1])
    return m, 1e-4


def linear(leader, follower):
    """The handbook problem: 92 / 15."""
    m = kg.Bilevel("linear")
    x = m.var("x", lb=0, ub=leader)
    f = m.follower("f")
    y = f.var("y", ub=follower)
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    f.minimize(-y)
    f.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    return m, 92 / 15


def toll(leader, follower):
    """A road of cost ``t + 0.2 y`` against a detour of 6: ``y = (6 - t) / 0.4``, the revenue is 22.5 at t = 3."""
    m = kg.Bilevel("toll")
    t = m.var("toll", lb=0, ub=leader)
    f = m.follower("drivers")
    road, detour = f.var("road", lb=0, ub=follower), f.var("detour", lb=0, ub=follower)
    f.add(road + detour == 10)
    f.minimize(t * road + 0.2 * road * road + 6 * detour)
    m.maximize(t * road)
    return m, 22.5


@pytest.mark.parametrize("make", [gap, linear, toll])
@pytest.mark.parametrize("size", SIZES)
def test_bounds_of_the_leader_that_never_bind(make, size):
    m, value = make(size, np.inf)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-6)
    assert found.report.claim == "optimal", str(found.report)


@pytest.mark.parametrize("make", [gap, linear, toll])
@pytest.mark.parametrize("size", SIZES)
def test_bounds_of_a_follower_that_never_bind(make, size):
    m, value = make(1e3, size)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-6)
    if make is gap and size <= 1e9:  # its objective is 1e-4 of terms of 4: some versions of SCIP leave a gap
        assert found.report.claim in ("optimal", "bilevel-feasible")
    else:
        assert found.report.claim == "optimal", str(found.report)


@pytest.mark.parametrize("make", [gap, linear, toll])
def test_both(make):
    m, value = make(1e10, 1e10)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-6)
    assert found.report.claim == "optimal", str(found.report)


def test_a_far_bound_that_binds_counts():
    """The follower goes to 1e10, the leader pays it: ``min y - x`` with ``y = 1e10 - x`` and ``x <= 3``."""
    m = kg.Bilevel("far")
    x = m.var("x", lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1e11)
    f.add(y <= 1e10 - x)
    f.minimize(-y)
    m.minimize(y - x)
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.report.claim != "infeasible"
    if found.solution.objective is not None:
        assert found.solution.objective == pytest.approx(1e10, rel=1e-6)


def test_sides_that_solvers_take_for_infinity_are_none():
    m = kg.Bilevel("m")
    x = m.var("x", lb=-1e30, ub=1e30)
    f = m.follower("f")
    y = f.var("y", 2, lb=[-1e20, 0], ub=[1, 1e300])
    f.add(kg.between(-1e20, x + y.sum(), 4))
    f.minimize(-y.sum())
    lower = f.qp()
    assert len(lower.h) == 6 and len(lower.mu) == 6  # the problem stays as it was declared
    model = kg.kkt(m)
    assert np.isinf(model.space.lb[x.cols]).all() and np.isinf(model.space.ub[x.cols]).all()
    void = np.abs(lower.h) >= 1e20
    assert (model.space.ub[lower.mu[void]] == 0).all() and np.isinf(model.space.ub[lower.mu[~void]]).all()
    assert len(model.pairs) == 3 and "taken for none" in model.notes[-1]
    assert not np.isfinite(model.rows.lo[model.pairs.row[model.pairs.row >= 0]]).any()


def test_tightening_does_not_mix_far_and_near():
    """``x - y = 0.5`` with ``y <= 1e16`` says nothing of x, and ``x + y <= 1e10 + 8`` nothing of either."""
    M = Csr(np.array([[1.0, -1.0], [1.0, 1.0]]))
    lb, ub = tighten(
        M, np.array([0.5, -np.inf]), np.array([0.5, 1e10 + 8]), np.array([0.0, -1e16]), np.array([np.inf, 1e16])
    )
    assert lb.tolist() == [0.0, pytest.approx(-0.5)] and ub.tolist() == [np.inf, 1e16]


def test_a_quadratic_program_with_far_sides_is_solved_as_without_them():
    """``min (x - 3)^2 + (y + 1)^2`` in boxes of 1e12; where a far side binds it counts: ``x >= 1e10``."""
    P, q, A = Csr(2 * np.eye(2)), np.array([-6.0, 2.0]), Csr((0, 2))
    none = np.empty(0)
    found = qp(P, q, A, none, none, np.full(2, -1e12), np.full(2, 1e12))
    assert found.x == pytest.approx([3, -1], abs=1e-7)
    found = qp(P, q, A, none, none, np.array([1e10, -1e12]), np.full(2, 1e12))
    assert found.x is None or found.x[0] == pytest.approx(1e10, rel=1e-6)


@pytest.mark.slow
def test_random_problems_are_the_same_with_far_bounds_and_with_none():
    rng = np.random.default_rng(4)
    checked = 0
    for _ in range(4):
        A, B = rng.integers(-1, 5, (3, 2)).astype(float), rng.integers(-3, 4, (3, 2)).astype(float)
        h, cost = rng.integers(3, 12, 3).astype(float), rng.integers(-5, 6, 2).astype(float)
        goal = rng.integers(-4, 5, 4).astype(float)
        found = []
        for far in (np.inf, 1e10, 1e17):
            m = kg.Bilevel("random")
            x = m.var("x", 2, lb=0, ub=[5, far])
            f = m.follower("f")
            y = f.var("y", 2, lb=0, ub=[20, far])
            f.add(A @ y + B @ x <= h, y.sum() <= 30)
            f.minimize(cost @ y + 0.5 * y @ y)
            m.add(x.sum() <= 6)
            m.minimize(goal[:2] @ x + goal[2:] @ y)
            found.append(kg.optimize(m, time_limit=LIMIT))
        values = [one.solution.objective for one in found if one.report.claim == "optimal"]
        assert len(values) == 3, [str(one.report) for one in found]
        assert values == pytest.approx([values[0]] * 3, rel=1e-4, abs=1e-6)
        checked += 1
    assert checked == 4


@pytest.mark.parametrize("far", [1e6, 1e10, 1e13])
def test_an_explanation_does_not_walk_through_a_far_bound(far):
    m = kg.Bilevel("far")
    x = m.var("x", 3, lb=0, ub=[far, 3, far])
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=far)
    f.minimize(
        0.5 * y[0] @ y[0] + 2 * y[0] @ y[1] + 2.5 * y[1] @ y[1] + x[1] @ y[0] + 3 * x[2] @ y[1] - 4 * y[0] + 3 * y[1]
    )
    f.add(
        3 * y[0] + y[1] + x[1] - 4 * x[2] <= 2, -y[0] + 3 * y[1] + 2 * x[0] - 4 * x[1] <= 4, -2 * y[0] + 3 * y[1] <= 12
    )
    m.minimize(-x[0] + 3 * x[1] + x[2] - 3 * y[0] - 2 * y[1])
    assert kg.explain(m, time_limit=20).kind == "feasible"


@pytest.mark.parametrize("slope", [1e-3, 1e-5, 1e-7, 1e-9])
def test_a_slope_too_small_to_see_is_not_called_bounded(slope):
    m = kg.Bilevel("slope")
    x = m.var("x", lb=0, ub=6)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(0 * y)
    f.add(5 * y - 4 * x <= 7)
    price = f.add(y == 4).dual  # at x = 3.25 it may be as large as one likes
    m.minimize(-20 * x - slope * (price @ y))
    found = kg.explain(m, time_limit=20)
    assert found.kind == "leader_unbounded" or not found.bounded
