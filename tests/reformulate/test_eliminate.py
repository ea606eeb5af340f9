"""Elimination of the leader's products: weights, convexity, and equality of the objectives at KKT points."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.numerics import programs
from kktgen.numerics.convexity import is_psd
from kktgen.numerics.sparse import Csr
from kktgen.reformulate.eliminate import eliminate, weights
from kktgen.reformulate.eliminate.least import exactly_met
from kktgen.reformulate.eliminate.propagation import PairEquations, solve


def stacked(model):
    """Return the columns of the weights, and the dense rows K z + k of the vanishing factors beside them."""
    kkt = model.kkt
    columns = np.concatenate([kkt.y, kkt.lam, kkt.mu])
    K = np.vstack([M.toarray() for M in (kkt.S, kkt.E, kkt.C)])
    return columns, K, np.concatenate([kkt.s0, kkt.e0, kkt.c0])


def products(model):
    """Return the monomials {(i, j): coefficient} of a model's objective."""
    quad = model.objective.canonical()
    return {(int(i), int(j)): float(v) for i, j, v in zip(quad.i, quad.j, quad.v, strict=True)}


def cross_products(model):
    """Return the products of the objective that are not two variables of one follower."""
    owner = dict(zip(model.kkt.y.tolist(), model.kkt.y_of.tolist(), strict=True))
    return {k: v for k, v in products(model).items() if owner.get(k[0], -1) != owner.get(k[1], -2)}


def is_rewriting(model, new, seed=0):
    """Check ``new = old + sum w_c z_c (K z + k)_c`` at random points z, and that no cross product was created."""
    found = weights(model)
    columns, K, k = stacked(model)
    w = np.concatenate([found.alpha, found.beta, found.gamma])
    rng = np.random.default_rng(seed)
    for _ in range(5):
        z = rng.normal(size=model.n)
        z[(model.space.lb == 0) & (model.space.ub == 0)] = 0.0
        old = model.objective.value(z)
        added = w * z[columns] * (K @ z + k)
        size = 1 + np.abs(added).sum()
        assert new.objective.value(z) == pytest.approx(old + added.sum(), rel=1e-9, abs=1e-9 * size)
    assert set(cross_products(new)) <= set(cross_products(model))
    return True


def respond(model, x, leader):
    """Return z: x at the leader's columns, every follower (of x alone) at an optimum with multipliers."""
    z = np.zeros(model.n)
    z[leader] = x
    for k in range(len(model.kkt.followers)):
        qp = model.kkt.qp(k)
        seen = z[qp.x]
        A = Csr(np.vstack([qp.A.toarray(), qp.G.toarray()]))
        lo = np.concatenate([qp.b - qp.B @ seen, np.full(len(qp.h), -np.inf)])
        hi = np.concatenate([qp.b - qp.B @ seen, qp.h - qp.H @ seen])
        free = np.full(qp.ny, np.inf)
        answer = programs.qp(qp.P, qp.q + qp.Q @ seen, A, lo, hi, -free, free)
        assert answer.status == "optimal"
        z[qp.y], z[qp.lam], z[qp.mu] = answer.x, answer.row_dual[: len(qp.b)], -answer.row_dual[len(qp.b) :]
    return z


def random_follower(m, x, name, rng, ny=4, me=2, mi=3, degenerate=False, side=True, curved=True):
    """min 1/2 y'Py + (Qx + q)'y,  A y + B x = A y0,  G y + H x <= h,  -3 <= y <= 3; returns (y, (Qx)'y)."""
    f = m.follower(name)
    y = f.var("y", ny, lb=-3, ub=3)
    L = rng.normal(size=(ny, 2))
    A, G, Q = rng.normal(size=(me, ny)), rng.normal(size=(mi, ny)), rng.normal(size=(ny, x.size))
    B = 0.1 * rng.normal(size=(me, x.size)) if side else np.zeros((me, x.size))
    H = 0.1 * rng.normal(size=(mi, x.size)) if side else np.zeros((mi, x.size))
    y0 = rng.uniform(-1, 1, size=ny)
    f.add(A @ y + B @ x == A @ y0, name="eq")
    f.add(G @ y + H @ x <= G @ y0 + rng.uniform(0.2, 1, size=mi), name="in")
    if degenerate:  # the same row again, and an empty curvature
        f.add(G[:1] @ y + H[:1] @ x <= G[:1] @ y0 + 0.2, 2 * G[:1] @ y + 2 * H[:1] @ x <= 2 * (G[:1] @ y0 + 0.2))
    price = (Q @ x) @ y
    cost = price + rng.normal(size=ny) @ y
    f.minimize(cost + 0.5 * (y @ ((L @ L.T) @ y)) if curved and not degenerate else cost)
    return y, price


# -- solved by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_earning_kappa_times_everything_the_follower_pays(seed):
    """Full match: weights kappa, -kappa, kappa.

    max kappa (Qx)'y,   y in argmin 1/2 y'Py + (Qx + q)'y : A y = b (lam), G y <= h (mu)
    becomes  min kappa (y'P y + q'y - lam'b + mu'h)
    """
    rng = np.random.default_rng(seed)
    kappa = 1.7
    m = kg.Bilevel()
    x = m.var("x", 3, lb=0, ub=2)
    _, price = random_follower(m, x, "f", rng, side=False)
    m.maximize(kappa * price + 5.0)
    model = kg.kkt(m)
    new, found, qp = eliminate(model), weights(model), model.kkt.qp(0)
    assert found.alpha == pytest.approx(kappa, rel=1e-12)
    assert found.beta == pytest.approx(-kappa, rel=1e-12)
    assert found.gamma == pytest.approx(kappa, rel=1e-12)
    P, q, r = new.matrices
    expected = np.zeros(model.n)
    expected[qp.y], expected[qp.lam], expected[qp.mu] = kappa * qp.q, -kappa * qp.b, kappa * qp.h
    assert q == pytest.approx(expected, abs=1e-12)
    assert P.toarray()[np.ix_(qp.y, qp.y)] == pytest.approx(2 * kappa * qp.P.toarray(), abs=1e-12)
    assert r == -5.0 == model.objective.r
    assert cross_products(new) == {} and is_psd(P) and len(found.leftover) == 0
    assert is_rewriting(model, new)
    assert "qobj_nonconvex" in model.features and "qobj_nonconvex" not in new.features


def test_followers_priced_differently_have_their_own_weights():
    """max sum_f kappa_f p'y_f  with kappa = (1, 3, 0.1): alpha_f = gamma_f = kappa_f, beta_f = -kappa_f."""
    m = kg.Bilevel()
    p = m.var("p", 2, lb=1, ub=3)
    kappa, goal = [1.0, 3.0, 0.1], []
    for k in range(3):
        f = m.follower(f"f{k}")
        y = f.var("y", 2, lb=0, ub=4)
        f.add(y.sum() == 5 - k, name="demand")
        f.minimize(p @ y + 0.2 * y[0] @ y[0])
        goal.append(kappa[k] * (p @ y))
    m.maximize(kg.sum(goal))
    model = kg.kkt(m)
    found, new = weights(model), eliminate(model)
    assert found.alpha == pytest.approx(np.repeat(kappa, 2))
    assert found.beta == pytest.approx(np.negative(kappa))
    assert found.gamma == pytest.approx(np.repeat(kappa, 4))
    assert cross_products(new) == {} and is_psd(new.matrices[0]) and is_rewriting(model, new)
    assert any("6 products p x y (3 followers)" in note for note in new.notes)


def test_followers_that_pay_nothing_to_the_leader_have_weight_zero():
    """max p y_1;  y_2 sees the same price but pays it to somebody else."""
    m = kg.Bilevel()
    p = m.var("p", lb=1, ub=3)
    ys = []
    for k in range(2):
        f = m.follower(f"f{k}")
        ys.append(f.var("y", lb=0, ub=4))
        f.minimize((p - 4) @ ys[k] + ys[k] @ ys[k])
    m.maximize(p @ ys[0])
    model = kg.kkt(m)
    found, new = weights(model), eliminate(model)
    assert found.alpha.tolist() == [1, 0] and found.gamma.tolist() == [1, 1, 0, 0]
    assert set(products(new)) == {(int(ys[0].cols), int(ys[0].cols))} and is_rewriting(model, new)
    assert any(note == "eliminated exactly: 1 product p x y (f0)" for note in new.notes)


def pay_as_cleared(coupled=0.0, offered=True):
    """A strategic unit g0 that offers price and quantity; the market pays the cleared price lam.

    max lam g0 - 10 g0
    g in argmin  price g0 + 20 g1 + 30 g2 + 0.1 g1^2 + 0.05 g2^2 (+ coupled (g0 + g1)^2)
                 sum g = 100 (lam),  g0 <= qty (mu),  0 <= g0, 0 <= g1 <= 40, 0 <= g2 <= 50
    """
    m = kg.Bilevel("market")
    price, qty = m.var("price", lb=0, ub=60), m.var("qty", lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[np.inf, 40, 50])
    balance = market.add(g.sum() == 100, name="balance")
    market.add(g[0] <= qty if offered else g[0] <= 60, name="offer")
    cost = (price @ g[0] if offered else 12 * g[0]) + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2]
    market.minimize(cost + coupled * (g[0] + g[1]) ** 2 if coupled else cost)
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, balance, g


def test_pay_as_cleared_market_has_the_weights_of_ruiz_and_conejo():
    """alpha = 0 on the own unit (its price is offered), 1 on the rivals, beta = -1, gamma = 0 on the offered quantity.

    min -lam g0 + 10 g0  becomes
        10 g0 + 20 g1 + 30 g2 + 0.2 g1^2 + 0.1 g2^2 - 100 lam + 40 mu_ub1 + 50 mu_ub2
    """
    m, balance, g = pay_as_cleared()
    model = kg.kkt(m)
    found, new = weights(model), eliminate(model)
    assert found.alpha.tolist() == [0, 1, 1] and found.beta.tolist() == [-1]
    gamma = dict(zip((model.space.label(c) for c in model.kkt.mu), found.gamma.tolist(), strict=True))
    assert gamma == {
        "mu_lb(market,g,0)": 0, "mu_lb(market,g,1)": 1, "mu_lb(market,g,2)": 1, "mu_ub(market,g,1)": 1,
        "mu_ub(market,g,2)": 1, "mu(market,offer)": 0,
    }  # fmt: skip
    assert len(found.leftover) == 0
    mu = {model.space.label(c): c for c in model.kkt.mu}
    g0, g1, g2 = g.cols.tolist()
    assert products(new) == {(g1, g1): pytest.approx(0.2), (g2, g2): pytest.approx(0.1)}
    linear = dict(zip(new.objective.linear.indices.tolist(), new.objective.linear.data.tolist(), strict=True))
    assert linear == pytest.approx({
        g0: 10, g1: 20, g2: 30, int(balance.dual.cols): -100, mu["mu_ub(market,g,1)"]: 40, mu["mu_ub(market,g,2)"]: 50
    })  # fmt: skip
    assert is_rewriting(model, new)


def test_market_with_an_offered_price_becomes_free_of_products():
    """The same market with a fixed capacity of 60: profit 1200 at price 30 and dispatch 60, 40, 0."""
    m = kg.Bilevel("market")
    offer = m.var("offer", lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = market.add(g.sum() == 100, name="balance")
    market.minimize(offer @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    model = kg.kkt(m)
    new = eliminate(model)
    assert cross_products(new) == {} and is_psd(new.matrices[0]) and is_rewriting(model, new)
    mu = {model.space.label(c): c for c in model.kkt.mu}
    z = np.zeros(model.n)  # a KKT point: offer 0, price 30
    z[g.cols], z[balance.dual.cols] = [60, 40, 0], 30
    z[mu["mu_ub(market,g,0)"]], z[mu["mu_ub(market,g,1)"]] = 30, 30 - 20 - 0.2 * 40
    assert np.abs(new.kkt.S @ z + new.kkt.s0).max() < 1e-12
    assert model.value(z) == pytest.approx(1200) and new.value(z) == pytest.approx(1200)


def test_free_weights_are_chosen_with_nonnegative_gamma():
    """No offered price: alpha_0 = t - 1, alpha_1 = alpha_2 = t, gamma alike; the smallest t without gamma < 0 is 1."""
    m, *_ = pay_as_cleared(offered=False)
    model = kg.kkt(m)
    found = weights(model)
    assert found.alpha.tolist() == [0, 1, 1] and found.beta.tolist() == [-1] and (found.gamma >= 0).all()
    assert is_rewriting(model, eliminate(model))


# -- what cannot be cancelled --------------------------------------------------------------------


def smallest_leftover(model):
    """Return min over (alpha, beta, gamma) of the 1-norm of what is left of the leader's cross products.

    Written down densely: one variable per weight, alpha >= 0 where P is not zero, no product created.
    """
    columns, K, _ = stacked(model)
    n, m = model.n, len(columns)
    of = np.full(n, -1)
    of[model.kkt.y] = model.kkt.y_of
    written = products(model)
    rows, sides = [], []
    for a in range(n):
        for b in range(a, n):
            if of[a] >= 0 and of[a] == of[b]:
                continue
            row = np.zeros(m)
            for k, c in enumerate(columns):
                if c in (a, b):
                    row[k] += K[k, b if c == a else a]
            if row.any() or (a, b) in written:
                rows.append((row, (a, b) in written))
                sides.append(-written.get((a, b), 0.0))
    A, allowed = np.array([row for row, _ in rows]), np.array([ok for _, ok in rows])
    k = len(rows)
    curved = np.zeros(m, dtype=bool)
    for j, c in enumerate(model.kkt.y):
        curved[j] = np.abs(K[j, model.kkt.y[model.kkt.y_of == of[c]]]).any()
    E = np.hstack([A, -np.eye(k), np.eye(k)])
    ub = np.where(np.tile(allowed, 2), np.inf, 0.0)
    cost = np.concatenate([np.zeros(m), np.ones(2 * k)])
    lb = np.concatenate([np.where(curved, 0.0, -np.inf), np.zeros(2 * k)])
    answer = programs.lp(cost, Csr(E), np.array(sides), np.array(sides), lb, np.concatenate([np.full(m, np.inf), ub]))
    assert answer.status == "optimal"
    return answer.value


def test_different_prices_on_one_balance_leave_the_least():
    """max 3 p1 y1 + 2 p2 y2 + 2 p3 y3,  y in argmin p'y : y1 + y2 + y3 = 1, y >= 0.

    One weight for all: alpha = 2 leaves 1 p1 y1 (alpha = 3 would leave 2).
    """
    m = kg.Bilevel()
    p = m.var("p", 3, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 3, lb=0)
    f.add(y.sum() == 1, name="sum")
    f.minimize(p @ y)
    m.maximize(3 * (p[0] @ y[0]) + 2 * (p[1:] @ y[1:]))
    model = kg.kkt(m)
    found, new = weights(model), eliminate(model)
    assert found.alpha.tolist() == [2, 2, 2] and found.beta.tolist() == [-2]
    assert products(new) == {(int(p.cols[0]), int(y.cols[0])): -1.0}
    assert np.abs(found.leftover.v).sum() == smallest_leftover(model) == 1.0
    assert is_rewriting(model, new)
    assert any(note.startswith("kept: 1 product p x y (f): no weights cancel") for note in new.notes)


@pytest.mark.parametrize("seed", range(12))
def test_leftovers_are_the_smallest_possible(seed):
    """Random 0/1 networks and random leader's coefficients on p y, lam y and mu y; a dense LP gives the least."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel()
    p = m.var("p", 4, lb=0, ub=1)
    goal = []
    for k in range(2):
        f = m.follower(f"f{k}")
        y = f.var("y", 4, lb=0, ub=5)
        A = (rng.random((3, 4)) < 0.5).astype(float)
        A[:, 0] = 1
        row = f.add(A @ y == A.sum(axis=1), name="eq")
        curve = np.where(rng.random(4) < 0.3, 1.0, 0.0)
        priced = rng.random(4) < 0.8
        f.minimize((p * priced) @ y + (curve * y) @ y + y.sum())
        goal.append((rng.integers(-1, 4, 4) * p) @ y)
        goal.append((rng.integers(-2, 3) * row.dual[0]) @ y[0] + (rng.integers(-1, 2) * y.upper_dual[1]) @ y[1])
    m.maximize(kg.sum(goal))
    model = kg.kkt(m)
    found, new = weights(model), eliminate(model)
    assert np.abs(list(cross_products(new).values())).sum() == pytest.approx(smallest_leftover(model), abs=1e-6)
    assert is_rewriting(model, new)
    curved = model.kkt.y[np.asarray(found.alpha) < 0]
    assert not np.isin(curved, [i for f in range(2) for i in model.kkt.y[_curved(model, f)]]).any()


def _curved(model, f):
    qp = model.kkt.qp(f)
    return np.isin(model.kkt.y, qp.y[np.abs(qp.P.toarray()).any(axis=1)])


def test_convexity_lost_keeps_the_product():
    """min p y,  y in argmin p y + y^2 - 4 y: alpha = -1 would leave -2 y^2."""
    m = kg.Bilevel()
    p = m.var("p", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(p @ y + y @ y - 4 * y)
    m.minimize(p @ y)
    model = kg.kkt(m)
    new, found = eliminate(model), weights(model)
    assert products(new) == products(model) and not found.alpha.any() and not found.gamma.any()
    assert found.leftover.v.tolist() == [1.0]
    assert any("kept: 1 product p x y (f): cancelling it would make the objective nonconvex" in n for n in new.notes)


def test_a_leader_with_enough_curvature_of_his_own_may_lose_some():
    """min p y + 3 y^2 with the follower of the last test: -2 y^2 + 3 y^2 is convex."""
    m = kg.Bilevel()
    p = m.var("p", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(p @ y + y @ y - 4 * y)
    m.minimize(p @ y + 3 * y @ y)
    model = kg.kkt(m)
    new = eliminate(model)
    assert list(products(new).values()) == [pytest.approx(1.0)] and is_rewriting(model, new)


def test_negative_gamma_without_curvature_stays_exact_and_linear():
    """min p y,  y in argmin (p - 1/2) y, 0 <= y <= 5:  alpha = -1 gives y/2 - 5 mu, said in a note."""
    m = kg.Bilevel()
    p = m.var("p", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(p @ y - 0.5 * y)
    m.minimize(p @ y)
    model = kg.kkt(m)
    new, found = eliminate(model), weights(model)
    assert products(new) == {} and found.gamma.tolist() == [-1, -1] and is_rewriting(model, new)
    assert any("gamma < 0" in note for note in new.notes)


def test_unequal_weights_on_columns_a_hessian_couples_keep_the_product():
    """Ruiz and Conejo's weights 0, 1, 1 on (g0 + g1)^2 would leave the nonconvex product g0 g1."""
    m, balance, g = pay_as_cleared(coupled=0.1)
    model = kg.kkt(m)
    new, found = eliminate(model), weights(model)
    assert cross_products(new) == cross_products(model) and len(found.leftover) == 1 and not found.alpha.any()
    assert any("kept: 1 product g x lam(balance) (market): cancelling it would make" in note for note in new.notes)


def test_unequal_weights_on_a_coupled_hessian_are_taken_when_still_convex():
    """max 1 p1 y1 + 1.2 p2 y2 with P = [[2, 1], [1, 2]]: sym(diag(1, 1.2) P) is psd; with 1 and 100 it is not."""

    def game(second):
        m = kg.Bilevel()
        p = m.var("p", 2, lb=0, ub=1)
        f = m.follower("f")
        y = f.var("y", 2)
        f.minimize(p @ y + y @ y + y[0] @ y[1] - 4 * y.sum())
        m.maximize(p[0] @ y[0] + second * (p[1] @ y[1]))
        return kg.kkt(m)

    model = game(1.2)
    new = eliminate(model)
    assert weights(model).alpha.tolist() == [1, 1.2] and cross_products(new) == {} and is_psd(new.matrices[0])
    model = game(100.0)
    found, new = weights(model), eliminate(model)
    assert found.alpha[0] == found.alpha[1] and is_rewriting(model, new) and len(found.leftover) == 1
    assert np.abs(found.leftover.v).sum() == pytest.approx(99.0)
    assert any("nonconvex" in note for note in new.notes)


def test_a_column_without_a_price_takes_the_weight_its_hessian_asks_for():
    """max p y1,  P couples y1 with y2, which nothing else ties to y1: alpha_2 = alpha_1 keeps the objective convex."""
    m = kg.Bilevel()
    p = m.var("p", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=-9, ub=9)
    f.minimize(p @ y[0] + y @ y + y[0] @ y[1] - 4 * y.sum())
    m.maximize(p @ y[0])
    model = kg.kkt(m)
    new = eliminate(model)
    assert weights(model).alpha.tolist() == [1, 1] and is_psd(new.matrices[0]) and is_rewriting(model, new)


def test_a_product_no_condition_holds_is_kept_and_said():
    """max p y - x1 x2: p y goes, x1 x2 is the leader's own affair."""
    m = kg.Bilevel()
    p, x = m.var("p", lb=0, ub=1), m.var("x", 2, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(p @ y - y)
    m.maximize(p @ y - x[0] @ x[1])
    new = eliminate(kg.kkt(m))
    assert products(new) == {tuple(x.cols.tolist()): 1.0}
    assert any("kept: 1 product x x x: no condition of a follower" in note for note in new.notes)


def test_a_weight_that_would_create_products_is_not_used():
    """max p y1 where the follower's price p stands on y1 and y2: alpha_1 = 1 alone is fine; tied to y2 it is not."""

    def game(tied):
        m = kg.Bilevel()
        p = m.var("p", lb=0, ub=1)
        f = m.follower("f")
        y = f.var("y", 2, lb=0, ub=5)
        if tied:
            f.add(y.sum() == 4, name="sum")
        f.minimize(p @ y.sum() - y.sum())
        m.maximize(p @ y[0])
        return kg.kkt(m)

    assert weights(game(False)).alpha.tolist() == [1, 0]
    model = game(True)
    assert not weights(model).alpha.any() and products(eliminate(model)) == products(model)
    assert any("would bring in products the leader did not write" in note for note in eliminate(model).notes)


# -- what needs nothing --------------------------------------------------------------------------


def test_a_convex_objective_is_left_alone():
    """min (x - y)^2 + x^2,  y in argmin x y: convex although it holds the product x y."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(x @ y)
    m.minimize((x - y) ** 2 + x @ x)
    model = kg.kkt(m)
    new = eliminate(model)
    assert new.objective is model.objective and any("already convex" in note for note in new.notes)
    assert not weights(model).alpha.any()


def test_a_convex_block_is_left_alone_while_another_is_cancelled():
    """max p y1 - (x - y2)^2, where y2 pays x: the square keeps its product."""
    m = kg.Bilevel()
    p, x = m.var("p", lb=0, ub=1), m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=5)
    f.minimize(p @ y[0] + x @ y[1] - y.sum())
    m.maximize(p @ y[0] - (x - y[1]) ** 2)
    model = kg.kkt(m)
    new = eliminate(model)
    assert weights(model).alpha.tolist() == [1, 0] and is_psd(new.matrices[0])
    assert cross_products(new)[(int(x.cols), int(y[1].cols))] == -2.0 and is_rewriting(model, new)


def test_a_product_that_ends_in_a_convex_block_is_no_leftover():
    """min (x - y2)^2 - x y1, y1 pays x: without x y1 the square is convex, and nothing is reported as kept."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=5)
    f.minimize(x @ y[0] - y.sum())
    m.minimize((x - y[1]) ** 2 - x @ y[0])
    model = kg.kkt(m)
    new, found = eliminate(model), weights(model)
    assert len(found.leftover) == 0 and len(found.cancelled) == 1 and is_psd(new.matrices[0])
    assert list(cross_products(new).values()) == [1.0, -2.0] and not any("kept" in note for note in new.notes)


def test_models_without_followers_or_products_are_returned_unchanged():
    m = kg.Bilevel()
    x = m.var("x", 2, lb=0, ub=1)
    m.minimize(x[0] @ x[1])
    alone = kg.kkt(m)
    assert eliminate(alone) is alone and len(weights(alone).alpha) == 0
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(x[0] @ y)
    m.minimize(x.sum() + y)
    linear = kg.kkt(m)
    assert eliminate(linear) is linear and weights(linear).alpha.tolist() == [0]


# -- Nash ----------------------------------------------------------------------------------------


def test_price_takers_and_a_consumer_in_nash_equilibrium():
    """A tax on producer 1; the price lam belongs to the consumer, the producers see it in their cost.

    max x g_0,  producer i:  min (1 + i + x [i = 0] - lam) g_i : 0 <= g_i <= 10
                consumer:    min 1/2 d^2 - 20 d : sum g - d = 0 (lam)
    The product lam g_i comes from producer i and from the consumer's row. At x = 2: d = 17, lam = 3, g = 7, 10, 0.
    """
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=5)
    producers = [m.follower(f"g{i}") for i in range(3)]
    g = [f.var("g", lb=0, ub=10) for f in producers]
    consumer = m.follower("consumer")
    d = consumer.var("d")
    clear = consumer.add(kg.sum(g) - d == 0, name="clear")
    consumer.minimize(0.5 * d @ d - 20 * d)
    for i, f in enumerate(producers):
        f.minimize((1.0 + i - clear.dual) @ g[i] + (x @ g[i] if i == 0 else 0.0))
    m.maximize(x @ g[0])
    model = kg.kkt(m)
    new, found = eliminate(model), weights(model)
    assert cross_products(new) == {} and is_psd(new.matrices[0]) and is_rewriting(model, new)
    assert found.alpha.tolist() == [1, 1, 1, 1] and found.gamma.tolist() == [1] * 6
    z = np.zeros(model.n)
    mu = {model.space.label(c): c for c in model.kkt.mu}
    z[x.cols], z[clear.dual.cols], z[d.cols] = 2.0, 3.0, 17.0
    for i, value in enumerate((7.0, 10.0, 0.0)):
        z[g[i].cols] = value
    z[mu["mu_ub(g1,g)"]] = 1.0
    assert np.abs(model.kkt.S @ z + model.kkt.s0).max() < 1e-12 and np.abs(model.kkt.E @ z + model.kkt.e0).max() < 1e-12
    assert model.value(z) == pytest.approx(14.0) and new.value(z) == pytest.approx(14.0)


def test_cournot_rivals_keep_the_product():
    """max x y1,  firm f: min y_f^2 + y_1 y_2 - 9 y_f (+ x y_1): alpha_2 = -alpha_1 on curved columns."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=5)
    firms = [m.follower(f"f{k}") for k in range(2)]
    y = [f.var("y", lb=0, ub=10) for f in firms]
    firms[0].minimize(x @ y[0] + y[0] @ y[0] + y[0] @ y[1] - 9 * y[0])
    firms[1].minimize(y[1] @ y[1] + y[0] @ y[1] - 9 * y[1])
    m.maximize(x @ y[0])
    model = kg.kkt(m)
    new = eliminate(model)
    assert products(new) == products(model) and any("nonconvex" in note for note in new.notes)


def test_nash_weights_with_unequal_coefficients():
    """The rival's cost holds 2 y1 y2, the own 1 y1 y2, none curved: alpha_2 = -alpha_1 / 2."""
    m = kg.Bilevel()
    x = m.var("x", lb=0, ub=5)
    firms = [m.follower(f"f{k}") for k in range(2)]
    y = [f.var("y", lb=0, ub=10) for f in firms]
    firms[0].minimize(x @ y[0] + y[0] @ y[1])
    firms[1].minimize(2 * (y[0] @ y[1]) - y[1])
    m.maximize(x @ y[0])
    model = kg.kkt(m)
    new = eliminate(model)
    assert weights(model).alpha.tolist() == [1, -0.5] and products(new) == {} and is_rewriting(model, new)


# -- equality at optima, relaxation, scale -------------------------------------------------------


@pytest.mark.parametrize("degenerate", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_old_and_new_objective_agree_at_follower_optima(seed, degenerate):
    """Random x, every follower solved with multipliers; leader: max sum_f kappa_f (Q_f x)'y_f + prices times own y."""
    rng = np.random.default_rng(100 + seed)
    m = kg.Bilevel()
    x = m.var("x", 3, lb=-1, ub=1)
    goal = [0.3 * x @ x * -1.0]
    for k in range(3):
        y, price = random_follower(m, x, f"f{k}", rng, degenerate=degenerate, side=False)
        goal.append(rng.uniform(0.5, 2) * price + rng.normal(size=y.size) @ y)
    m.maximize(kg.sum(goal) + 3.0)
    model = kg.kkt(m)
    new = eliminate(model)
    assert cross_products(new).keys() == {(c, c) for c in x.cols.tolist()} and is_psd(new.matrices[0])
    for _ in range(4):
        z = respond(model, rng.uniform(-1, 1, size=3), x.cols)
        assert new.value(z) == pytest.approx(model.value(z), rel=1e-7, abs=1e-7)


def test_objectives_agree_at_optima_where_the_leader_moves_a_row():
    """The market of Ruiz and Conejo at random offered prices and quantities."""
    rng = np.random.default_rng(200)
    m, _, _ = pay_as_cleared()
    model = kg.kkt(m)
    new = eliminate(model)
    leader = np.flatnonzero(model.space.role == "leader")
    values = []
    for _ in range(12):
        z = respond(model, np.array([rng.uniform(0, 60), rng.uniform(12, 60)]), leader)
        assert new.value(z) == pytest.approx(model.value(z), rel=1e-7, abs=1e-6)
        values.append(model.value(z))
    assert np.ptp(values) > 100


@pytest.mark.parametrize("seed", range(4))
def test_relaxation_adds_gamma_times_the_gap(seed):
    """At primal-dual feasible points: new = old + sum gamma_i mu_i s_i, both minimised."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel()
    x = m.var("x", 2, lb=-1, ub=1)
    goal = []
    for k in range(2):
        _, price = random_follower(m, x, f"f{k}", rng, side=False)
        goal.append((1.0 + k) * price)
    m.maximize(kg.sum(goal))
    model = kg.kkt(m)
    new, gamma = eliminate(model), weights(model).gamma
    lb, ub = np.maximum(model.space.lb, -50), np.minimum(model.space.ub, 50)
    seen = 0.0
    for _ in range(3):
        answer = programs.lp(rng.normal(size=model.n), model.rows.M, model.rows.lo, model.rows.hi, lb, ub)
        assert answer.status == "optimal"
        z = answer.x
        gap = gamma @ (z[model.kkt.mu] * (model.kkt.C @ z + model.kkt.c0))
        seen = max(seen, gap)
        assert new.objective.value(z) == pytest.approx(model.objective.value(z) + gap, rel=1e-8, abs=1e-6)
    assert seen > 1.0 and (gamma > 0).all()


def test_two_hundred_followers_have_the_weights_of_one():
    """Storage followers of 6 h, follower k pays kappa_k p'y to the leader; each alone gives the same weights."""

    def game(kappas):
        m = kg.Bilevel()
        p = m.var("p", 6, lb=1, ub=3)
        goal = []
        for k, kappa in enumerate(kappas):
            f = m.follower(f"f{k}")
            buy, level = f.var("buy", 6, lb=-2, ub=2), f.var("level", 6, lb=0, ub=4)
            f.add((np.eye(6) - np.eye(6, k=-1)) @ level - buy == 0, name="charge")
            f.add(kg.between(-1, buy[1:] - buy[:-1], 1), name="ramp")
            f.minimize(p @ buy + 0.1 * (buy @ buy))
            goal.append(kappa * (p @ buy))
        m.maximize(kg.sum(goal))
        return kg.kkt(m)

    kappas = np.where(np.arange(200) % 5 == 0, 0.0, 1.0 + 0.01 * np.arange(200))
    model = game(kappas)
    found = weights(model)
    for part, of, sign in (
        (found.alpha, model.kkt.y_of, 1.0), (found.beta, model.kkt.lam_of, -1.0), (found.gamma, model.kkt.mu_of, 1.0)
    ):  # fmt: skip
        assert part == pytest.approx(sign * kappas[of], rel=1e-12)
    assert weights(game(kappas[7:8])).alpha == pytest.approx(found.alpha[model.kkt.y_of == 7])
    assert len(found.leftover) == 0 and cross_products(eliminate(model)) == {}


def test_rounding_in_the_coefficients_does_not_hinder():
    """0.1 + 0.2 on one product and 0.3 on the other are one weight up to rounding: both vanish."""
    m = kg.Bilevel()
    p = m.var("p", 2, lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=1)
    f.add(y.sum() == 1, name="sum")
    f.minimize(p @ y)
    m.maximize((0.1 + 0.2) * (p[0] @ y[0]) + 0.3 * (p[1] @ y[1]))
    assert (0.1 + 0.2) != 0.3 and products(eliminate(kg.kkt(m))) == {}


# -- propagation ---------------------------------------------------------------------------------


def system(*rows):
    a, b, ka, kb, c = (np.array(column) for column in zip(*rows, strict=True))
    return PairEquations(a, b, ka.astype(float), kb.astype(float), c.astype(float))


def test_a_long_chain_is_solved():
    """w_(k+1) = w_k + 1 for k < 3000 and w_1500 = 7."""
    k = np.arange(3000)
    chain = PairEquations(k, k + 1, np.ones(3000), -np.ones(3000), np.ones(3000))
    rows = [np.append(getattr(chain, name), end) for name, end in zip("abc", (1500, 1500, -7.0), strict=True)]
    family = solve(3002, PairEquations(rows[0], rows[1], np.append(chain.ka, 1.0), np.append(chain.kb, 0.0), rows[2]))
    w = family.slope * np.nan_to_num(family.t)[family.label] + family.offset
    assert family.consistent.all() and w[:3001] == pytest.approx(7 + np.arange(3001) - 1500)
    assert np.isnan(family.t[family.label[3001]])  # in no equation: free


def test_what_an_lp_meets_nearly_is_met_exactly():
    """tau_0 = 1/3, tau_1 = tau_0, 2 tau_2 = 5 contradicts tau_2 = 1: the answer's rounding goes, the rest stays."""
    equations = system((0, 0, 3, 0, -1), (0, 1, 1, -1, 0), (2, 2, 2, 0, -5), (2, 2, 1, 0, -1))
    tau = exactly_met(equations, np.array([1 / 3 + 1e-9, 1 / 3 - 1e-9, 2.5 + 1e-9]))
    assert tau.tolist() == [1 / 3, 1 / 3, 2.5]


def test_cycles_fix_contradict_or_leave_free():
    """w0 = 2 w1, w1 = w2, w2 = w0 + 1 fixes; w3 + w4 = 1 twice is free; w5 = 1 and w5 = 2 contradict."""
    family = solve(6, system(
        (0, 1, 1, -2, 0), (1, 2, 1, -1, 0), (2, 0, 1, -1, -1),
        (3, 4, 1, 1, -1), (4, 3, 2, 2, -2), (5, 5, 1, 0, -1), (5, 5, 1, 0, -2),
    ))  # fmt: skip
    w = family.slope * np.nan_to_num(family.t)[family.label] + family.offset
    assert w[:3] == pytest.approx([-2, -1, -1])
    assert np.isnan(family.t[family.label[3]]) and w[3] + w[4] == pytest.approx(1)
    assert family.consistent[family.label[[0, 3, 5]]].tolist() == [True, True, False]
