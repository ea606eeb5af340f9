"""Responses of the followers to a decision: each satisfies its KKT system, games settle or are given up."""

from __future__ import annotations

import importlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from random_problems import kkt_residual, random_problem

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.numerics.programs import qp
from kktgen.numerics.sparse import Csr
from kktgen.search import Responder, respond
from kktgen.search.residual import violation
from kktgen.search.respond import solved as solved_alone

responding = importlib.import_module("kktgen.search.respond")


@pytest.mark.parametrize("quadratic", [True, False], ids=["QP", "LP"])
@pytest.mark.parametrize("seed", range(8))
def test_a_response_satisfies_the_kkt_system(seed, quadratic):
    m = random_problem(seed, quadratic, followers=1 + seed % 3)
    x = np.random.default_rng(100 + seed).random(3)
    z = respond(m, x)
    assert z is not None
    assert kkt_residual(m, z) < 1e-7
    assert violation(kg.kkt(m), z) < 1e-7
    assert np.array_equal(z[:3], x)
    for follower in m.followers:  # a second opinion on the optimal value
        f = follower.qp()
        rows = Csr(np.vstack([f.A.toarray(), f.G.toarray()]))
        lo = np.concatenate([f.b - f.B @ x, np.full(len(f.h), -np.inf)])
        hi = np.concatenate([f.b - f.B @ x, f.h - f.H @ x])
        free = np.full(f.ny, np.inf)
        answer = qp(f.P, f.q + f.Q @ x, rows, lo, hi, -free, free)
        assert f.cost(z[f.y], x) == pytest.approx(answer.value, abs=1e-6)


def test_the_price_of_a_response_is_the_derivative_of_the_cost():
    m = kg.Bilevel()
    demand = m.var("demand", lb=0, ub=10)
    lower = m.follower("market")
    g = lower.var("g", 2, lb=0, ub=[2, 9])
    balance = lower.add(g.sum() - demand == 0, name="balance")
    cap = lower.add(g[1] <= 3, name="cap")
    lower.minimize(1 * g[0] + 4 * g[1] + 0.5 * g[1] @ g[1])
    z = respond(m, np.array([4.0]))
    assert balance.dual.value(z) == pytest.approx(4 + 2, abs=1e-8)
    assert g.upper_dual.value(z) == pytest.approx([1 - 6, 0], abs=1e-8)
    z = respond(m, np.array([5.0]))  # both at their limits: prices of balance and cap differ by the marginal cost
    assert balance.dual.value(z) + cap.dual.value(z) == pytest.approx(4 + 3, abs=1e-8)


def test_responses_are_the_same_with_an_executor_and_jobs_can_be_pickled():
    m = random_problem(3, True, followers=3)
    responder = Responder(m)
    x = np.full(len(m.space), 0.4)
    with ThreadPoolExecutor(2) as pool:
        assert np.array_equal(responder(x), responder(x, pool))
    assert pickle.loads(pickle.dumps(responder.qps[0])).ny == 7


def test_a_point_of_the_wrong_length_is_refused():
    with pytest.raises(kg.ProblemError, match="5 entries"):
        respond(random_problem(0, True), np.zeros(5))


def wall(limit: float) -> kg.Bilevel:
    """Declare a follower that needs y >= x and y <= limit."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=2)
    lower = m.follower("lower")
    y = lower.var("y", ub=limit)
    lower.add(y >= x)
    lower.minimize(y * y)
    m.minimize(x)
    return m


def test_no_response_where_the_follower_is_infeasible_or_unbounded():
    assert respond(wall(1.0), np.array([1.5])) is None
    assert respond(wall(1.0), np.array([0.5])) is not None
    m = kg.Bilevel()
    x = m.var("x", lb=-1, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(x @ y)
    assert respond(m, np.array([-0.5])) is None
    assert respond(m, np.array([0.5]))[y.cols] == 0


def test_parameters_outside_by_a_rounding_error_do_not_make_a_follower_infeasible():
    z = respond(wall(1.0), np.array([1.0 + 2e-9]))
    assert z is not None and z[1] == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize(("a", "b", "c"), [(10.0, 1.0, (1.0, 2.0)), (30.0, 2.5, (4.0, 0.0))])
def test_cournot_firms_settle_at_the_nash_equilibrium(a, b, c):
    m = kg.Bilevel("cournot")
    m.var("x", lb=0, ub=1)
    firms = [m.follower(f"firm{i}") for i in range(2)]
    q = [firm.var("q", lb=0) for firm in firms]
    for i, firm in enumerate(firms):
        firm.maximize(a * q[i] - b * (q[i] @ q[i]) - b * (q[1 - i] @ q[i]) - c[i] * q[i])
    z = respond(m, np.array([0.0]))
    expected = [(a - 2 * c[i] + c[1 - i]) / (3 * b) for i in range(2)]
    assert [z[v.cols] for v in q] == pytest.approx(expected, abs=1e-8)
    assert kkt_residual(m, z) < 1e-7


def test_a_game_without_rest_gives_no_response():
    """Two players on [-1, 1], costs y1 y2 and -y1 y2: best responses run in a circle."""
    m = kg.Bilevel()
    one, two = m.follower("one"), m.follower("two")
    y1, y2 = one.var("y", lb=-1, ub=1), two.var("y", lb=-1, ub=1)
    one.minimize(y1 @ y2)
    two.minimize(-(y1 @ y2))
    start = np.zeros(len(m.space))
    start[y2.cols] = 0.5
    assert respond(m, start) is None


@pytest.mark.parametrize("seed", range(3))
def test_many_followers_respond_together_as_they_do_alone(seed, monkeypatch):
    m = load_model("dso_vpp").build(hours=6, vpps=9, seed=seed)
    rng = np.random.default_rng(seed)
    x = np.zeros(len(m.space))
    share = rng.random((2, 6))
    x[m.lp.cols], x[m.ls.cols] = m.case.sell + np.sort(share, axis=0)[::-1] * (m.case.buy - m.case.sell)
    solved = []

    def counted(follower, *rest):
        solved.append(follower.ny)
        return solved_alone(follower, *rest)

    monkeypatch.setattr(responding, "solved", counted)
    together = Responder(m)(x)
    assert len(solved) == 1
    monkeypatch.setattr(responding, "MANY", 10)
    responder = Responder(m)
    alone = responder(x)
    assert len(solved) == 10 and sum(solved[1:]) == solved[0]
    assert kkt_residual(m, together) < 1e-7
    for f in responder.qps:
        assert f.cost(together[f.y], x[f.x]) == pytest.approx(f.cost(alone[f.y], x[f.x]), abs=1e-7)


def test_many_followers_of_whom_one_cannot_respond_have_no_response():
    m = kg.Bilevel("tight")
    x = m.var("x", lb=0, ub=5)
    for k in range(10):
        f = m.follower(f"f{k}")
        y = f.var("y", lb=0, ub=4 if k == 7 else 9)
        f.add(y >= x)
        f.minimize(y @ y)
    responder = Responder(m)
    assert responder([3.0]) is not None
    assert responder([4.5]) is None
