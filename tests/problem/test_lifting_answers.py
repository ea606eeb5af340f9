"""Products of the leader's integers with followers' expressions in followers' rows, against every decision one by one.

The oracle knows nothing of kktgen: at a decision x the follower's rows are ``A(x) y <= b(x)`` with numbers, SciPy's LP
solver (or HiGHS, for squares) finds the response, and a second problem the best one for the leader among all responses.
"""

from __future__ import annotations

import contextlib
import itertools

import highspy
import numpy as np
import problems
import pytest
from scipy.optimize import linprog

import kktgen as kg
from kktgen.problem import lifting
from kktgen.problem.lifted_rows import WORDS, Lifted

LIMIT = 60.0


def quadratic(D, c, A, lo, hi, lb, ub):
    """Return the minimiser of ``1/2 y'diag(D)y + c'y`` over rows and bounds, None where there is no point."""
    h = highspy.Highs()
    h.silent()
    n = len(c)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_, lp.col_cost_, lp.col_lower_, lp.col_upper_ = n, len(lo), c, lb, ub
    lp.row_lower_, lp.row_upper_ = lo, hi
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(0, n * len(lo) + 1, n)
    lp.a_matrix_.index_, lp.a_matrix_.value_ = np.tile(np.arange(n), len(lo)), np.asarray(A, dtype=float).ravel()
    model = highspy.HighsModel()
    model.lp_ = lp
    if np.any(D):
        model.hessian_.dim_ = n
        model.hessian_.start_, model.hessian_.index_, model.hessian_.value_ = np.arange(n + 1), np.arange(n), D
    h.passModel(model)
    h.run()
    found = h.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return np.array(h.getSolution().col_value) if found else None


def enumerated(values, rows_at, D, c, lb, ub, worth):
    """Return the leader's best value over all decisions: rows_at(x) gives (A, lo, hi), worth(x) gives (d, constant)."""
    best = np.inf
    for x in itertools.product(*values):
        x = np.array(x, dtype=float)
        A, lo, hi = rows_at(x)
        y = quadratic(D, c, A, lo, hi, lb, ub)
        if y is None:
            continue
        d, constant = worth(x)
        if np.all(D > 0):
            best = min(best, constant + d @ y)
            continue
        same = np.flatnonzero(D)
        A_ub = np.vstack([A[np.isfinite(hi)], -A[np.isfinite(lo)], c + D * y])
        b_ub = np.concatenate([hi[np.isfinite(hi)], -lo[np.isfinite(lo)], [(c + D * y) @ y + 1e-9]])
        A_eq, b_eq = (np.eye(len(c))[same], y[same]) if len(same) else (None, None)
        tie = linprog(d, A_ub, b_ub, A_eq, b_eq, list(zip(lb, ub, strict=True)))
        best = min(best, constant + tie.fun)
    return best


def right(m, value, claim="optimal"):
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == claim, str(result.report)
    assert result.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-5)
    return result


def data(seed, n, k, j):
    r = np.random.default_rng(seed)
    A0, more = r.integers(-2, 4, (k, n)).astype(float), r.integers(-2, 4, (j, k, n)) * (r.random((j, k, n)) < 0.5)
    b, B = r.integers(4, 12, k).astype(float), r.integers(-2, 3, (k, j)).astype(float)
    c, d, e = r.integers(-5, 4, n).astype(float), r.integers(-3, 4, n).astype(float), r.integers(-3, 4, j).astype(float)
    return A0, more.astype(float), b, B, c, d, e


@pytest.mark.parametrize("seed", range(14))
def test_random_followers_with_products_in_most_rows(seed):
    """Linear and quadratic followers, binaries and integers, rows of both senses, in scalar and in vector form."""
    n, k, j = 3, 3, 3
    A0, more, b, B, c, d, e = data(seed, n, k, j)
    D = np.array([0.0, 1.0, 2.0])[:n] * (seed % 3 == 2) + (seed % 3 == 1)
    top = 3 if seed % 4 == 3 else 1
    m = kg.Bilevel("random")
    x = m.var("x", j, lb=0, ub=top, kind="I" if top > 1 else "B")
    f = m.follower("f")
    y = f.var("y", n, lb=-1, ub=4)
    if seed % 2:
        left = A0 @ y + kg.stack([kg.sum(x[p] * (more[p, i] @ y) for p in range(j)) for i in range(k)])
        f.add(left <= b + B @ x)
    else:
        for i in range(k):
            f.add(A0[i] @ y + kg.sum(x[p] * (more[p, i] @ y) for p in range(j)) <= b[i] + B[i] @ x)
    f.minimize(c @ y + 0.5 * kg.sum(D[i] * y[i] * y[i] for i in range(n)))
    m.minimize(d @ y + e @ x)
    value = enumerated(
        [range(top + 1)] * j, lambda v: (A0 + np.tensordot(v, more, 1), np.full(k, -np.inf), b + B @ v), D, c,
        np.full(n, -1.0), np.full(n, 4.0), lambda v: (d, e @ v),
    )  # fmt: skip
    assert np.isfinite(value)
    right(m, value)


def grid(seed, buses, lines):
    r = np.random.default_rng(seed)
    ends = list(itertools.combinations(range(buses), 2))
    r.shuffle(ends)
    ends = np.array(ends[:lines])
    incidence = np.zeros((buses, len(ends)))
    incidence[ends[:, 0], np.arange(len(ends))], incidence[ends[:, 1], np.arange(len(ends))] = 1.0, -1.0
    b, cap = np.round(r.uniform(2, 6, len(ends)), 1), np.round(r.uniform(3, 8, len(ends)), 1)
    cost, top = np.round(r.uniform(10, 50, buses), 1), np.round(r.uniform(6, 15, buses), 1)
    load, price = np.round(r.uniform(2, 8, buses), 1), np.round(r.uniform(0, 1, buses), 2)
    return incidence, b, cap, cost, top, load, price


def market(m, seed, buses, existing, x, quadratic_cost, form):
    """Declare a DC market with lines that may be built; return the follower's variables and rows."""
    incidence, b, cap, cost, top, load, price = grid(seed, buses, existing + x.size)
    f = m.follower("market")
    g, shed = f.var("g", buses, lb=0, ub=top), f.var("shed", buses, lb=0, ub=load)
    angle = f.var("angle", buses, lb=-1.5, ub=1.5)
    flow = f.var("flow", existing + x.size, lb=-cap, ub=cap)
    drop = b * (incidence.T @ angle)
    old, new = np.arange(existing), np.arange(existing, len(cap))
    f.add(flow[old] == drop[old], name="kirchhoff")
    if form == "product":
        f.add(flow[new] == x * drop[new], name="candidate")
    else:
        f.add(flow[new] == drop[new], when=x, name="candidate")
        f.add(flow[new] == 0, when=~x, name="unbuilt")
    f.add(angle[0] == 0)
    balance = f.add(g + shed - incidence @ flow == load, name="balance")
    f.minimize(cost @ g + 200 * shed.sum() + 0.01 * quadratic_cost * (g @ g))
    return f, g, shed, flow, balance


def market_rows(seed, buses, existing, candidates):
    """Return rows_at(x), curvature, cost and bounds of the same market over (g, shed, angle, flow)."""
    incidence, b, cap, cost, top, load, price = grid(seed, buses, existing + candidates)
    n, lines = buses, len(cap)
    lb = np.concatenate([np.zeros(2 * n), np.full(n, -1.5), -cap])
    ub = np.concatenate([top, load, np.full(n, 1.5), cap])
    lb[2 * n], ub[2 * n] = 0.0, 0.0

    def rows_at(x):
        on = np.concatenate([np.ones(existing), x])
        kirchhoff = np.hstack([np.zeros((lines, 2 * n)), -(on * b)[:, None] * incidence.T, np.eye(lines)])
        balance = np.hstack([np.eye(n), np.eye(n), np.zeros((n, n)), -incidence])
        side = np.concatenate([np.zeros(lines), load])
        return np.vstack([kirchhoff, balance]), side, side

    return rows_at, np.concatenate([cost, np.full(n, 200.0), np.zeros(n + lines)]), lb, ub, price


@pytest.mark.parametrize("form", ["product", "when"])
@pytest.mark.parametrize(("seed", "buses"), [(0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (5, 7), (6, 8)])
def test_transmission_expansion(seed, buses, form):
    """A planner builds lines inside a DC market that clears by its own costs."""
    existing, candidates = buses - 1, 3
    m = kg.Bilevel("expansion")
    x = m.var("x", candidates, kind="B")
    curved = seed % 2
    f, g, shed, flow, balance = market(m, seed, buses, existing, x, curved, form)
    rows_at, c, lb, ub, price = market_rows(seed, buses, existing, candidates)
    build = np.round(np.random.default_rng(seed + 100).uniform(1, 6, candidates), 1)
    m.minimize(build @ x + 2 * (price @ g) + 50 * shed.sum())
    D = np.concatenate([np.full(buses, 0.02 * curved), np.zeros(len(c) - buses)])
    d = np.concatenate([2 * price, np.full(buses, 50.0), np.zeros(len(c) - 2 * buses)])
    value = enumerated([range(2)] * candidates, rows_at, D, c, lb, ub, lambda v: (d, build @ v))
    right(m, value)


@pytest.mark.parametrize("seed", range(3))
def test_storage_is_sited_and_sized_in_steps(seed):
    """An integer number of batteries at each place: the power and energy of each are products of it."""
    r = np.random.default_rng(seed)
    T, places, most = 4, 2, 3
    load, top = r.integers(4, 12, (places, T)).astype(float), 9.0
    cost = np.round(r.uniform(1, 9, (places, T)), 1)
    m = kg.Bilevel("storage")
    units = m.var("units", places, lb=0, ub=most, kind="I")
    f = m.follower("market")
    g, shed = f.var("g", (places, T), lb=0, ub=top), f.var("shed", (places, T), lb=0, ub=load)
    use, level = f.var("use", (places, T), lb=-1, ub=1), f.var("level", (places, T), lb=0, ub=1)
    line = f.var("line", T, lb=-2, ub=2)
    per = units.reshape(places, 1)
    f.add(level == 0.9 * kg.concatenate([np.zeros((places, 1)), level[:, :-1]], axis=1) + 0.5 * use)
    side = np.array([[1.0], [-1.0]])
    f.add(g + shed - per * use - side * line.reshape(1, T) == load, name="balance")
    f.minimize((cost * g).sum() + 20 * shed.sum() + 0.05 * (g.ravel() @ g.ravel()))
    m.minimize(1.5 * units.sum() + 3 * shed.sum() + 0.2 * g.sum())
    N = places * T

    def rows_at(v):
        A = np.zeros((2 * N, 4 * N + T))
        for p, t in itertools.product(range(places), range(T)):
            k = p * T + t
            A[k, 3 * N + k], A[k, 2 * N + k] = 1.0, -0.5
            if t:
                A[k, 3 * N + k - 1] = -0.9
            A[N + k, k], A[N + k, N + k], A[N + k, 2 * N + k], A[N + k, 4 * N + t] = 1.0, 1.0, -v[p], -side[p, 0]
        s = np.concatenate([np.zeros(N), load.ravel()])
        return A, s, s

    lb = np.concatenate([np.zeros(2 * N), np.full(N, -1.0), np.zeros(N), np.full(T, -2.0)])
    ub = np.concatenate([np.full(N, top), load.ravel(), np.ones(2 * N), np.full(T, 2.0)])
    D = np.concatenate([np.full(N, 0.1), np.zeros(3 * N + T)])
    c = np.concatenate([cost.ravel(), np.full(N, 20.0), np.zeros(2 * N + T)])
    d = np.concatenate([np.full(N, 0.2), np.full(N, 3.0), np.zeros(2 * N + T)])
    value = enumerated([range(most + 1)] * places, rows_at, D, c, lb, ub, lambda v: (d, 1.5 * v.sum()))
    right(m, value)


def test_prices_of_the_original_rows_are_not_shared_with_those_behind_a_product():
    """With a box [0, 4] of y, which y reaches, a part of the price moves to the rows behind the product: 0, not -1."""
    m = kg.Bilevel("prices")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(-y)
    row = f.add(y + x * y <= 4, name="row")
    m.maximize(row.dual - 10 * x)
    result = right(m, -1.0)
    assert result.solution[row.dual] == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("unit", [1e-6, 1e5])
def test_other_units_of_quantity_and_money(unit):
    incidence = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
    m = kg.Bilevel("units")
    x = m.var("x", 2, kind="B")
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=np.array([9.0, 6.0, 5.0]) * unit)
    angle = f.var("angle", 3, lb=-1, ub=1)
    flow = f.var("flow", 2, lb=-4 * unit, ub=4 * unit)
    f.add(flow == x * (3 * unit * (incidence.T @ angle)), name="kirchhoff")
    f.add(g - incidence @ flow == np.array([1.0, 2.0, 5.0]) * unit, name="balance")
    f.minimize(np.array([1.0, 3.0, 9.0]) @ g / unit)
    m.minimize(np.array([2.0, 3.0, 9.0]) @ g / unit + np.array([4.0, 8.0]) @ x)
    values = []
    for plan in itertools.product(range(2), repeat=2):
        A = np.hstack([np.zeros((2, 3)), -3 * np.array(plan)[:, None] * incidence.T, np.eye(2)])
        A = np.vstack([A, np.hstack([np.eye(3), np.zeros((3, 3)), -incidence])])
        y = quadratic(np.zeros(8), np.array([1.0, 3.0, 9.0, 0, 0, 0, 0, 0]), A, np.array([0, 0, 1.0, 2, 5]),
                      np.array([0, 0, 1.0, 2, 5]), np.array([0, 0, 0, -1, -1, -1, -4, -4.0]),
                      np.array([9, 6, 5, 1, 1, 1, 4, 4.0]))  # fmt: skip
        values.append(np.array([2.0, 3.0, 9.0]) @ y[:3] + np.array([4.0, 8.0]) @ plan)
    right(m, min(values))


def test_decisions_without_a_response_stay_so():
    """At x = 1 the rows have no point: the leader would like it, and must not have it."""
    m = kg.Bilevel("empty")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=1, ub=3)
    f.minimize(y)
    f.add(x * y <= 0.5)
    m.minimize(y - 5 * x)
    right(m, 1.0)


def test_rows_of_the_leader_do_not_bound_what_the_follower_may_do():
    """The leader's ``y <= 2`` is not known to the follower, whose best y is 6; its product needs a box of its own."""
    m = kg.Bilevel("coupling")
    x = m.var("x", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=6)
    f.minimize(-y)
    f.add(x * y <= 1)
    m.add(y <= 2)
    m.minimize(x - y)
    right(m, 0.0)  # x = 0 has the response 6, which the leader's row forbids; x = 1 has the response 1


def test_published_problems_with_products():
    """The box of z in the first follows from none of its rows: one that no response leaves is enough."""
    m, names = problems.PRODUCTS["pao3_bilinear_rows"].declare()
    with pytest.raises(kg.BoundError, match=r"because of z\(lower\)"):
        kg.kkt(m)
    m.followers[0].add(names["z"] <= 10)
    right(m, 16.5)
    right(problems.PRODUCTS["pao_barguel"].build(), 0.0)


def answered():
    """Return by how much responses miss ``t = x y`` and the best y, for costs that draw t down and up."""
    worst = 0.0
    for x, pull in itertools.product((0.0, 1.0), (-9.0, 9.0)):
        m = kg.Bilevel("mutated")
        decision = m.var("x", kind="B")
        m.minimize(decision)
        f = m.follower("f")
        y, t = f.var("y", lb=-2, ub=3), f.var("t", lb=-90, ub=90)
        f.add(t == decision * y, name="row")
        f.minimize(pull * t + (y - 1) ** 2)
        z = kg.search.respond(m, np.array([x]))
        if z is None:
            return np.inf
        best = np.clip(1 - pull * x / 2, -2, 3)
        worst = max(worst, abs(t.value(z) - x * best), abs(y.value(z) - best))
    return worst


def without_row(k):
    rows = Lifted.rows
    return lambda patch: patch.setattr(Lifted, "rows", lambda *args: [r for i, r in enumerate(rows(*args)) if i != k])


def with_boxes(share):
    known = lifting.expression_boxes
    return lambda patch: patch.setattr(lifting, "expression_boxes", lambda *a: tuple(share * p for p in known(*a)))


MUTATIONS = {f"without row {word}": without_row(k) for k, word in enumerate(WORDS)} | {"small boxes": with_boxes(0.2)}


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_row_and_every_constant_is_needed(name, monkeypatch):
    assert answered() < 1e-6
    MUTATIONS[name](monkeypatch)
    with contextlib.suppress(kg.KktgenError):  # no response at all
        assert answered() > 1e-3
