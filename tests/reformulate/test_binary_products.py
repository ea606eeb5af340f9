"""Products of a binary column with a boxed one: rows that leave the product alone."""

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.binary_products import BinaryProducts, liftable, with_binary_products, without_products


def problem():
    m = kg.Bilevel("products")
    b = m.var("b", 3, kind="B")
    n = m.var("n", lb=2, ub=3, kind="I")
    v = m.var("v", 3, lb=[-2.0, 0.5, -1.0], ub=[3.0, 4.0, np.inf])
    return m, b, n, v


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_rows_leave_the_product_alone(sense):
    m, b, n, v = problem()
    m.minimize(0 * b[0])
    model = kg.kkt(m)
    lb, ub = model.space.lb, model.space.ub
    left, right = np.array([b.cols[0], b.cols[1], int(n.cols)]), np.array([v.cols[0], v.cols[1], v.cols[0]])
    lifted, w = with_binary_products(model, BinaryProducts.both_sides(left, right), lb, ub)
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = lb + rng.random(model.n) * np.where(np.isfinite(ub), ub - lb, 1.0)
        whole = model.space.kind != "C"
        z[whole] = np.round(z[whole])
        point = lifted.complete(z)
        assert lifted.rows.residual(point).max() < 1e-12
        assert point[w] == pytest.approx(z[left] * z[right])
        for k in range(3):
            moved = point.copy()
            moved[w[k]] += sense * 1e-3
            assert lifted.rows.residual(moved).max() > 1e-4


def test_a_minimised_product_needs_its_lower_rows_alone():
    m, b, _, v = problem()
    m.minimize(0 * b[0])
    model = kg.kkt(m)
    goal = (b[0] * v[0] - 2 * b[1] * v[1] + v[1]).canonical()
    at = np.ones(len(goal.v), dtype=bool)
    lifted, linear = without_products(model, goal, at, model.space.lb, model.space.ub, minimised=True)
    assert len(linear.v) == 0
    assert len(lifted.rows) == 4
    z = np.array([1.0, 1.0, 0.0, 2.0, -1.5, 3.0, 0.0])
    assert linear.value(lifted.complete(z)) == pytest.approx(goal.value(z))


def test_factors_are_sorted_and_others_refused():
    m, b, n, v = problem()
    m.minimize(0 * b[0])
    model = kg.kkt(m)
    lb, ub = model.space.lb, model.space.ub
    first, second = np.array([v.cols[0], b.cols[0], v.cols[0]]), np.array([b.cols[1], v.cols[2], v.cols[1]])
    can, left, right = liftable(model.space, first, second, lb, ub)
    assert can.tolist() == [True, False, False]
    assert (left[0], right[0]) == (b.cols[1], v.cols[0])
    with pytest.raises(kg.BoundError, match=r"v\(2\)"):
        with_binary_products(model, BinaryProducts.both_sides(b.cols[:1], v.cols[2:]), lb, ub)
    with pytest.raises(kg.BoundError, match=r"v\(0\) takes more than two"):
        with_binary_products(model, BinaryProducts.both_sides(v.cols[:1], v.cols[1:2]), lb, ub)
