"""Convex quadratic rows of followers, against followers solved as second-order cone programs on grids of decisions."""

from __future__ import annotations

import clarabel
import numpy as np
import pytest
import scipy.optimize as so
import scipy.sparse as sp

import kktgen as kg

R, X, LOAD, REACTIVE = 0.08, 0.06, 1.2, 0.4


def distflow(least, unit=1.0):
    """Two buses: the leader sells power at a price, the network operator imports at 30 over a line with losses."""
    m = kg.Bilevel("distflow")
    p = m.var("p", lb=0, ub=60 / unit)
    f = m.follower("operator")
    P, Q = f.var("P", lb=0, ub=2 * unit), f.var("Q", lb=0, ub=unit)
    l, g = f.var("l", lb=0, ub=5), f.var("g", lb=0, ub=unit)
    f.add(P + g - R * unit * l == LOAD * unit, Q - X * unit * l == REACTIVE * unit, name="balance")
    f.add((-2 * R / unit) * P - (2 * X / unit) * Q + (R * R + X * X) * l >= least - 1.0, name="voltage")
    current = f.add(P @ P + Q @ Q - unit**2 * l <= 0, name="current")
    f.minimize((30 / unit) * P + p @ g)
    m.minimize((10 / unit) * g - p @ g)
    return m, p, current


def operator(p, least):
    """Return the operator's (P, Q, l, g) at a price, by the cone ``|(l - 1, 2 P, 2 Q)| <= l + 1``."""
    rows = [[1, 0, -R, 1], [0, 1, -X, 0], [2 * R, 2 * X, -(R * R + X * X), 0], *np.eye(4), *-np.eye(4)]
    rows += [[0, 0, -1, 0], [0, 0, -1, 0], [-2, 0, 0, 0], [0, -2, 0, 0]]
    sides = np.array([LOAD, REACTIVE, 1 - least, 2, 1, 5, 1, 0, 0, 0, 0, 1, -1, 0, 0], dtype=float)
    cones = [clarabel.ZeroConeT(2), clarabel.NonnegativeConeT(9), clarabel.SecondOrderConeT(4)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solver = clarabel.DefaultSolver(
        sp.csc_matrix((4, 4)), np.array([30.0, 0, 0, p]), sp.csc_matrix(np.array(rows)), sides, cones, settings
    )
    return np.array(solver.solve().x)


def sold(p, least):
    return (10 - p) * operator(p, least)[3]


@pytest.mark.parametrize(("least", "known"), [(0.85, -30.033785), (0.80, -21.139831)])
def test_pricing_on_two_buses_is_that_of_a_grid(least, known):
    grid = np.linspace(0, 60, 601)
    values = [sold(p, least) for p in grid]
    at = int(np.argmin(values))
    near = so.minimize_scalar(
        lambda p: sold(p, least), bounds=(grid[max(at - 1, 0)], grid[min(at + 1, 600)]), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    m, p, _ = distflow(least)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(known, abs=1e-4)
    assert result.solution.objective <= min(*values, near.fun) + 1e-4
    assert sold(result.solution[p] - 1e-6, least) == pytest.approx(result.solution.objective, abs=1e-3)


def test_units_change_nothing():
    m, p, current = distflow(0.85, 1e6)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(-30.033785, abs=1e-3)


def random(seed):
    """A follower in an ellipsoid whose radius and centre price the leader chooses; strictly convex or linear cost."""
    r = np.random.default_rng(seed)
    n = 3
    F = np.round(r.uniform(-1, 1, (n, n)), 2) + np.eye(n)
    c, d, a = (np.round(r.uniform(-1, 1, n), 2) for _ in range(3))
    curved, weight = float(seed % 2), float(np.round(r.uniform(0.2, 1.0), 2))
    m = kg.Bilevel("ellipsoid")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", n, lb=-4, ub=4)
    ball = f.add((F @ y) @ (F @ y) + a @ y <= 2 + x, name="ball")
    f.add(y.sum() <= 1 - x, name="budget")
    f.minimize(c @ y + x @ y[0] + curved * y @ y)
    m.minimize(d @ y - weight * x + 0.3 * ball.dual)
    return m, (F, c, d, a, curved, weight)


def value(data, x):
    """Return the leader's value at x, by a cone program."""
    F, c, d, a, curved, weight = data
    n = len(c)
    P = sp.csc_matrix(2 * curved * np.eye(n))
    top = 2 + x
    rows = np.vstack([np.ones(n), np.eye(n), -np.eye(n), a, a, -2 * F])  # |(2 F y, t - 1)| <= t + 1, t = top - a'y
    sides = np.concatenate([[1 - x], np.full(2 * n, 4.0), [top + 1, top - 1], np.zeros(n)])
    cones = [clarabel.NonnegativeConeT(1 + 2 * n), clarabel.SecondOrderConeT(2 + n)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    cost = c + x * np.eye(n)[0]
    found = clarabel.DefaultSolver(sp.triu(P, format="csc"), cost, sp.csc_matrix(rows), sides, cones, settings).solve()
    y = np.array(found.x)
    slope = 2 * F.T @ (F @ y) + a
    tight = [slope, np.ones(n)] if 1 - x - y.sum() < 1e-6 else [slope]
    mu = so.nnls(np.array(tight).T, -(cost + 2 * curved * y))[0][0] if top - (F @ y) @ (F @ y) - a @ y < 1e-5 else 0.0
    return float(d @ y - weight * x - 0.3 * mu)


@pytest.mark.parametrize("seed", range(6))
def test_random_ellipsoids_are_those_of_a_grid(seed):
    m, data = random(seed)
    best = min(value(data, x) for x in np.linspace(0, 1, 501))
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal", result.report
    assert result.solution.objective == pytest.approx(best, abs=2e-3)
    assert result.solution.objective <= best + 1e-4
    assert any("nonconvex rows" in reason and "Slater" in reason for reason in result.report.reasons)


def flat(least=0.0):
    m = kg.Bilevel("flat")
    x = m.var("x", lb=least, ub=5)
    f = m.follower("f")
    y = f.var("y", lb=-5, ub=5)
    f.add(y * y <= x, name="disc")
    f.minimize(y)
    m.minimize(x)
    return m, x


def test_without_a_point_inside_no_optimum_is_claimed():
    """At x = 0, the optimum, no multiplier exists: the KKT system cuts it off."""
    m, x = flat()
    for more in ({}, {"start": False}, {"encoding": "sos1"}, {"start": False, "evidence": True}):
        result = kg.optimize(m, time_limit=20, **more)
        assert result.report.claim != "optimal"
        assert any("(Slater)" in reason for reason in result.report.reasons) or not result.report.ok
    z = kg.search.respond(m, [0.0])
    assert kg.verify(m, z).ok and kg.verify(m, z).value == 0
    m, x = flat(0.5)
    assert kg.optimize(m, time_limit=20).report.claim == "optimal"


def test_an_infeasible_system_without_a_point_inside_proves_nothing():
    m = kg.Bilevel("point")
    x = m.var("x", lb=0, ub=0)
    f = m.follower("f")
    y = f.var("y", lb=-5, ub=5)
    f.add(y * y <= x, name="disc")
    f.minimize(y)
    m.minimize(x)
    for start in (True, False):
        assert kg.optimize(m, start=start, time_limit=20).report.claim not in ("optimal", "infeasible")
    assert kg.verify(m, kg.search.respond(m, [0.0])).ok


def test_a_point_inside_may_follow_the_decision():
    m = kg.Bilevel("balance")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=-5, ub=5)
    f.add(y[0] + y[1] == x, name="balance")
    f.add(y @ y + y[0] * y[1] <= 4, name="disc")
    f.minimize(y[0])
    m.minimize(x * x + y[0] + x)
    result = kg.optimize(m, time_limit=30)
    grid = np.linspace(0, 1, 2001)
    best = (grid**2 + grid + 0.5 * (grid - np.sqrt(grid**2 - 4 * (grid**2 - 4)))).min()
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(best, abs=1e-4)


def test_a_response_that_is_not_optimal_fails():
    m, p, _ = distflow(0.85)
    z = kg.search.respond(m, [20.0])
    assert kg.verify(m, z).ok
    y = np.flatnonzero(m.space.role == "follower")
    other = z.copy()
    other[y[2]] += 0.05  # more current than flows: feasible in the curved row, not in the balance
    assert not kg.verify(m, other).ok
    q = kg.search.respond(m, [40.0])
    wrong = z.copy()
    wrong[y] = q[y]
    report = kg.verify(m, wrong)
    assert not report.ok and any("gap" in reason or "stationarity" in reason for reason in report.reasons)
    z[m.space.is_price] = np.nan
    assert kg.verify(m, z).ok  # the response stands without its multipliers


def test_sides_may_be_written_either_way():
    values = []
    for way in range(2):
        m = kg.Bilevel("sides")
        x = m.var("x", lb=1, ub=4)
        f = m.follower("f")
        y = f.var("y", 2, lb=-5, ub=5)
        row = f.add(x - y @ y >= 0 if way else y @ y <= x, name="disc")
        f.minimize(y[0] + y[1])
        m.minimize(x + 3 * (row.dual if way else -row.dual))
        result = kg.optimize(m, time_limit=20)
        assert result.report.claim == "optimal"
        values.append(result.solution.objective)
    grid = np.linspace(1, 4, 30001)
    best = (grid + 1.5 / np.sqrt(grid / 2)).min()  # mu = 1 / (2 |y|), y = -sqrt(x / 2)
    assert values == pytest.approx([best, best], abs=1e-4)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (lambda x, y, b: y @ y >= x, "nonconvex"),
        (lambda x, y, b: x * x - y @ y <= 0, "nonconvex"),
        (lambda x, y, b: y @ y == x, "equation"),
        (lambda x, y, b: y[0] * y[1] <= x, "nonconvex"),
        (lambda x, y, b: (y[0] - x) ** 2 <= 1, "variable of the follower"),
        (lambda x, y, b: b * y[0] + y @ y <= 2, "variable of the follower"),
    ],
)
def test_other_rows_are_refused_in_words(row, words):
    m = kg.Bilevel("refused")
    x, b = m.var("x", lb=1, ub=4), m.var("b", kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=-5, ub=5)
    before = len(m.space)
    with pytest.raises(kg.ProblemError, match=f"row 'bad'.*{words}"):
        f.add(row(x, y, b), name="bad")
    assert len(m.space) == before
    g = m.follower("g", products=True)
    w = g.var("w", lb=-5, ub=5)
    with pytest.raises(kg.ProblemError, match="products=True"):
        g.add(w * w <= 1)
    with pytest.raises(kg.ProblemError, match="condition"):
        f.add(y @ y <= 1, when=b)


def test_what_cannot_handle_them_says_so(tmp_path):
    m, *_ = random(0)
    result = kg.optimize(m, time_limit=60)
    for ask in (
        lambda: kg.prove(m, result.solution),
        lambda: kg.certify(m, result.solution),
        lambda: kg.pessimistic(m),
        lambda: kg.optimize(m, pessimistic=True, time_limit=20),
        lambda: kg.optimize(m, method="boxes", time_limit=20),
        lambda: kg.robust(m, result.solution),
        lambda: kg.write(m, tmp_path / "m.mof.json"),
    ):
        with pytest.raises(kg.UnsupportedError, match="convex quadratic rows"):
            ask()
    with pytest.raises(kg.UnsupportedError, match="square of"):
        kg.write(flat()[0], tmp_path / "m.aux")
    with pytest.raises(kg.ProblemError, match="convex quadratic rows"):
        kg.decompose(kg.bound(kg.eliminate(kg.kkt(m))))
    with pytest.raises(kg.UnsupportedError, match="HiGHS"):
        kg.optimize(m, solver="highs", time_limit=20)
    reasons = kg.optimize(m, range=True, time_limit=60).report.reasons
    assert any("no range" in reason and "no polyhedron" in reason for reason in reasons)
    assert "convex quadratic rows" in str(kg.explain(m, time_limit=20))


def test_bundles_keep_them(tmp_path):
    for m in (random(1)[0], distflow(0.85)[0]):
        text = kg.dumps(m, "bilevel.json")
        back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
        assert kg.dumps(back, "bilevel.json") == text and '"version":2' in text
        z = kg.search.respond(m, m.space.ub[m.space.role == "leader"] * 0.5)
        assert kg.verify(back, z).ok
    m = kg.Bilevel("plain")  # what version 1 can say stays version 1
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(y * y)
    assert '"version":1' in kg.dumps(m, "bilevel.json")


def test_many_rows_at_once_and_followers_apart():
    m = kg.Bilevel("parts")
    x = m.var("x", 2, lb=1, ub=4)
    goal = x.sum()
    for k in range(2):
        f = m.follower(f"f{k}")
        y = f.var("y", 2, lb=-5, ub=5)
        rows = f.add(y * y <= x[k], name="discs")
        assert rows.dual.shape == (2,)
        f.minimize(y[0] + y[1])
        goal = goal - 3 * y[0] - y[1]
    m.maximize(goal)
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(2 * (4 + 4 * 2.0), abs=1e-4)


def test_files_are_read_by_scip_alike(tmp_path):
    m, *_ = distflow(0.85)
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))))
    kg.write(model, tmp_path / "m.cip")
    scip = pytest.importorskip("pyscipopt")
    other = scip.Model()
    other.hideOutput()
    other.readProblem(str(tmp_path / "m.cip"))
    other.optimize()
    assert other.getObjVal() == pytest.approx(-30.033785, abs=1e-3)


def test_followers_that_share_a_decision():
    """Linear costs over discs have the response ``-c r / |c|``."""
    m = kg.Bilevel("shared")
    x = m.var("x", lb=1, ub=4)
    goal, grid = x * 1.0, np.linspace(1, 4, 3001)
    value = grid.copy()
    for k in range(4):
        f = m.follower(f"f{k}")
        y = f.var("y", 2, lb=-5, ub=5)
        f.add(y @ y <= x + 0.1 * k)
        f.minimize((1 + 0.1 * k) * y[0] + y[1] + 0.2 * x @ y[1])
        goal = goal - 0.4 * y[0] + 0.05 * y[1]
        c = np.array([np.full_like(grid, 1 + 0.1 * k), 1 + 0.2 * grid])
        best = -c / np.linalg.norm(c, axis=0) * np.sqrt(grid + 0.1 * k)
        value += -0.4 * best[0] + 0.05 * best[1]
    m.minimize(goal)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(value.min(), abs=1e-4)
