"""Functions of NumPy on expressions mean what they mean on numbers, or are refused in words."""

from __future__ import annotations

import contextlib
import inspect
import re
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import kktgen as kg
from kktgen.problem.array_functions import JOINED
from kktgen.problem.expressions import FUNCTIONS

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass", "ignore:.*deprecated:DeprecationWarning")

w = np.array([0.5, -1.0, 2.0])
"""Numbers beside an expression y of three entries; X has shape (2, 3), C shape (2, 2, 3), x is a scalar."""
A = np.array([[1.0, 2.0, 0.0], [-1.0, 0.5, 3.0]])
MASK = np.array([True, False, True])
Function = Callable[[Any, Any, Any, Any], Any]


def trapezoid(*args: Any, **kwargs: Any) -> Any:
    return (np.trapezoid if hasattr(np, "trapezoid") else np.trapz)(*args, **kwargs)  # noqa: NPY201


LINEAR: dict[str, Function] = {
    # sums
    "sum": lambda x, y, X, C: np.sum(X),
    "sum of a scalar": lambda x, y, X, C: np.sum(x),
    "sum axis": lambda x, y, X, C: np.sum(X, 1),
    "sum axes": lambda x, y, X, C: np.sum(C, axis=(0, -1)),
    "sum keepdims": lambda x, y, X, C: np.sum(C, axis=1, keepdims=True),
    "sum of all keepdims": lambda x, y, X, C: np.sum(C, keepdims=True),
    "sum no axis": lambda x, y, X, C: np.sum(X, axis=()),
    "sum of a list of vectors": lambda x, y, X, C: np.sum([y, X[0]]),
    "mean of a list of vectors": lambda x, y, X, C: np.mean([y, X[0]]),
    "mean of a list of scalars": lambda x, y, X, C: np.mean([x, y[0], 1.0]),
    "mean": lambda x, y, X, C: np.mean(y),
    "mean axis": lambda x, y, X, C: np.mean(X, axis=0),
    "mean axes": lambda x, y, X, C: np.mean(C, axis=(0, 2), keepdims=True),
    "mean method": lambda x, y, X, C: X.mean(axis=-1),
    "average": lambda x, y, X, C: np.average(X),
    "average weights": lambda x, y, X, C: np.average(y, weights=[1, 2, 1]),
    "average weights axis": lambda x, y, X, C: np.average(C, axis=1, weights=[1, 3]),
    "average full weights": lambda x, y, X, C: np.average(X, axis=1, weights=np.abs(A) + 1),
    "cumsum": lambda x, y, X, C: np.cumsum(y - w),
    "cumsum flat": lambda x, y, X, C: np.cumsum(X),
    "cumsum method": lambda x, y, X, C: X.cumsum(),
    "cumsum axis": lambda x, y, X, C: np.cumsum(C + 1, axis=1),
    "add.reduce": lambda x, y, X, C: np.add.reduce(X),
    "add.reduce axis": lambda x, y, X, C: np.add.reduce(X, axis=1),
    "add.accumulate": lambda x, y, X, C: np.add.accumulate(X),
    "diff": lambda x, y, X, C: np.diff(y),
    "diff twice": lambda x, y, X, C: np.diff(y, 2),
    "diff too often": lambda x, y, X, C: np.diff(y, 3),
    "diff axis": lambda x, y, X, C: np.diff(C, axis=0),
    "diff prepend": lambda x, y, X, C: np.diff(y, prepend=0.0, append=x),
    "diff prepend axis": lambda x, y, X, C: np.diff(X, axis=0, prepend=w[None, :]),
    "diff of numbers with an expression before": lambda x, y, X, C: np.diff(w, prepend=x),
    "trapezoid": lambda x, y, X, C: trapezoid(X, dx=0.5),
    "trapezoid at": lambda x, y, X, C: trapezoid(y, [0.0, 1.0, 3.0]),
    "trapezoid axis": lambda x, y, X, C: trapezoid(C, axis=0),
    "trapezoid at points of a square": lambda x, y, X, C: trapezoid(C[0, :, :2], [[0.0, 1.0], [2.0, 5.0]], axis=0),
    "trace": lambda x, y, X, C: np.trace(X),
    "trace axes": lambda x, y, X, C: np.trace(C, 1, 1, 2),
    # products with numbers
    "dot left": lambda x, y, X, C: np.dot(w, y),
    "dot right": lambda x, y, X, C: np.dot(X, w),
    "dot of a list": lambda x, y, X, C: np.dot([1, 2, 3], y),
    "dot matrix": lambda x, y, X, C: np.dot(A, y),
    "dot method": lambda x, y, X, C: y.dot(w),
    "dot scalar": lambda x, y, X, C: np.dot(2.0, y),
    "vdot": lambda x, y, X, C: np.vdot(A, X),
    "inner": lambda x, y, X, C: np.inner(X, A),
    "inner left": lambda x, y, X, C: np.inner(A, X),
    "outer": lambda x, y, X, C: np.outer(y, w),
    "outer left": lambda x, y, X, C: np.outer(A, y),
    "matmul": lambda x, y, X, C: np.matmul(A, y),
    "matmul right": lambda x, y, X, C: np.matmul(X, w),
    "array @": lambda x, y, X, C: A @ y,
    "matrix *": lambda x, y, X, C: np.matrix(A) * X.T,
    "* matrix": lambda x, y, X, C: X * np.matrix(A.T),
    "spmatrix *": lambda x, y, X, C: sp.csr_matrix(A) * y,
    "* spmatrix": lambda x, y, X, C: X * sp.csr_matrix(A.T),
    "sparse array *": lambda x, y, X, C: A * X if isinstance(X, np.ndarray) else sp.csr_array(A) * X,
    "sparse array @ of one entry": lambda x, y, X, C: sp.csr_array([[3.0]]) @ y[:1],
    # arithmetic
    "add": lambda x, y, X, C: np.add(A, X),
    "add array": lambda x, y, X, C: w + X,
    "subtract": lambda x, y, X, C: np.subtract(w, y),
    "subtract right": lambda x, y, X, C: np.subtract(y, w),
    "multiply": lambda x, y, X, C: np.multiply(A, y),
    "divide": lambda x, y, X, C: np.divide(X, [1.0, 2.0, 4.0]),
    "negative": lambda x, y, X, C: np.negative(X),
    "positive": lambda x, y, X, C: np.positive(X),
    "power one": lambda x, y, X, C: np.power(y, 1),
    "scalar of numpy": lambda x, y, X, C: np.float64(3) * y - np.int32(2) + np.float64(0.5) * x,
    "array of no dimension": lambda x, y, X, C: np.array(3.0) * y - np.array(2) + np.array(0.5) * x,
    "array of no dimension alone": lambda x, y, X, C: np.array(2.0) - x,
    "fractions": lambda x, y, X, C: y * np.array([Fraction(1, 2), Decimal("0.25"), 1], dtype=object).astype(float)
    if isinstance(y, np.ndarray) else y * [Fraction(1, 2), Decimal("0.25"), 1],
    # entries moved
    "reshape": lambda x, y, X, C: np.reshape(C, (4, 3)),
    "reshape F": lambda x, y, X, C: np.reshape(X, (3, 2), order="F"),
    "ravel": lambda x, y, X, C: np.ravel(C),
    "flatten": lambda x, y, X, C: X.flatten(),
    "transpose": lambda x, y, X, C: np.transpose(C, (1, 2, 0)),
    "transpose method": lambda x, y, X, C: C.transpose(2, 0, 1),
    "transpose all": lambda x, y, X, C: C.transpose(),
    "T": lambda x, y, X, C: C.T,
    "swapaxes": lambda x, y, X, C: np.swapaxes(C, 0, 2),
    "moveaxis": lambda x, y, X, C: np.moveaxis(C, 0, -1),
    "squeeze": lambda x, y, X, C: np.squeeze(X[:1]),
    "squeeze method": lambda x, y, X, C: X[:1].squeeze(axis=0),
    "expand_dims": lambda x, y, X, C: np.expand_dims(X, 1),
    "broadcast_to": lambda x, y, X, C: np.broadcast_to(y, (2, 2, 3)),
    "broadcast_to scalar": lambda x, y, X, C: np.broadcast_to(x, (2, 2)),
    "flip": lambda x, y, X, C: np.flip(C, (0, 2)),
    "roll": lambda x, y, X, C: np.roll(X, 1, axis=1),
    "repeat": lambda x, y, X, C: np.repeat(X, [1, 3], axis=0),
    "tile": lambda x, y, X, C: np.tile(X, (2, 1)),
    "take": lambda x, y, X, C: np.take(X, [2, 0], axis=1),
    "delete": lambda x, y, X, C: np.delete(y, 1),
    "diagonal": lambda x, y, X, C: np.diagonal(X, 1),
    "diag": lambda x, y, X, C: np.diag(y + 1, 1),
    "diag of a matrix": lambda x, y, X, C: np.diag(X),
    "triu": lambda x, y, X, C: np.triu(X + 1),
    "tril": lambda x, y, X, C: np.tril(X, -1),
    "atleast_1d": lambda x, y, X, C: np.atleast_1d(x),
    "atleast_2d": lambda x, y, X, C: np.atleast_2d(y),
    "split": lambda x, y, X, C: np.split(y, 3)[1],
    "array_split": lambda x, y, X, C: np.array_split(X, 2, axis=1)[1],
    "copy": lambda x, y, X, C: np.copy(X),
    "negative index": lambda x, y, X, C: y[-1] + y[np.int64(1)] - y[-3],
    "iteration": lambda x, y, X, C: sum(row @ w for row in X) + sum(y),
    # joined
    "concatenate": lambda x, y, X, C: np.concatenate([y, w, X[0]]),
    "concatenate axis": lambda x, y, X, C: np.concatenate([X, A], axis=1),
    "concatenate flat": lambda x, y, X, C: np.concatenate([X, A], axis=None),
    "concatenate of floats": lambda x, y, X, C: np.concatenate([y, w], dtype=float, out=None),
    "stack": lambda x, y, X, C: np.stack([y, w], axis=1),
    "stack of scalars": lambda x, y, X, C: np.stack([x, y[0], 1.0]),
    "vstack": lambda x, y, X, C: np.vstack([y, X]),
    "hstack": lambda x, y, X, C: np.hstack([x, y, 3.0]),
    "dstack": lambda x, y, X, C: np.dstack([X, A]),
    "column_stack": lambda x, y, X, C: np.column_stack([y, w]),
    "append": lambda x, y, X, C: np.append(y, 7.0),
    "append to numbers": lambda x, y, X, C: np.append(A, X, axis=0),
    "where": lambda x, y, X, C: np.where(MASK, X, 0.0),
    "where scalar": lambda x, y, X, C: np.where(MASK[:, None], x, y),
    "broadcast_arrays": lambda x, y, X, C: np.broadcast_arrays(X, y)[1],
    "entries one by one": lambda x, y, X, C: np.asarray(X).sum(),
}  # fmt: skip

QUADRATIC: dict[str, Function] = {
    "dot": lambda x, y, X, C: np.dot(y, X[0]),
    "inner": lambda x, y, X, C: np.inner(y, y + 1),
    "vdot": lambda x, y, X, C: np.vdot(X, X + 1),
    "matmul": lambda x, y, X, C: np.matmul(y - 1, y),
    "square": lambda x, y, X, C: np.square(x - 2),
    "power": lambda x, y, X, C: np.power(x, 2),
    "power of numpy's two": lambda x, y, X, C: y[0] ** np.float64(2),
    "multiply scalars": lambda x, y, X, C: np.multiply(x, y[0]),
    "numpy number times a product": lambda x, y, X, C: np.float64(2) * (x * x) - np.array(3.0) + np.add(x * x, x),
    "sum of a product": lambda x, y, X, C: np.sum(x * x) + np.mean(x * x),
}


def values(z: np.ndarray, *expressions: kg.Affine) -> list[Any]:
    return [e.value(z) for e in expressions]


@pytest.fixture
def case():
    m = kg.Bilevel("t")
    return m, (m.var("x"), m.var("y", 3), m.var("X", (2, 3)), m.var("C", (2, 2, 3)))


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_linear_functions_mean_what_they_mean_on_numbers(name, seed):
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("t")
    shapes = [(), (3,), (2, 3), (2, 2, 3)]
    parts = [m.var(f"v{k}", shape) * rng.normal() + rng.normal() for k, shape in enumerate(shapes)]
    z = rng.normal(size=len(m.space))
    wanted = np.asarray(LINEAR[name](*values(z, *parts)))
    found = LINEAR[name](*parts)
    assert isinstance(found, kg.Affine)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.value(z), wanted, rtol=1e-12, atol=1e-12)
    assert found.M.has_canonical_format
    assert (np.diff(found.M.indices)[np.diff(np.repeat(np.arange(found.size), np.diff(found.M.indptr))) == 0] > 0).all()


@pytest.mark.parametrize("name", QUADRATIC)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_quadratic_functions_mean_what_they_mean_on_numbers(name, seed):
    rng = np.random.default_rng(seed)
    m = kg.Bilevel("t")
    parts = [m.var("x"), m.var("y", 3), m.var("X", (2, 3)), m.var("C", (2, 2, 3))]
    z = rng.normal(size=len(m.space))
    found = QUADRATIC[name](*parts)
    assert isinstance(found, kg.Quad)
    assert found.value(z) == pytest.approx(float(QUADRATIC[name](*values(z, *parts))), rel=1e-12, abs=1e-12)


SHAPES = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
ALONG = {"sum": np.sum, "mean": np.mean, "cumsum": np.cumsum, "diff": np.diff, "flip": np.flip, "average": np.average}


@given(SHAPES, st.data())
def test_functions_along_an_axis_agree_in_any_shape(shape, data):
    name = data.draw(st.sampled_from(sorted(ALONG)))
    axis = data.draw(st.sampled_from(range(-len(shape), len(shape))))
    m = kg.Bilevel("t")
    x = m.var("x", shape)
    z = np.random.default_rng(len(shape)).normal(size=len(m.space))
    ours, theirs = (2 * x - 1)[::-1], (2 * x.value(z) - 1)[::-1]
    wanted = ALONG[name](theirs, axis=axis)
    found = ALONG[name](ours, axis=axis)
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found.value(z), wanted, rtol=1e-12, atol=1e-12)


COMPARED: dict[str, Function] = {
    "array <=": lambda x, y, X, C: w <= y,
    "array >=": lambda x, y, X, C: A >= X,
    "array ==": lambda x, y, X, C: w == y,
    "<= array": lambda x, y, X, C: y <= w,
    "number of numpy <=": lambda x, y, X, C: np.float64(0.2) <= x,
    "number of numpy >=": lambda x, y, X, C: np.int64(0) >= y,
    "number of numpy ==": lambda x, y, X, C: np.float64(0.2) == x,
    "array of no dimension <=": lambda x, y, X, C: np.array(0.2) <= y,
    "less_equal": lambda x, y, X, C: np.less_equal(w, X),
    "greater_equal": lambda x, y, X, C: np.greater_equal(X, w),
    "equal": lambda x, y, X, C: np.equal(X, A),
}


@pytest.mark.parametrize("name", COMPARED)
def test_comparisons_are_rows_that_hold_where_the_numbers_do(case, name):
    m, parts = case
    for seed in range(20):
        z = np.random.default_rng(seed).normal(size=len(m.space)).round()
        if seed == 0:
            z[:] = np.concatenate([[0.2], w, A.ravel(), np.zeros(12)])
        rows = COMPARED[name](*parts)
        assert isinstance(rows, kg.Rows)
        np.testing.assert_array_equal(rows.residual(z) <= 1e-12, np.ravel(COMPARED[name](*values(z, *parts))))


def test_a_product_in_a_comparison_of_numpy_is_a_quadratic_row(case):
    m, (x, *_) = case
    assert isinstance(np.float64(3) >= x * x, kg.QuadRow)
    assert isinstance(np.less_equal(x * x, 3.0), kg.QuadRow)
    assert (np.float64(3) >= x * x).hi == 3.0


REFUSED: dict[str, tuple[Function, str]] = {
    "min": (lambda x, y, X, C: np.min(y), "t <= x"),
    "amax": (lambda x, y, X, C: np.amax(y), "t >= x"),
    "maximum": (lambda x, y, X, C: np.maximum(y, 0), "np.maximum of an expression is convex"),
    "minimum left": (lambda x, y, X, C: np.minimum(w, y), "concave"),
    "maximum.reduce": (lambda x, y, X, C: np.maximum.reduce(y), "t >= x"),
    "multiply.reduce": (lambda x, y, X, C: np.multiply.reduce(y), "multiply.reduce"),
    "add.outer": (lambda x, y, X, C: np.add.outer(y, w), "np.add.outer"),
    "method min": (lambda x, y, X, C: y.min(), "t <= x"),
    "method max": (lambda x, y, X, C: y.max(axis=0), "t >= x"),
    "method of a linear function": (lambda x, y, X, C: y.repeat(2), "write np.repeat(x, ..)"),
    "argmin": (lambda x, y, X, C: np.argmin(y), "concave"),
    "prod": (lambda x, y, X, C: np.prod(y), "two variables at most"),
    "builtin abs": (lambda x, y, X, C: abs(y), "t >= -x"),
    "np.abs": (lambda x, y, X, C: np.abs(x), "np.absolute of an expression is convex"),
    "abs of a product": (lambda x, y, X, C: abs(x * x), "t >= -x"),
    "cube": (lambda x, y, X, C: x**3, "the power 3"),
    "np.power": (lambda x, y, X, C: np.power(x, 0.5), "the power 0.5"),
    "powers of several": (lambda x, y, X, C: y ** [1, 2, 3], "power"),
    "square of products": (lambda x, y, X, C: np.square(y * y), "not quadratic"),
    "square of a product": (lambda x, y, X, C: (x * x) ** 2, "two variables at most"),
    "exponent": (lambda x, y, X, C: 2**x, "neither linear nor quadratic"),
    "exponent of numpy": (lambda x, y, X, C: np.float64(2) ** x, "neither linear nor quadratic"),
    "exp": (lambda x, y, X, C: np.exp(y), "np.exp of an expression is neither linear nor quadratic"),
    "log": (lambda x, y, X, C: np.log(x * x), "neither linear"),
    "norm": (lambda x, y, X, C: np.linalg.norm(y), "np.linalg.norm of an expression is not quadratic"),
    "sqrt": (lambda x, y, X, C: np.sqrt(x), "compare squares"),
    "std": (lambda x, y, X, C: y.std(), "compare squares"),
    "var": (lambda x, y, X, C: np.var(y), "d @ d"),
    "round": (lambda x, y, X, C: np.round(y), "integer"),
    "builtin round": (lambda x, y, X, C: round(x), "integer"),
    "floor division": (lambda x, y, X, C: x // 2, "integer"),
    "remainder": (lambda x, y, X, C: 7 % x, "integer"),
    "clip": (lambda x, y, X, C: np.clip(y, 0, 1), "binary"),
    "sort": (lambda x, y, X, C: np.sort(y), "sol[x]"),
    "median": (lambda x, y, X, C: np.median(y), "sol[x]"),
    "array_equal": (lambda x, y, X, C: np.array_equal(y, y), "sol[x]"),
    "isclose": (lambda x, y, X, C: np.isclose(y, w), "sol[x]"),
    "any": (lambda x, y, X, C: np.any(y), "sol[x]"),
    "convolve": (lambda x, y, X, C: np.convolve(y, w), "A @ x"),
    "einsum": (lambda x, y, X, C: np.einsum("i,i->", y, w), "A @ x"),
    "where on a decision": (lambda x, y, X, C: np.where(y, 1.0, 0.0), "binary variable"),
    "where on rows": (lambda x, y, X, C: np.where(y <= 1, y, 0.0), "binary variables of the leader"),
    "where of a mask alone": (lambda x, y, X, C: np.where(y), "two parts"),
    "any of rows": (lambda x, y, X, C: np.any(y <= 1), "np.any of a constraint"),
    "all of rows": (lambda x, y, X, C: np.all(y <= 1), "add(x <= 1, y <= 1)"),
    "logical_and of rows": (lambda x, y, X, C: np.logical_and(y <= 1, y >= 0), "np.logical_and of a constraint"),
    "& of rows": (lambda x, y, X, C: (y <= 1) & (y >= 0), "& or |"),
    "or of rows": (lambda x, y, X, C: (y <= 1) | (x * x <= 0), "& or |"),
    "average weights that are variables": (lambda x, y, X, C: np.average(w, weights=y), "quotient"),
    "average weights of another shape": (lambda x, y, X, C: np.average(X, axis=1, weights=[1, 2]), "do not fit"),
    "average weights of sum zero": (lambda x, y, X, C: np.average(y, weights=[1, -1, 0]), "by zero"),
    "mean of nothing": (lambda x, y, X, C: np.mean(y[:0]), "no entries"),
    "sum with where": (lambda x, y, X, C: np.sum(y, where=MASK), "np.sum of an expression: got an unexpected keyword"),
    "sum over no axis": (lambda x, y, X, C: np.sum(y, axis=3), "axis 3 is none of the 1 axes"),
    "sum over an axis twice": (lambda x, y, X, C: np.sum(X, axis=(0, -2)), "twice"),
    "sum over words": (lambda x, y, X, C: np.sum(X, axis="a"), "axis a is none"),
    "diff over no axis": (lambda x, y, X, C: np.diff(y, axis=1), "axis 1 is none"),
    "diff a negative number of times": (lambda x, y, X, C: np.diff(y, -1), "number of times"),
    "diff of a product": (lambda x, y, X, C: np.diff(x * x), "a product of variables"),
    "concatenate of other shapes": (lambda x, y, X, C: np.concatenate([y, X]), "np.concatenate of expressions"),
    "running sums of products": (lambda x, y, X, C: np.cumsum(y * y), "got a product of variables"),
    "concatenate with words": (lambda x, y, X, C: np.hstack([y, "a"]), "cannot use a str"),
    "concatenate in place": (lambda x, y, X, C: np.concatenate([y, y], out=np.zeros(6)), "cannot hold an expression"),
    "sum in place": (lambda x, y, X, C: np.sum(X, axis=0, out=np.zeros(3)), "cannot hold an expression"),
    "take in place": (lambda x, y, X, C: np.take(y, [0], out=np.zeros(1, int)), "cannot hold an expression"),
    "sum of whole numbers": (lambda x, y, X, C: np.sum(y, dtype=int), "coefficients of expressions are floats"),
    "diff of a scalar": (lambda x, y, X, C: np.diff(x, prepend=0), "none of the 0 axes"),
    "diff over no axis beside numbers": (lambda x, y, X, C: np.diff(y, axis=2, append=0), "axis 2 is none"),
    "trapezoid at other points": (lambda x, y, X, C: trapezoid(y, [0.0, 1.0]), "np.trapezoid: x of shape (2,)"),
    "trapezoid of several steps": (lambda x, y, X, C: trapezoid(y, dx=[1.0, 2.0]), "np.trapezoid: x of shape (2,)"),
    "product of three dimensions": (lambda x, y, X, C: np.dot(C, w), "at most two dimensions"),
    "take by an expression": (lambda x, y, X, C: np.take(w, x), "sol[x]"),
    "repeat a number of times unknown": (lambda x, y, X, C: np.repeat(w, x), "sol[x]"),
    "reshape that does not fit": (lambda x, y, X, C: np.reshape(X, (4, 2)), "np.reshape of expressions"),
    "squeeze that does not fit": (lambda x, y, X, C: X.squeeze(0), "squeeze"),
    "transpose that does not fit": (lambda x, y, X, C: X.transpose(0, 0), "transpose"),
    "matmul of vectors that do not fit": (lambda x, y, X, C: np.matmul(w[:2], y), "do not fit"),
    "division by a variable": (lambda x, y, X, C: w / y, "division by a variable"),
    "into an array": (lambda x, y, X, C: np.add(w, y, out=np.zeros(3)), "cannot hold an expression"),
    "add with where": (lambda x, y, X, C: np.add(w, y, where=MASK), "takes no where"),
    "numbers of an expression": (lambda x, y, X, C: np.asarray(y, dtype=float), "sol[x]"),
    "float": (lambda x, y, X, C: float(x), "sol[x]"),
    "int": (lambda x, y, X, C: int(x), "sol[x]"),
    "complex numbers": (lambda x, y, X, C: y * np.array([1j, 1, 1]), "cannot use a ndarray"),
    "dates": (lambda x, y, X, C: y + np.array(["2020-01-01"] * 3, dtype="M8[D]"), "cannot use a ndarray"),
    "numbers written as text": (lambda x, y, X, C: y <= ["1", "2", "3"], "cannot use a list"),
    "masked numbers": (lambda x, y, X, C: y <= np.ma.masked_array(w, [True, False, False]), "without a value"),
    "a list of expressions": (lambda x, y, X, C: [x, 1.0, y[0]] <= y, "kg.stack"),
    "an array of expressions": (lambda x, y, X, C: np.array([x, x, x]) + y, "kg.stack"),
    "an array of expressions compared": (lambda x, y, X, C: np.array([x, y[0]]) <= w[:2], "kg.stack"),
    "builtin max": (lambda x, y, X, C: max(x, y[0]), "t >= x and t >= y"),
    "builtin min": (lambda x, y, X, C: min(y), "t >= x and t >= y"),
    "sorted": (lambda x, y, X, C: sorted([x, y[0]]), "sorted compare so, too"),
    "np.max of a list": (lambda x, y, X, C: np.max([x, y[0]]), "kg.stack"),
    "if": (lambda x, y, X, C: 1 if x <= 3 else 0, "m.indicator"),
    "in": (lambda x, y, X, C: x in [y[0], x], "x in [..]"),
    "chained": (lambda x, y, X, C: 0 <= x <= 5, "kg.between"),
    "and": (lambda x, y, X, C: x and y, "no truth value"),
    "unequal": (lambda x, y, X, C: w != y, "not a convex constraint"),
    "less": (lambda x, y, X, C: w < y, "use <= or >="),
    "an entry set": (lambda x, y, X, C: y.__setitem__(0, 1.0), "x[0] == 5"),
    "index out of range": (lambda x, y, X, C: y[3], "out of bounds"),
    "index of words": (lambda x, y, X, C: y["a"], "expression of shape (3,)"),
    "index that is an expression": (lambda x, y, X, C: y[x], "b @ x"),
    "a follower of a variable": (lambda x, y, X, C: x.follower, "two levels"),
    "value of another library": (lambda x, y, X, C: x.X, "sol[x]"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_linear_is_refused_and_the_cure_is_named(case, name):
    m, parts = case
    call, words = REFUSED[name]
    with pytest.raises(kg.ProblemError) as caught:
        call(*parts)
    assert words in str(caught.value)


def test_in_place_operations_leave_arrays_as_they_are(case):
    m, (x, y, *_) = case
    array = w.copy()
    with pytest.raises(kg.ProblemError, match="cannot hold an expression"):
        array += y
    np.testing.assert_array_equal(array, w)


_OTHERS = "apply_along_axis apply_over_axes poly printoptions ravel_multi_index roots save savetxt savez select"
"""Functions whose first argument is no array of numbers."""


def dispatched() -> list[Any]:
    """Return the functions of NumPy that leave the answer to their arguments, with how many they need."""
    out = []
    for name in sorted({*dir(np)} - {*_OTHERS.split(), "savez_compressed"}):
        function = getattr(np, name)
        if name.startswith("_"):
            continue
        if isinstance(function, np.ufunc):
            out.append(pytest.param(function, function.nin, id=name))
        elif hasattr(function, "__wrapped__"):
            with contextlib.suppress(TypeError, ValueError):
                needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
                out.append(pytest.param(function, len([p for p in needed if "POSITIONAL" in p.kind.name]), id=name))
    return out


@pytest.mark.parametrize(("function", "needed"), dispatched())
def test_every_function_of_numpy_is_answered_by_kktgen_or_refused(case, function, needed):
    m, (x, y, X, C) = case
    for first in (y, X, x * x):
        whole = [first] if needed and function.__name__ in JOINED.split() else first
        try:
            found = function(whole, *[w] * (needed - 1))
        except kg.ProblemError as error:
            assert len(str(error)) > 30
        else:
            assert function in FUNCTIONS or isinstance(found, kg.Affine | kg.Quad | kg.QuadArray | kg.Rows | kg.QuadRow)


def test_functions_that_are_not_known_are_refused_not_applied_entry_by_entry():
    assert np.mean in FUNCTIONS
    assert np.max not in FUNCTIONS


def test_what_needs_no_values_is_answered(case):
    m, (x, y, X, C) = case
    assert (np.shape(X), np.ndim(C), np.size(X), np.shape(x * x)) == ((2, 3), 3, 6, ())
    np.testing.assert_array_equal(np.zeros_like(X), np.zeros((2, 3)))
    np.testing.assert_array_equal(np.ones_like(y), np.ones(3))
    assert hasattr(y, "mean")
    assert not hasattr(y, "min")
    assert not hasattr(y, "dtype")


def test_entries_one_by_one_in_an_array_are_the_entries(case):
    m, (x, y, X, C) = case
    z = np.random.default_rng(0).normal(size=len(m.space))
    entries = np.asarray(X)
    assert entries.shape == (2, 3)
    np.testing.assert_array_equal([[e.value(z) for e in row] for row in entries], X.value(z))
    assert np.asarray(x).shape == ()


def test_running_sums_that_would_not_fit_into_memory_are_refused_with_the_cure():
    m = kg.Bilevel("t")
    x = m.var("x", 100_000)
    with pytest.raises(kg.ProblemError, match=r"s\[1:\] - s\[:-1\] == x\[1:\]"):
        np.cumsum(x)
    assert np.cumsum(0.0 * x).M.nnz == 0


def test_large_vectors_are_built_without_a_loop_over_their_entries():
    """Every statement takes milliseconds; entry by entry, each would take seconds."""
    n = 100_000
    m = kg.Bilevel("t")
    x, w = m.var("x", n), np.arange(n) + 1.0
    statements: list[Callable[[], Any]] = [
        lambda: w * x + w <= 2 * w, lambda: w <= x, lambda: np.float64(3) * x, lambda: np.mean(x), lambda: np.diff(x),
        lambda: np.average(x, weights=w), lambda: np.concatenate([x, w]), lambda: np.where(w > 5, x, 0.0),
        lambda: np.dot(w, x), lambda: np.reshape(x, (100, -1)).mean(axis=0), lambda: np.dot(x, x),
        lambda: np.cumsum(x.reshape(-1, 2), axis=1), lambda: np.roll(x, 1) - x,
    ]  # fmt: skip
    for k, statement in enumerate(statements):
        begin = time.process_time()
        statement()
        assert time.process_time() - begin < 1.0, k


def test_the_guide_names_functions_that_work():
    text = (Path(kg.__file__).parent / "guide" / "start.md").read_text(encoding="utf-8")
    listed = text.partition("Functions of NumPy on expressions do what they say:")[2].partition("All others")[0]
    names = {name for block in re.findall(r"`([^`]*)`", listed) for name in re.findall(r"[a-z_]{3,}", block)}
    names -= {"axis", "weights", "mask"}
    ufuncs = {"add", "subtract", "multiply", "divide", "negative", "square", "matmul"}
    assert ufuncs < names
    assert [name for name in sorted(names - ufuncs) if not hasattr(np, name) or getattr(np, name) not in FUNCTIONS] in (
        [], ["trapezoid"],  # NumPy 1 calls it trapz
    )  # fmt: skip
