"""Complementarity said directly: what is declared, what is refused, and small equilibria with known answers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import kktgen as kg

LIMIT = 30.0


def lcp(M, q, x_unit=1.0, f_unit=1.0, lb=0.0, ub=np.inf):
    """``l <= x <= u  _|_  M x + q``, x and the conditions counted in units of their own."""
    m = kg.Bilevel("lcp")
    x = m.var("x", len(q))
    F = f_unit * ((M / x_unit) @ x + q)
    m.complements(F, kg.between(np.multiply(lb, x_unit), x, np.multiply(ub, x_unit)), name="lcp")
    return m, x


def by_enumeration(M, q, lb, ub):
    """Return the solutions of a mixed LCP, every pattern tried: at the lower bound, at the upper one, between."""
    found = []
    for pattern in product((-1, 0, 1), repeat=len(q)):
        at = np.array(pattern)
        x = np.where(at < 0, lb, np.where(at > 0, ub, 0.0))
        if not np.isfinite(x).all():
            continue
        free = np.flatnonzero(at == 0)
        x[free] = np.linalg.solve(M[np.ix_(free, free)], -(q + M @ x)[free])
        F = M @ x + q
        inside = (x >= lb - 1e-9) & (x <= ub + 1e-9)
        if inside.all() and (F[at < 0] >= -1e-9).all() and (F[at > 0] <= 1e-9).all():
            found.append(x)
    return found


def p_matrix(seed, n=5):
    """Return a positive definite matrix that is not symmetric, so a P-matrix, and a right-hand side."""
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    return A @ A.T / n + 0.5 * np.eye(n) + (B - B.T), rng.normal(size=n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("x_unit", "f_unit"), [(1.0, 1.0), (1e-6, 1e5), (1e5, 1e-6), (1e5, 1e5)])
def test_random_lcps_have_the_solution_that_enumeration_finds(seed, x_unit, f_unit):
    M, q = p_matrix(seed)
    (known,) = by_enumeration(M, q, np.zeros(5), np.full(5, np.inf))
    m, x = lcp(M, q, x_unit, f_unit)
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == "equilibrium verified", str(result.report)
    assert result.solution[x] / x_unit == pytest.approx(known, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_random_mixed_problems_have_the_solution_that_enumeration_finds(seed):
    M, q = p_matrix(100 + seed)
    lb, ub = np.array([0, -0.2, -np.inf, -np.inf, -1.0]), np.array([np.inf, 0.1, 0.3, np.inf, -1.0])
    known = by_enumeration(M, q, lb, ub)
    m, x = lcp(M, q, lb=lb, ub=ub)
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == "equilibrium verified", str(result.report)
    assert result.solution[x] == pytest.approx(known[0], abs=1e-6)


def test_encodings_and_solvers_agree_on_a_leader_over_an_lcp():
    M, q = p_matrix(7)
    m, x = lcp(M, q)
    a = m.var("a", lb=0, ub=1)
    m.complements(a - 0.3 + x[0], kg.between(0, m.var("b"), 2), name="more")
    m.add(x <= 20)
    m.maximize(a - 0.1 * x.sum())
    found = kg.agree(m, time_limit=4 * LIMIT)
    assert found.agreed and found.report.claim == "optimal", str(found)
    assert len({run.solver for run in found.runs if run.agrees}) == 2


def test_a_condition_without_sides_is_an_equation_and_with_equal_ones_none():
    m = kg.Bilevel("sides")
    x, y = m.var("x", lb=-9, ub=9), m.var("y", lb=-9, ub=9)
    m.complements(x + y - 3, kg.between(-np.inf, x, np.inf), name="free")
    m.complements(x - 100, kg.between(2, y, 2), name="fixed")
    solution = kg.optimize(m).solution
    assert (solution[x], solution[y]) == pytest.approx((1.0, 2.0))


def test_a_comparison_gives_the_second_expression_its_bounds():
    m = kg.Bilevel("comparison")
    x = m.var("x", 2, lb=-9, ub=9)
    m.complements([1, -1] + 0 * x, x >= [2, -3], name="at")
    m.add(x[1] <= 4)
    assert kg.optimize(m, time_limit=LIMIT).report.claim == "infeasible"  # F < 0 has no upper bound to stop at
    m = kg.Bilevel("upper")
    x = m.var("x", lb=-9, ub=9)
    m.complements(-1 + 0 * x, x <= 4)
    assert kg.optimize(m).solution[x] == pytest.approx(4.0)


def conjectures(a, b, c, d, theta):
    """Firms of costs ``c q + d q^2 / 2`` that think price falls by ``b (1 + theta)`` a unit of their own supply."""
    m = kg.Bilevel("conjectures")
    q, price = m.var("q", len(c)), m.var("price")
    m.add(price == a - b * q.sum(), name="demand")
    m.complements(np.asarray(c) + np.asarray(d) * q + b * (1 + np.asarray(theta)) * q - price, q, name="firm")
    return m, q, price


def in_closed_form(a, b, c, d, theta):
    """Return quantities and price where every firm sells: ``q_i = (p - c_i) / (d_i + b (1 + theta_i))``."""
    slope = 1.0 / (np.asarray(d) + b * (1 + np.asarray(theta)))
    price = (a + b * (slope @ np.asarray(c))) / (1 + b * slope.sum())
    return (price - np.asarray(c)) * slope, price


@pytest.mark.parametrize("theta", [(0, 0, 0), (-1, -1, -1), (2, 2, 2), (0.5, -0.3, 0)])
def test_conjectural_variations_have_their_closed_form(theta):
    data = 100.0, 0.5, (10.0, 12.0, 20.0), (0.4, 0.2, 0.1), theta
    quantity, level = in_closed_form(*data)
    assert (quantity > 0).all()
    m, q, price = conjectures(*data)
    result = kg.optimize(m)
    assert result.solution[q] == pytest.approx(quantity) and result.solution[price] == pytest.approx(level)
    assert result.report.claim == "equilibrium verified"


def test_a_duopoly_of_followers_and_of_conditions_is_the_same():
    m = kg.Bilevel("duopoly")
    firms = [m.follower(name) for name in ("north", "south")]
    q = [firm.var("q", lb=0) for firm in firms]
    for firm, own, cost in zip(firms, q, (1.0, 4.0), strict=True):
        firm.maximize((10 - q[0] - q[1]) * own - cost * own)
    result = kg.optimize(m)
    assert [result.solution[one] for one in q] == pytest.approx([4.0, 1.0])
    assert result.report.claim == "equilibrium verified"


def test_followers_meet_a_price_that_conditions_set():
    m = kg.Bilevel("market")
    price = m.var("price")
    plants = [m.follower(name) for name in ("coal", "gas")]
    g = [plant.var("g", lb=0) for plant in plants]
    for plant, own, c, d in zip(plants, g, (10.0, 20.0), (0.2, 0.1), strict=True):
        plant.minimize(c * own + 0.5 * d * own @ own - price @ own)
    m.complements(g[0] + g[1] - (120 - 2 * price), price, name="clearing")
    result = kg.optimize(m, time_limit=LIMIT)
    level = (120 + 10 / 0.2 + 20 / 0.1) / (2 + 1 / 0.2 + 1 / 0.1)
    assert result.solution[price] == pytest.approx(level)
    assert [result.solution[one] for one in g] == pytest.approx([(level - 10) / 0.2, (level - 20) / 0.1])
    assert result.report.claim == "equilibrium verified"
    names = {line.name for line in result.report.lines}
    assert {"bounds(clearing)", "complementarity(clearing)", "follower gap(coal)"} <= names
    assert "follower gap(clearing)" not in names


def test_transport_with_linear_demand_is_the_optimum_of_total_surplus():
    # plants and markets of Dantzig's transport problem; demand falls linearly through its quantities at price 0.2
    supply, demand = np.array([350.0, 600.0]), np.array([325.0, 300.0, 275.0])
    cost = 90 * np.array([[2.5, 1.7, 1.8], [2.5, 1.8, 1.4]]) / 1000
    slope = demand / 0.4
    m = kg.Bilevel("transport")
    x, worth, price = m.var("x", (2, 3)), m.var("worth", 2), m.var("price", 3)
    m.complements(cost + worth.reshape(2, 1) - price.reshape(1, 3), x, name="profit")
    m.complements(supply - x.sum(axis=1), worth, name="supply")
    m.complements(x.sum(axis=0) - (1.5 * demand - slope * price), price, name="demand")
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == "equilibrium verified", str(result.report)
    one = kg.Bilevel("surplus")  # the inverse demand is (1.5 demand - d) / slope
    y = one.var("y", (2, 3), lb=0)
    d = y.sum(axis=0)
    one.add(y.sum(axis=1) <= supply)
    one.maximize((1.5 * demand / slope) @ d - 0.5 * d @ (d / slope) - (cost * y).sum())
    optimum = kg.solve(one, "highs")
    sold = optimum[d]
    assert result.solution[x.sum(axis=0)] == pytest.approx(sold, abs=1e-3)
    assert result.solution[price] == pytest.approx((1.5 * demand - sold) / slope, abs=1e-6)


def test_conditions_take_followers_prices_on_both_sides():
    m = kg.Bilevel("prices")
    line, link = m.var("line", lb=0, ub=5), m.var("link")
    market = m.follower("market")
    g = market.var("g", 2, lb=0, ub=[4, 9])
    balance = market.add(g.sum() == 6 + line, name="balance")
    market.minimize(g[0] + 3 * g[1])
    m.complements(balance.dual - 1 - line, line, name="until")  # line grows until the price is worth it no more
    m.complements(link - 2, balance.dual - 3 + link, name="link")
    result = kg.optimize(m, time_limit=LIMIT)
    assert result.report.claim == "equilibrium verified"
    assert result.solution[line] in (pytest.approx(2.0), pytest.approx(0.0, abs=1e-6))
    assert result.solution[balance.dual] == pytest.approx(3.0) and result.solution[link] in (
        pytest.approx(2.0), pytest.approx(0.0, abs=1e-6),
    )  # fmt: skip


def test_multipliers_of_conditions_are_boxed_by_their_expressions():
    m = kg.Bilevel("boxes")
    x, y = m.var("x", lb=0, ub=4), m.var("y", lb=0, ub=7)
    m.complements(3 * x - 1, y, name="one")
    pairs = kg.bound(kg.kkt(m)).pairs
    assert len(pairs) == 1
    assert 11 - 1e-9 <= pairs.dual_max.value[0] <= 11.1 and 7 - 1e-9 <= pairs.slack_max.value[0] <= 7.1
    assert pairs.dual_max.proof[0].startswith("proved")


def test_unbounded_conditions_are_solved_and_verified_without_boxes():
    m = kg.Bilevel("free")
    x, y = m.var("x"), m.var("y")
    m.complements(x - y - 1, x + y - 1, name="pair")
    result = kg.optimize(m)
    assert result.report.claim == "equilibrium verified"
    model = kg.bound(kg.kkt(m))
    assert not np.isfinite(model.pairs.dual_max.value).any()


REFUSALS = {
    "quadratic first": (lambda m, x: (x[0] * x[1], x[0]), "first expression is quadratic"),
    "quadratic array": (lambda m, x: (x, x * x), "second expression is quadratic"),
    "quadratic row": (lambda m, x: (x[0], x @ x <= 1), "second expression is quadratic"),
    "shapes": (lambda m, x: (x, x[0]), r"shape \(2,\), the second \(\)"),
    "number": (lambda m, x: (x, 3.0), "of type float"),
    "array": (lambda m, x: (np.ones(2), x), "of type ndarray"),
    "row first": (lambda m, x: (x >= 0, x), "a row; give the expression alone"),
    "nan": (lambda m, x: (np.nan * x, x), "NaN"),
    "infinite": (lambda m, x: (x, np.inf * x), "NaN|inf"),
    "wrong end": (lambda m, x: (x, kg.between(np.inf, x, np.inf)), "infinite side on the wrong end"),
    "no value": (lambda m, x: (x, kg.between(2, x, 1)), "lo > hi"),
    "other problem": (lambda m, x: (x, kg.Bilevel("other").var("x", 2)), "'other' cannot be used in 'refusals'"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_condition_is_refused_in_words(case):
    make, words = REFUSALS[case]
    m = kg.Bilevel("refusals")
    x = m.var("x", 2)
    with pytest.raises(kg.ProblemError, match=words):
        m.complements(*make(m, x), name="case")
    assert not m.followers and not m.rows


def test_names_of_conditions_are_texts_and_not_taken_twice():
    m = kg.Bilevel("names")
    x = m.var("x", lb=0)
    m.follower("taken")
    with pytest.raises(kg.ProblemError, match="already names a follower or a condition"):
        m.complements(x, x, name="taken")
    with pytest.raises(kg.ProblemError, match="named by a text"):
        m.complements(x, x, name=3)
    assert [m.complements(x, x).name for _ in range(2)] == ["comp1", "comp2"]
    assert repr(m) == "Bilevel('names', 5 columns, 1 followers, 2 complements)"


def test_a_follower_or_condition_of_its_own_may_be_encoded_otherwise():
    m = kg.Bilevel("choice")
    x, y = m.var("x", lb=0, ub=4), m.var("y", lb=0, ub=7)
    one, two = m.complements(x - 1, y, name="one"), m.complements(y - 2, x, name="two")
    result = kg.optimize(m, kg.BigM(), choices={one: kg.SOS1()})
    assert {used.encoding for used in result.model.encodings} == {"BigM", "SOS1"} and two.name == "two"
    assert result.report.claim == "equilibrium verified"


def test_labels_of_the_second_expression_name_the_conditions():
    m = kg.Bilevel("labels")
    q = m.var("q", lb=0, ub=9, coords={"firm": ["north", "south"]})
    m.complements(q + q.sum() - 9, q, name="cournot")
    report = kg.verify(m, {"q": [3.0, 2.0]})
    assert report.failing[0].name == "complementarity(cournot)"
    assert report.failing[0].where == "side(cournot,south)"
