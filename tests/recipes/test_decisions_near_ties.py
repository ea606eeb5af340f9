"""Responses that are almost ties: what the leader may take of them, and what a bound says of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg


def options(cost, more, gain):
    """Return two options, the second a little dearer and worth a gain to the leader, beside a priced variable."""
    m = kg.Bilevel("options")
    price = m.var("price", lb=0, ub=1)
    f = m.follower("f")
    k, u = f.var("k", 2, kind="B"), f.var("u", lb=0, ub=1)
    f.add(k.sum() == 1)
    f.minimize(cost * k[0] + (cost + more) * k[1] + u - price * u)
    m.minimize(0.1 * price - gain * k[1])
    return m


@pytest.mark.parametrize("cost", [1.0, 1e3, 5e5, 1e7])
@pytest.mark.parametrize("share", [1e-8, 1e-7, 4e-7, 2e-6])
def test_what_the_bound_tells_from_a_tie_is_none(cost, share):
    result = kg.optimize(options(cost, share * cost, 1000.0), time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("cost", [1.0, 1e3, 5e5, 1e7])
def test_a_tie_is_taken_whatever_the_size_of_costs(cost):
    result = kg.optimize(options(cost, 0.0, 1000.0), time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(-1000.0, abs=1e-6)


class Switched:
    """Binaries on both levels, costs that are large and almost the same."""

    def __init__(self, seed):
        r = np.random.default_rng(seed)
        size = 10.0 ** r.integers(2, 8)
        self.q = np.round(-size + r.integers(-5, 6, 4) * size * 10.0 ** r.integers(-9, -3), 6)
        self.G, self.H = r.integers(0, 4, (2, 4)).astype(float), r.integers(-2, 3, (2, 3)).astype(float)
        self.h = np.round(self.G.sum(1) * 0.6)
        self.c, self.d = r.integers(-3, 4, 3).astype(float), r.integers(-9, 10, 4).astype(float)

    def build(self):
        m = kg.Bilevel("switched")
        x = m.var("x", 3, kind="B")
        f = m.follower("f")
        y = f.var("y", 4, kind="B")
        f.add(self.G @ y + self.H @ x <= self.h)
        f.minimize(self.q @ y)
        m.minimize(self.c @ x + self.d @ y)
        return m

    def best(self, tie):
        """Return the leader's best value where followers do not mind a cost that is higher by a share of the least."""
        found = np.inf
        ys = np.array(list(itertools.product([0, 1], repeat=4)))
        for x in itertools.product([0, 1], repeat=3):
            can = ys[(ys @ self.G.T + self.H @ np.array(x) <= self.h).all(axis=1)]
            if len(can):
                cost = can @ self.q
                ties = can[cost <= cost.min() + tie * max(1.0, abs(cost.min()))]
                found = min(found, self.c @ np.array(x) + (ties @ self.d).min())
        return found


@pytest.mark.parametrize("seed", range(60))
def test_values_lie_between_those_of_ties_and_of_what_verification_lets_pass(seed):
    case = Switched(seed)
    result = kg.optimize(case.build(), time_limit=30)
    assert result.report.ok  # some are not called optimal with older solvers
    assert case.best(1e-6) - 1e-6 <= result.solution.objective <= case.best(1e-14) + 1e-6
    if case.best(1e-7) == case.best(1e-14):  # no response but ties that solvers cannot tell from them
        assert result.solution.objective == pytest.approx(case.best(1e-14), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_prices_at_which_large_costs_are_almost_the_same(seed):
    r = np.random.default_rng(1000 + seed)
    size = 10.0 ** r.integers(0, 7)
    q = np.round(size * (1 + r.integers(-5, 6, 4) * 10.0 ** r.integers(-7, -1)), 6)
    power, d = r.integers(1, 5, 4).astype(float), r.integers(0, 9, 4) * size / 4
    m = kg.Bilevel("priced")
    x = m.var("x", lb=0, ub=2 * size)
    f = m.follower("f")
    k, u = f.var("k", 4, kind="B"), f.var("u", 4, lb=0, ub=1)
    f.add(k.sum() == 1, u == k)
    f.minimize(q @ k - x * (power @ u))
    m.maximize(d @ k - x * (power @ u) + 0.05 * x)
    ends = {0.0, 2 * size}
    for i, j in itertools.combinations(range(4), 2):
        if power[i] != power[j]:
            ends.add(float(np.clip((q[i] - q[j]) / (power[i] - power[j]), 0, 2 * size)))
    values = {}
    for tie in (1e-12, 1e-6):
        values[tie] = -np.inf
        for at in ends:
            cost = q - at * power
            values[tie] = max(values[tie], (d - at * power + 0.05 * at)[cost <= cost.min() + tie * size].max())
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    low, high = values[1e-12], values[1e-6]
    assert low - 1e-4 * abs(low) <= result.solution.objective <= high + 1e-4 * abs(high)


def test_a_decision_is_taken_to_the_last_digits():
    m = kg.Bilevel("digits")  # at 13/9 the follower is indifferent in u0, of which solvers' tolerances are worth 2
    x = m.var("x", lb=0, ub=2)
    f = m.follower("lower")
    u, k = f.var("u", 2, lb=0, ub=1), f.var("k", 3, kind="B")
    G = np.array([[0.6, 0.5, -0.1, -0.2, 0.5], [0.8, 0.0, 0.0, 0.6, 0.3], [0.2, 0.2, -0.2, 0.3, 0.1]])
    y = kg.concatenate([u, k])
    f.add((G / 1e6) @ y <= np.array([1.6, 1.8, 2.0]) / 1e6)
    f.minimize([-1.3, -1.5, -0.2, -1.4, -1.2] @ y + 0.9 * x * u.sum() + 0.5 * x * k[0])
    m.minimize([-1.5, 1.0, -0.7, 0.4, 0.8] @ y - 0.9 * x * u.sum() - 0.5 * x * k[0])
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(-1.9, abs=1e-4)
    assert result.solution[x] == pytest.approx(13 / 9, abs=1e-9)
