"""Elimination of products in the leader's rows: equal at KKT points, solved against grids, named, fast, verified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kktgen as kg
from kktgen.model.tables import QuadTable
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr, csr
from kktgen.problem.columns import Block
from kktgen.problem.expressions import Quad
from kktgen.problem.rows import QuadRow
from kktgen.reformulate.eliminate import eliminate, weights
from kktgen.reformulate.identity import combination
from kktgen.search.respond import Responder
from kktgen.search.start.pattern import polish


def value(model, name, z):
    """Return the left-hand side of a row, wherever it stands, and its sides."""
    for table, values in ((model.rows, model.rows.M @ z), (model.quads.linear, model.quads.value(z))):
        for k in range(len(table)):
            if table.label(k) == name:
                return float(values[k]), float(table.lo[k]), float(table.hi[k])
    raise KeyError(name)


def names(model):
    """Return the names of the leader's rows: linear ones, quadratic ones."""
    linear = [b for b in model.rows.blocks if b.role == "leader"]
    return [b.word for b in linear], [model.quads.linear.label(k) for k in range(len(model.quads))]


def with_rows(model, quads, lo, hi):
    """Return the model with the leader's quadratic rows row0, row1, ..."""
    blocks = tuple(Block(k, k + 1, f"row{k}", "leader") for k in range(len(quads)))
    return replace(model, quads=QuadTable.of(quads, np.array(lo), np.array(hi), blocks, model.n))


def toll(least=3.0):
    """min toll + 0.1 road,  toll road >= least;  road in argmin (toll - 2) road, 0 <= road <= 4."""
    m = kg.Bilevel("toll")
    price = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=4)
    driver.minimize(price @ road - 2 * road)
    m.add(price @ road >= least, name="revenue")
    m.minimize(price + 0.1 * road)
    return m, price, road


def market(least=1300.0, curved=0.0):
    """Pay as cleared: min lam, lam g0 >= least; g0 offers at a price, rivals at 20 and 30 (+ curved g^2), 90 asked."""
    m = kg.Bilevel("market")
    offer = m.var("offer", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 90, name="balance")
    f.minimize(offer @ g[0] + 20 * g[1] + 30 * g[2] + curved * (g[1:] @ g[1:]))
    m.add(balance.dual @ g[0] >= least, name="revenue")
    m.minimize(balance.dual)
    return m, offer, g, balance.dual


# -- equal at every KKT point --------------------------------------------------------------------


def players(rng, curved, nash, count=2, ny=3):
    """Followers ``min 1/2 y'Py + (Q x + q)'y,  A y + B x = b,  G y + H x <= h``; with ``nash`` each sees the others."""
    m = kg.Bilevel("players")
    x = m.var("x", 2, lb=-1, ub=1)
    fs = [m.follower(f"f{k}") for k in range(count)]
    ys = [f.var("y", ny, lb=-4, ub=4) for f in fs]
    for k, (f, y) in enumerate(zip(fs, ys, strict=True)):
        A, G = rng.normal(size=(1, ny)), rng.normal(size=(2, ny))
        f.add(A @ y + 0.1 * rng.normal(size=(1, 2)) @ x == 0.1 * rng.normal(size=1), name="eq")
        f.add(G @ y + 0.1 * rng.normal(size=(2, 2)) @ x <= rng.uniform(0.3, 1, size=2), name="in")
        L = rng.normal(size=(ny, ny))
        cost = (rng.normal(size=(ny, 2)) @ x) @ y + rng.normal(size=ny) @ y
        if nash:
            cost = cost + 0.05 * ((rng.normal(size=(ny, ny)) @ ys[1 - k]) @ y)
        f.minimize(cost + 0.5 * (y @ ((L @ L.T + np.eye(ny)) @ y)) if curved else cost)
    return m


@pytest.mark.parametrize(("curved", "nash"), [(False, False), (True, False), (True, True)], ids=["LP", "QP", "nash"])
@pytest.mark.parametrize("seed", range(2))
def test_rewritten_rows_equal_the_old_ones_at_responses(seed, curved, nash):
    """Rows ``r'z - products of a weighted sum of vanishing expressions``, so that those weights cancel them.

    Followers with B and H, weights +-w per follower (equal ones under Nash); rows with one side, two and equal ones.
    """
    rng = np.random.default_rng(seed)
    m = players(rng, curved, nash)
    model = kg.kkt(m)
    kkt, quads, owner = model.kkt, [], np.full(model.n, -1)
    owner[kkt.y] = kkt.y_of
    for _ in range(4):
        w = np.repeat(rng.uniform(0.5, 2), 2) if nash else rng.uniform(0.5, 2, size=2)
        sum_ = combination(model, w[kkt.y_of], -w[kkt.lam_of], w[kkt.mu_of]).canonical()
        at = np.flatnonzero((owner[sum_.i] < 0) | (owner[sum_.i] != owner[sum_.j]))  # y'P y comes: its side is convex
        some = np.sort(rng.choice(model.n, 5, replace=False))
        linear = csr(rng.normal(size=5), some, np.array([0, 5]), (1, model.n))
        quads.append(Quad(model.space, sum_.i[at], sum_.j[at], -sum_.v[at], linear, 0.0))
    old = with_rows(model, [quads[0], -quads[1], quads[2], quads[3]], [-np.inf, -5, 1, -2], [3, np.inf, 1, 2])
    new = eliminate(old)
    assert "qrow_nonconvex" in old.features
    linear, quadratic = names(new)
    if not curved:
        assert linear == ["row0", "row1", "row2", "row3"] and not quadratic and "qrow_nonconvex" not in new.features
    else:
        assert not linear and quadratic == ["row0", "row1", "row2_lo", "row2_up", "row3_lo", "row3_up"]
    responder, met = Responder(m), 0
    for _ in range(6):
        z = responder(rng.uniform(-1, 1, size=2))
        if z is None:
            continue
        met += 1
        z = z + 0.0
        for k in range(4):
            for name in {f"row{k}", f"row{k}_lo", f"row{k}_up"} & {*linear, *quadratic}:
                before = old.quads.value(z)[k]
                assert value(new, name, z)[0] == pytest.approx(before, rel=1e-7, abs=1e-7)
    assert met >= 4


@pytest.mark.parametrize("curved", [0.0, 0.1], ids=["LP", "QP"])
def test_cleared_revenue_is_equal_at_responses(curved):
    """lam g0 of the market at random offers; the row moves to the linear rows, or stays as a convex one."""
    m, *_ = market(curved=curved)
    old = kg.kkt(m)
    new = eliminate(old)
    assert names(new) == ((["revenue"], []) if not curved else ([], ["revenue"]))
    assert new.features == ({"pairs"} if not curved else {"pairs", "qrow"})
    responder, seen = Responder(m), []
    for offer in np.random.default_rng(3).uniform(0, 60, size=12):
        z = responder(np.array([offer]))
        seen.append(value(old, "revenue", z)[0])
        assert value(new, "revenue", z) == pytest.approx((seen[-1], 1300.0, np.inf), rel=1e-7, abs=1e-6)
    assert np.ptp(seen) > 100


def test_rows_look_at_their_own_followers_and_agree_with_the_whole():
    """Forty storage followers, a row on the payments of each: the weights are those found among all conditions."""
    m = kg.Bilevel("many")
    p = m.var("p", 4, lb=0, ub=3)
    for k in range(40):
        f = m.follower(f"f{k}")
        buy, level = f.var("buy", 4, lb=-2, ub=2), f.var("level", 4, lb=0, ub=4)
        f.add((np.eye(4) - np.eye(4, k=-1)) @ level - buy == 0, name="charge")
        f.minimize(p @ buy + (0.1 * (buy @ buy) if k % 2 else 0))
        m.add(p @ buy >= -0.1 * k, name=f"pays{k}")
    m.minimize(p.sum())
    old = kg.kkt(m)
    new = eliminate(old)
    linear, quadratic = names(new)
    assert linear == [f"pays{k}" for k in range(0, 40, 2)] and quadratic == [f"pays{k}" for k in range(1, 40, 2)]
    rng = np.random.default_rng(0)
    for k in (0, 1, 38, 39):
        whole = weights(old, -old.quads.quad(k, old.space)).objective
        z = rng.normal(size=old.n)
        assert value(new, f"pays{k}", z)[0] == pytest.approx(-whole.value(z), rel=1e-12)
    assert sum(note.startswith("rows pays") for note in new.notes) == 2
    assert any("and 16 more made linear: eliminated exactly 80 products p x buy (20 followers)" in n for n in new.notes)


def test_away_from_complementarity_a_row_gains_gamma_times_the_gap():
    """toll road >= 3: alpha = -1 on -toll road, so new = toll road - (-1)..., checked at random z by hand.

    -toll y + y (toll - 2 - mu_lb + mu_ub) + (mu_lb y + mu_ub (4 - y)) = -2 y + 4 mu_ub <= -3.
    """
    m, _, road = toll()
    new = eliminate(kg.kkt(m))
    ub = next(c for c in new.kkt.mu if "mu_ub" in new.space.label(c))
    row = new.rows.M[[len(new.rows) - 1]].toarray()[0]
    assert {int(c): row[c] for c in np.flatnonzero(row)} == {int(road.cols): 2.0, int(ub): -4.0}
    assert not any("gamma < 0" in note for note in new.notes)


# -- solved --------------------------------------------------------------------------------------


def solved(m, solver="scip"):
    """Return the value that optimize and three encodings agree on, the claim, and whether HiGHS was asked too."""
    result = kg.optimize(m, solver=solver)
    model = kg.bound(eliminate(kg.kkt(m)))
    for encoding in (kg.SOS1(), kg.BigM()):
        other = kg.solve(kg.encode(model, encoding), "scip")
        assert other.objective == pytest.approx(result.solution.objective, rel=1e-5, abs=1e-5)
        assert kg.verify(m, other).ok
    return result


def test_revenue_adequacy_with_a_linear_follower():
    """min p + y1: a customer of 10 buys at p (6 at most), 2 (3 at most) or 4; p y0 >= 9. Grid, ties in favour."""
    m = kg.Bilevel("adequacy")
    p = m.var("p", lb=0, ub=5)
    f = m.follower("customer")
    y = f.var("y", 3, lb=0, ub=[6, 3, 9])
    f.add(y.sum() == 10, name="need")
    f.minimize(p @ y[0] + 2 * y[1] + 4 * y[2])
    m.add(p @ y[0] >= 9, name="revenue")
    m.minimize(p + y[1] - 0.4 * y[2])
    result = solved(m)
    assert result.report.claim == "optimal"

    best = np.inf
    for price in np.linspace(0, 5, 1001):
        cost, ub = np.array([price, 2.0, 4.0]), np.array([6.0, 3.0, 9.0])
        need = Csr(np.ones((1, 3)))
        least = programs.lp(cost, need, np.array([10.0]), np.array([10.0]), np.zeros(3), ub).value
        rows = Csr(np.vstack([np.ones(3), cost, [price, 0, 0]]))
        lo, hi = np.array([10.0, -np.inf, 9.0]), np.array([10.0, least + 1e-9, np.inf])
        answer = programs.lp(np.array([0, 1, -0.4]), rows, lo, hi, np.zeros(3), ub)
        if answer.status == "optimal":
            best = min(best, price + answer.value)
    assert result.solution.objective == pytest.approx(best, abs=0.006) and np.isfinite(best)
    highs = kg.optimize(m, "bigm", "highs")
    assert highs.solution.objective == pytest.approx(result.solution.objective, abs=1e-5)


def test_highs_takes_a_revenue_row_only_after_elimination():
    m, price, road = toll()
    model = kg.bound(kg.kkt(m))
    with pytest.raises(kg.UnsupportedError, match="nonconvex quadratic rows"):
        kg.solve(kg.encode(model, kg.BigM()), "highs")
    found = kg.solve(kg.encode(kg.bound(eliminate(kg.kkt(m))), kg.BigM()), "highs")
    assert (found[price], found[road]) == pytest.approx((0.75, 4.0), abs=1e-6)
    assert kg.verify(m, found).claim == "optimal"


def test_budget_with_a_quadratic_follower():
    """Two firms make clip(s - c, 0, cap) under subsidies s; max y0 + 0.8 y1 within s'y <= 12. Grid of step 0.01."""
    cost, cap = np.array([1.0, 0.5]), np.array([3.0, 4.0])
    m = kg.Bilevel("budget")
    s = m.var("s", 2, lb=0, ub=6)
    ys = []
    for k in range(2):
        f = m.follower(f"firm{k}")
        ys.append(f.var("y", lb=0, ub=cap[k]))
        f.minimize(0.5 * (ys[k] @ ys[k]) + cost[k] * ys[k] - s[k] @ ys[k])
    m.add(s[0] @ ys[0] + s[1] @ ys[1] <= 12, name="budget")
    m.maximize(ys[0] + 0.8 * ys[1])
    new = eliminate(kg.kkt(m))
    assert names(new) == ([], ["budget"]) and "qrow_nonconvex" not in new.features and "qrow" in new.features
    result = solved(m)
    assert result.report.claim == "optimal"
    a, b = np.meshgrid(np.linspace(0, 6, 601), np.linspace(0, 6, 601))
    y0, y1 = np.clip(a - cost[0], 0, cap[0]), np.clip(b - cost[1], 0, cap[1])
    best = np.where(a * y0 + b * y1 <= 12 + 1e-9, y0 + 0.8 * y1, -np.inf).max()
    assert best - 1e-6 <= result.solution.objective <= best + 0.01


def test_cleared_revenue_of_a_strategic_unit():
    """min lam with lam g0 >= 1300: between 20 and 30 the unit sets the price at 50 sold, so 26. Grid of offers."""
    m, offer, g, lam = market()
    result = solved(m)
    best = np.inf
    for price in np.linspace(0.005, 59.995, 1200):
        cost, ub = np.array([price, 20.0, 30.0]), np.array([60.0, 40.0, 50.0])
        answer = programs.lp(cost, Csr(np.ones((1, 3))), np.array([90.0]), np.array([90.0]), np.zeros(3), ub)
        if answer.row_dual[0] * answer.x[0] >= 1300:
            best = min(best, answer.row_dual[0])
    assert best == pytest.approx(26.0, abs=0.06)
    assert result.solution.objective == pytest.approx(26.0, abs=1e-4)
    assert result.solution[g[0]] * result.solution[lam] >= 1300 - 1e-3
    assert result.report.claim == "optimal"


# -- what stays, what splits ---------------------------------------------------------------------


def taxed(row, curved=True, name="cap"):
    """max y + p;  y in argmin y^2/2 - 4 y + p y, 0 <= y <= 10; ``row(p, y)`` of the leader."""
    m = kg.Bilevel("taxed")
    p = m.var("p", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=10)
    f.minimize(0.5 * (y @ y) - 4 * y + p @ y if curved else p @ y - 4 * y)
    m.add(row(p, y), name=name)
    m.maximize(y + 0.9 * p)
    return m, p, y


def test_a_row_that_cannot_be_made_convex_is_kept_and_named():
    """p y <= 1 with y = 4 - p: alpha = -1 would leave -y^2; p >= 2 + sqrt 3, the best is p = 5, y = 0."""
    m, p, y = taxed(lambda p, y: p @ y <= 1)
    old = kg.kkt(m)
    new = eliminate(old)
    assert new.quads is old.quads and names(new) == ([], ["cap"])
    assert new.notes == ("kept in row cap: 1 product p x y (f): cancelling it would make the row nonconvex",)
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(4.5, abs=1e-5) and result.report.ok


def test_a_product_no_condition_holds_keeps_its_row():
    """p y >= 1 - x1 x2: the second product is the leader's own affair, so the row keeps both."""
    m, p, y = taxed(lambda p, y: p @ y >= 1)
    x = m.var("x", 2, lb=0, ub=1)
    m.add(p @ y + x[0] @ x[1] >= 2, name="mixed")
    new = eliminate(kg.kkt(m))
    assert names(new) == ([], ["mixed", "cap"])
    assert len(new.quads.quad(0, new.space).v) == 2
    assert any(note.startswith("kept in row mixed: 1 product x x x: no condition") for note in new.notes)
    assert any(note.startswith("row cap made convex: eliminated exactly 1 product p x y (f)") for note in new.notes)


def test_a_concave_square_keeps_its_row():
    """p y - p^2 <= 1 with a linear follower: p y goes, the square would still be concave."""
    m, *_ = taxed(lambda p, y: p @ y - p @ p <= 1, curved=False)
    old = kg.kkt(m)
    new = eliminate(old)
    assert new.quads is old.quads
    assert any(note.startswith("kept in row cap: 1 product p x p: no condition") for note in new.notes)


def test_weights_that_contradict_keep_a_two_sided_row():
    """1 <= 3 p1 y1 + 2 p2 y2 <= 9 on one balance asks for two alphas at once; y3 is curved."""
    m = kg.Bilevel()
    p = m.var("p", 2, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 3, lb=0)
    f.add(y.sum() == 1, name="sum")
    f.minimize(p @ y[:2] + y[2] @ y[2])
    m.add(QuadRow(3 * (p[0] @ y[0]) + 2 * (p[1] @ y[1]), 1, 9), name="band")
    m.minimize(p.sum())
    old = kg.kkt(m)
    new = eliminate(old)
    assert new.quads is old.quads
    (note,) = new.notes
    assert note.startswith("kept in row band: ") and "remainder" not in note


def test_an_equation_with_a_linear_follower_becomes_one_linear_row():
    """p y0 == 1,  y in argmin p y0 + 2 y1 : y0 + y1 = 3; max y0 + p: y0 = 3 at p = 1/3."""
    m = kg.Bilevel()
    p = m.var("p", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=10)
    f.add(y.sum() == 3, name="sum")
    f.minimize(p @ y[0] + 2 * y[1])
    m.add(p @ y[0] == 1, name="fix")
    m.maximize(y[0] + p)
    new = eliminate(kg.kkt(m))
    assert names(new) == (["fix"], []) and new.rows.lo[-1] == new.rows.hi[-1] == 1.0
    result = solved(m)
    assert result.solution.objective == pytest.approx(10 / 3, abs=1e-6) and result.report.claim == "optimal"


def test_an_equation_with_a_quadratic_follower_is_split():
    """p y == 3 with y = 4 - p: p = 1 or 3. One side is convex (y^2 - 4 y <= -3 + ..), the other keeps the product."""
    m, p, y = taxed(lambda p, y: p @ y == 3, name="fix")
    new = eliminate(kg.kkt(m))
    assert names(new) == ([], ["fix_lo", "fix_up"])
    lower, upper = (new.quads.quad(k, new.space) for k in range(2))
    assert set(zip(lower.i, lower.j, strict=True)) == {(int(y.cols), int(y.cols))} and lower.v.tolist() == [-1.0]
    assert set(zip(upper.i, upper.j, strict=True)) == {(int(p.cols), int(y.cols))} and upper.v.tolist() == [1.0]
    assert new.quads.linear.lo.tolist() == [3.0, -np.inf] and new.quads.linear.hi.tolist() == [np.inf, 3.0]
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(3 + 0.9, abs=1e-5) and result.report.claim == "optimal"


def test_a_curved_equation_whose_weights_need_no_curvature_stays_whole():
    """lam (g0 + g1 + g2) == 2000 in the curved market: beta alone does it, lam 90 == 2000."""
    m, _, g, lam = market(curved=0.1)
    m.add(lam @ g.sum() == 2000, name="paid")
    new = eliminate(kg.kkt(m))
    assert "paid" in names(new)[0]
    row = new.rows.M[[len(new.rows) - 1]].toarray()[0]
    assert {int(c): row[c] for c in np.flatnonzero(row)} == {int(lam.cols): 90.0}


def markets(row):
    """Two markets g in argmin 12 g0 + 20 g1 + g1^2/10, g0 + g1 == 30, g0 <= 20, and the row of (lams, gs)."""
    m = kg.Bilevel("markets")
    lams, gs = [], []
    for k in range(2):
        f = m.follower(f"f{k}")
        gs.append(f.var("g", 2, lb=0, ub=[20, 40]))
        lams.append(f.add(gs[k].sum() == 30, name="balance").dual)
        f.minimize(12 * gs[k][0] + 20 * gs[k][1] + 0.1 * (gs[k][1] @ gs[k][1]))
    m.add(row(lams, gs), name="fix")
    m.minimize(m.var("x", lb=0, ub=1))
    return m


def test_revenue_of_one_market_against_another_stays_one_linear_row():
    """lam0 g0 - lam1 h0 == 5: the revenue alone would be made convex, and its negative linear; here both are linear."""
    m = markets(lambda lams, gs: lams[0] @ gs[0][0] - lams[1] @ gs[1][0] == 5)
    old = kg.kkt(m)
    new = eliminate(old)
    assert names(new) == (["fix"], [])
    z = Responder(m)(np.array([0.5]))
    assert value(old, "fix", z)[0] == pytest.approx(0.0, abs=1e-6)  # the markets are alike
    z[old.kkt.mu[old.kkt.mu_of == 0]] *= 2.0
    assert abs(value(new, "fix", z)[0]) > 1.0


def test_one_impossible_part_keeps_the_whole_row():
    """3 p0 y0 + 2 p1 y1 on one balance asks for two weights at once; lam sum(g) of the curved follower would go."""
    m = kg.Bilevel("impossible")
    p = m.var("p", 2, lb=0, ub=1)
    a, b = m.follower("a"), m.follower("b")
    y, g = a.var("y", 2, lb=0, ub=1), b.var("g", 2, lb=0)
    a.add(y.sum() == 1, name="sum")
    a.minimize(p @ y)
    balance = b.add(g.sum() == 3, name="balance")
    b.minimize(g @ g)
    m.add(3 * (p[0] @ y[0]) + 2 * (p[1] @ y[1]) + balance.dual @ g.sum() == 5, name="fix")
    m.minimize(p.sum())
    old = kg.kkt(m)
    new = eliminate(old)
    assert new.quads is old.quads and any(note.startswith("kept in row fix: 1 product p x y (a)") for note in new.notes)


def test_tangents_let_patterns_hold_a_convex_row():
    """max y, s y <= 6 with y = s - 1 has s = 3; a point at s = 2.5 is moved there by its pattern alone, exactly."""
    m = kg.Bilevel("budget")
    s = m.var("s", lb=0, ub=9)
    firm = m.follower("firm")
    y = firm.var("y", lb=0, ub=10)
    firm.minimize(0.5 * (y @ y) + y - s @ y)
    m.add(s @ y <= 6, name="budget")
    m.maximize(y)
    model = kg.bound(eliminate(kg.kkt(m)))
    z = polish(model, Responder(m)(np.array([2.5])))
    assert (z[s.cols], z[y.cols]) == (pytest.approx(3.0, abs=1e-7), pytest.approx(2.0, abs=1e-7))
    assert kg.verify(m, z).ok


def test_convex_rows_and_rows_of_no_follower_are_untouched():
    m, p, y = taxed(lambda p, y: p @ p + y @ y + p @ y <= 30)
    old = kg.kkt(m)
    new = eliminate(old)
    assert new is old
    alone = kg.Bilevel()
    x = alone.var("x", 2, lb=0, ub=1)
    alone.add(x[0] @ x[1] >= 0.5)
    model = kg.kkt(alone)
    assert eliminate(model) is model


def test_rows_of_an_encoding_are_no_rows_of_the_leader():
    """The duality row is a sum of vanishing expressions: rewriting would empty it."""
    m, *_ = toll()
    model = kg.encode(kg.kkt(m), kg.StrongDuality())
    new = eliminate(model)
    assert names(new)[1] == ["duality(driver)"] and names(new)[0] == ["revenue"]
    kept = new.quads.quad(0, new.space)
    assert len(kept.v) == len(model.quads.quad(1, model.space).v) > 0


# -- names, objective and rows together ----------------------------------------------------------


def test_names_in_the_file_stay(tmp_path):
    """revenue becomes linear, cap stays, band is written as band_lo and band_up before and after its split."""
    m, p, y = taxed(lambda p, y: p @ y <= 3, name="cap")
    m.add(QuadRow(p @ y, 0.5, 3.5), name="band")
    d = m.follower("d")
    w = d.var("w", lb=0, ub=4)
    d.minimize(p @ w - 2 * w)
    m.add(p @ w >= 1, name="revenue")
    found = []
    for k, model in enumerate((kg.kkt(m), eliminate(kg.kkt(m)))):
        path = tmp_path / f"{k}.lp"
        kg.write(kg.encode(model, kg.SOS1()), path)
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        heads = [line.split(":")[0] for line in lines if ":" in line and "::" not in line and not line.startswith("\\")]
        found.append(heads)
    assert {"cap", "band_lo", "band_up", "revenue"} <= set(found[0])
    assert sorted(found[0]) == sorted(found[1])


def test_objective_and_rows_together():
    """A toll that earns the most with at least as much from the first road: both products go, in two notes."""
    m = kg.Bilevel()
    p = m.var("p", 2, lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=4)
    f.minimize(p @ y - 2 * y.sum())
    m.add(p[0] @ y[0] >= 5, name="first")
    m.maximize(p @ y - 5 * p[0])
    new = eliminate(kg.kkt(m))
    assert new.features == {"pairs"}
    assert any(note.startswith("eliminated exactly: 2 products p x y (f)") for note in new.notes)
    assert any(note == "row first made linear: eliminated exactly 1 product p x y (f)" for note in new.notes)
    result = solved(m)
    assert result.solution.objective == pytest.approx(8 + 5 - 5 * 1.25, abs=1e-5)
    assert result.report.claim == "optimal"


# -- the original row is what counts -------------------------------------------------------------


def test_verify_judges_the_original_row():
    """A response that earns 2.8 instead of 3 is refused; so are multipliers that satisfy only the rewritten row."""
    m, price, road = toll()
    model = eliminate(kg.kkt(m))
    z = Responder(m)(np.array([0.7]))
    report = kg.verify(m, z)
    assert not report.ok and report.claim == "unverified"
    assert [line.name for line in report.lines if not line.ok] == ["leader quadratic rows"]
    z[model.kkt.mu] = 0.0  # 2 road - 4 mu_ub >= 3 holds now
    before, lo, _ = value(model, "revenue", z)
    assert before >= lo
    assert "leader quadratic rows" in [line.name for line in kg.verify(m, z).lines if not line.ok]
    solution = kg.solve(kg.encode(kg.bound(model), kg.SOS1()), "scip")
    assert kg.verify(m, solution).ok
    wrong = solution.z.copy()
    wrong[price.cols] -= 0.01
    assert not kg.verify(m, replace(solution, z=wrong)).ok


def test_a_pattern_search_finds_points_within_a_rewritten_row():
    """The response to the relaxed optimum need not earn enough; the pattern search moves the toll until it does."""
    m, price, road = toll()
    result = kg.optimize(m)
    assert result.start == pytest.approx(0.75 + 0.4, abs=1e-6)


# -- multipliers that are not unique -------------------------------------------------------------


def degenerate():
    """min p,  p y0 >= 9;  y in argmin p y0 + 2 y1 : y0 + y1 = 10 (lam), y0 + y1 <= 10 (mu), y0 <= 6."""
    m = kg.Bilevel("degenerate")
    p = m.var("p", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=[6, 20])
    f.add(y.sum() == 10, name="need")
    f.add(y.sum() <= 10, name="again")
    f.minimize(p @ y[0] + 2 * y[1])
    m.add(p @ y[0] >= 9, name="revenue")
    m.minimize(p)
    return m, p, y


def test_a_rewritten_row_has_one_value_for_all_multipliers():
    m, p, y = degenerate()
    old = kg.kkt(m)
    new = eliminate(old)
    assert names(new) == (["revenue"], [])
    again = next(c for c in new.kkt.mu if "again" in new.space.label(c))
    for price in (0.5, 1.7, 3.0, 4.4):
        z = Responder(m)(np.array([price]))
        for shift in (0.0, 1.0, 50.0):
            moved = z.copy()
            moved[again] += shift
            moved[new.kkt.lam] += shift
            assert np.abs(new.kkt.S @ moved + new.kkt.s0).max() < 1e-9
            assert value(new, "revenue", moved)[0] == pytest.approx(value(old, "revenue", z)[0], rel=1e-9, abs=1e-7)


def test_basic_bounds_stay_valid_beside_a_rewritten_row():
    """The leader wrote no multipliers, so D4 may bound them; the row that now holds them cuts no decision off.

    At every p with 6 p >= 9 or a tie, multipliers within the boxes satisfy the whole KKT system and the row.
    """
    m, p, y = degenerate()
    model = kg.bound(eliminate(kg.kkt(m)))
    assert not model.kkt.priced.any()
    lam, mu = model.kkt.lam, model.kkt.mu
    assert np.isfinite(model.space.ub[mu]).all() and np.isfinite(model.space.lb[lam]).all()
    assert any(proof == "proved(D4)" for proof in model.space.proof[mu])
    for price in (1.5, 1.7, 1.99, 2.0):
        lb, ub = model.space.lb.copy(), model.space.ub.copy()
        z = Responder(m)(np.array([price]))
        z[y.cols] = [6.0, 4.0]
        fixed = np.concatenate([[int(p.cols)], y.cols])
        lb[fixed], ub[fixed] = z[fixed], z[fixed]
        slack = model.kkt.C @ z + model.kkt.c0
        ub[mu[slack > 1e-7]] = 0.0
        answer = programs.lp(np.zeros(model.n), model.rows.M, model.rows.lo, model.rows.hi, lb, ub)
        assert answer.status == "optimal", price
    result = solved(m)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(1.5, abs=1e-6)
    assert kg.optimize(m, "bigm", "highs").solution.objective == pytest.approx(1.5, abs=1e-6)
