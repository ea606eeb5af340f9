"""Auto takes strong duality for followers that see binary columns alone, and nobody else; values by enumeration."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.encodings.strong_duality import linear_followers


def problem(seed, coupling=False, scale=1.0):
    """Return three binaries, two linear followers whose rows and costs they move, another leader, and the value."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("binaries")
    x = m.var("x", 3, kind="B")
    price = rng.normal(size=3)
    goal, data = price @ x, []
    for k in range(2):
        A, B = rng.integers(0, 4, (2, 3)).astype(float), rng.integers(-2, 3, (2, 3)).astype(float)
        q, Q, w = (rng.integers(-4, 5, size).astype(float) for size in (3, (3, 3), 3))
        data.append((A, B, q, Q, w))
        follower = m.follower(f"f{k}")
        y = follower.var("y", 3, lb=0, ub=2)
        follower.add(A @ y <= 3 + B @ x, y.sum() >= 1 + 0.5 * x[0])
        follower.minimize(scale * (q @ y + (Q @ x) @ y))
        goal = goal + w @ y
        if coupling:
            m.add(y[0] <= 1.5)
    m.minimize(goal)
    values = [
        float(price @ np.array(point)) + sum(best(*one, np.array(point), coupling) for one in data)
        for point in itertools.product((0.0, 1.0), repeat=3)
    ]
    return m, min(values)


def best(A, B, q, Q, w, x, coupling):
    """Return the leader's least ``w'y`` over the follower's optimal responses at x; inf without one."""

    def solved(goal, cap=None):
        m = kg.Bilevel("fixed")
        y = m.var("y", 3, lb=0, ub=2)
        m.add(A @ y <= 3 + B @ x, y.sum() >= 1 + 0.5 * x[0])
        if cap is not None:
            m.add((q + Q @ x) @ y <= cap)
            if coupling:
                m.add(y[0] <= 1.5)
        m.minimize(goal @ y)
        return kg.solve(m, "highs").objective

    least = solved(q + Q @ x)
    found = None if least is None else solved(w, least + 1e-9)
    return np.inf if found is None else found


def used(model):
    return {part.encoding for part in model.encodings}


@pytest.mark.parametrize("coupling", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_values_are_those_of_enumeration(seed, coupling):
    m, value = problem(seed, coupling)
    result = kg.optimize(m, start=False, time_limit=30)
    if not np.isfinite(value):
        assert result.report.claim == "infeasible"
        return
    assert used(result.model) == {"StrongDuality"}
    assert "SOS1" not in result.model.features
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-7, 1e6])
def test_costs_of_any_unit(scale):
    m, value = problem(3, scale=scale)
    result = kg.optimize(m, start=False, time_limit=30)
    assert used(result.model) == {"StrongDuality"}
    assert result.solution.objective == pytest.approx(value, abs=1e-5)
    assert result.report.claim == "optimal"


def test_a_box_that_is_too_small_is_seen():
    m, value = problem(3)
    bounded = kg.bound(kg.kkt(m))
    space = bounded.space.copy()
    space.ub[space.is_price] *= 0.2
    space.lb[space.is_price] *= 0.2
    cut = kg.encode(replace(bounded, space=space), kg.Auto())
    found = kg.solve(cut)
    assert found.objective is None or found.objective > value + 1e-3


def mixed():
    """Return four followers: a binary alone, a continuous toll, a quadratic cost, and multipliers that leak."""
    m = kg.Bilevel("mixed")
    x, toll = m.var("x", kind="B"), m.var("toll", lb=0, ub=3)
    goal = x
    for name in ("binary", "tolled", "quadratic", "dear"):
        follower = m.follower(name)
        y = follower.var("y", lb=0, ub=1)
        follower.add(y <= 1.5 - x)
        cost = {"binary": -y, "tolled": toll @ y - 2 * y, "quadratic": y @ y - y, "dear": -1e6 * y + 1e-3 * x @ y}[name]
        follower.minimize(cost)
        goal = goal + (toll @ y if name == "tolled" else y)
    m.maximize(goal)
    return m


def test_each_follower_by_itself():
    model = kg.bound(kg.kkt(mixed()))
    assert [model.kkt.followers[k] for k in linear_followers(model, model.pairs)] == ["binary"]
    encoded = kg.encode(model, kg.Auto())
    assert used(encoded) > {"StrongDuality"}
    assert all(part.trust in ("proved", "exact") for part in encoded.encodings)


def test_pairs_of_part_of_a_follower_are_not_settled_by_its_whole_row():
    model = kg.bound(kg.kkt(problem(3)[0]))
    some = model.pairs.take(np.arange(len(model.pairs)) > 0)
    assert linear_followers(model, model.pairs).tolist() == [0, 1]
    assert linear_followers(model, some).tolist() == [1]


def test_multipliers_without_boxes_or_large_ones_keep_the_pairs():
    m = problem(3)[0]
    plain = kg.kkt(m)
    assert len(linear_followers(plain, plain.pairs)) < 2
    model = kg.bound(plain)
    space = model.space.copy()
    space.ub[model.kkt.mu] *= 1e4
    wide = replace(model, space=space)
    assert len(linear_followers(wide, wide.pairs)) == 0
    given = model.space.copy()
    given.proof[model.kkt.mu] = "user"
    mine = replace(model, space=given)
    assert len(linear_followers(mine, mine.pairs)) == 0


def test_slacks_that_are_zero_up_to_a_tolerance_keep_the_pairs():
    """A row between 2 and 2 + 9e-7 is an equation to the solver, not to a row that says gap <= 0."""
    m = kg.Bilevel("narrow")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=1, ub=4)
    f.add(kg.between(2, y.sum(), 2 + 9e-7), y[0] <= 3 - x)
    f.minimize(1000 * y[0] + (1000 * x - 500) * y[1])
    m.minimize(x + y[0] - 2 * y[1])
    model = kg.bound(kg.kkt(m))
    assert len(linear_followers(model, model.pairs)) == 0
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(-1, abs=1e-4)
