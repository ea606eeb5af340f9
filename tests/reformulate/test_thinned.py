"""What is left of a response where the leader takes from it: feasible, worth what is said, and never too strict."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.responses.parts import Response, parts_of
from kktgen.reformulate.responses.thinned import takes, thinned


def drawn(seed):
    """Binaries of the leader take from, or give to, three integer variables and one continuous one of a packer."""
    r = np.random.default_rng(seed)
    n = 4
    m = kg.Bilevel("taking")
    x = m.var("x", n, lb=0, ub=1, kind="I")
    f = m.follower("packer")
    k, u = f.var("k", 3, lb=0, ub=r.integers(1, 4, 3), kind="I"), f.var("u", 1, lb=0, ub=2)
    y = kg.concatenate([k, u])
    weight, worth = r.integers(1, 6, n).astype(float), r.integers(-2, 9, n).astype(float)
    f.add(weight @ y <= float(r.integers(4, 12)), name="weight")
    a, c, h = r.integers(1, 3, n).astype(float), r.choice([-2.0, 1.0, 2.0, 3.0], n), r.integers(2, 5, n).astype(float)
    for j in range(n):
        f.add(a[j] * y[j] + c[j] * x[j] <= h[j], name=f"take{j}")
    if seed % 3 == 0:
        f.add(k.sum() + x.sum() <= 5, name="crowd")
    if seed % 4 == 1:
        f.add(k[0] - k[1] <= 2, name="ahead")
    f.maximize(worth @ y)
    own = r.integers(0, 3, n).astype(float)
    m.minimize(worth @ y + own @ x)
    return m, worth, own


def decisions(part):
    return [np.array(x, dtype=float) for x in itertools.product([0, 1], repeat=part.qp.nx)]


def feasible(part, y, x, tolerance=1e-9):
    return (part.qp.G @ y + part.qp.H @ x <= part.qp.h + tolerance).all()


def responses(part, x):
    """Yield the choices of a lattice that are feasible at a decision; the continuous one at thirds."""
    tops = [range(int(top) + 1) for top in part.space.ub[part.qp.y[part.k]]]
    for whole in itertools.product(*tops):
        for share in np.linspace(0, 2, 7):
            y = np.zeros(part.qp.ny)
            y[part.k], y[part.u] = whole, share
            if feasible(part, y, x):
                yield y


def looked_at(seed):
    """Return at how many decisions what is left of responses was found feasible and worth what is said."""
    count = 0
    m, *_ = drawn(seed)
    (part,) = parts_of(m)
    known, q = takes(part), part.qp.q
    assert len(known.row) >= 2
    every = decisions(part)
    for x0 in every[:: 1 + seed % 3]:
        for y in itertools.islice(responses(part, x0), seed % 3, None, 5):
            less = thinned(part, known, Response("packer", y, x0))
            rest = np.ones(len(part.qp.h), dtype=bool)
            rest[less.rows] = False
            for x in every:
                v = np.where(less.on, x[less.t], 1 - x[less.t])
                left = y.copy()
                j = part.qp.G.indices[part.qp.G.indptr[less.rows]]
                cost = q @ y + less.loss @ v
                left[j] -= v * less.loss / np.where(q[j] == 0, 1.0, -q[j])
                if (part.qp.G @ y + part.qp.H @ x <= part.qp.h + 1e-9)[rest].all() and (q[j] != 0).all():
                    assert feasible(part, left, x)
                    assert q @ left == pytest.approx(cost)
                    count += int(v.any())
    return count


def test_what_is_left_is_feasible_and_worth_what_is_said():
    counts = [looked_at(seed) for seed in range(12)]
    assert sum(counts) > 1000 and np.count_nonzero(counts) > 8, counts


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_that_of_brute_force(seed):
    m, worth, own = drawn(seed)
    (part,) = parts_of(m)
    result = kg.optimize(m, time_limit=60)
    best = np.inf
    for x in decisions(part):
        values = [worth @ y for y in at_best(part, x)]
        if values:
            best = min(best, max(values) + own @ x)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(best, abs=1e-6)


def at_best(part, x):
    """Yield feasible choices with the continuous variable as large or as small as its rows allow."""
    tops = [range(int(top) + 1) for top in part.space.ub[part.qp.y[part.k]]]
    G, room = part.qp.G.toarray(), part.qp.h - part.qp.H @ x
    (u,) = part.u
    for whole in itertools.product(*tops):
        y = np.zeros(part.qp.ny)
        y[part.k] = whole
        left, slope = room - G @ y, G[:, u]
        low = (left[slope < 0] / slope[slope < 0]).max(initial=0.0)
        high = (left[slope > 0] / slope[slope > 0]).min(initial=np.inf)
        if low <= high + 1e-9 and (left[slope == 0] >= -1e-9).all():
            for end in (low, high):
                out = y.copy()
                out[u] = end
                yield out


def knapsack(seed, n=10):
    r = np.random.default_rng(seed)
    w, p, a = (r.integers(low, high, n) for low, high in ((10, 60), (10, 60), (1, 10)))
    m = kg.Bilevel("knapsack")
    x = m.var("x", n, kind="B")
    m.add(a @ x <= int(a.sum() // 3))
    f = m.follower("packer")
    y = f.var("y", n, kind="B")
    f.add(w @ y <= int(w.sum() // 2), y <= 1 - x)
    f.maximize(p @ y)
    m.minimize(p @ y)
    return m, (w, p, a)


def packed(w, p, room):
    best = np.zeros(room + 1)
    for weight, worth in zip(w, p, strict=True):
        best[weight:] = np.maximum(best[weight:], best[:-weight] + worth)
    return best[-1]


@pytest.mark.parametrize("seed", range(2))
def test_whole_items_taken_from_a_knapsack(seed):
    """By dynamic programming over every choice; without these rows it takes twice as many rounds."""
    m, (w, p, a) = knapsack(seed)
    choices = (np.array(one, dtype=bool) for one in itertools.product([0, 1], repeat=len(w)))
    least = min(packed(w[~x], p[~x], w.sum() // 2) for x in choices if a[x].sum() <= a.sum() // 3)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(least)
    assert result.rounds <= 25


def test_both_states_of_a_binary_may_take():
    m = kg.Bilevel("states")
    x = m.var("x", 2, kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=5, kind="I")
    f.add(y[0] + 3 * x[0] <= 5, 2 * y[1] <= 3 + 7 * x[1])  # 5 or 2; 1 or 5
    f.maximize(4 * y[0] + 3 * y[1])
    m.minimize(y.sum())
    (part,) = parts_of(m)
    less = thinned(part, takes(part), Response("f", np.array([5.0, 5.0]), np.array([0.0, 1.0])))
    assert (less.on.tolist(), less.loss.tolist()) == ([True, False], [12.0, 12.0])
    less = thinned(part, takes(part), Response("f", np.array([2.0, 1.0]), np.array([1.0, 0.0])))
    assert not len(less.rows)


def test_rows_that_are_none_of_the_kind_are_left_to_constants():
    m = kg.Bilevel("others")
    x, z = m.var("x", 5, kind="B"), m.var("z", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 6, lb=0, ub=3, kind="I")
    f.add(y[0] + z <= 3)  # a continuous column takes
    f.add(y[1] + x[0] + x[1] <= 3)  # two columns
    f.add(y[2] + y[3] + x[2] <= 3)  # two variables
    f.add(y[4] + x[3] <= 3, y[4] - y[0] <= 2, y[0] - y[4] <= 2)  # lowering one moves others out
    f.add(y[5] + x[4] <= 3)  # of the kind, but curved in the cost
    f.minimize(y[5] @ y[5] - y.sum())
    m.minimize(y.sum())
    (part,) = parts_of(m)
    assert len(takes(part).row) == 0


def test_a_follower_without_a_cost_has_nothing_that_tolerances_could_hide():
    m = kg.Bilevel("idle")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=3, kind="I")
    f.add(y + 2 * x <= 3)
    f.minimize(0 * y)
    m.maximize(y + x)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(3)


def test_a_start_that_presolve_improves_is_not_called_optimal():
    m = kg.Bilevel("improved")
    x = [m.var(f"x{t}", kind="B") for t in range(5)]
    f = m.follower("f")
    lb, ub = [-2, 1, -2, 0, 0], [1, 4, 1, 1, 1]
    y = [f.var(f"y{j}", lb=lb[j], ub=ub[j], kind="I" if j < 3 else "C") for j in range(5)]
    f.add(3 * y[0] - x[3] <= 1, 3 * y[0] + 2 * x[0] <= 2, 2 * y[1] - x[3] <= 3)
    f.add(-2 * y[4] + 0.5 * x[3] <= 0.5, y[4] - 3 * x[1] <= 3)
    f.add(y[0] + 2 * y[1] + 4 * y[2] + y[3] + 2 * y[4] <= 1)
    f.add(y[3] + x[4] * y[3] <= 2, y[2] + x[1] * y[2] <= 0)
    f.minimize(2 * y[1] - 2 * y[0] - 4 * y[3] - 4 * y[4])
    m.minimize(
        3 * x[0] + 2 * x[1] + 4 * x[2] + x[3] + 2 * x[4] - 3 * y[0] - 4 * y[1] - y[2] - 2 * y[3] - 3 * y[4]
    )  # fmt: skip
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(-8)


def test_large_integers_are_not_rounded_to_what_the_row_does_not_leave():
    m = kg.Bilevel("large")
    x = m.var("x", kind="B")
    m.add(x >= 1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1_500_000, kind="I")
    f.add(y + 1_000_000.0005 * x <= 2_000_000)  # 999999 and a bit, where x = 1
    f.maximize(y)
    m.minimize(y - 999_990)
    model = kg.master(m, [Response("f", np.array([1_500_000.0]), np.array([0.0]))])
    assert kg.solve(model, "highs").status == "optimal"
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(9)


def test_large_integers_beyond_the_other_state_are_not_thinned():
    m = kg.Bilevel("beyond")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1_500_000, kind="I")
    f.add(y + 10 * x <= 999_999.9995)
    f.maximize(y)
    m.minimize(y)
    (part,) = parts_of(m)
    less = thinned(part, takes(part), Response("f", np.array([1_000_000.0]), np.array([0.0])))
    assert not len(less.rows)


def test_a_whole_number_beyond_a_large_bound_is_no_response():
    m = kg.Bilevel("large")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1_000_000, kind="I")
    f.add(y + 5 * x <= 1_000_000)
    f.maximize(y)
    m.minimize(y - 999_990)
    with pytest.raises(kg.ProblemError, match="is none"):
        kg.master(m, [Response("f", np.array([1_000_001.0]), np.array([0.0]))])


def test_rows_that_hold_where_the_leader_says_so_leave_no_gap():
    m = kg.Bilevel("said")
    x = m.var("x", 3, kind="B")
    f = m.follower("f")
    y, u = f.var("y", 2, lb=[-2, 0], ub=[2, 1], kind="I"), f.var("u", lb=0, ub=4)
    f.add(y[0] + 2 * x[0] <= -2, y[1] + 0.5 * x[1] <= 1.5, u + 2 * x[2] <= 0)
    f.add(-1 * u <= -4, when=x[1])
    f.minimize(-4 * y.sum() - 4 * u)
    m.minimize(4 * y.sum() + 4 * u - 3 * x[0] - 4 * x[1] - 3 * x[2])
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(-4)


def test_without_points_nothing_is_bounded_and_the_problem_is_called_infeasible():
    m = kg.Bilevel("void")
    x = m.var("x", lb=1, ub=1, kind="B")
    f = m.follower("f")
    y = f.var("y", lb=1, ub=5, kind="I")
    f.add(-1 * y + 2 * (1 - x) <= -3, y + x * (2 * y) <= 5)
    f.minimize(y)
    m.minimize(y)
    assert kg.optimize(m, time_limit=30).solution.status == "infeasible"
