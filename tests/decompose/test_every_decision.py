"""Trying every decision of an aligned or opposed leader: all of them, none twice, and the best one comes out."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.decompose.every_decision import decisions, try_every_decision


def random_problem(seed, sign):
    """Return a problem with two followers whose rows integer decisions move, and its value by enumeration."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("integers")
    x = m.var("x", 3, lb=[0, -1, 0], ub=[2, 1, 1], kind="I")
    m.add(x.sum() <= 2, x[0] - x[1] >= 0)
    price = rng.normal(size=3)
    goal = price @ x
    data = []
    for k in range(2):
        A, B, q, Q = rng.normal(size=(3, 4)), rng.normal(size=(3, 3)), rng.normal(size=4), rng.normal(size=(4, 3))
        data.append((A, B, q, Q))
        follower = m.follower(f"f{k}")
        y = follower.var("y", 4, lb=0, ub=2)
        follower.add(A @ y + B @ x <= 0.7, y.sum() >= 0.5)
        cost = q @ y + (Q @ x) @ y
        follower.minimize(cost)
        goal = goal + sign * (k + 1) * cost
    m.minimize(goal)
    values = []
    for point in itertools.product((0, 1, 2), (-1, 0, 1), (0, 1)):
        at = np.array(point, dtype=float)
        if at.sum() <= 2 and at[0] >= at[1]:
            values.append(float(price @ at) + sum(sign * (k + 1) * optimum(*one, at) for k, one in enumerate(data)))
    return m, values


def optimum(A, B, q, Q, x):
    m = kg.Bilevel("fixed")
    y = m.var("y", 4, lb=0, ub=2)
    m.add(A @ y <= 0.7 - B @ x, y.sum() >= 0.5)
    m.minimize((q + Q @ x) @ y)
    value = kg.solve(m, "highs").objective
    return np.nan if value is None else value


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(6))
def test_the_best_decision_comes_out(seed, sign):
    m, values = random_problem(seed, sign)
    tried = try_every_decision(kg.kkt(m))
    assert tried.count == len(values)
    assert tried.responses == int(np.isfinite(values).sum())
    if tried.responses:
        assert tried.value == pytest.approx(np.nanmin(values))
        z = kg.search.respond(m, tried.x)
        assert kg.kkt(m).value(z) == pytest.approx(tried.value)


def test_decisions_are_all_that_the_rows_leave():
    m = kg.Bilevel("rows")
    x = m.var("x", 6, kind="B")
    m.add(x.sum() <= 2, x[0] + x[1] >= 1, x[2] == x[3])
    m.minimize(x.sum())
    model = kg.kkt(m)
    found = decisions(model, x.cols)
    wanted = [
        point
        for point in itertools.product((0, 1), repeat=6)
        if sum(point) <= 2 and point[0] + point[1] >= 1 and point[2] == point[3]
    ]
    assert found.tolist() == [list(point) for point in wanted]
    assert decisions(model, x.cols, most=len(wanted) - 1) is None


def loops():
    """Return an attack on a ring of lines with a voltage law: multipliers of the law's rows get no boxes."""
    ends = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]])
    A = np.zeros((4, 5))
    A[ends[:, 0], np.arange(5)], A[ends[:, 1], np.arange(5)] = 1, -1
    m = kg.Bilevel("loops")
    cut = m.var("cut", 5, kind="B")
    m.add(cut.sum() <= 2)
    operator = m.follower("operator")
    g = operator.var("g", 2, lb=0, ub=[6, 3])
    shed = operator.var("shed", 4, lb=0, ub=[0, 2, 4, 3])
    f, angle = operator.var("f", 5), operator.var("angle", 4, lb=-1, ub=1)
    b = np.array([5.0, 4, 3, 6, 2])
    operator.add(np.eye(4)[:, [0, 2]] @ g + shed - A @ f == np.array([0, 2, 4, 3]), angle[0] == 0)
    operator.add(f <= 3 * (1 - cut), -f <= 3 * (1 - cut))
    law = b * (A.T @ angle) - f
    operator.add(law <= 2 * b * cut, -law <= 2 * b * cut)
    operator.minimize(shed.sum())
    m.maximize(shed.sum())
    return m


def test_optimize_tries_all_where_multipliers_have_no_boxes():
    m, told = loops(), []
    result = kg.optimize(m, time_limit=60, progress=told.append)
    assert result.report.claim == "optimal"
    assert result.report.reasons[0].startswith("the bound is the best value of all 16 decisions of the leader, 16 of")
    assert any(one["text"].startswith("decisions:") for one in told if "text" in one)
    pairs = kg.optimize(m, kg.SOS1(), time_limit=60)
    assert result.solution.objective == pytest.approx(pairs.solution.objective, abs=1e-5)
    assert kg.dumps(result.model, "lp")
    assert kg.verify(m, result.solution).claim == "optimal"


def test_another_value_is_refuted():
    m = loops()
    result = kg.optimize(m, time_limit=60)
    worse = replace(result.solution, bound=result.bound - 1.0)
    assert "solver fault" in " ".join(kg.verify(m, worse, evidence=[result.solution]).reasons)


@pytest.mark.parametrize("why", ["continuous", "quadratic", "sets", "time", "pairs"])
def test_what_is_not_for_this_way(why):
    m = loops()
    operator = m.followers[0]
    deadline = Deadline(0.0) if why == "time" else Deadline()
    if why == "continuous":
        m.var("more", lb=0, ub=1)
    if why == "quadratic":
        y = operator.var("y", lb=0, ub=1)
        operator.minimize(y @ y)
        m.minimize(y @ y)
    if why == "sets":
        m.sos1([m.var("a", kind="B"), m.var("b", kind="B")])
    if why == "pairs":
        m.add(operator.var("own", lb=0, ub=1) <= 1)
    assert try_every_decision(kg.kkt(m), deadline) is None
