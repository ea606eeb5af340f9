"""Arrays of products: what NumPy makes of numbers, they make of expressions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import kktgen as kg

W = np.array([2.0, -1.0, 0.5])
CASES = {
    "product": lambda x, y, X: x * y,
    "with broadcasting": lambda x, y, X: x * X,
    "with a scalar": lambda x, y, X: x[0] * X,
    "squares": lambda x, y, X: x**2,
    "np.square": lambda x, y, X: np.square(X),
    "np.multiply": lambda x, y, X: np.multiply(x, y),
    "of affine expressions": lambda x, y, X: (2 * x - 3) * (y + X + 1),
    "sum along an axis": lambda x, y, X: (x * X).sum(axis=0),
    "sum that keeps the axis": lambda x, y, X: (x * X).sum(axis=1, keepdims=True),
    "sum": lambda x, y, X: (x * y).sum(),
    "np.sum": lambda x, y, X: np.sum(x * X, axis=1),
    "mean": lambda x, y, X: np.mean(x * X, axis=0),
    "difference": lambda x, y, X: y - x * y - 2 * (x * x) / 4,
    "numbers in front": lambda x, y, X: W - x * y,
    "scaled by numbers": lambda x, y, X: W * (x * y),
    "zeros drop out": lambda x, y, X: np.array([0.0, 1.0, 0.0]) * (x * y),
    "what cancels drops out": lambda x, y, X: x * y - y * x + x,
    "matrix of numbers before": lambda x, y, X: np.arange(6.0).reshape(2, 3) @ (x * y),
    "matrix of numbers behind": lambda x, y, X: (x * y) @ np.arange(6.0).reshape(3, 2),
    "weights": lambda x, y, X: (x * y) @ W,
    "sparse matrix before": lambda x, y, X: sparse.csr_array(np.arange(6.0).reshape(2, 3)) @ (x * y),
    "matrix and vector of variables": lambda x, y, X: X @ y,
    "vector and matrix of variables": lambda x, y, X: x[:2] @ X,
    "matrices of variables": lambda x, y, X: X @ X.T,
    "an entry": lambda x, y, X: (x * y)[1],
    "a slice": lambda x, y, X: (x * X)[:, ::-1],
    "transposed": lambda x, y, X: (x * X).T,
    "reshaped": lambda x, y, X: (x * X).reshape(3, 2),
    "raveled": lambda x, y, X: np.ravel(x * X),
    "stacked": lambda x, y, X: np.stack([x * y, y * y, x]),
    "concatenated": lambda x, y, X: np.concatenate([x * y, x, W]),
    "a product spread over a vector": lambda x, y, X: x - x[0] * y[0],
    "a vector added to a product": lambda x, y, X: x[0] * y[0] + y,
    "numbers times a product": lambda x, y, X: W * (x[0] * y[1]),
    "one minus": lambda x, y, X: (1 - x) * y,
}


@pytest.fixture
def declared():
    m = kg.Bilevel("arrays")
    return m, m.var("x", 3), m.var("y", 3), m.var("X", (2, 3))


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy(declared, name):
    m, *parts = declared
    z = np.random.default_rng(0).normal(size=len(m.space))
    expected = CASES[name](*(part.value(z) for part in parts)) if "stack" not in name else None
    if expected is None:
        x, y, _ = (part.value(z) for part in parts)
        expected = np.stack([x * y, y * y, x])
    found = CASES[name](*parts)
    assert np.shape(found.value(z)) == np.shape(expected)
    np.testing.assert_allclose(found.value(z), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sign", ["<=", ">=", "=="])
def test_rows_read_left_minus_right(declared, sign):
    m, x, y, X = declared
    z = np.random.default_rng(1).normal(size=len(m.space))
    compare = {"<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b}[sign]
    for rows in (compare(y, x * y + 2), compare(y[0], x[0] * y[0] + 2)):
        quads = rows.quads if isinstance(rows, kg.QuadRows) else rows.quad
        left = y - x * y if isinstance(rows, kg.QuadRows) else y[0] - x[0] * y[0]
        np.testing.assert_allclose(quads.value(z), left.value(z))
        lo, hi = np.ravel(rows.lo), np.ravel(rows.hi)
        assert (lo == (2 if sign != "<=" else -np.inf)).all() and (hi == (2 if sign != ">=" else np.inf)).all()


def test_two_sided_rows(declared):
    m, x, y, X = declared
    rows = kg.between(-1, x * y + 1, W + 3)
    assert isinstance(rows, kg.QuadRows) and len(rows) == 3
    assert rows.lo.tolist() == [-2.0] * 3 and rows.hi.tolist() == (W + 2).tolist()
    assert [type(row) for row in rows] == [kg.QuadRow] * 3


def test_a_thousand_products_are_one_table():
    m = kg.Bilevel("large")
    x, y = m.var("x", 100_000), m.var("y", 100_000)
    product = x * (2 * y - 1)
    assert product.V.shape == (100_000, 100_000) and product.V.nnz == 100_000
    assert (product == x).quads.V.nnz == 100_000


def test_rows_of_the_leader_are_taken_one_by_one():
    m = kg.Bilevel("leader")
    x = m.var("x", 2, lb=0, ub=4)
    m.add(x * x <= np.array([4.0, 9.0]), name="square")
    m.maximize(x.sum())
    assert [row.name for row in m.quads] == ["square_0", "square_1"]
    assert kg.solve(m).objective == pytest.approx(5.0, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x, y, X: (x * y) * x, "more than two variables"),
        (lambda x, y, X: x * (x * y), "three variables"),
        (lambda x, y, X: x / (x * y), "division by a variable"),
        (lambda x, y, X: (x * y) ** 2, "not quadratic"),
        (lambda x, y, X: (x * y) @ x, "more than two variables"),
        (lambda x, y, X: x * X.T, "do not fit"),
        (lambda x, y, X: (x * y).cumsum(), "declare a variable"),
        (lambda x, y, X: ~x, "for binary variables alone"),
        (lambda x, y, X: np.inf * (x * y), "must be finite"),
    ],
)
def test_what_is_refused(declared, make, words):
    with pytest.raises(kg.ProblemError, match=words):
        make(*declared[1:])


def test_an_objective_is_a_scalar(declared):
    m, x, y, X = declared
    with pytest.raises(kg.ProblemError, match=r"sum it with \.sum\(\)"):
        m.minimize(x * y)
    m.minimize((x * y).sum())
