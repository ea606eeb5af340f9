"""Products of the leader's continuous variables with expressions in followers' rows, against fixed decisions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize as so

import kktgen as kg

GRID = 61


def problem(seed, unit=1.0):
    """Two rows whose coefficients follow x, of a strictly convex follower, whose prices the leader pays."""
    r = np.random.default_rng(seed)
    n, k = 3, 2
    P, q = np.round(r.uniform(0.5, 2, n), 2), -np.round(r.uniform(2, 6, n), 2)
    G0, G1 = np.round(r.uniform(0.2, 1, (k, n)), 2), np.round(r.uniform(-0.3, 1, (k, n)), 2)
    h, H = np.round(r.uniform(3, 6, k), 1), np.round(r.uniform(-0.5, 0.5, k), 2)
    c, d, e = np.round(r.uniform(-2, 2, n), 2), float(np.round(r.uniform(-1, 1), 2)), np.round(r.uniform(0, 0.5, k), 2)
    m = kg.Bilevel("varying")
    x = m.var("x", lb=0, ub=3 * unit)
    f = m.follower("f", products=True)
    y = f.var("y", n, lb=0, ub=5)
    cap = f.add(G0 @ y + (x / unit) * (G1 @ y) + H * (x / unit) <= h, name="cap")
    f.minimize(0.5 * (P * y) @ y + q @ y)
    m.minimize(c @ y + d * x / unit + e @ cap.dual)
    return m, (P, q, G0, G1, h, H, c, d, e)


def response(data, x):
    """Return the leader's value at x, by SciPy's SLSQP and the multipliers' least squares; None without a response."""
    P, q, G0, G1, h, H, c, d, e = data
    G, side = G0 + x * G1, h - H * x
    n = len(q)
    found = so.minimize(
        lambda y: 0.5 * y @ (P * y) + q @ y, np.zeros(n), jac=lambda y: P * y + q, bounds=[(0, 5)] * n,
        constraints={"type": "ineq", "fun": lambda y: side - G @ y, "jac": lambda y: -G}, method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )  # fmt: skip
    y = found.x
    tight = side - G @ y <= 1e-6
    A = np.vstack([G[tight], -np.eye(n)[y <= 1e-6], np.eye(n)[y >= 5 - 1e-6]])
    mu = np.zeros(len(h))
    if len(A):
        best = so.nnls(A.T, -(P * y + q))[0]
        mu[tight] = best[: tight.sum()]
    return float(c @ y + d * x - e @ mu), y, mu


def least(data):
    """Return the leader's best value on a grid, polished in the best interval."""
    grid = np.linspace(0, 3, GRID)
    values = [response(data, x)[0] for x in grid]
    at = int(np.argmin(values))
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, GRID - 1)]
    polished = so.minimize_scalar(lambda x: response(data, x)[0], bounds=(low, high), method="bounded")
    return min(values[at], float(polished.fun))


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_the_optimum_is_that_of_responses_at_fixed_decisions(seed):
    m, data = problem(seed)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal", str(result.report)
    assert any("nonconvex rows" in reason for reason in result.report.reasons)
    assert result.solution.objective == pytest.approx(least(data), abs=2e-4)


@pytest.mark.parametrize("unit", [1e-5, 1e6])
def test_units_of_the_leader_change_nothing(unit):
    values = [kg.optimize(problem(1, one)[0], time_limit=60) for one in (1.0, unit)]
    assert [one.report.claim for one in values] == ["optimal"] * 2
    assert values[0].solution.objective == pytest.approx(values[1].solution.objective, abs=1e-5)


@pytest.mark.parametrize("seed", [0, 3])
def test_encodings_agree(seed):
    model = kg.bound(kg.eliminate(kg.kkt(problem(seed)[0])))
    values = [kg.solve(kg.encode(model, one), time_limit=60).objective for one in (kg.Auto(), kg.SOS1())]
    assert values[0] == pytest.approx(values[1], abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_the_boxes_hold_all_multipliers(seed):
    m, data = problem(seed)
    mpec = kg.kkt(m)
    bounded = kg.bound(mpec)
    mu = bounded.space.find("mu", "f")
    assert np.isfinite(bounded.space.ub[mu]).all()
    for x in np.linspace(0, 3, 13):
        assert (response(data, x)[2] <= bounded.space.ub[mu] + 1e-6).all()
        z = kg.search.respond(m, [x])
        assert (z <= bounded.space.ub[: len(z)] + 1e-6).all() and (z >= bounded.space.lb[: len(z)] - 1e-6).all()


def test_a_response_is_that_at_the_decision_and_fills_the_products():
    m, data = problem(2)
    z = kg.search.respond(m, [1.3])
    value, y, mu = response(data, 1.3)
    assert z[m.followers[0].columns] == pytest.approx(y, abs=1e-6)
    report = kg.verify(m, z)
    assert report.ok and report.value == pytest.approx(value, abs=1e-5)
    row, price = m.space.find("x_row", "f"), m.space.find("x_mu_up", "f")
    assert z[row] == pytest.approx(1.3 * (data[3] @ y), abs=1e-6)
    assert z[price] == pytest.approx(1.3 * mu, abs=1e-5)


def test_a_wrong_response_is_refused_although_the_products_fit():
    m, _ = problem(2)
    z = kg.search.respond(m, [1.3])
    y = m.followers[0].columns
    z[y] *= 0.9
    assert kg.verify(m, z).claim == "unverified"


def no_inside(lb=0.0):
    """The row leaves no point with slack where x is 2: its multiplier has no bound."""
    m = kg.Bilevel("no inside")
    x = m.var("x", lb=lb, ub=2)
    f = m.follower("f", products=True)
    y = f.var("y", lb=1, ub=4)
    f.add(x * y <= 2, name="cap")
    f.minimize(-y)
    m.minimize(-x - 0.1 * y)
    return m


def test_without_a_box_no_optimum_is_claimed_and_the_rows_are_named():
    report = kg.optimize(no_inside(), time_limit=30).report
    assert report.ok and report.claim == "bilevel-feasible"
    assert any(
        "nonconvex rows" in reason and "mu(f,cap) is without a finite box" in reason for reason in report.reasons
    )


def test_equations_take_products():
    m = kg.Bilevel("equation")
    x = m.var("x", lb=0.5, ub=2)
    f = m.follower("f", products=True)
    y = f.var("y", 2, lb=0, ub=10)
    share = f.add(x * y[0] == y[1], name="share")
    f.minimize(0.5 * y @ y - 4 * y[0] - 2 * y[1])
    m.minimize((y[0] - 2.5) ** 2 + 0.1 * x)
    result = kg.optimize(m, time_limit=30)
    value = min(
        ((4 + 2 * t) / (1 + t * t) - 2.5) ** 2 + 0.1 * t for t in np.linspace(0.5, 2, 15001)
    )  # y_1 = t y_0, so y_0 = (4 + 2 t) / (1 + t^2)
    assert result.report.ok and result.solution.objective == pytest.approx(value, abs=1e-5)
    t, z = float(result.solution[x]), result.solution
    assert z[share.dual] == pytest.approx(float(z[y][1]) * -1 + 2, abs=1e-4)
    assert z[y][1] == pytest.approx(t * z[y][0], abs=1e-5)


def two_sides():
    """A row with two sides, a matrix of products, integers and continuous variables in one row."""
    m = kg.Bilevel("two sides")
    x, k = m.var("x", 2, lb=0.5, ub=2), m.var("k", lb=0, ub=3, kind="I")
    f = m.follower("f", products=True)
    y = f.var("y", 2, lb=0, ub=6)
    f.add(kg.between(1, x * y + k * y[1] * 0.1, 5), name="band")
    f.minimize((y[0] - 5) ** 2 + (y[1] - 1) ** 2)
    m.minimize((y[0] - 3) ** 2 + (y[1] - 2) ** 2 + 0.1 * x.sum() - 0.01 * k)
    return m


def test_two_sided_rows_and_integers_beside():
    result = kg.optimize(two_sides(), time_limit=60)
    best = np.inf
    for a in np.linspace(0.5, 2, 31):
        for b in np.linspace(0.5, 2, 31):
            for k in range(4):
                best = min(best, _two_sides_at(a, b, k))
    assert result.report.ok
    assert result.solution.objective <= best + 1e-6
    x, k = result.solution.z[:2], result.solution.z[2]
    assert result.solution.objective == pytest.approx(_two_sides_at(*x, round(k)), abs=1e-5)


def _two_sides_at(a, b, k):
    """Return the leader's value where y_1 is projected on its own interval, and then y_0."""
    rows = [(a, 0.1 * k), (0.0, b + 0.1 * k)]
    high = min(6.0, 5 / rows[1][1])
    low = 1 / rows[1][1]

    def cost(one):
        least, most = max(0.0, (1 - rows[0][1] * one) / a), min(6.0, (5 - rows[0][1] * one) / a)
        zero = min(max(5.0, least), most)
        return (zero - 5) ** 2 + (one - 1) ** 2, zero

    if low > high:
        return np.inf
    found = so.minimize_scalar(lambda one: cost(one)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    ends = min((low, high, found.x), key=lambda one: cost(one)[0])
    return (cost(ends)[1] - 3) ** 2 + (ends - 2) ** 2 + 0.1 * (a + b) - 0.01 * k


def test_parts_with_nonconvex_rows_add_up():
    m = kg.Bilevel("parts")
    goal = []
    for k, top in enumerate((5.0, 6.0)):
        x = m.var(f"x{k}", lb=1, ub=3)
        f = m.follower(f"f{k}", products=True)
        y = f.var("y", lb=0, ub=9)
        f.add(x * y <= top)
        f.minimize(0.5 * y @ y - 4 * y)
        goal.append(x + y)  # y = min(4, top / x)
    m.maximize(goal[0] + goal[1])
    result = kg.optimize(m, time_limit=30)
    best = sum(max(x + min(4.0, top / x) for x in np.linspace(1, 3, 20001)) for top in (5.0, 6.0))
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(best, abs=1e-4)


def test_subproblems_and_trees_over_boxes_are_refused_in_words():
    m, _ = problem(0)
    with pytest.raises(kg.ProblemError, match="nonconvex rows"):
        kg.decompose(kg.bound(kg.eliminate(kg.kkt(m))))
    with pytest.raises(kg.UnsupportedError, match="nonconvex rows"):
        kg.optimize(m, method="boxes", time_limit=20)


def test_files_keep_them(tmp_path):
    for m in (problem(0)[0], two_sides(), no_inside()):
        back = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
        assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
        assert back.space.role.tolist() == m.space.role.tolist()
        z = kg.search.respond(m, m.space.ub[m.space.role == "leader"] * 0.5 + 0.25)
        assert kg.verify(back, z).ok == kg.verify(m, z).ok
    with pytest.raises(kg.UnsupportedError, match="cap.* product with x"):
        kg.write(no_inside(), tmp_path / "m.aux")


def test_they_have_to_be_asked_for():
    m = kg.Bilevel("plain")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=4)
    with pytest.raises(kg.ProblemError, match="continuous x; .*products=True"):
        f.add(x * y <= 1)
    b = m.var("b", kind="B")
    g = m.follower("g", products=True)
    w = g.var("w", lb=0, ub=4)
    with pytest.raises(kg.ProblemError, match="condition holds no product with a continuous"):
        g.add(x * w <= 1, when=b)
    g.add(w <= 1, when=b)
