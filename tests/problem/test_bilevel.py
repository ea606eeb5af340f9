"""Declaring problems: bounds and rows with their multipliers, refusals with their witness, matrices."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg


def follower():
    m = kg.Bilevel("t")
    x = m.var("x", 2, lb=0, ub=1)
    return m, x, m.follower("f")


def test_rows_are_born_with_multipliers_of_the_solvers_sign():
    m, x, f = follower()
    y = f.var("y", 3, lb=0, ub=[1, np.inf, 2])
    equal = f.add(y.sum() == 1, name="equal")
    less = f.add(y <= 3, name="less")
    more = f.add(y[0] + x[0] >= 0.1, name="more")
    both = f.add(kg.between(-1, y[:2], 1), name="both")
    z = np.arange(1.0, len(m.space) + 1)
    label = m.space.label
    assert label(equal.dual.M.indices[0]) == "lam(f,equal)" and equal.dual.value(z) > 0
    assert (less.dual.value(z) < 0).all() and label(less.dual.M.indices[2]) == "mu(f,less,2)"
    assert more.dual.value(z) > 0 and more.dual.shape == ()
    assert [label(c) for c in both.dual.M[[1]].indices] == ["mu_lo(f,both,1)", "mu_up(f,both,1)"]
    assert both.dual.value(z)[0] == z[both.dual.M.indices[0]] - z[both.dual.M.indices[1]]
    assert (y.lower_dual.value(z) > 0).all()
    assert y.upper_dual.value(z)[1] == 0 and (y.upper_dual.value(z)[[0, 2]] < 0).all()
    assert label(y.upper_dual.M.indices[1]) == "mu_ub(f,y,2)"


def test_a_variable_on_the_right_keeps_the_sense_of_the_row():
    m, x, f = follower()
    y = f.var("y", 2)
    z = np.arange(1.0, 100.0)
    equal = f.add(y.sum() == x[0] + 0, name="plain")
    for rows, sign in (
        (f.add(y.sum() == m.var("d")), 1),
        (f.add(y.sum() <= m.var("e")), -1),
        (f.add(y.sum() >= m.var("g")), 1),
    ):
        assert rows.M.toarray()[0, y.cols[0]] == equal.M.toarray()[0, y.cols[0]] == 1  # y stays on the left
        assert np.sign(rows.dual.value(z)) == sign
    shared = m.var("limit", 2)
    below = f.add(2 * y <= shared, name="below")
    assert (below.hi == 0).all() and (below.lo == -np.inf).all()


def test_fixed_variable_has_one_free_multiplier():
    m, x, f = follower()
    y = f.var("y", 2, lb=[1, 0], ub=[1, 5])
    f.minimize(y.sum())
    model = kg.kkt(m)
    fixed = y.lower_dual.M[[0]].indices[0]
    assert m.space.lb[fixed] == -np.inf and m.space.role[fixed] == "lam"
    assert [model.pairs.label(i) for i in range(len(model.pairs))] == ["comp_lb(f,y,1)", "comp_ub(f,y,1)"]


def test_leader_only_row_of_a_follower_keeps_the_row_and_loses_the_pair():
    m, x, f = follower()
    y = f.var("y")
    row = f.add(x[0] >= 0.5, name="lead")
    f.add(y >= x[1])
    f.minimize(y)
    model = kg.kkt(m)
    assert len(model.pairs) == 1
    assert model.space.ub[row.dual.M.indices[0]] == 0
    assert "lead(f)" in [model.rows.label(i) for i in range(len(model.rows))]


REFUSED = {
    "product in a row": (lambda m, x, f: f.add(x[0] * f.var("y") <= 1, name="r"), r"'r'.*x\(0\) \* y\(f\)"),
    "concave cost": (lambda m, x, f: f.minimize(-(f.var("y") ** 2)), r"not convex.*y\(f\)"),
    "convex profit": (lambda m, x, f: f.maximize(f.var("y") ** 2), "negated profit"),
    "indefinite block": (
        lambda m, x, f: f.minimize((lambda y: y[0] * y[2] + y[1] ** 2)(f.var("y", 3))),
        r"y\(f,0\), y\(f,2\)",
    ),
    "own multiplier in cost": (lambda m, x, f: f.minimize(f.add(f.var("y") >= 1).dual), "own multipliers"),
    "own multiplier in row": (lambda m, x, f: f.add(f.add(f.var("y") >= 1).dual <= 1), "own multiplier"),
    "two names": (lambda m, x, f: (f.var("y"), f.var("y")), "declared twice"),
    "two rows": (lambda m, x, f: [f.add(x[0] <= 1, name="r") for _ in range(2)], "two rows"),
    "two followers": (lambda m, x, f: m.follower("f"), "already has a follower"),
    "crossed bounds": (lambda m, x, f: f.var("y", 2, lb=[0, 2], ub=1), "leave no value"),
    "nan bound": (lambda m, x, f: m.var("y", lb=np.nan), "NaN"),
    "infinite wrong side": (lambda m, x, f: m.var("y", lb=np.inf), "leave no value"),
    "bound shape": (lambda m, x, f: m.var("y", 3, lb=[0, 1]), "shape"),
    "kind": (lambda m, x, f: m.var("y", kind="X"), "not one of"),
    "empty row": (lambda m, x, f: m.add(0 * x <= -1), "without variables"),
    "nan row": (lambda m, x, f: m.add(x <= np.array([np.nan, 1])), "NaN"),
    "wrong infinity": (lambda m, x, f: m.add(x <= -np.inf), "wrong end"),
    "not a row": (lambda m, x, f: m.add(True), "takes rows"),
    "other problem": (lambda m, x, f: m.add(kg.Bilevel("o").var("a") <= 1), "'o'"),
    "nan objective": (lambda m, x, f: f.minimize(x.sum() * np.nan), "NaN|finite"),
    "sos twice": (lambda m, x, f: m.sos1([x, x[0]]), "twice"),
    "indicator on continuous": (lambda m, x, f: m.indicator(x[0], 1, x[1] <= 0), "binary"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_witness(name):
    m, x, f = follower()
    call, message = REFUSED[name]
    with pytest.raises(kg.ProblemError, match=message):
        call(m, x, f)


def test_matrix_form_is_the_problem():
    m, x, f = follower()
    y = f.var("y", 2, lb=0)
    f.add(y[0] + 2 * y[1] + x[0] == 3, name="e")
    f.add(y[0] - x[1] <= 1, 4 * y[1] >= x[0] - 1)
    f.minimize(y @ y + x @ y - y[0] + x[0] * x[0] + 7)
    qp = f.qp()
    np.testing.assert_array_equal(qp.P.toarray(), 2 * np.eye(2))
    np.testing.assert_array_equal(qp.Q.toarray(), np.eye(2))
    np.testing.assert_array_equal(qp.q, [-1, 0])
    np.testing.assert_array_equal(qp.A.toarray(), [[1, 2]])
    np.testing.assert_array_equal(qp.B.toarray(), [[1, 0]])
    np.testing.assert_array_equal(qp.G.toarray(), [[-1, 0], [0, -1], [1, 0], [0, -4]])
    np.testing.assert_array_equal(qp.H.toarray(), [[0, 0], [0, 0], [0, -1], [1, 0]])
    np.testing.assert_array_equal(qp.h, [0, 0, 1, 1])
    np.testing.assert_array_equal(qp.x, m.space.find("x"))


def test_from_matrices_gives_the_same_kkt_system_as_expressions():
    rng = np.random.default_rng(0)
    F, Q, G, H, A = (rng.normal(size=s) for s in ((3, 3), (3, 2), (4, 3), (4, 2), (1, 3)))
    P, q, h, b = F.T @ F, rng.normal(size=3), rng.uniform(1, 2, 4), np.ones(1)
    goal = rng.normal(size=5)
    byhand = kg.Bilevel("t")
    x = byhand.var("x", 2, lb=0, ub=1)
    f = byhand.follower("follower")
    y = f.var("y", 3)
    f.add(A @ y == b, name="eq")
    f.add(G @ y + H @ x <= h, name="in")
    f.minimize(0.5 * (y @ P) @ y + q @ y + y @ (Q @ x))
    byhand.maximize(goal[:2] @ x + goal[2:] @ y)
    byhand.add(x.sum() + y.sum() <= 9, name="rows")
    matrices = kg.Bilevel.from_matrices(
        kg.QP(P, q, A=A, b=b, G=G, h=h, Q=Q, H=H),
        q=goal,
        lb=0,
        ub=1,
        rows=(np.ones((1, 5)), [-np.inf], [9.0]),
        sense="max",
        name="t",
    )
    one, two = kg.kkt(byhand), kg.kkt(matrices)
    np.testing.assert_allclose(one.rows.M.toarray(), two.rows.M.toarray(), atol=1e-12)
    np.testing.assert_allclose(one.rows.hi, two.rows.hi)
    np.testing.assert_allclose(one.matrices[1], two.matrices[1])
    assert one.sense == two.sense == -1
    np.testing.assert_array_equal(one.pairs.mu, two.pairs.mu)


def test_from_matrices_refuses_what_does_not_fit():
    qp = kg.QP(np.eye(2), [0, 0], Q=np.eye(2))
    with pytest.raises(kg.ProblemError, match="q has 3 entries"):
        kg.Bilevel.from_matrices(qp, q=[1, 2, 3])
    with pytest.raises(kg.ProblemError, match="M of rows has shape"):
        kg.Bilevel.from_matrices(qp, q=np.ones(4), rows=(np.ones((1, 1)), [0], [1]))
    with pytest.raises(kg.ProblemError, match="not convex"):
        kg.Bilevel.from_matrices(kg.QP(-np.eye(2), [0, 0], Q=np.eye(2)), q=np.ones(4))
    with pytest.raises(kg.ProblemError, match="G has shape"):
        kg.QP(np.eye(2), [0, 0], G=np.ones((1, 3)), h=[1.0])
    with pytest.raises(kg.ProblemError, match="NaN"):
        kg.QP(np.eye(2), [0, np.nan])
