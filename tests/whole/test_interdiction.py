"""Interdiction and investment on networks: claims by one solution in proved boxes, equal to enumeration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

import kktgen as kg


def directed(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the incidence matrix of a chain with random other arcs, +1 where an arc leaves."""
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j and (j == i + 1 or rng.random() < 0.3)]
    N = np.zeros((n, len(pairs)))
    for a, (i, j) in enumerate(pairs):
        N[i, a], N[j, a] = 1.0, -1.0
    return N


def shortest_path(seed: int) -> tuple[kg.Bilevel, Callable]:
    """Close two arcs; who finds no way pays 30."""
    rng = np.random.default_rng(seed)
    N = directed(5, rng)
    n, na = N.shape
    sent, length = np.eye(n)[0] - np.eye(n)[-1], rng.integers(1, 9, na).astype(float)
    m = kg.Bilevel("path")
    z, f = m.var("z", na, kind="B"), m.follower("traveller")
    y, stay = f.var("y", na, lb=0), f.var("stay", lb=0)
    f.add(N[:-1] @ y + sent[:-1] * stay == sent[:-1])
    f.add(y <= 1 - z)
    f.minimize(length @ y + 30 * stay)
    m.add(z.sum() <= 2)
    m.maximize(length @ y + 30 * stay)
    A = np.column_stack([N[:-1], sent[:-1]])

    def value(z: np.ndarray) -> float:
        ends = np.column_stack([np.zeros(na + 1), np.append(1.0 - z, np.inf)])
        return linprog(np.append(length, 30.0), A_eq=A, b_eq=sent[:-1], bounds=ends).fun if z.sum() <= 2 else -np.inf

    return m, value


def flow(seed: int) -> tuple[kg.Bilevel, Callable]:
    """Close two arcs; the others send as much as they can."""
    rng = np.random.default_rng(seed)
    N = directed(5, rng)
    n, na = N.shape
    sent, cap = np.eye(n)[0] - np.eye(n)[-1], rng.integers(1, 9, na).astype(float)
    m = kg.Bilevel("flow")
    z, f = m.var("z", na, kind="B"), m.follower("sender")
    y, all_of_it = f.var("y", na, lb=0), f.var("sent", lb=0)
    f.add(N[:-1] @ y == sent[:-1] * all_of_it)
    f.add(y <= cap * (1 - z))
    f.maximize(all_of_it)
    m.add(z.sum() <= 2)
    m.maximize(-all_of_it)
    A = np.column_stack([N[:-1], -sent[:-1]])

    def value(z: np.ndarray) -> float:
        ends = np.column_stack([np.zeros(na + 1), np.append(cap * (1.0 - z), np.inf)])
        return linprog(-np.eye(na + 1)[-1], A_eq=A, b_eq=np.zeros(n - 1), bounds=ends).fun if z.sum() <= 2 else -np.inf

    return m, value


def assignment(seed: int) -> tuple[kg.Bilevel, Callable]:
    """Forbid two pairs of a best assignment."""
    rng, n = np.random.default_rng(seed), 3
    worth = rng.integers(1, 20, (n, n)).astype(float)
    m = kg.Bilevel("assignment")
    z, f = m.var("z", (n, n), kind="B"), m.follower("planner")
    y = f.var("y", (n, n), lb=0)
    for i in range(n):
        f.add(y[i].sum() <= 1)
        f.add(y[:, i].sum() <= 1)
    f.add(y <= 1 - z)
    f.maximize((worth * y).sum())
    m.add(z.sum() <= 2)
    m.maximize(-(worth * y).sum())
    A = np.vstack([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])

    def value(z: np.ndarray) -> float:
        ends = np.column_stack([np.zeros(n * n), 1.0 - z])
        return linprog(-worth.ravel(), A, np.ones(2 * n), bounds=ends).fun if z.sum() <= 2 else -np.inf

    return m, value


def built_arcs(seed: int) -> tuple[kg.Bilevel, Callable]:
    """Build arcs between markets, and earn what their capacity is worth: ``z cap mu``, with all mu of the response."""
    rng, n, cap = np.random.default_rng(seed), 4, 2.0
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    N, new = np.zeros((n, len(pairs))), rng.choice(len(pairs), 3, replace=False)
    for a, (i, j) in enumerate(pairs):
        N[i, a], N[j, a] = -1.0, 0.95
    load, cost = rng.uniform(2, 5, n), rng.uniform(10, 50, n)
    m = kg.Bilevel("arcs")
    z, f = m.var("z", 3, kind="B"), m.follower("market")
    g, y, short = f.var("g", n, lb=0, ub=6), f.var("y", len(pairs), lb=0), f.var("short", n, lb=0)
    f.add(g + N @ y + short == load)
    old = np.setdiff1d(np.arange(len(pairs)), new)
    limits = f.add(y[new] <= cap * z)
    f.add(y[old] <= 0.3)
    f.minimize(cost @ g + 90 * short.sum() + 0.1 * y.sum())
    m.maximize(-cap * (z * limits.dual).sum() - 8 * z.sum())
    q = np.concatenate([cost, np.full(len(pairs), 0.1), np.full(n, 90.0)])
    A = np.hstack([np.eye(n), N, np.eye(n)])

    def value(z: np.ndarray) -> float:
        most = np.full(len(pairs), 0.3)
        most[new] = cap * z
        upper = np.concatenate([np.full(n, 6.0), most, np.full(n, np.inf)])
        return best_rent(q, A, load, upper, cap * z, n + new) - 8 * z.sum()

    return m, value


def built_storage(seed: int) -> tuple[kg.Bilevel, Callable]:
    """Build storages with losses, and earn what their limits are worth."""
    rng, T, eta, kappa = np.random.default_rng(seed), 3, 0.9, 0.98
    load, cost, sizes = rng.uniform(1, 8, T), rng.uniform(10, 60, T), np.array([2.0, 3.0])
    m = kg.Bilevel("storage")
    z, f = m.var("z", 2, kind="B"), m.follower("market")
    cheap, short = f.var("cheap", T, lb=0, ub=6), f.var("short", T, lb=0)
    injected, parts, rent, limits = cheap + short, [np.eye(T), np.eye(T)], 0.0, []
    step = np.eye(T) - kappa * np.eye(T, k=-1)
    for k, size in enumerate(sizes):
        c, d, e = (f.var(f"{name}{k}", T, lb=0) for name in ("charge", "discharge", "energy"))
        f.add(step @ e == eta * c - (1 / eta) * d)
        for y, cap in ((c, size), (d, size), (e, 2 * size)):
            row = f.add(y <= cap * z[k])
            rent = rent - cap * (z[k] * row.dual).sum()
            limits.append((k, cap))
        injected = injected + d - c
    f.add(injected == load)
    f.minimize(cost @ cheap + 90 * short.sum())
    m.maximize(rent - 20 * z.sum())
    nothing = np.zeros((T, T))
    rows = [np.hstack([*parts, *[-np.eye(T), np.eye(T), nothing] * 2])]
    for k in range(2):
        own = [-eta * np.eye(T), np.eye(T) / eta, step]
        rows.append(np.hstack([nothing] * 2 + (own + [nothing] * 3 if k == 0 else [nothing] * 3 + own)))
    A, b = np.vstack(rows), np.concatenate([load, np.zeros(2 * T)])
    q = np.concatenate([cost, np.full(T, 90.0), np.zeros(6 * T)])

    def value(z: np.ndarray) -> float:
        most = np.repeat([cap * z[k] for k, cap in limits], T)
        upper = np.concatenate([np.full(T, 6.0), np.full(T, np.inf), most])
        return best_rent(q, A, b, upper, most, 2 * T + np.arange(6 * T)) - 20 * z.sum()

    return m, value


def best_rent(q: np.ndarray, A: np.ndarray, b: np.ndarray, upper: np.ndarray, cap: np.ndarray, at: np.ndarray) -> float:
    """Return the largest ``cap'mu`` over all multipliers of ``min q'y, A y = b, 0 <= y <= upper``.

    The dual is ``max b'lam - u'mu,  A'lam - mu <= q,  mu >= 0``; its optimal face is cut out by its value.
    """
    least = linprog(q, A_eq=A, b_eq=b, bounds=np.column_stack([np.zeros(len(q)), upper])).fun
    bounded = np.flatnonzero(np.isfinite(upper))
    pick = np.eye(len(q))[:, bounded]
    dual = np.append(-b, upper[bounded])
    rows, sides = np.vstack([np.hstack([A.T, -pick]), dual]), np.append(q, -least + 1e-7 * (1 + abs(least)))
    goal = np.zeros(len(dual))
    goal[len(b) + np.searchsorted(bounded, at)] = -cap
    ends = np.column_stack([np.append(np.full(len(b), -np.inf), np.zeros(len(bounded))), np.full(len(dual), np.inf)])
    return -linprog(goal, rows, sides, bounds=ends).fun


PROBLEMS = {
    "shortest path": shortest_path,
    "flow": flow,
    "assignment": assignment,
    "arcs": built_arcs,
    "storage": built_storage,
}
SEEDS = [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 1, 2, 4, 5))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", PROBLEMS)
def test_one_solution_in_proved_boxes_is_the_optimum(kind, seed):
    m, value = PROBLEMS[kind](seed)
    model = kg.bound(kg.kkt(m))
    prices = np.isin(model.space.role, ["lam", "mu"])
    assert np.isfinite(model.space.lb[prices]).all() and np.isfinite(model.space.ub[prices]).all()
    binaries = np.flatnonzero(model.space.kind == "B")
    best = max(value(np.array(z)) for z in product([0.0, 1.0], repeat=len(binaries)) if sum(z) <= 3)
    found = kg.optimize(m, time_limit=60)
    assert found.report.claim == "optimal"
    assert found.report.value == pytest.approx(best, rel=1e-4, abs=1e-4)
    assert "second solution" not in str(found.report)
