"""Proved bounds against the truth: at sampled leader decisions, the largest multiplier of the dual face."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import kktgen as kg
from kktgen.numerics import programs
from kktgen.numerics.safe_bound import safe_minimum
from kktgen.numerics.sparse import Csr


def priced_storage(seed: int, hours: int = 4) -> kg.Bilevel:
    """min_y  (x + c)'buy + wear b'b  s.t.  buy - b = load, running sum of b in [0, cap], buy, b boxed; x in [0, 2]."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("storage")
    x = m.var("x", hours, lb=0, ub=2)
    for name in ("a", "b"):
        f = m.follower(name)
        buy = f.var("buy", hours, lb=0, ub=5)
        b = f.var("b", hours, lb=-1, ub=1)
        f.add(buy + b == rng.uniform(1, 3, hours), name="balance")
        f.add(kg.between(-1, b.cumsum(), 1), name="energy")
        f.minimize((x + rng.uniform(0, 1, hours)) @ buy + rng.uniform(0.1, 1) * b @ b)
    m.maximize(x.sum())
    return m


def parametric(seed: int, quadratic: bool = True) -> kg.Bilevel:
    """min_y 1/2 y'Py + (q + x)'y  s.t.  G y + H x <= h with 0 strictly feasible for every x in the box."""
    rng = np.random.default_rng(seed)
    ny, mi = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    m = kg.Bilevel("parametric")
    x = m.var("x", ny, lb=-1, ub=1)
    f = m.follower("f")
    y = f.var("y", ny, lb=-4, ub=4)
    H = rng.normal(size=(mi, ny)) * 0.3
    f.add(rng.normal(size=(mi, ny)) @ y + H @ x <= np.abs(H).sum(axis=1) + rng.uniform(0.3, 1, mi), name="c")
    F = rng.normal(size=(ny, ny)) * (rng.random((ny, ny)) < 0.5)
    cost = (rng.normal(size=ny) + x) @ y
    f.minimize(cost + 0.5 * (F @ y) @ (F @ y) if quadratic else cost)
    m.minimize(x.sum())
    return m


def quantities(seed: int) -> kg.Bilevel:
    """min_y cost  s.t.  1'y = 1'x (the price is the leader's), G y + H x <= h, 0 <= y <= 4; x in [0, 2], a dead row.

    The equation moves with x, so no constant point is feasible for every x; an affine one is.
    """
    rng = np.random.default_rng(seed)
    n, rows = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    m = kg.Bilevel("quantities")
    x = m.var("x", n, lb=0.2, ub=2)
    f = m.follower("f")
    y = f.var("y", n, lb=0, ub=4)
    balance = f.add(y.sum() == x.sum(), name="balance")
    H = rng.normal(size=(rows, n)) * 0.3
    G = np.abs(rng.normal(size=(rows, n)))
    f.add(G @ y + H @ x <= 2.1 * G.max(axis=1) * n + np.abs(H).sum(axis=1) * 2, name="cap")
    f.add(x.sum() <= 2.0 * n - 0.5, name="dead")
    price = rng.uniform(-1, 1, (n, n)) @ x
    f.minimize((rng.normal(size=n) + price) @ y + rng.uniform(0, 0.5) * y @ y)
    m.maximize(balance.dual - x.sum())
    return m


def largest_multipliers(qp: kg.QP, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return slack, the largest mu_i, and the smallest and largest lam_k over the dual optimal face at x."""
    A = Csr(np.vstack([qp.A.toarray(), qp.G.toarray()]))
    lo = np.concatenate([qp.b - qp.B @ x, np.full(len(qp.h), -np.inf)])
    hi = np.concatenate([qp.b - qp.B @ x, qp.h - qp.H @ x])
    free = np.full(qp.ny, np.inf)
    answer = programs.qp(qp.P, qp.q + qp.Q @ x, A, lo, hi, -free, free)
    if answer.x is None:
        return None
    s = qp.slack(answer.x, x)
    dual = Csr(np.hstack([-qp.A.T.toarray(), qp.G.T.toarray()]))
    gradient = qp.gradient(answer.x, x)
    me, mi = len(qp.b), len(qp.h)
    lb = np.concatenate([np.full(me, -np.inf), np.zeros(mi)])
    ub = np.concatenate([np.full(me, np.inf), np.where(s > 1e-5, 0.0, np.inf)])
    tolerance = 1e-6
    face = (dual, -gradient - tolerance, -gradient + tolerance, lb, ub)

    def extreme(k: int, sign: float) -> float:
        cost = np.zeros(me + mi)
        cost[k] = sign
        found = programs.lp(cost, *face)
        return np.inf if found.x is None else -found.value

    mu = np.array([extreme(me + i, -1.0) for i in range(mi)])
    low = np.array([-extreme(k, 1.0) for k in range(me)])
    high = np.array([extreme(k, -1.0) for k in range(me)])
    return s, mu, low, high


@pytest.mark.parametrize(
    "build", [priced_storage, parametric, lambda seed: parametric(seed, quadratic=False), quantities]
)
@pytest.mark.parametrize("seed", range(4))
def test_no_multiplier_of_any_optimum_exceeds_its_bound(build, seed):
    m = build(seed)
    model = kg.bound(kg.kkt(m))
    space, rng, checked = model.space, np.random.default_rng(seed + 100), 0
    x = m.space.find("x")
    dual = dict(zip(model.pairs.mu, model.pairs.dual_max.value, strict=True))
    slack = dict(zip(model.pairs.mu, model.pairs.slack_max.value, strict=True))
    for _ in range(12):
        z = np.zeros(len(m.space))
        z[x] = np.where(rng.random(len(x)) < 0.3, m.space.lb[x], rng.uniform(m.space.lb[x], m.space.ub[x]))
        for follower in m.followers:
            qp = follower.qp()
            face = largest_multipliers(qp, z[qp.x])
            if (np.diff(qp.G.indptr) == 0).any() and face is None:
                continue  # the row without own variables fails here
            assert face is not None
            s, mu, low, high = face
            upper = np.array([dual.get(column, 0.0) for column in qp.mu])
            assert (mu <= upper + 1e-4 * (1 + np.abs(mu))).all()
            assert (s <= np.array([slack.get(column, np.inf) for column in qp.mu]) + 1e-6).all()
            assert (low >= space.lb[qp.lam] - 1e-4).all() and (high <= space.ub[qp.lam] + 1e-4).all()
            checked += len(mu)
    assert checked > 50
    assert np.isfinite(model.pairs.dual_max.value).all()
    assert np.char.startswith(model.pairs.dual_max.proof, "proved").all()


def test_bounds_stand_on_the_columns_in_every_encoding():
    model = kg.bound(kg.kkt(priced_storage(1)))
    for encoding in (kg.SOS1(), kg.BigM(), kg.Indicator(), kg.Product(), kg.StrongDuality(), kg.Auto()):
        space = kg.encode(model, encoding).space
        boxed = np.isin(space.role, ["lam", "mu", "slack"])
        assert boxed.any()
        assert (np.isfinite(space.lb[boxed]) & np.isfinite(space.ub[boxed])).all()
        assert np.char.startswith(space.proof[boxed], "proved").all()


def test_executor_gives_the_same_bounds():
    model = kg.kkt(priced_storage(2))
    serial = kg.bound(model)
    with ProcessPoolExecutor(2) as pool:
        parallel = kg.bound(model, executor=pool)
    np.testing.assert_array_equal(serial.pairs.dual_max.value, parallel.pairs.dual_max.value)
    np.testing.assert_array_equal(serial.space.lb, parallel.space.lb)


def test_impossible_activity_drops_the_pair_and_no_slack_makes_an_equation():
    m = kg.Bilevel("settled")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=10)
    total = f.add(y.sum() == 4, name="total")
    tight = f.add(y.sum() + 0 * x <= 4, name="tight")  # never slack: the total is 4
    f.minimize(x * y[0] + y[1])
    m.minimize(x + y[0] + total.dual)  # the leader uses the price, so bounds must hold for all multipliers
    model = kg.bound(kg.kkt(m))
    assert total.dual is not None
    assert not np.isin(tight.dual.M.indices, model.pairs.mu).any()
    labels = {model.pairs.label(i) for i in range(len(model.pairs))}
    assert "comp_ub(f,y,0)" not in labels  # y <= 4 keeps the bound 10 inactive
    rows = {model.rows.label(i): i for i in range(len(model.rows))}
    assert model.rows.lo[rows["tight(f)"]] == model.rows.hi[rows["tight(f)"]] == 4
    assert any("proved inactive" in note for note in model.notes)


def test_a_follower_without_an_optimum_anywhere_is_infeasible():
    """``min_y 2 y_0 - y_1  s.t.  -y_1 = 5,  y >= 0,  y_1 - y_0 <= 2 + x``: no point, so no price has a box to keep."""
    m = kg.Bilevel("empty")
    x = m.var("x", lb=-3, ub=-2)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(-y[1] == 5, y[1] - y[0] - x <= 2)
    f.minimize(2 * y[0] - y[1])
    m.minimize(x + y[0])
    space = kg.bound(kg.kkt(m), rounds=3).space
    prices = space.role == "lam"
    assert prices.any() and (space.lb[prices] <= space.ub[prices]).all()
    assert kg.optimize(m).report.claim == "infeasible"


def test_an_unbounded_slack_is_not_taken_for_none():
    """``min_y y_0^2 - 3 y_0  s.t.  2x - 2y_2 <= 1,  1 <= 3x + 3y_0 + y_1 - y_2 <= 2,  y_0 in [0, 4],  y_2 >= -2``.

    ``y_1 = y_2 -> inf`` costs the follower nothing: the slack ``1 - 2x + 2y_2`` has no bound, and the leader's
    ``-y_2`` no minimum. HiGHS's presolve calls the LP of that slack infeasible.
    """
    m = kg.Bilevel("ray")
    x = m.var("x", lb=1, ub=3, kind="I")
    f = m.follower("f")
    y = f.var("y", 3, lb=[0, -np.inf, -2], ub=[4, np.inf, np.inf])
    f.add(2 * x - 2 * y[2] <= 1, kg.between(1, 3 * x + 3 * y[0] + y[1] - y[2], 2))
    f.minimize(y[0] @ y[0] - 3 * y[0])
    m.add(y[2] >= 0, 3 * x >= -5)
    m.minimize(-3 * x + y[0] - y[2])
    model = kg.bound(kg.kkt(m))
    z = np.zeros(model.n)
    z[np.concatenate([x.cols.ravel(), y.cols])] = [3, 1.5, 10 - 12.5, 10.0]
    assert model.rows.residual(z).max() <= 1e-6  # no row became an equation
    found = kg.optimize(m)
    assert found.report.claim != "optimal" and found.solution.status != "optimal"


def test_a_word_is_no_proof_of_infeasibility():
    """``min x, 1 <= x <= 2`` called infeasible proves nothing; ``x >= 3`` beside it, or the ray of two rows, does."""
    box, none = (np.array([1.0]), np.array([2.0])), np.empty(0)
    said = programs.Answer("infeasible", None, np.inf, none, none)
    q, A = np.ones(1), Csr(np.ones((2, 1)))
    assert safe_minimum(said, q, A, np.zeros(2), np.full(2, 9.0), *box) == -np.inf
    assert safe_minimum(said, q, A, np.array([0.0, 3.0]), np.full(2, 9.0), *box) == np.inf
    free = np.array([-np.inf]), np.array([np.inf])
    sides = np.array([-np.inf, 3.0]), np.array([1.0, np.inf])
    assert safe_minimum(said, q, A, *sides, *free) == -np.inf
    answer = programs.lp(q, A, *sides, *free)
    assert answer.status == "infeasible" and safe_minimum(answer, q, A, *sides, *free) == np.inf


def test_proved_boxes_are_no_trap_for_presolve():
    """Two followers; ``mu_lo`` of the second's row would be boxed within 1.5e-7 of zero by its neighbours' boxes.

    ``F0: min 3.72645 y^2 + 2y, y <= 2;  F1: min w_0^2 - (1.85y + 0.43) w_0 + 3.22 w_1 + 2.22 y w_2,
    w_0 <= 1, w_2 <= 3, -5 <= 3.79 w_0 - 6.4 w_1 - 0.82x <= -2, 1.35 w_0 + 2.35 w_1 + 0.37 w_2 >= -3``
    """
    m = kg.Bilevel("trap")
    x = m.var("x", lb=-3, ub=0)
    first, second = m.follower("F0"), m.follower("F1")
    y, w = first.var("y", ub=2), second.var("w", 3, ub=[1, np.inf, 3])
    first.add(2.85 * y <= 4)
    first.minimize(3.72645 * y @ y + 2 * y)
    second.add(kg.between(-5, 3.79 * w[0] - 6.4 * w[1] - 0.82 * x, -2), np.array([-1.35, -2.35, -0.37]) @ w <= 3)
    second.minimize(w[0] @ w[0] - 1.85 * y @ w[0] - 0.43 * w[0] + 3.22 * w[1] + 2.22 * y @ w[2])
    m.add(1.27 * x + 0.66 * w[1] <= 1)
    m.minimize(-3.34 * x + 1.4 * y + 3.56 * w[0] - 0.21 * w[1] - 0.19 * w[2])
    model = kg.bound(kg.kkt(m))
    size = np.concatenate([model.pairs.slack_max.value, model.pairs.dual_max.value])
    assert (size >= 1e-4).all()  # settled, or wider than what solvers take for zero
    found = kg.solve(kg.encode(model, kg.SOS1()), "scip")
    assert found.objective == pytest.approx(-4.401083566, rel=1e-6)


def test_a_bound_beyond_the_box_is_never_active_and_zero_is_zero():
    """``min_y y_0^2 + y_1  s.t.  -3 y_1 <= 5,  y >= 0``: ``mu`` of the row is zero, and so is that of ``y_0 >= 0``."""
    m = kg.Bilevel("loose")
    x = m.var("x", lb=-2, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    row = f.add(-3 * y[1] <= 5)
    f.minimize(y[0] @ y[0] + y[1])
    m.minimize(x + y[1])
    model = kg.bound(kg.kkt(m))
    assert model.space.ub[row.dual.M.indices].tolist() == [0.0]
    assert model.space.ub[y.lower_dual.M.indices[:1]].tolist() == [0.0]


def handbook(priced: bool) -> kg.Bilevel:
    """min x + 3y,  y in argmin { -y : x + y <= 8, x + 4y >= 8, x + 2y <= 13, 2y <= 7x };  all multipliers unbounded."""
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8)
    f = m.follower("lower")
    y = f.var("y")
    m.minimize(x + 3 * y)
    f.minimize(-y)
    first, *_ = f.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    if priced:
        m.add(first.dual >= -50)
    return m


def test_unbounded_multipliers_stay_unproved_where_the_leader_uses_them():
    model = kg.bound(kg.kkt(handbook(priced=True)))
    assert not np.isfinite(model.pairs.dual_max.value).all()
    with pytest.raises(kg.BoundError, match=r"BigM needs a bound on the multiplier of 'comp\(lower,c1\)'"):
        kg.encode(model, kg.BigM())


def test_basic_multipliers_are_bounded_where_nobody_uses_them():
    model = kg.bound(kg.kkt(handbook(priced=False)))
    np.testing.assert_allclose(model.pairs.dual_max.value, [1, 0.5, 0.5], rtol=1e-3)
    assert set(model.pairs.dual_max.proof) <= {"proved(D3)", "proved(D4)"}
    solution = kg.solve(kg.encode(model, kg.BigM()), "scip")
    assert solution.objective == pytest.approx(6.13333, abs=1e-4)
    assert kg.verify(handbook(priced=False), solution).ok


def test_why_there_is_no_proof_is_said():
    m = kg.Bilevel("open")
    x = m.var("x", lb=0)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(y[0] - y[1] == 0, name="equal")
    need = f.add(y.sum() >= x, name="need")
    f.minimize(x @ y[0] + y[1])
    m.minimize(need.dual - x)
    text = str(kg.bound(kg.kkt(m)))
    assert "of follower 'f' without proof" in text
    assert "give bounds to x" in text
    assert "multipliers are used" in text


def test_a_follower_the_time_did_not_reach_is_named():
    assert "2 followers ('a', ...) without proof: not reached" in str(kg.bound(kg.kkt(priced_storage(1)), time_limit=0))


def test_an_executor_that_is_shut_down_is_refused():
    pool = ProcessPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(kg.ProblemError, match="executor"):
        kg.bound(kg.kkt(priced_storage(1)), executor=pool)
