"""The expression layer agrees with NumPy on values, shapes and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import kktgen as kg


def point(m: kg.Bilevel, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=len(m.space))


@pytest.fixture
def case():
    m = kg.Bilevel("t")
    x, y, X = m.var("x"), m.var("y", 3), m.var("X", (2, 3))
    z = point(m)
    return m, x, y, X, z


A = np.random.default_rng(1).normal(size=(4, 3))
B = np.random.default_rng(2).normal(size=(3, 5))
v = np.array([1.0, -2.0, 0.5])

LINEAR = {
    "dense @ vector": lambda x, y, X: A @ y,
    "csr_array @ vector": lambda x, y, X: sp.csr_array(A) @ y,
    "csr_matrix @ vector": lambda x, y, X: sp.csr_matrix(A) @ y,
    "coo @ vector": lambda x, y, X: sp.coo_array(A) @ y,
    "vector @ dense": lambda x, y, X: y @ B,
    "vector @ csr": lambda x, y, X: y @ sp.csr_array(B),
    "numbers @ vector": lambda x, y, X: v @ y,
    "vector @ numbers": lambda x, y, X: y @ v,
    "dense @ matrix": lambda x, y, X: A @ X.T,
    "matrix @ dense": lambda x, y, X: X @ B,
    "matrix @ vector of numbers": lambda x, y, X: X @ v,
    "number @ scalar": lambda x, y, X: 3.0 @ x if isinstance(x, kg.Affine) else 3.0 * x,
    "broadcast sum": lambda x, y, X: X + y - v,
    "scalar broadcast": lambda x, y, X: x + X,
    "number minus": lambda x, y, X: 1.0 - y,
    "array minus": lambda x, y, X: v - y,
    "scaled": lambda x, y, X: X * v / 2.0,
    "outer scaling": lambda x, y, X: v[:, None] * y,
    "slice": lambda x, y, X: X[1, ::-1],
    "mask": lambda x, y, X: y[np.array([True, False, True])],
    "fancy": lambda x, y, X: X[[1, 0, 1], [0, 0, 2]],
    "ellipsis and newaxis": lambda x, y, X: X[..., None],
    "sum": lambda x, y, X: X.sum(),
    "sum axis 0": lambda x, y, X: X.sum(axis=0),
    "sum axis -1": lambda x, y, X: X.sum(axis=-1),
    "cumsum": lambda x, y, X: y.cumsum(),
    "cumsum axis 1": lambda x, y, X: X.cumsum(axis=1),
    "transpose": lambda x, y, X: X.T,
    "reshape": lambda x, y, X: X.reshape(3, 2),
    "ravel": lambda x, y, X: X.ravel(),
    "negative": lambda x, y, X: -(+X),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_operations_agree_with_numpy(case, name):
    m, x, y, X, z = case
    expected = np.asarray(LINEAR[name](x.value(z), y.value(z), X.value(z)))
    found = LINEAR[name](x, y, X)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.value(z), expected, rtol=1e-12, atol=1e-12)


QUADRATIC = {
    "vector dot": (lambda x, y, X: y @ X[0], lambda x, y, X: y @ X[0]),
    "affine dot": (lambda x, y, X: (2 * y - 1) @ (X[1] + 3), lambda x, y, X: (2 * y - 1) @ (X[1] + 3)),
    "scalar times scalar": (lambda x, y, X: x * y[0], lambda x, y, X: x * y[0]),
    "scalar at scalar": (lambda x, y, X: x @ y[0], lambda x, y, X: x * y[0]),
    "square": (lambda x, y, X: (x - 2) ** 2, lambda x, y, X: (x - 2) ** 2),
    "form": (lambda x, y, X: y @ (A.T @ A) @ y, lambda x, y, X: y @ (A.T @ A) @ y),
    "sums": (
        lambda x, y, X: 3 - 2 * (y @ y) / 4 + x - x * x + y.sum(),
        lambda x, y, X: 3 - 2 * (y @ y) / 4 + x - x * x + y.sum(),
    ),
    "kg.sum": (lambda x, y, X: kg.sum([x, y @ y, 3.0, x * x]), lambda x, y, X: x + y @ y + 3.0 + x * x),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_quadratic_operations_agree_with_numpy_and_with_their_matrices(case, name):
    m, x, y, X, z = case
    ours, theirs = QUADRATIC[name]
    expected = theirs(x.value(z), y.value(z), X.value(z))
    quad = ours(x, y, X)
    P, q, r = quad.matrices()
    assert quad.value(z) == pytest.approx(expected, rel=1e-12)
    assert 0.5 * z @ (P @ z) + q @ z + r == pytest.approx(expected, rel=1e-12)
    assert abs(P - P.T).max() == 0


def test_concatenate_and_stack(case):
    m, x, y, X, z = case
    np.testing.assert_allclose(
        kg.concatenate([y, X[0], X[1]]).value(z), np.concatenate([y.value(z), X.value(z)[0], X.value(z)[1]])
    )
    np.testing.assert_allclose(kg.concatenate([X, X], axis=1).value(z), np.concatenate([X.value(z)] * 2, axis=1))
    for axis in (0, 1):
        np.testing.assert_allclose(kg.stack([y, X[0]], axis).value(z), np.stack([y.value(z), X.value(z)[0]], axis))


def test_iteration_and_sum_builtin(case):
    m, x, y, X, z = case
    assert sum(y).value(z) == pytest.approx(y.value(z).sum())
    with pytest.raises(TypeError):
        iter(x)


def test_rows_state_what_was_written(case):
    m, x, y, X, z = case
    for rows, low, high in (
        (y <= v, y.value(z), v),
        (v >= y, y.value(z), v),
        (x >= y, y.value(z), x.value(z)),
        (kg.between(-1, y, 1), y.value(z), 1.0),
    ):
        gap = np.maximum(low - high, 0)
        if rows.lo[0] != -np.inf and rows.hi[0] != np.inf:
            gap = np.maximum(gap, -1 - y.value(z))
        np.testing.assert_allclose(rows.residual(z), np.maximum(gap, 0))
    assert (y == v).residual(z) == pytest.approx(np.abs(y.value(z) - v))


def test_expressions_built_early_stay_valid(case):
    m, x, y, X, z = case
    early = 2 * y + 1
    m.var("late", 5)
    later = point(m, 3)
    np.testing.assert_allclose((early + m.var("w", 3)).value(np.append(later, [0, 0, 0])), 2 * later[1:4] + 1)


REFUSED = {
    "product of matrices": (lambda m, x, y, X: X @ X, r"entry by entry it is x \* y"),
    "matrix dot": (lambda m, x, y, X: X @ X, "scalar product"),
    "lengths": (lambda m, x, y, X: y @ np.ones(4), "do not fit"),
    "broadcast": (lambda m, x, y, X: y + np.ones(4), "do not fit"),
    "cubic": (lambda m, x, y, X: (x * x) * x, "quadratic"),
    "cube": (lambda m, x, y, X: x**3, "quadratic"),
    "division": (lambda m, x, y, X: 1 / x if False else y / x, "division by a variable"),
    "zero division": (lambda m, x, y, X: y / 0, "zero"),
    "nan": (lambda m, x, y, X: y + np.nan, "NaN"),
    "inf coefficient": (lambda m, x, y, X: np.inf * y, "finite"),
    "truth": (lambda m, x, y, X: bool(y <= 1), "truth value"),
    "chain": (lambda m, x, y, X: 0 <= x <= 1, "between"),
    "strict": (lambda m, x, y, X: y < 1, "strict"),
    "unequal": (lambda m, x, y, X: x != 1, "convex"),
    "index scalar": (lambda m, x, y, X: x[0], "scalar"),
    "other problem": (lambda m, x, y, X: x + kg.Bilevel("other").var("x"), "two different problems"),
    "text": (lambda m, x, y, X: y + "a", "str"),
    "columns of a sum": (lambda m, x, y, X: (y + 1).cols, "plain variables"),
    "vector objective": (lambda m, x, y, X: m.minimize(y), "scalar is needed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_to_do(case, name):
    m, x, y, X, z = case
    call, message = REFUSED[name]
    with pytest.raises(kg.ProblemError, match=message):
        call(m, x, y, X)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_random_affine_programs_agree_with_numpy(shapes, seed):
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("t")
    rows, inner = shapes[0]
    x = m.var("x", (rows, inner))
    z = rng.normal(size=len(m.space))
    ours, theirs = x, x.value(z)
    for height, _ in shapes[1:]:
        left = rng.normal(size=(height, ours.shape[0])) * (rng.random((height, ours.shape[0])) < 0.7)
        shift = rng.normal(size=(height, 1))
        ours, theirs = left @ ours + shift, left @ theirs + shift
    np.testing.assert_allclose(ours.value(z), theirs, rtol=1e-9, atol=1e-9)
    flat = ours.ravel()
    assert (flat @ flat).value(z) == pytest.approx((theirs**2).sum(), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(ours.sum(axis=0).value(z), theirs.sum(axis=0), rtol=1e-9, atol=1e-9)
