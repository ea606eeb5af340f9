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


LINES = {
    "r": np.array([0.08, 0.05, 0.10]), "x": np.array([0.06, 0.05, 0.04]), "load": np.array([1.2, 0.9, 0.7]),
    "reactive": np.array([0.4, 0.3, 0.2]), "size": np.array([1.0, 0.6, 0.0]),
}  # fmt: skip
"""Three lines from the station, each to a bus with a load; two buses have a generator of the leader's."""


def feeder(least):
    """Four buses: the leader sells at two of them at one price; the station's power costs the more the more it is."""
    r, x, load, reactive, size = LINES.values()
    m = kg.Bilevel("feeder")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("operator")
    P, Q = f.var("P", 3, lb=0, ub=2), f.var("Q", 3, lb=0, ub=1)
    l, g, station = f.var("l", 3, lb=0, ub=5), f.var("g", 3, lb=0, ub=size), f.var("station", lb=0, ub=2.2)
    f.add(P + g - r * l == load, Q - x * l == reactive, name="balance")
    f.add(1 - 2 * r * P - 2 * x * Q + (r * r + x * x) * l >= least, name="voltage")
    f.add(P.sum() <= station, name="supply")
    for k in range(3):
        f.add(P[k] @ P[k] + Q[k] @ Q[k] <= l[k], name=f"current{k}")
    f.minimize(30 * P.sum() + p @ g.sum() + 2 * station @ station)
    m.maximize(p @ g.sum() - 10 * g.sum())
    return m, p


def station_operator(p, least):
    """Return the generation at a price, by a cone program over (P, Q, l, g, station)."""
    r, x, load, reactive, size = (np.diag(one) for one in LINES.values())
    eye, none, one = np.eye(3), np.zeros((3, 3)), np.zeros((3, 1))
    equal = np.block([[eye, none, -r, eye, one], [none, eye, -x, none, one]])
    below = np.block([[2 * r, 2 * x, -(r @ r + x @ x), none, one], [np.ones((1, 3)), np.zeros((1, 9)), -np.eye(1)]])
    top = np.concatenate([[2.0] * 3, [1.0] * 3, [5.0] * 3, np.diag(size), [2.2]])
    cone = np.zeros((12, 13))
    for k in range(3):  # |(l - 1, 2 P, 2 Q)| <= l + 1
        cone[4 * k, 6 + k] = cone[4 * k + 1, 6 + k] = -1.0
        cone[4 * k + 2, k] = cone[4 * k + 3, 3 + k] = -2.0
    rows = np.vstack([equal, below, np.eye(13), -np.eye(13), cone])
    sides = [*np.diag(load), *np.diag(reactive), *[1 - least] * 3, 0.0, *top, *[0.0] * 13, *[1.0, -1.0, 0.0, 0.0] * 3]
    cones = [clarabel.ZeroConeT(6), clarabel.NonnegativeConeT(30), *[clarabel.SecondOrderConeT(4)] * 3]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-13
    H, c = np.zeros((13, 13)), np.array([*[30.0] * 3, *[0.0] * 6, *[p] * 3, 0.0])
    H[12, 12] = 4.0
    return np.array(clarabel.DefaultSolver(sp.csc_matrix(H), c, sp.csc_matrix(rows), sides, cones, settings).solve().x)


@pytest.mark.slow
@pytest.mark.parametrize("least", [0.83, 0.75])
def test_pricing_on_four_buses_is_that_of_a_grid(least):
    def earned(p):
        return (p - 10) * station_operator(p, least)[9:12].sum()

    grid = np.linspace(0, 60, 601)
    at = grid[int(np.argmax([earned(p) for p in grid]))]
    near = so.minimize_scalar(
        lambda p: -earned(p), bounds=(at - 0.1, at + 0.1), method="bounded", options={"xatol": 1e-9}
    )
    m, p = feeder(least)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(-near.fun, abs=2e-5)
    assert result.solution.objective == pytest.approx(42.114957, abs=1e-4)
    assert earned(result.solution[p]) == pytest.approx(result.solution.objective, abs=1e-4)


def test_a_load_that_no_line_can_carry_is_explained():
    """At the third bus the voltage falls to 0.836 whatever the leader asks."""
    m, _ = feeder(0.85)
    assert kg.optimize(m, time_limit=30).solution.status == "infeasible"
    assert kg.explain(m, time_limit=30).kind == "follower_infeasible"


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
        with pytest.raises(kg.UnsupportedError, match="squares or norms"):
            ask()
    with pytest.raises(kg.UnsupportedError, match="square of"):
        kg.write(flat()[0], tmp_path / "m.aux")
    with pytest.raises(kg.ProblemError, match="squares or norms"):
        kg.decompose(kg.bound(kg.eliminate(kg.kkt(m))))
    with pytest.raises(kg.UnsupportedError, match="HiGHS"):
        kg.optimize(m, solver="highs", time_limit=20)
    reasons = kg.optimize(m, range=True, time_limit=60).report.reasons
    assert any("no range" in reason and "no polyhedron" in reason for reason in reasons)
    assert "curved rows" in str(kg.explain(m, time_limit=20))


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
