"""Flips and swaps of the leader's integers: what rows allow, responses from the last ones, optima of enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from grids import attack, shed
from random_problems import random_problem
from scipy.optimize import linprog

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.search import Responder, start_points
from kktgen.search.replies import Replies
from kktgen.search.residual import violation
from kktgen.search.start.flips import Flips
from kktgen.search.start.moves import Moves
from kktgen.search.start.neighbours import Neighbours


def interdiction(rng: np.random.Generator) -> kg.Bilevel:
    """Three of eight items are taken away from a packer of two budgets; some cost extra."""
    m = kg.Bilevel("interdiction")
    x = m.var("x", 8, kind="B")
    m.add(x.sum() <= 3)
    packer = m.follower("packer")
    y = packer.var("y", 8, lb=0)
    worth, weight = rng.integers(5, 40, 8), rng.integers(3, 20, (2, 8))
    packer.add(weight @ y <= 0.4 * weight.sum(axis=1), y <= 1 - x)
    packer.minimize(-(worth @ y))
    m.minimize(worth @ y + rng.integers(0, 9, 8) @ x)
    return m


def expansion(rng: np.random.Generator) -> kg.Bilevel:
    """Lines between five places within a budget, built by somebody who pays other costs than the market sees."""
    m = kg.Bilevel("expansion")
    x, price = m.var("x", 7, kind="B"), rng.integers(1, 20, 7)
    m.add(price @ x <= 0.4 * price.sum())
    market = m.follower("market")
    g, short = market.var("g", 5, lb=0, ub=rng.integers(2, 12, 5)), market.var("short", 5, lb=0)
    flow, A = market.var("flow", 7), np.zeros((5, 7))
    for k in range(7):
        i, j = rng.choice(5, 2, replace=False)
        A[i, k], A[j, k] = 1.0, -1.0
    size, cost = rng.integers(1, 6, 7), rng.integers(5, 50, 5)
    market.add(g + short - A @ flow == rng.integers(1, 8, 5), flow <= size * x, -flow <= size * x)
    market.minimize(cost @ g + 100 * short.sum())
    m.minimize(3 * (price @ x) + (cost + rng.integers(0, 60, 5)) @ g + 100 * short.sum())
    return m


def exactly(rng: np.random.Generator) -> kg.Bilevel:
    """Exactly four of nine choices, which move costs and sides of a follower whom the leader does not agree with."""
    m = kg.Bilevel("exactly")
    x = m.var("x", 9, kind="B")
    m.add(x.sum() == 4)
    one = m.follower("one")
    y = one.var("y", 6, lb=0, ub=5)
    one.add(rng.integers(0, 5, (3, 6)) @ y <= 12 + rng.integers(-2, 3, (3, 9)) @ x)
    one.minimize((rng.integers(-4, 5, (6, 9)) @ x) @ y + rng.integers(-9, 6, 6) @ y)
    m.minimize(rng.integers(-9, 10, 6) @ y + rng.integers(-5, 6, 9) @ x)
    return m


def enumerated(m: kg.Bilevel) -> float:
    """Return the least objective over all decisions of the leader, the follower's ties broken for it."""
    f, model, best = m.followers[0].qp(), kg.kkt(m), np.inf
    x = int((model.space.role == "leader").sum())
    cost, leader = model.matrices[1], model.rows.take(model.rows.of_role("leader"))
    for bits in itertools.product((0.0, 1.0), repeat=x):
        z = np.zeros(model.n)
        z[:x] = bits
        if leader.residual(z).max(initial=0.0) > 1e-9:
            continue
        own, at = f.Q @ z[f.x] + f.q, {"bounds": (None, None), "method": "highs"}
        equal = {"A_eq": f.A.toarray(), "b_eq": f.b - f.B @ z[f.x]} if len(f.b) else {}
        G, h = f.G.toarray(), f.h - f.H @ z[f.x]
        least = linprog(own, A_ub=G, b_ub=h, **equal, **at)
        if least.status == 0:
            tie = linprog(cost[f.y], A_ub=np.vstack([G, own]), b_ub=[*h, least.fun + 1e-7], **equal, **at)
            best = min(best, tie.fun + cost[:x] @ z[:x])
    return best


@pytest.mark.parametrize("family", [interdiction, expansion, exactly])
@pytest.mark.parametrize("seed", [9])
def test_the_start_is_the_optimum_of_enumeration_and_no_worse_than_without_flips(family, seed, monkeypatch):
    m = family(np.random.default_rng(seed))
    model = kg.eliminate(kg.kkt(m))
    found = start_points(m, model, seconds=60)
    value = model.objective.value(found[0])
    assert all(violation(model, z) <= 1e-6 for z in found)
    assert value == pytest.approx(enumerated(m), abs=1e-4)
    monkeypatch.setattr("kktgen.search.start.collecting.StartSearch.flip", lambda self, points: None)
    assert value <= model.objective.value(start_points(m, model, seconds=60)[0]) + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("family", [interdiction, expansion, exactly])
def test_the_start_is_the_optimum_of_most(family):
    hits = 0
    for seed in range(20, 40):
        m = family(np.random.default_rng(seed))
        model = kg.eliminate(kg.kkt(m))
        value, best = model.objective.value(start_points(m, model, seconds=60)[0]), enumerated(m)
        assert value >= best - 1e-4
        hits += value <= best + 1e-4
    assert hits >= 18


def test_two_cuts_are_found_where_no_single_one_helps():
    m = attack(2)
    model = kg.eliminate(kg.kkt(m))
    seen = []
    z = start_points(m, model, seconds=60, progress=seen.append)[0]
    assert model.value(z) == pytest.approx(1.94, abs=1e-6)
    assert shed(z[:38], "transport") == pytest.approx(1.94, abs=1e-6)
    assert seen[-1]["move"] == "flip"


def site() -> tuple[kg.Model, np.ndarray, Flips]:
    """Exactly one of five sites is opened; the customer buys there, and elsewhere for 10."""
    m = kg.Bilevel("site")
    x = m.var("x", 5, kind="B")
    m.add(x.sum() == 1)
    customer = m.follower("customer")
    y, other = customer.var("y", 5, lb=0), customer.var("other", lb=0)
    customer.add(y <= np.array([1, 2, 3, 5, 4]) * x, y.sum() + other == 6)
    customer.minimize(y.sum() + 10 * other)
    m.maximize(y.sum())
    model = kg.eliminate(kg.kkt(m))
    z = np.zeros(model.n)
    z[0] = 1.0
    return model, z, Flips(model, Moves(model), Deadline(60))


def test_a_swap_is_made_where_a_row_forbids_every_flip():
    model, z, flips = site()
    near = Neighbours(model, np.arange(5))
    steps, singles = near.singles(z)
    assert len(steps.column) == 5
    assert not len(singles)
    assert [len(pairs) for pairs in near.doubles(z, steps)] == [4]
    found = list(flips.better(z, -1.0))
    assert len(found) == 1
    assert found[0][1] == pytest.approx(-5.0)
    assert found[0][0][:5].tolist() == [0, 0, 0, 1, 0]


def test_no_decision_is_answered_after_the_deadline():
    model, z, _ = site()
    late = Deadline(60)
    late.stop()
    assert not list(Flips(model, Moves(model), late).better(z, -1.0))


@pytest.mark.parametrize("seed", range(4))
def test_moves_that_no_row_rules_out_are_those_of_enumeration(seed):
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("rows")
    x, c = m.var("x", 5, lb=0, ub=2, kind="I"), m.var("c", lb=0, ub=1.5)
    R, s, room = rng.integers(-3, 4, (3, 5)), rng.integers(-2, 3, 3), rng.integers(0, 3, 3)
    z = rng.integers(0, 3, 5)
    m.add(R @ x + s * c <= R @ z + room)
    one = m.follower("one")
    y = one.var("y", lb=0)
    one.add(y >= x.sum())
    one.minimize(y)
    m.minimize(y + c)
    model = kg.kkt(m)
    near = Neighbours(model, np.arange(5))
    point = np.zeros(model.n)
    point[:5] = z
    steps, singles = near.singles(point)
    pairs = [pair for some in near.doubles(point, steps) for pair in some]
    got = {tuple(np.round(steps.from_point(point, which)[:5])) for which in [*singles, *pairs]}
    low = np.minimum(1.5 * s, 0.0)  # the best c for every row by itself
    expected = set()
    for w in itertools.product(range(3), repeat=5):
        moved = np.abs(np.array(w) - z)
        if moved.max() == 1 and moved.sum() <= 2 and (R @ w + low <= R @ z + room + 1e-9).all():
            expected.add(tuple(float(v) for v in w))
    assert got == expected


@pytest.mark.parametrize("quadratic", [True, False], ids=["QP", "LP"])
@pytest.mark.parametrize("seed", range(4))
def test_replies_one_after_the_other_are_those_of_a_fresh_responder(seed, quadratic):
    m = random_problem(seed, quadratic, followers=1 + seed % 3)
    responder, model = Responder(m), kg.kkt(m)
    replies = Replies(responder)
    for x in np.random.default_rng(seed).random((12, 3)).round(1):
        warm, cold = replies(x), responder(x)
        assert violation(model, warm) <= 1e-7
        for f in responder.qps:
            assert f.cost(warm[f.y], warm[f.x]) == pytest.approx(f.cost(cold[f.y], cold[f.x]), abs=1e-7)
