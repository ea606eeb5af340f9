"""The KKT model against the followers solved directly, and its relaxations."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr
from kktgen.reformulate.identity import combination


def random_problem(seed: int) -> kg.Bilevel:
    """Two followers with equalities, two-sided rows, free, boxed and fixed variables, one maximising."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("random")
    x = m.var("x", 3, lb=-1, ub=1)
    for k, name in enumerate(("a", "b")):
        f = m.follower(name)
        y = f.var("y", 4, lb=[-2, -np.inf, 0, 0.5], ub=[2, np.inf, np.inf, 0.5])
        w = f.var("w", lb=-5, ub=5)
        inside = np.append(rng.uniform(0, 1, 3), 0.5)
        A, G = rng.normal(size=(1, 4)), rng.normal(size=(3, 4))
        f.add(A @ y + w == float((A @ inside)[0]), name="eq")
        f.add(kg.between(G @ inside - 1, G @ y + rng.normal(size=(3, 3)) @ x * 0.1, G @ inside + 1), name="range")
        F = rng.normal(size=(2, 4))
        cost = 0.5 * (F @ y) @ (F @ y) + (y[:3] @ x) + rng.normal(size=4) @ y + 0.1 * y @ y + w * w
        f.maximize(-cost) if k else f.minimize(cost)
    m.minimize(x.sum())
    return m


def respond(m: kg.Bilevel, z: np.ndarray) -> np.ndarray:
    """Return z with every follower's optimum and multipliers at z's leader decisions, from a QP solver."""
    z = z.copy()
    for follower in m.followers:
        qp = follower.qp()
        at = z[qp.x]
        A = Csr(np.vstack([qp.A.toarray(), qp.G.toarray()]))
        lo = np.concatenate([qp.b - qp.B @ at, np.full(len(qp.h), -np.inf)])
        hi = np.concatenate([qp.b - qp.B @ at, qp.h - qp.H @ at])
        free = np.full(qp.ny, np.inf)
        answer = programs.qp(qp.P, qp.q + qp.Q @ at, A, lo, hi, -free, free)
        z[qp.y], z[qp.lam], z[qp.mu] = answer.x, answer.row_dual[: len(qp.b)], -answer.row_dual[len(qp.b) :]
    return z


@pytest.mark.parametrize("seed", range(6))
def test_a_follower_solved_directly_is_a_kkt_point(seed):
    m = random_problem(seed)
    model, rng = kg.kkt(m), np.random.default_rng(seed)
    for _ in range(3):
        z = np.zeros(len(m.space))
        z[m.space.find("x")] = rng.uniform(-1, 1, 3)
        z = respond(m, z)
        assert model.rows.residual(z).max() < 1e-6
        slack = model.pairs.slack(z)
        assert slack.min() > -1e-6 and z[model.pairs.mu].min() > -1e-7
        assert np.abs(slack * z[model.pairs.mu]).max() < 1e-5
        assert (z >= model.space.lb - 1e-6).all() and (z <= model.space.ub + 1e-6).all()
        assert len(model.pairs) == 2 * (2 + 1 + 6 + 2)


def test_duals_have_the_sign_of_a_cost_change():
    """d(cost)/d(rhs) by finite differences, for every kind of row and bound."""
    costs = {}
    for shift in ("none", "eq", "le", "ge", "lo", "up"):
        d = {k: 1e-4 * (k == shift) for k in ("eq", "le", "ge", "lo", "up")}
        m = kg.Bilevel("signs")
        f = m.follower("f")
        y = f.var("y", 5, lb=[-np.inf, -np.inf, -np.inf, 1 + d["lo"], -np.inf], ub=[np.inf] * 4 + [2 + d["up"]])
        eq = f.add(y[0] == 3 + d["eq"])
        le = f.add(y[1] <= 1 + d["le"])
        ge = f.add(y[2] >= 2 + d["ge"])
        f.minimize(2 * y[0] - 3 * y[1] + 4 * y[2] + 5 * y[3] - 6 * y[4] + 0.001 * y @ y)
        z = respond(m, np.zeros(len(m.space)))
        costs[shift] = f.cost.value(z)
        if shift == "none":
            duals = {
                "eq": eq.dual.value(z), "le": le.dual.value(z), "ge": ge.dual.value(z),
                "lo": y.lower_dual.value(z)[3], "up": y.upper_dual.value(z)[4],
            }  # fmt: skip
    for shift, price in duals.items():
        assert price == pytest.approx((costs[shift] - costs["none"]) / 1e-4, rel=1e-3)
    assert duals["le"] < 0 < duals["ge"] and duals["up"] < 0 < duals["lo"]


@pytest.mark.parametrize("seed", range(4))
def test_identity_is_the_complementarity_gap_at_feasible_points(seed):
    """y'stat - lam'(b - Ay - Bx) + mu's = mu's wherever stationarity and equalities hold."""
    m = random_problem(seed)
    model, kkt = kg.kkt(m), kg.kkt(m).kkt
    rng = np.random.default_rng(seed)
    z = np.zeros(len(m.space))
    z[m.space.find("x")] = rng.uniform(-1, 1, 3)
    z = respond(m, z)
    z[kkt.mu] += rng.uniform(0, 1, len(kkt.mu))  # no longer complementary ...
    shift = kkt.S @ z + kkt.s0
    whole = combination(model, np.ones(len(kkt.y)), -np.ones(len(kkt.lam)), np.ones(len(kkt.mu)))
    slack = kkt.C @ z + kkt.c0
    assert whole.value(z) == pytest.approx(z[kkt.y] @ shift + z[kkt.mu] @ slack, rel=1e-6, abs=1e-6)
    costs = sum(f.cost.value(z) for f in m.followers)
    assert np.isfinite(costs)


def test_printed_model_shows_blocks_sizes_and_meaning():
    m = random_problem(0)
    text = str(kg.kkt(m))
    assert "stationarity(a)                     5 rows" in text
    assert "complementarity(b)                 11 pairs    0 <= h - G y - H x  _|_  mu >= 0" in text


def test_high_point_and_relaxation_bound_from_the_leaders_side():
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8)
    f = m.follower("lower")
    y = f.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    f.minimize(-y)
    f.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)

    def value(model: kg.Model) -> float:
        P, q, r = model.matrices
        assert P.nnz == 0
        rows = model.rows
        return programs.lp(q, rows.M, rows.lo, rows.hi, model.space.lb, model.space.ub).value + r

    assert value(kg.high_point(m)) == pytest.approx(6.1333, abs=1e-4)
    assert value(kg.relax(kg.kkt(m))) == pytest.approx(6.1333, abs=1e-4)
    assert kg.relax(kg.kkt(m)).pairs is None


def test_nash_followers_see_each_other_as_parameters():
    m = kg.Bilevel("cournot")
    one, two = m.follower("one"), m.follower("two")
    q1, q2 = one.var("q", lb=0), two.var("q", lb=0)
    one.maximize((10 - q1 - q2) * q1 - q1)
    two.maximize((10 - q1 - q2) * q2 - 2 * q2)
    model = kg.kkt(m)
    stationarity = model.rows.M.toarray()[:2]
    np.testing.assert_array_equal(stationarity[:, [q1.cols, q2.cols]], [[2, 1], [1, 2]])
    np.testing.assert_array_equal(model.rows.lo[:2], [9, 8])
    assert one.qp().x == [q2.cols]
