"""A merchant's lines among those of a grid: congestion rents of DC lines as they come, against every plan."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.decompose.by_boxes import worth_plans

COST, TOP = np.array([11.7, 16.5, 24.9]), np.array([20.0, 15.0, 18.0])
LOAD = np.array([0, 0, 0, 7.0, 7.0, 7.0])
OLD = ((0, 1), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (1, 5), (2, 4), (2, 5), (3, 4), (4, 5))
B_OLD = 1 / np.array([0.2, 0.2, 0.3, 0.25, 0.1, 0.3, 0.2, 0.26, 0.1, 0.4, 0.3])
LIMIT = 0.45 * np.array([4.0, 6, 4, 4, 6, 3, 9, 7, 8, 2, 4])
NEW, B_NEW, MOST = ((0, 5), (0, 3), (2, 4)), 1 / np.array([0.2, 0.2, 0.26]), np.array([5.0, 3.0, 4.0])
LEVELS, PAID, VOLL = (0.6, 0.8, 1.0, 1.15), 60.0, 500.0


def incidence(ends):
    A = np.zeros((6, len(ends)))
    start, end = np.array(ends).T
    A[start, np.arange(len(ends))], A[end, np.arange(len(ends))] = 1.0, -1.0
    return A


def merchant():
    """Buses, plants and lines of Wood and Wollenberg (1996), 10 MW a unit, limits at 45 percent; four hours."""
    A, B = incidence(OLD), incidence(NEW)
    m = kg.Bilevel("merchant")
    build = m.var("build", 3, kind="B")
    earned = -PAID * build.sum()
    for t, level in enumerate(LEVELS):
        hour = m.follower(f"hour{t}")
        g, shed = hour.var("g", 3, lb=0, ub=TOP), hour.var("shed", 6, lb=0, ub=level * LOAD)
        old, new = hour.var("old", len(OLD), lb=-LIMIT, ub=LIMIT), hour.var("new", 3, lb=-MOST, ub=MOST)
        angle = hour.var("angle", 6, lb=-6, ub=6)
        balance = hour.add(np.eye(6, 3) @ g + shed - A @ old - B @ new == level * LOAD, name="balance")
        hour.add(angle[0] == 0, old == B_OLD * (A.T @ angle))
        hour.add(new == build * (B_NEW * (B.T @ angle)), name="kirchhoff")
        hour.minimize(COST @ g + VOLL * shed.sum())
        earned = earned - (B.T @ balance.dual) @ new
    m.maximize(earned)
    return m


def earned(plan):
    """Return what a plan earns by SciPy's prices."""
    on = np.flatnonzero(plan)
    A = np.hstack([incidence(OLD), incidence(NEW)[:, on]])
    b, most = np.concatenate([B_OLD, B_NEW[on]]), np.concatenate([LIMIT, MOST[on]])
    lines = len(b)
    rows = np.block([
        [np.eye(6, 3), np.eye(6), -A, np.zeros((6, 6))], [np.zeros((lines, 9)), np.eye(lines), -b[:, None] * A.T]
    ])  # fmt: skip
    total = -PAID * len(on)
    for level in LEVELS:
        ends = [(0, top) for top in (*TOP, *(level * LOAD))] + [(-top, top) for top in most] + [(0, 0)] + 5 * [(-6, 6)]
        cost = np.concatenate([COST, np.full(6, VOLL), np.zeros(lines + 6)])
        found = linprog(cost, A_eq=rows, b_eq=np.concatenate([level * LOAD, np.zeros(lines)]), bounds=ends)
        new = slice(9 + len(OLD), 9 + lines)
        total -= (A[:, len(OLD) :].T @ found.eqlin.marginals[:6]) @ found.x[new]
    return total


@pytest.mark.slow
def test_lines_of_a_merchant_are_those_of_enumeration():
    result = kg.optimize(merchant(), time_limit=100)
    assert result.report.claim == "optimal", str(result.report)
    assert result.solution.objective == pytest.approx(max(map(earned, itertools.product((0, 1), repeat=3))), rel=1e-4)
    assert result.solution.objective > 0


def test_plans_are_worth_what_prices_at_them_say():
    m = merchant()
    respond, model = kg.search.Responder(m), kg.kkt(m)
    for plan in ((0, 0, 0), (1, 0, 0), (0, 1, 1)):
        assert model.value(respond(np.array(plan, dtype=float))) == pytest.approx(earned(plan), rel=1e-6, abs=1e-6)


def test_a_tree_is_chosen_where_there_are_many_pairs_and_few_plans():
    model = kg.bound(kg.eliminate(kg.kkt(merchant())))
    point = [np.zeros(model.n)]
    assert worth_plans(model, point)
    assert not worth_plans(model, [])
    assert not worth_plans(replace(model, pairs=model.pairs.take(np.arange(len(model.pairs)) < 60)), point)
    space = model.space.copy()
    space.kind[:3] = "C"
    assert not worth_plans(replace(model, space=space), point)
